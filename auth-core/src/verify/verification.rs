use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{Rejection, Verified};

/// The outcome to come of [`Verifier::verify`](super::Verifier::verify). Nearly always it is there at once, without a
/// box.
#[must_use = "futures do nothing unless polled"]
pub struct Verification(State);

type Outcome = Result<Verified, Rejection>;

enum State {
    Done(Outcome),
    Waiting { pending: Rejection, future: Pin<Box<dyn Future<Output = Outcome> + Send>> },
    Taken,
}

impl Verification {
    pub(super) fn done(outcome: Outcome) -> Self {
        Self(State::Done(outcome))
    }

    pub(super) fn waiting(pending: Rejection, future: impl Future<Output = Outcome> + Send + 'static) -> Self {
        Self(State::Waiting { pending, future: Box::pin(future) })
    }

    /// The verdict, if it is there and the caller was accepted.
    #[cfg(feature = "jwt")]
    pub(super) fn verdict(&self) -> Option<&Verified> {
        match &self.0 {
            State::Done(Ok(verified)) => Some(verified),
            _ => None,
        }
    }

    /// What those are answered who cannot wait, if there is something to wait for.
    pub(super) fn pending(&self) -> Option<&Rejection> {
        match &self.0 {
            State::Waiting { pending, .. } => Some(pending),
            State::Done(_) | State::Taken => None,
        }
    }

    /// Whether the outcome is not there yet.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        matches!(self.0, State::Waiting { .. })
    }

    /// The outcome, for callers that cannot wait: one that is not there yet is a refusal with a 503, such as
    /// [`KeysUnavailable`](super::RejectionKind::KeysUnavailable).
    ///
    /// # Errors
    /// The refusal.
    ///
    /// # Panics
    /// After the future has been ready.
    pub fn into_result(self) -> Result<Verified, Rejection> {
        match self.0 {
            State::Done(outcome) => outcome,
            State::Waiting { pending, .. } => {
                super::telemetry::verified(Err(pending), &super::telemetry::RequestSpan::current())
            }
            State::Taken => panic!("`Verification` used after it was ready"),
        }
    }
}

impl Future for Verification {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        if let State::Waiting { future, .. } = &mut self.0 {
            let outcome = std::task::ready!(future.as_mut().poll(cx));
            self.0 = State::Taken;
            return Poll::Ready(outcome);
        }
        match std::mem::replace(&mut self.0, State::Taken) {
            State::Done(outcome) => Poll::Ready(outcome),
            State::Waiting { .. } | State::Taken => panic!("`Verification` polled after it was ready"),
        }
    }
}

impl fmt::Debug for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verification").field("is_waiting", &self.is_waiting()).finish_non_exhaustive()
    }
}
