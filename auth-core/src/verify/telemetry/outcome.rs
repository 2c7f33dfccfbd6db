use tracing::Span;
use tracing::level_filters::LevelFilter;

use super::denied;
use crate::verify::{Principal, Rejection, Verified};

type Outcome = Result<Verified<Principal>, Rejection>;

/// The span that a request is in, which learns who calls, as far as it was opened with fields for that.
///
/// Only fields that the service has declared are written: what names a person is in no span by accident.
pub(in crate::verify) struct RequestSpan(Span);

impl RequestSpan {
    pub(in crate::verify) fn current() -> Self {
        // Where nobody listens there is no span to look for.
        Self(if LevelFilter::current() == LevelFilter::OFF { Span::none() } else { Span::current() })
    }

    fn record(&self, outcome: &Outcome) {
        let Self(span) = self;
        if span.is_disabled() {
            return;
        }
        span.record("auth.outcome", outcome.as_ref().map_or_else(Rejection::code, |_| "accepted"));
        let Ok(caller) = outcome else { return };
        span.record("auth.method", caller.method().as_str());
        if let Some(issuer) = caller.issuer() {
            span.record("auth.issuer", issuer);
        }
        if let Some(client) = caller.client_id() {
            span.record("auth.client_id", client);
        }
        // The only one that costs something.
        if span.has_field("user.hash") {
            span.record("user.hash", caller.subject_hash());
        }
    }
}

/// Takes note of an outcome, and passes it on.
pub(in crate::verify) fn verified(outcome: Outcome, span: &RequestSpan) -> Outcome {
    if let Err(refusal) = &outcome {
        denied(refusal, None);
    }
    count(outcome.as_ref().map_or_else(Rejection::code, |_| "accepted"));
    span.record(&outcome);
    outcome
}

/// The same for a verdict that was remembered.
#[cfg(feature = "jwt")]
pub(in crate::verify) fn remembered(verified: Verified<Principal>, span: &RequestSpan) -> Outcome {
    count("remembered");
    let outcome = Ok(verified);
    span.record(&outcome);
    outcome
}

fn count(outcome: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("tower_auth_verifications_total", "outcome" => outcome).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = outcome;
}
