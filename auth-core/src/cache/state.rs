use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::runtime::Handle as Runtime;
use tokio::sync::Notify;

use super::flow::Flow;
use super::persist::Persist;
use super::presentation::Presentation;
use super::snapshot::{Liveness, Snapshot};
use super::status::{CacheState, CacheStatus};
use super::telemetry::Name;
use super::window::Margins;
use crate::credential::Credential;
use crate::error::TokenError;
use crate::source::ErasedSource;
use crate::{Clock, MonotonicTime};

/// The state of one cache: what readers see, and the refresh engine behind it.
pub(super) struct State {
    pub(super) snapshot: ArcSwapOption<Snapshot>,
    /// The version of the snapshot last stored, for readers that keep a copy of their own.
    pub(super) version: AtomicU64,
    /// Before this time a hit in the soft window does not try to start a refresh.
    pub(super) gate: AtomicU64,
    /// Wakes those who wait for a flight when somebody else's response was published.
    pub(super) published: Notify,
    flow: Mutex<Flow>,
    pub(super) shards: usize,
    pub(super) clock: Clock,
    pub(super) name: Name,
    pub(super) source: Box<dyn ErasedSource>,
    pub(super) persist: Option<Persist>,
    pub(super) exchange_timeout: Duration,
    pub(super) wait_timeout: Duration,
    pub(super) margins: Margins,
    pub(super) presentation: Presentation,
    pub(super) runtime: Option<Runtime>,
}

/// What a [`State`] is made of.
pub(super) struct Parts {
    pub(super) clock: Clock,
    pub(super) name: Name,
    pub(super) source: Box<dyn ErasedSource>,
    pub(super) persist: Option<Persist>,
    pub(super) exchange_timeout: Duration,
    pub(super) wait_timeout: Duration,
    pub(super) margins: Margins,
    pub(super) presentation: Presentation,
    pub(super) runtime: Option<Runtime>,
    pub(super) shards: usize,
    pub(super) flow: Flow,
}

impl State {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            snapshot: ArcSwapOption::empty(),
            version: AtomicU64::new(0),
            gate: AtomicU64::new(0),
            published: Notify::new(),
            flow: Mutex::new(parts.flow),
            shards: parts.shards,
            clock: parts.clock,
            name: parts.name,
            source: parts.source,
            persist: parts.persist,
            exchange_timeout: parts.exchange_timeout,
            wait_timeout: parts.wait_timeout,
            margins: parts.margins,
            presentation: parts.presentation,
            runtime: parts.runtime,
        }
    }

    #[inline]
    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }
}

/// Reading: no lock, no waiting.
impl State {
    /// This thread's share of `snapshot`, if it may be used, and until when it may be used with no further look.
    #[inline]
    pub(super) fn share_of<'s>(
        self: &Arc<Self>,
        snapshot: &'s Snapshot,
        now: MonotonicTime,
    ) -> Option<(&'s Credential, u64)> {
        let shard = snapshot.shard();
        let mut fresh_until = shard.fresh_until.load(Ordering::Relaxed);
        if now.as_nanos() >= fresh_until {
            fresh_until = self.look(snapshot, now)?;
            shard.fresh_until.store(fresh_until, Ordering::Relaxed);
        }
        Some((&shard.credential, fresh_until))
    }

    /// The usable snapshot itself.
    pub(super) fn usable(self: &Arc<Self>) -> Option<Arc<Snapshot>> {
        let snapshot = self.snapshot.load_full()?;
        self.look(&snapshot, self.clock.now())?;
        Some(snapshot)
    }

    /// Starts a refresh if one is due and the gate is open.
    pub(super) fn begin_if_open(self: &Arc<Self>, now: MonotonicTime) {
        if now.as_nanos() >= self.gate.load(Ordering::Relaxed) {
            self.begin_if_due();
        }
    }

    /// Sets the time before which a hit in the soft window does not try to start a refresh: not before `at`, not while a
    /// flight is under way, never once the cache is closed.
    pub(super) fn set_gate(&self, flow: &Flow, at: MonotonicTime) {
        let gate = match &flow.flight {
            _ if flow.closed => MonotonicTime::NEVER,
            Some(flight) => at.max(flight.lost_at),
            None => at,
        };
        self.gate.store(gate.as_nanos(), Ordering::Relaxed);
    }

    /// A closer look at a snapshot: until when it may be used without one. Starts a refresh if one is due.
    #[cold]
    fn look(self: &Arc<Self>, snapshot: &Snapshot, now: MonotonicTime) -> Option<u64> {
        match snapshot.liveness(now, &self.clock) {
            Liveness::Fresh(until) => Some(until.as_nanos()),
            Liveness::Soft => {
                self.begin_if_open(now);
                Some(0)
            }
            Liveness::Dead => None,
        }
    }
}

impl State {
    pub(super) fn status(&self) -> CacheStatus {
        let now = self.clock.now();
        let flow = self.flow();
        let snapshot = self.snapshot.load_full();
        let state = match snapshot.as_ref().map(|snapshot| snapshot.liveness(now, &self.clock)) {
            Some(Liveness::Fresh(_)) => CacheState::Fresh,
            Some(Liveness::Soft) => CacheState::Due,
            Some(Liveness::Dead) => CacheState::Expired,
            None if flow.previous.is_some() => CacheState::Expired,
            None => CacheState::Empty,
        };
        let next_attempt_in = flow.next_attempt.saturating_since(now);
        CacheStatus {
            state,
            generation: snapshot.as_ref().map(|snapshot| snapshot.generation),
            expires_at: snapshot.and_then(|snapshot| snapshot.token.expiry()).map(|expiry| expiry.wall),
            refreshing: flow.joinable(now).is_some(),
            last_failure: flow.last_error.as_ref().map(TokenError::kind),
            consecutive_failures: flow.failures,
            next_attempt_in: (!next_attempt_in.is_zero()).then_some(next_attempt_in),
        }
    }

    /// Shows `snapshot` to the readers. Those with a copy of their own see the version change.
    pub(super) fn expose(&self, snapshot: Option<Arc<Snapshot>>, version: u64) {
        self.snapshot.store(snapshot);
        self.version.store(version, Ordering::Release);
    }

    pub(super) fn flow(&self) -> MutexGuard<'_, Flow> {
        // Nothing under the lock panics half-way; a poisoned lock still holds a whole value.
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").field("name", &self.name).field("status", &self.status()).finish()
    }
}
