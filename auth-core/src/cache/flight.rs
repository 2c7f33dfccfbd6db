use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::flow::Outcome;
use super::refresh::Known;
use super::snapshot::Received;
use super::state::State;
use super::telemetry;
use crate::clock::race;
use crate::source::{RefreshCause, SourceRequest};
use crate::{MonotonicTime, TokenError, TokenErrorKind};

/// One exchange with the source, in a task of its own: no caller that goes away takes a rotated token with it.
///
/// Whatever ends the task without a result (a panic, an abort, a runtime that shuts down) drops this value, which
/// wakes the waiters with an error and lets the next caller start anew.
pub(super) struct FlightTask {
    state: Arc<State>,
    id: u64,
    cause: RefreshCause,
    started: MonotonicTime,
    outcome: Option<watch::Sender<Outcome>>,
}

impl FlightTask {
    pub(super) fn new(state: Arc<State>, id: u64, cause: RefreshCause, outcome: watch::Sender<Outcome>) -> Self {
        let started = state.clock.now();
        Self { state, id, cause, started, outcome: Some(outcome) }
    }

    /// Runs the exchange to its end.
    pub(super) async fn run(mut self) {
        let Some(known) = self.state.take_off(self.id) else { return };
        let result = self.obtain(known).await;
        let outcome = self.state.land(self.id, self.cause, self.started, result);
        if let Some(sender) = self.outcome.take() {
            sender.send_replace(Some(outcome));
        }
    }

    async fn obtain(&self, known: Known) -> Result<Received, TokenError> {
        let mut previous = known.previous;
        if let Some(received) = known.unpersisted {
            let received = self.persist(received).await?;
            if !self.state.has_ended(&received) {
                return Ok(received);
            }
            // All it is good for now is its refresh token.
            self.state.remember(self.id, received.clone());
            previous = Some(received);
            if self.state.is_closed() {
                return Err(TokenError::new(TokenErrorKind::Closed, "the token cache was closed"));
            }
        }
        let received = self.exchange(previous).await?;
        self.persist(received).await
    }

    async fn exchange(&self, previous: Option<Received>) -> Result<Received, TokenError> {
        let state = &*self.state;
        let deadline = state.clock.now() + state.exchange_timeout;
        let wall_deadline = state.clock.wall().checked_add(state.exchange_timeout);
        let request = SourceRequest::new(self.cause, previous.map(|received| received.response), deadline);
        let response = race(state.source.fetch_boxed(request), state.clock.sleep_until(deadline))
            .await
            .unwrap_or_else(|| Err(timed_out("the token source did not answer", state.exchange_timeout)))?;
        // An answer read after the deadline lay unread, while the machine was suspended or the runtime stood still. Its
        // token's life does not count from now.
        let (at, wall) = (state.clock.now(), state.clock.wall());
        let wall = wall_deadline.map_or(wall, |deadline| wall.min(deadline));
        Ok(Received { response: Arc::new(response), at: at.min(deadline), wall })
    }

    async fn persist(&self, received: Received) -> Result<Received, TokenError> {
        let state = &*self.state;
        let Some(persist) = &state.persist else { return Ok(received) };
        // Until it is durable the response lives here, where neither a failure nor a panic of the step can lose it.
        if !state.keep_unpersisted(self.id, received.clone()) {
            return Ok(received);
        }
        let step = persist(Arc::clone(&received.response));
        let result = race(step, state.clock.sleep(state.exchange_timeout)).await;
        match result {
            Some(Ok(())) => {
                state.forget_unpersisted(&received);
                Ok(received)
            }
            Some(Err(error)) => Err(TokenError::new(
                TokenErrorKind::PersistFailed,
                "the new token was obtained but could not be persisted; it is kept and persisted at the next attempt",
            )
            .with_source(error)),
            None => Err(timed_out("persisting the new token did not end", state.exchange_timeout)),
        }
    }
}

impl Drop for FlightTask {
    fn drop(&mut self) {
        if self.outcome.is_some() {
            self.state.lose(self.id);
            telemetry::flight_lost(&self.state.name, self.cause);
        }
    }
}

fn timed_out(what: &str, after: Duration) -> TokenError {
    TokenError::new(TokenErrorKind::TimedOut, format!("{what} within {:.1} s", after.as_secs_f64()))
}
