use std::pin::pin;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use tokio::runtime::Handle as Runtime;
use tokio::sync::watch;

use super::backoff;
use super::context::WithContext;
use super::flight::FlightTask;
use super::flow::{Flight, Flow, Outcome};
use super::snapshot::{Generation, Liveness, Received, Snapshot};
use super::state::State;
use super::telemetry;
use super::window::Windows;
use crate::MonotonicTime;
use crate::clock::race;
use crate::error::{FailureClass, TokenError, TokenErrorKind};
use crate::source::RefreshCause;

/// What somebody who wants a token gets.
enum Begin {
    Ready(Arc<Snapshot>),
    Join(watch::Receiver<Outcome>),
    Fail(TokenError),
}

/// What a flight starts with.
pub(super) struct Known {
    /// A response that is still to be made durable. Then it is not asked for again.
    pub(super) unpersisted: Option<Received>,
    pub(super) previous: Option<Received>,
}

/// What a token is wanted for.
#[derive(Clone, Copy)]
enum Purpose {
    /// A request that waits for it.
    Use,
    /// Nobody waits: the present token is due, or somebody will want one soon.
    Ahead,
}

/// How long after its timeouts a flight that was neither ended nor dropped is believed lost: its runtime stands still.
const GRACE: Duration = Duration::from_secs(1);

/// For how long hits that are served start no exchange after one that ended without a result.
const PAUSE_AFTER_LOSS: Duration = Duration::from_secs(1);

/// The refresh engine.
impl State {
    /// Starts a refresh for somebody who does not wait for it: none is under way and the source is not being left alone.
    pub(super) fn begin_if_due(self: &Arc<Self>) {
        if let Some(runtime) = self.runtime() {
            let _ = self.begin(Purpose::Ahead, &runtime);
        }
    }

    /// A usable token. Waits for the flight under way, or starts one.
    ///
    /// Dropping the future harms nobody: the flight is a task of its own.
    pub(super) async fn acquire(self: Arc<Self>) -> Result<Arc<Snapshot>, TokenError> {
        let Some(runtime) = self.runtime() else { return self.without_runtime() };
        // The system clock's timers want the runtime's context, also when it is not the caller's.
        let mut limit = pin!(WithContext::new(&runtime, self.clock.sleep(self.wait_timeout)));
        loop {
            // Before the decision, so that nothing is published unseen between the two.
            let published = self.published.notified();
            let outcome = match self.begin(Purpose::Use, &runtime) {
                Begin::Ready(snapshot) => return Ok(snapshot),
                Begin::Fail(error) => return Err(error),
                Begin::Join(outcome) => outcome,
            };
            match race(race(landed(outcome), published), limit.as_mut()).await {
                Some(Some(result)) => return result,
                Some(None) => {}
                None => {
                    return Err(TokenError::new(
                        TokenErrorKind::WaitTimedOut,
                        format!("no token came within {:.1} s; the attempt goes on", self.wait_timeout.as_secs_f64()),
                    ));
                }
            }
        }
    }

    /// Decides under the lock what somebody gets, and starts a flight if one is needed.
    fn begin(self: &Arc<Self>, purpose: Purpose, runtime: &Runtime) -> Begin {
        let now = self.clock.now();
        let flow = self.flow();
        let snapshot = self.snapshot.load_full();
        let liveness = snapshot.as_ref().map_or(Liveness::Dead, |snapshot| snapshot.liveness(now, &self.clock));
        if let Some(snapshot) = snapshot.filter(|_| purpose.is_met_by(liveness)) {
            return Begin::Ready(snapshot);
        }
        if let Some(outcome) = flow.joinable(now) {
            return Begin::Join(outcome);
        }
        if flow.closed {
            return Begin::Fail(TokenError::new(TokenErrorKind::Closed, "the token cache was closed"));
        }
        if let Some(error) = flow.back_off(now) {
            return Begin::Fail(error);
        }
        let cause = match liveness {
            Liveness::Fresh(_) | Liveness::Soft => RefreshCause::Ahead,
            Liveness::Dead if flow.refused.is_some() => RefreshCause::Refused,
            Liveness::Dead if flow.previous.is_some() => RefreshCause::Expired,
            Liveness::Dead => RefreshCause::First,
        };
        Begin::Join(self.launch(flow, cause, runtime))
    }

    /// Starts a flight.
    pub(super) fn launch(
        self: &Arc<Self>,
        mut flow: MutexGuard<'_, Flow>,
        cause: RefreshCause,
        runtime: &Runtime,
    ) -> watch::Receiver<Outcome> {
        let (sender, outcome) = watch::channel(None);
        flow.flights += 1;
        let id = flow.flights;
        let lost_at = self.lost_at(&flow, self.clock.now());
        flow.flight = Some(Flight { id, lost_at, outcome: outcome.clone() });
        self.set_gate(&flow, lost_at);
        // A runtime that is shutting down drops the task here and now, and that takes the lock.
        drop(flow);
        let task = FlightTask::new(Arc::clone(self), id, cause, sender);
        runtime.spawn(task.run());
        outcome
    }

