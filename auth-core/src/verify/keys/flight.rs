use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::runtime::Handle as Runtime;
use tokio::sync::watch;

use super::error::KeysError;
use super::limits::back_off;
use super::snapshot::{Generation, Snapshot};
use super::store::Store;
use super::wait::{KeyWait, Landed};
use crate::MonotonicTime;
use crate::clock::within;
use crate::jose::JwkSet;
use crate::verify::{KeysStatus, telemetry};

/// How long after its timeout a fetch that was neither ended nor dropped is believed lost: its runtime stands still.
const GRACE: Duration = Duration::from_secs(1);

/// What a store remembers between fetches. Behind a lock that no reader of fresh keys takes.
pub(super) struct Flow {
    flight: Option<Flight>,
    flights: u64,
    /// The last fetch that began before everything was forgotten: what it brings may be older than the reason.
    distrusted: u64,
    failures: u32,
    last_error: Option<KeysError>,
    next_attempt: MonotonicTime,
    /// Until when an unknown key causes no fetch.
    cool_until: MonotonicTime,
}

/// A fetch under way.
struct Flight {
    id: u64,
    lost_at: MonotonicTime,
    outcome: watch::Receiver<Option<Landed>>,
}

/// What somebody who wants newer keys gets.
pub(super) enum Begin {
    Join(KeyWait),
    Fail(KeysError),
}

impl Flow {
    pub(super) fn has_failed(&self) -> bool {
        self.failures > 0
    }

    pub(super) fn claim_cooldown(&mut self, until: MonotonicTime) {
        self.cool_until = self.cool_until.max(until);
    }

    /// Has what a fetch under way brings fetched again before it is used.
    pub(super) fn distrust(&mut self) {
        self.distrusted = self.flights;
    }

    /// Tells what became of the last fetches.
    pub(super) fn report(&self, now: MonotonicTime, status: &mut KeysStatus) {
        status.fetching = self.flight.as_ref().is_some_and(|flight| now < flight.lost_at);
        status.last_failure = self.last_error.as_ref().map(|error| error.code);
        status.consecutive_failures = self.failures;
        status.next_attempt_in = Some(self.next_attempt.saturating_since(now)).filter(|left| !left.is_zero());
    }

    /// The error to answer with while the server is left alone.
    fn left_alone(&self, now: MonotonicTime) -> Option<KeysError> {
        let left = self.next_attempt.saturating_since(now);
        let error = self.last_error.as_ref().filter(|_| !left.is_zero())?;
        Some(KeysError { retry_after: Some(left), ..error.clone() })
    }
}

impl Default for Flow {
    fn default() -> Self {
        Self {
            flight: None,
            flights: 0,
            distrusted: 0,
            failures: 0,
            last_error: None,
            next_attempt: MonotonicTime::START,
            cool_until: MonotonicTime::START,
        }
    }
}

impl Store {
    /// Joins the fetch under way, or starts one, unless the server is left alone after a failure.
    pub(super) fn begin(self: &Arc<Self>) -> Begin {
        self.begin_if(|_, _| true).unwrap_or_else(|| Begin::Fail(no_runtime()))
    }

    /// The same for an unknown key, if the cooldown permits it; the cooldown is claimed before the attempt and does not
    /// depend on its result. While fetches fail the answer is the failure, also within the cooldown.
    pub(super) fn begin_forced(self: &Arc<Self>) -> Option<Begin> {
        let cooldown = self.limits.cooldown;
        let begun = self.begin_if(|flow, now| {
            let permitted = now >= flow.cool_until;
            if permitted {
                flow.cool_until = now + cooldown;
            }
            permitted
        });
        begun.or_else(|| self.flow().last_error.clone().map(Begin::Fail))
    }

