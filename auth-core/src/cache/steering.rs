use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::context::WithContext;
use super::flow::Outcome;
use super::snapshot::{Generation, Liveness, Received};
use super::state::State;
use super::telemetry;
use crate::MonotonicTime;
use crate::clock::race;
use crate::source::RefreshCause;
#[cfg(feature = "provider")]
use crate::{Lifetime, TokenError, TokenResponse};

/// What [`TokenCache::invalidate`](super::TokenCache::invalidate) did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Invalidation {
    /// The token is not used any more; [`current`](super::TokenCache::current) waits for the next.
    Invalidated,
    /// It was not the current one: a newer one is there, or on its way.
    Superseded,
    /// Nothing changed: too many refusals lately, or the source is being left alone after a failure. The token goes on
    /// being used.
    Throttled,
}

/// How long refusals of a generation are not believed once renewing did not help.
const BARRED_FOR: Duration = Duration::from_secs(5 * 60);

/// What users of a cache tell it.
impl State {
    pub(super) fn invalidate(&self, generation: Generation) -> Invalidation {
        let now = self.clock.now();
        let mut flow = self.flow();
        let outcome = match self.snapshot.load_full() {
            Some(snapshot) if snapshot.generation == generation => {
                let renewable = !flow.closed
                    && !flow.is_barred(generation, now)
                    && (flow.joinable(now).is_some() || flow.back_off(now).is_none() && flow.forced.take(now));
                if renewable {
                    flow.version += 1;
                    self.expose(None, flow.version);
                    flow.refused = Some(snapshot);
                    Invalidation::Invalidated
                } else {
                    Invalidation::Throttled
                }
            }
            _ => Invalidation::Superseded,
        };
        drop(flow);
        telemetry::invalidated(&self.name, outcome.as_str());
        outcome
    }

    /// Uses the token no more. What is known for the next exchange stays known, and failures of earlier ones do not delay it.
    pub(super) fn discard(&self) {
        let mut flow = self.flow();
        if flow.closed {
            return;
        }
        flow.version += 1;
        flow.refused = None;
        flow.last_error = None;
        flow.next_attempt = MonotonicTime::START;
        self.expose(None, flow.version);
        if flow.flight.is_none() {
            self.set_gate(&flow, MonotonicTime::START);
        }
    }

    pub(super) fn ignore_refusals(&self, generation: Generation) {
        let until = self.clock.now() + BARRED_FOR;
        self.flow().barred = Some((generation, until));
    }

    /// Takes in a response that somebody else obtained; false if the present one is newer or this one cannot be sent.
    pub(super) fn publish(&self, received: Received) -> bool {
        let now = self.clock.now();
        let mut flow = self.flow();
        let is_usable =
            self.snapshot.load().as_ref().is_some_and(|current| current.liveness(now, &self.clock) != Liveness::Dead);
        let is_refused =
            flow.refused.as_ref().is_some_and(|refused| refused.token.secret() == received.response.token().secret());
        let is_newer = flow.previous.as_ref().is_none_or(|previous| received.is_newer_than(previous, is_usable));
        let received = received.with_refresh_token_of(flow.previous.as_ref());
        let is_taken = is_newer && !is_refused && self.store(&mut flow, received).is_ok();
        drop(flow);
        if is_taken {
            self.published.notify_waiters();
        }
        is_taken
    }

    /// Changes what is kept beside the token of the last response; the token's life goes on. The response as it is now, with the rest of its
    /// lifetime.
    #[cfg(feature = "provider")]
    pub(super) fn amend(&self, change: impl Fn(TokenResponse) -> TokenResponse) -> Option<TokenResponse> {
        let mut flow = self.flow();
        let amended = |received: &Received| Received {
            response: Arc::new(change(TokenResponse::clone(&received.response))),
            ..received.clone()
        };
        // What is still to be made durable is newer than what is shown: it must not bring the old state back later.
        let pending = flow.unpersisted.as_ref().map(amended);
        flow.unpersisted.clone_from(&pending);
        let received = flow.previous.as_ref().map(amended)?;
        let newest = pending.as_ref().unwrap_or(&received);
        let changed = TokenResponse::clone(&newest.response);
        let age = newest.age(self.clock.now(), self.clock.wall());
        let is_shown = self.snapshot.load().is_some();
        if !is_shown || self.store(&mut flow, received.clone()).is_err() {
            flow.previous = Some(received);
        }
        drop(flow);
        Some(match changed.lifetime() {
            Lifetime::For(lifetime) => changed.expires_in(lifetime.saturating_sub(age)),
            Lifetime::Unknown => changed,
        })
    }