    /// Lets the flight `id` start, now that its task runs: its time counts from here. `None` if it was believed lost and
    /// another took its place.
    pub(super) fn take_off(&self, id: u64) -> Option<Known> {
        let mut flow = self.flow();
        let lost_at = self.lost_at(&flow, self.clock.now());
        flow.flight.as_mut().filter(|flight| flight.id == id)?.lost_at = lost_at;
        self.set_gate(&flow, lost_at);
        let unpersisted = flow.unpersisted.take().filter(|received| !flow.is_past(id, received));
        flow.unpersisted.clone_from(&unpersisted);
        Some(Known { unpersisted, previous: flow.previous.clone() })
    }

    /// When a flight that starts now must have ended.
    fn lost_at(&self, flow: &Flow, now: MonotonicTime) -> MonotonicTime {
        let steps = 1 + u32::from(self.persist.is_some()) + u32::from(flow.unpersisted.is_some());
        now + self.exchange_timeout.saturating_mul(steps) + GRACE
    }

    /// Takes in what a flight ended with, and says what its waiters get.
    pub(super) fn land(
        &self,
        id: u64,
        cause: RefreshCause,
        started: MonotonicTime,
        result: Result<Received, TokenError>,
    ) -> Result<Arc<Snapshot>, TokenError> {
        let now = self.clock.now();
        let took = now.saturating_since(started);
        let mut flow = self.flow();
        let replaced_age = flow.previous.as_ref().map(|previous| now.saturating_since(previous.at));
        let result = result.and_then(|received| {
            if flow.is_past(id, &received) {
                return self.set_apart(&mut flow, received);
            }
            flow.landed = id;
            flow.took = took;
            self.store(&mut flow, received)
        });
        let in_charge = flow.end_flight(id);
        let mut wait = Duration::ZERO;
        if let (Err(error), true) = (&result, in_charge) {
            flow.failures = flow.failures.saturating_add(1);
            let left = self.snapshot.load_full().map_or(Duration::ZERO, |snapshot| snapshot.left(now));
            // A refusal to connect takes no time, and an exchange does.
            let takes = took.max(flow.took);
            wait = backoff::delay(error, flow.failures, left, takes, fastrand::f64());
            flow.next_attempt = now + wait;
            flow.last_error = Some(error.clone());
            // An unknown outcome says nothing about the token that was refused either.
            if error.class() == FailureClass::Transient || error.kind() == TokenErrorKind::Unconfirmed {
                self.reinstate(&mut flow, now);
            } else {
                // The grant or the client was refused as well: the token is not coming back.
                flow.refused = None;
            }
        }
        self.set_gate(&flow, flow.next_attempt);
        // A subscriber may be slow, and may look at this cache.
        drop(flow);
        match &result {
            Ok(snapshot) => telemetry::refreshed(&self.name, cause, took, &snapshot.token, replaced_age),
            Err(error) => telemetry::refresh_failed(&self.name, cause, took, error, wait),
        }
        result
    }

    /// Makes a response the current one and publishes it.
    pub(super) fn store(&self, flow: &mut Flow, received: Received) -> Result<Arc<Snapshot>, TokenError> {
        // Also if its token turns out to be of no use: the refresh token that came with it is the only one now.
        flow.previous = Some(received.clone());
        let (snapshot, is_kept) = self.prepare(flow, received)?;
        flow.refused = None;
        flow.failures = 0;
        flow.last_error = None;
        flow.next_attempt = MonotonicTime::START;
        self.expose(is_kept.then(|| Arc::clone(&snapshot)), snapshot.version);
        self.set_gate(flow, MonotonicTime::START);
        Ok(snapshot)
    }

    /// What the waiters of a flight get whose response came too late: the current token, which is newer, or this
    /// one, for them alone, if the newer one is of no use any more.
    fn set_apart(&self, flow: &mut Flow, received: Received) -> Result<Arc<Snapshot>, TokenError> {
        let now = self.clock.now();
        match self.snapshot.load_full().filter(|snapshot| snapshot.liveness(now, &self.clock) != Liveness::Dead) {
            Some(current) => Ok(current),
            None => self.prepare(flow, received).map(|(snapshot, _)| snapshot),
        }
    }