    /// `None` if `permit` says no.
    fn begin_if(self: &Arc<Self>, permit: impl FnOnce(&mut Flow, MonotonicTime) -> bool) -> Option<Begin> {
        let now = self.clock.now();
        let mut flow = self.flow();
        if let Some(flight) = flow.flight.as_ref().filter(|flight| now < flight.lost_at) {
            return Some(Begin::Join(self.wait(flight.outcome.clone(), true)));
        }
        if let Some(error) = flow.left_alone(now) {
            return Some(Begin::Fail(error));
        }
        let Ok(runtime) = Runtime::try_current() else { return Some(Begin::Fail(no_runtime())) };
        if !permit(&mut flow, now) {
            return None;
        }
        let (sender, outcome) = watch::channel(None);
        flow.flights += 1;
        let id = flow.flights;
        let lost_at = now + self.limits.timeout + GRACE;
        flow.flight = Some(Flight { id, lost_at, outcome: outcome.clone() });
        self.gate.store(lost_at.as_nanos(), Ordering::Relaxed);
        // A runtime that is shutting down drops the task here and now, and that takes the lock.
        drop(flow);
        runtime.spawn(FlightTask { store: Arc::clone(self), id, started: now, outcome: Some(sender) }.run());
        Some(Begin::Join(self.wait(outcome, false)))
    }

    fn wait(&self, outcome: watch::Receiver<Option<Landed>>, is_earlier: bool) -> KeyWait {
        let limit = self.limits.timeout.saturating_add(GRACE * 2);
        KeyWait { outcome, issuer: self.issuer.clone(), clock: self.clock.clone(), limit, is_earlier }
    }

    /// Takes in what a fetch ended with. Only usable keys replace others.
    fn land(&self, id: u64, result: Result<JwkSet, KeysError>) -> Option<KeysError> {
        let now = self.clock.now();
        let mut flow = self.flow();
        // A fetch that was given up for lost may come back, but does not undo what its successor brought or will bring.
        if flow.flight.as_ref().is_none_or(|flight| flight.id != id) {
            return result.err();
        }
        flow.flight = None;
        match result {
            Ok(keys) => {
                for skipped in keys.skipped() {
                    telemetry::key_skipped(&self.issuer, skipped);
                }
                telemetry::keys_fetched(
                    &self.issuer,
                    self.named,
                    keys.keys().len(),
                    keys.skipped().len(),
                    self.clock.wall(),
                );
                let snapshot = Snapshot::new(keys, Generation(id), &self.clock, &self.limits, fastrand::f64());
                if id <= flow.distrusted {
                    snapshot.distrust();
                }
                self.snapshot.store(Some(Arc::new(snapshot)));
                flow.failures = 0;
                flow.last_error = None;
                flow.next_attempt = MonotonicTime::START;
                self.gate.store(0, Ordering::Relaxed);
                None
            }
            Err(error) => {
                flow.failures = flow.failures.saturating_add(1);
                telemetry::keys_failed(&self.issuer, self.named, error.code, &error.message, flow.failures);
                flow.next_attempt = now + back_off(flow.failures, fastrand::f64(), error.retry_after);
                flow.last_error = Some(error.clone());
                self.gate.store(flow.next_attempt.as_nanos(), Ordering::Relaxed);
                Some(error)
            }
        }
    }

    /// Takes note of a fetch that ended without a result.
    fn lose(&self, id: u64) {
        self.land(id, Err(KeysError::new("keys.aborted", "the fetch ended without a result")));
    }
}

/// One fetch, in a task of its own: a caller that goes away ends it for nobody.
///
/// Whatever ends the task without a result (a panic, an abort, a runtime that shuts down) drops this value, which wakes
/// the waiters with an error and lets the next caller start anew.
struct FlightTask {
    store: Arc<Store>,
    id: u64,
    started: MonotonicTime,
    outcome: Option<watch::Sender<Option<Landed>>>,
}

impl FlightTask {
    async fn run(mut self) {
        let Store { clock, limits, fetcher, .. } = &*self.store;
        let result = within(clock, limits.timeout, fetcher.fetch()).await.unwrap_or_else(|| {
            let message = format!("they did not come within {:.1} s", limits.timeout.as_secs_f64());
            Err(KeysError::new("keys.timed_out", message))
        });
        let landed = Landed { started: self.started, error: self.store.land(self.id, result), is_earlier: false };
        if let Some(sender) = self.outcome.take() {
            sender.send_replace(Some(landed));
        }
    }
}

impl Drop for FlightTask {
    fn drop(&mut self) {
        if self.outcome.is_some() {
            self.store.lose(self.id);
        }
    }
}

fn no_runtime() -> KeysError {
    KeysError::new("keys.no_runtime", "there is no tokio runtime to fetch them on")
}