    /// Makes the response of a new grant the current one, whatever the present one is. Nothing of the old grant is taken over, and what a flight
    /// still brings of it comes too late.
    ///
    /// # Errors
    /// When its token cannot be sent.
    #[cfg(feature = "provider")]
    pub(super) fn replace(&self, received: Received) -> Result<(), TokenError> {
        let mut flow = self.flow();
        flow.unpersisted = None;
        flow.flights += 1;
        flow.landed = flow.flights;
        let stored = self.store(&mut flow, received);
        drop(flow);
        self.published.notify_waiters();
        stored.map(|_| ())
    }

    /// Waits until the flight under way has ended, its persist step included.
    #[cfg(feature = "provider")]
    pub(super) async fn settle(&self) {
        let flight = self.flow().flight.as_ref().map(|flight| (flight.outcome.clone(), flight.lost_at));
        let Some((mut outcome, lost_at)) = flight else { return };
        let ended = async {
            // An error means that the flight was lost, which is an end too.
            let _ = outcome.wait_for(Option::is_some).await;
        };
        race(ended, self.clock.sleep_until(lost_at)).await;
    }

    /// The credential, if it can be used, and nothing is started.
    #[cfg(feature = "provider")]
    pub(super) fn peek(&self) -> Option<crate::Credential> {
        let snapshot = self.snapshot.load_full()?;
        let is_usable = snapshot.liveness(self.clock.now(), &self.clock) != Liveness::Dead;
        is_usable.then(|| snapshot.shard().credential.clone())
    }

    /// Refuses new exchanges, and waits for the one under way and for what is still to be made durable.
    pub(super) async fn close(self: &Arc<Self>) {
        // The exchange under way, and one attempt at what its persist step, or an earlier one, left behind.
        for _ in 0..2 {
            let Some((mut outcome, lost_at)) = self.last_flight() else { return };
            let ended = async {
                // An error means that the flight was lost, which is an end too.
                let _ = outcome.wait_for(Option::is_some).await;
            };
            match self.runtime() {
                // On a runtime that stands still it would never end.
                Some(runtime) => {
                    race(ended, WithContext::new(&runtime, self.clock.sleep_until(lost_at))).await;
                }
                None => ended.await,
            }
        }
    }

    fn last_flight(self: &Arc<Self>) -> Option<(watch::Receiver<Outcome>, MonotonicTime)> {
        let mut flow = self.flow();
        flow.closed = true;
        self.set_gate(&flow, MonotonicTime::START);
        let is_left = flow.unpersisted.as_ref().is_some_and(|received| !flow.is_past(flow.flights, received));
        if flow.flight.is_none() && is_left {
            let runtime = self.runtime()?;
            self.launch(flow, RefreshCause::Ahead, &runtime);
            flow = self.flow();
        }
        flow.flight.as_ref().map(|flight| (flight.outcome.clone(), flight.lost_at))
    }

    /// When somebody who keeps the token fresh should look again; `None` once the cache is closed.
    pub(super) fn next_look(&self) -> Option<MonotonicTime> {
        let flow = self.flow();
        let due = self.snapshot.load().as_ref().map_or(MonotonicTime::START, |snapshot| snapshot.soft());
        (!flow.closed).then(|| due.max(flow.next_attempt))
    }
}

impl Invalidation {
    fn as_str(self) -> &'static str {
        match self {
            Self::Invalidated => "invalidated",
            Self::Superseded => "superseded",
            Self::Throttled => "throttled",
        }
    }
}