    /// A snapshot of a response, and whether it may be kept for a second request.
    fn prepare(&self, flow: &mut Flow, received: Received) -> Result<(Arc<Snapshot>, bool), TokenError> {
        let response = Arc::clone(&received.response);
        let windows =
            Windows::new(response.lifetime(), response.refresh_after(), flow.took, &self.margins, fastrand::f64());
        let unchanged = flow.value.as_ref() == Some(response.token().secret());
        let generation = if unchanged { flow.generation } else { Generation(flow.generation.0 + 1) };
        let version = flow.version + 1;
        let snapshot = Snapshot::new(received, &windows, &self.presentation, self.shards, generation, version)
            .map_err(|error| {
                TokenError::new(TokenErrorKind::Unparsable, "the source answered a token that cannot be sent")
                    .with_source(error)
            })?;
        flow.generation = generation;
        flow.version = version;
        flow.value = Some(response.token().secret().clone());
        Ok((Arc::new(snapshot), windows.is_kept()))
    }

    /// Puts a refused token back into use, because no other can be had now and a refusal is no proof that it is
    /// dead. It is due for a refresh as soon as the source may be asked again.
    fn reinstate(&self, flow: &mut Flow, now: MonotonicTime) {
        let Some(refused) = flow.refused.take() else { return };
        if refused.liveness(now, &self.clock) == Liveness::Dead {
            return;
        }
        flow.version += 1;
        self.expose(Some(Arc::new(refused.due(flow.version))), flow.version);
    }

    /// Forgets a flight that ended without a result.
    pub(super) fn lose(&self, id: u64) {
        let mut flow = self.flow();
        if flow.end_flight(id) {
            let now = self.clock.now();
            // Who waits starts anew at once; hits that are served do not, since the next one may be lost as well.
            self.set_gate(&flow, now + PAUSE_AFTER_LOSS);
            self.reinstate(&mut flow, now);
        }
    }

    /// Keeps the response of the flight `id` until it is durable; false if a newer one is there already.
    pub(super) fn keep_unpersisted(&self, id: u64, received: Received) -> bool {
        let mut flow = self.flow();
        let is_newest = !flow.is_past(id, &received);
        if is_newest {
            flow.unpersisted = Some(received);
        }
        is_newest
    }

    #[cfg(feature = "provider")]
    pub(super) fn last_response(&self) -> Option<Arc<crate::TokenResponse>> {
        self.flow().previous.as_ref().map(|received| Arc::clone(&received.response))
    }

    pub(super) fn is_closed(&self) -> bool {
        self.flow().closed
    }

    /// Keeps a response for its refresh token alone.
    pub(super) fn remember(&self, id: u64, received: Received) {
        let mut flow = self.flow();
        if !flow.is_past(id, &received) {
            flow.previous = Some(received);
        }
    }

    /// Whether the token of a response that came a while ago is not to be used any more.
    pub(super) fn has_ended(&self, received: &Received) -> bool {
        let response = &received.response;
        let hard = Windows::new(response.lifetime(), response.refresh_after(), Duration::ZERO, &self.margins, 0.0).hard;
        let age = received.age(self.clock.now(), self.clock.wall());
        hard.is_some_and(|hard| age >= hard)
    }

    pub(super) fn forget_unpersisted(&self, received: &Received) {
        let mut flow = self.flow();
        // A flight that was believed lost may still end, when another's response is kept here.
        if flow.unpersisted.as_ref().is_some_and(|kept| Arc::ptr_eq(&kept.response, &received.response)) {
            flow.unpersisted = None;
        }
    }

    fn without_runtime(self: &Arc<Self>) -> Result<Arc<Snapshot>, TokenError> {
        self.usable().ok_or_else(|| {
            TokenError::new(
                TokenErrorKind::NoRuntime,
                "a token must be fetched and there is no tokio runtime: call from within one, or build the cache with \
                 `on_current_runtime`",
            )
        })
    }

    pub(super) fn runtime(&self) -> Option<Runtime> {
        self.runtime.clone().or_else(|| Runtime::try_current().ok())
    }
}

impl Purpose {
    fn is_met_by(self, liveness: Liveness) -> bool {
        match liveness {
            Liveness::Fresh(_) => true,
            Liveness::Soft => matches!(self, Self::Use),
            Liveness::Dead => false,
        }
    }
}

/// What a flight ended with, for one of its waiters.
async fn landed(mut outcome: watch::Receiver<Outcome>) -> Result<Arc<Snapshot>, TokenError> {
    match outcome.wait_for(Option::is_some).await {
        Ok(outcome) => outcome.clone().unwrap_or_else(|| Err(aborted())),
        Err(_) => Err(aborted()),
    }
}

fn aborted() -> TokenError {
    TokenError::new(
        TokenErrorKind::Aborted,
        "the token refresh ended without a result: it panicked, was aborted, or its runtime was shut down",
    )
}
