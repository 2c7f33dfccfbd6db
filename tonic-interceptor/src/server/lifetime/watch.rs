use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use http::Response;
use tower_auth_core::{Clock, MonotonicTime, Rejection, RejectionKind, Verification, Verifier};

use super::rule::Presented;
use crate::server::refusal::Refusals;

/// Looks after the credential of one call while that lasts.
pub(super) struct Watch {
    clock: Clock,
    verifier: Verifier,
    refusals: Refusals,
    expires_at: Option<SystemTime>,
    recheck: Option<(Duration, Presented)>,
    next_check: MonotonicTime,
    state: State,
}

enum State {
    Sleeping(Pin<Box<dyn Future<Output = ()> + Send>>),
    Checking(Verification),
}

impl Watch {
    pub(super) fn new(
        clock: Clock,
        verifier: Verifier,
        refusals: Refusals,
        expires_at: Option<SystemTime>,
        recheck: Option<(Duration, Presented)>,
    ) -> Self {
        let next_check = recheck.as_ref().map_or(MonotonicTime::NEVER, |(every, _)| clock.now() + *every);
        let state = sleep(&clock, expires_at, next_check);
        Self { clock, verifier, refusals, expires_at, recheck, next_check, state }
    }

    /// Ready when the call must end, with the header of the answer that its caller gets, a gRPC one.
    pub(super) fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<Response<()>> {
        self.poll_refusal(context).map(|refusal| {
            let mut response = refusal.to_grpc_response();
            self.refusals.complete(&mut response);
            response
        })
    }

    fn poll_refusal(&mut self, context: &mut Context<'_>) -> Poll<Rejection> {
        loop {
            match &mut self.state {
                State::Sleeping(sleep) => {
                    ready!(sleep.as_mut().poll(context));
                    if self.expires_at.is_some_and(|end| self.clock.wall() >= end) {
                        let detail = "the credential that the call began with has expired while it lasted";
                        return Poll::Ready(self.verifier.refusal(RejectionKind::Expired, detail));
                    }
                    let is_due = self.clock.now() >= self.next_check;
                    self.state = match &self.recheck {
                        Some((every, presented)) if is_due => {
                            self.next_check = self.clock.now() + *every;
                            State::Checking(self.verifier.verify(presented.request()))
                        }
                        _ => sleep_again(self),
                    };
                }
                State::Checking(verification) => {
                    match ready!(Pin::new(verification).poll(context)) {
                        Ok(verified) => self.expires_at = self.expires_at.and(verified.expires_at()),
                        // No verdict: the call goes on, to its credential's end at the latest.
                        Err(refusal) if refusal.status().is_server_error() => {}
                        Err(refusal) => return Poll::Ready(refusal),
                    }
                    self.state = sleep_again(self);
                }
            }
        }
    }
}

fn sleep_again(watch: &Watch) -> State {
    sleep(&watch.clock, watch.expires_at, watch.next_check)
}

/// Until the credential ends or is to be verified again, whichever comes first.
fn sleep(clock: &Clock, expires_at: Option<SystemTime>, next_check: MonotonicTime) -> State {
    // A clock that is behind the wall must not make this a hot loop.
    const LEAST: Duration = Duration::from_millis(10);
    // Nor must a machine that slept, or a wall clock that was set, leave the end unnoticed for long.
    const LONGEST: Duration = Duration::from_secs(30);
    let left = expires_at.map(|end| end.duration_since(clock.wall()).unwrap_or_default().clamp(LEAST, LONGEST));
    let wait = next_check.saturating_since(clock.now()).min(left.unwrap_or(Duration::MAX));
    let clock = clock.clone();
    State::Sleeping(Box::pin(async move { clock.sleep(wait).await }))
}
