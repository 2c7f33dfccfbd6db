use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::endpoint::Introspector;
use super::memory::Key;
use crate::clock::within;
use crate::oauth::{IntrospectionResponse, TokenTypeHint};
use crate::verify::rejection::{Fault, RejectionKind};
use crate::{Clock, MonotonicTime, Secret, TokenError, TokenErrorKind};

/// How long after its timeout a request that neither ended nor was dropped is believed lost: its runtime stands still.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// The longest that an endpoint is left alone because it asks for that: callers are refused meanwhile.
const LONGEST: Duration = Duration::from_secs(60);

/// What came of a request.
#[derive(Clone)]
pub(super) enum Said {
    Answer(IntrospectionResponse),
    /// Nothing can be said of the token.
    Nothing(Failure),
}

/// Why nothing can be said.
#[derive(Clone)]
pub(super) struct Failure {
    pub(super) fault: Fault,
    pub(super) code: &'static str,
    /// How long the endpoint asks to be left alone.
    pub(super) asked: Option<Duration>,
}

/// A request under way.
pub(super) struct Flight {
    pub(super) id: u64,
    pub(super) lost_at: MonotonicTime,
    pub(super) outcome: watch::Receiver<Option<Said>>,
}

/// A request to be waited for.
pub(super) struct Wait {
    pub(super) outcome: watch::Receiver<Option<Said>>,
    pub(super) clock: Clock,
    /// Longer than the request itself may take.
    pub(super) limit: Duration,
}

impl Wait {
    /// What comes of the request. One that is lost (it panicked, its runtime was shut down) says nothing.
    pub(super) async fn said(mut self) -> Said {
        let end = within(&self.clock, self.limit, self.outcome.wait_for(Option::is_some)).await;
        let said = match end {
            Some(Ok(said)) => said.clone(),
            Some(Err(_)) | None => None,
        };
        said.unwrap_or_else(Said::lost)
    }
}

impl Said {
    fn failed(error: &TokenError) -> Self {
        let fault =
            Fault::new(RejectionKind::IntrospectionUnavailable, format!("nothing can be said of the token: {error}"));
        let asked = error.retry_after().map(|asked| asked.min(LONGEST));
        let wait = asked.unwrap_or_default().max(Duration::from_secs(1));
        Self::Nothing(Failure { fault: fault.retry_after(wait), code: error.code(), asked })
    }

    fn lost() -> Self {
        Self::failed(&TokenError::new(TokenErrorKind::Aborted, "the introspection request ended without a result"))
    }
}

/// One request, in a task of its own: a caller that goes away ends it for nobody.
///
/// Whatever ends the task without a result (a panic, an abort, a runtime that shuts down) drops this value, which wakes the
/// waiters and lets the next caller ask anew.
pub(super) struct FlightTask {
    pub(super) endpoint: Arc<Introspector>,
    pub(super) id: u64,
    pub(super) key: Key,
    pub(super) token: Secret,
    pub(super) started: MonotonicTime,
    pub(super) outcome: Option<watch::Sender<Option<Said>>>,
}

impl FlightTask {
    pub(super) async fn run(mut self) {
        let Introspector { client, clock, limits, .. } = &*self.endpoint;
        let asking = client.introspect(&self.token, Some(TokenTypeHint::AccessToken));
        let said = match within(clock, limits.timeout, asking).await {
            Some(Ok(answer)) => Said::Answer(answer),
            Some(Err(error)) => Said::failed(&error),
            None => {
                let limit = limits.timeout.as_secs_f64();
                let message = format!("{} did not answer within {limit:.1} s", self.endpoint.site());
                Said::failed(&TokenError::new(TokenErrorKind::TimedOut, message))
            }
        };
        self.endpoint.land(self.id, self.key, self.started, &said);
        if let Some(sender) = self.outcome.take() {
            sender.send_replace(Some(said));
        }
    }
}

impl Drop for FlightTask {
    fn drop(&mut self) {
        if self.outcome.is_some() {
            self.endpoint.land(self.id, self.key, self.started, &Said::lost());
        }
    }
}
