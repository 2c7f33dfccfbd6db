use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::presentation::Presentation;
use super::window::Windows;
use crate::credential::Credential;
use crate::sharded::thread_number;
use crate::token::{Expiry, Lifetime};
use crate::{Clock, ConfigError, MonotonicTime, Token, TokenResponse};

/// Counts the values that a cache has held. Two credentials of one generation are the same credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub(super) u64);

impl Generation {
    /// The count itself, from one upwards: for logs and machine-readable output.
    #[must_use]
    pub fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A response, and when it came.
#[derive(Clone)]
pub(super) struct Received {
    pub(super) response: Arc<TokenResponse>,
    pub(super) at: MonotonicTime,
    pub(super) wall: SystemTime,
}

impl Received {
    /// How long ago it came, by the clock that says more: the monotonic one stands still while the machine sleeps.
    pub(super) fn age(&self, now: MonotonicTime, wall: SystemTime) -> Duration {
        now.saturating_since(self.at).max(wall.duration_since(self.wall).unwrap_or_default())
    }

    /// With the refresh token of `previous` if it brought none: the one that is known stays good (RFC 6749 section 6).
    pub(super) fn with_refresh_token_of(mut self, previous: Option<&Self>) -> Self {
        let known = previous.and_then(|previous| previous.response.refresh_token());
        if let (None, Some(known)) = (self.response.refresh_token(), known) {
            self.response = Arc::new(TokenResponse::clone(&self.response).with_refresh_token(known.clone()));
        }
        self
    }

    /// Whether this is ahead of `other` by sequence if both have one, else by expiry if both have one and the other
    /// `is_usable` still, else by coming later.
    pub(super) fn is_newer_than(&self, other: &Self, is_usable: bool) -> bool {
        let end = |received: &Self| match received.response.lifetime() {
            Lifetime::For(lifetime) => received.wall.checked_add(lifetime),
            Lifetime::Unknown => None,
        };
        match (self.response.sequence(), other.response.sequence(), end(self), end(other)) {
            (Some(own), Some(other), ..) => own > other,
            (.., Some(own), Some(other)) if is_usable => own > other,
            _ => true,
        }
    }
}

/// One token, ready to be sent: everything that a request needs to know, never changed once it is published.
pub(super) struct Snapshot {
    pub(super) generation: Generation,
    /// Differs between any two snapshots of a cache, also between two of one generation.
    pub(super) version: u64,
    pub(super) token: Token,
    pub(super) received: Received,
    soft: MonotonicTime,
    hard: MonotonicTime,
    /// Wall clock minus monotonic clock, when they were last seen to agree.
    anchor: AtomicI64,
    shards: Box<[Shard]>,
}

/// One thread's share of a snapshot, on cache lines of its own.
#[repr(align(128))]
pub(super) struct Shard {
    /// Until when the credential is used with no further look. A hint for this shard's readers.
    pub(super) fresh_until: AtomicU64,
    pub(super) credential: Credential,
}

/// How alive a snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Liveness {
    /// Used as it is; no further look is due before the given time.
    Fresh(MonotonicTime),
    /// Used, and due for a refresh.
    Soft,
    /// Not to be used any more.
    Dead,
}

/// The clocks may drift apart by this much before it counts as a suspended machine or a step.
const LEEWAY: i64 = 1_000_000_000;

impl Snapshot {
    pub(super) fn new(
        received: Received,
        windows: &Windows,
        presentation: &Presentation,
        shards: usize,
        generation: Generation,
        version: u64,
    ) -> Result<Self, ConfigError> {
        let point = |after: Option<Duration>| after.map_or(MonotonicTime::NEVER, |after| received.at + after);
        let expiry = windows.lifetime.and_then(|lifetime| {
            Some(Expiry { monotonic: received.at + lifetime, wall: received.wall.checked_add(lifetime)? })
        });
        let token = received.response.token().clone().with_expiry(expiry);
        #[cfg(feature = "provider")]
        let credential = presentation.of_response(&received.response, &token)?;
        #[cfg(not(feature = "provider"))]
        let credential = presentation.credential(&token)?;
        let shards =
            (0..shards).map(|_| Shard { fresh_until: AtomicU64::new(0), credential: credential.detached() }).collect();
        Ok(Self {
            generation,
            version,
            token,
            soft: point(windows.soft),
            hard: point(windows.hard),
            anchor: AtomicI64::new(offset(received.wall, received.at)),
            received,
            shards,
        })
    }

    /// For how long it may still be used.
    pub(super) fn left(&self, now: MonotonicTime) -> Duration {
        self.hard.saturating_since(now)
    }

    /// The same token, due for a refresh at once.
    pub(super) fn due(&self, version: u64) -> Self {
        Self {
            generation: self.generation,
            version,
            token: self.token.clone(),
            received: self.received.clone(),
            soft: MonotonicTime::START,
            hard: self.hard,
            anchor: AtomicI64::new(self.anchor.load(Ordering::Relaxed)),
            shards: self
                .shards
                .iter()
                .map(|shard| Shard { fresh_until: AtomicU64::new(0), credential: shard.credential.detached() })
                .collect(),
        }
    }

    #[inline]
    pub(super) fn shard(&self) -> &Shard {
        // The count is a power of two.
        &self.shards[thread_number() & (self.shards.len() - 1)]
    }

    /// How alive the snapshot is at `now`, by both clocks: the monotonic one stands still while the machine sleeps, so the
    /// time by which the wall clock got ahead counts as passed. A wall clock that was set back changes nothing.
    pub(super) fn liveness(&self, now: MonotonicTime, clock: &Clock) -> Liveness {
        let seen = offset(clock.wall(), now);
        let drift = seen.saturating_sub(self.anchor.load(Ordering::Relaxed));
        if drift < -LEEWAY {
            self.anchor.store(seen, Ordering::Relaxed);
        }
        let ahead = if drift > LEEWAY { Duration::from_nanos(drift.unsigned_abs()) } else { Duration::ZERO };
        let effective = now + ahead;
        if effective >= self.hard {
            Liveness::Dead
        } else if effective >= self.soft {
            Liveness::Soft
        } else {
            Liveness::Fresh(self.soft.saturating_sub(ahead).min(now + clock.wall_check_interval()))
        }
    }

    /// When the refresh ahead is due.
    pub(super) fn soft(&self) -> MonotonicTime {
        self.soft
    }
}

/// Wall clock minus monotonic clock, in nanoseconds.
fn offset(wall: SystemTime, now: MonotonicTime) -> i64 {
    let nanos = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    let wall = match wall.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => nanos(since),
        Err(before) => -nanos(before.duration()),
    };
    wall.saturating_sub(nanos(now.saturating_since(MonotonicTime::START)))
}
