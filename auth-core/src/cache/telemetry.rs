//! Events and metrics of the refresh engine. Nothing is recorded on a hit.

use std::time::Duration;

use crate::source::RefreshCause;
use crate::{Token, TokenError};

/// What a cache is called in events and metrics.
pub(super) type Name = std::sync::Arc<str>;

pub(super) fn refreshed(
    name: &Name,
    cause: RefreshCause,
    took: Duration,
    token: &Token,
    replaced_age: Option<Duration>,
) {
    tracing::debug!(cache = %name, cause = cause.as_str(), took_ms = millis(took), "token refreshed");
    #[cfg(feature = "metrics")]
    {
        count_refresh(name, cause, "success");
        metrics::histogram!("tower_auth_token_refresh_duration_seconds", "cache" => name.to_string())
            .record(took.as_secs_f64());
        if let Some(age) = replaced_age {
            metrics::histogram!("tower_auth_token_replaced_age_seconds", "cache" => name.to_string())
                .record(age.as_secs_f64());
        }
        if let Some(until) = token.expiry().and_then(|expiry| expiry.wall.duration_since(std::time::UNIX_EPOCH).ok()) {
            metrics::gauge!("tower_auth_token_expiry_timestamp_seconds", "cache" => name.to_string())
                .set(until.as_secs_f64());
        }
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (token, replaced_age);
}

pub(super) fn refresh_failed(name: &Name, cause: RefreshCause, took: Duration, error: &TokenError, next: Duration) {
    tracing::warn!(
        cache = %name,
        cause = cause.as_str(),
        took_ms = millis(took),
        class = error.class().as_str(),
        code = error.code(),
        oauth_error = error.oauth_error(),
        next_attempt_ms = millis(next),
        %error,
        "token refresh failed"
    );
    #[cfg(feature = "metrics")]
    count_refresh(name, cause, error.code());
}

pub(super) fn flight_lost(name: &Name, cause: RefreshCause) {
    tracing::warn!(cache = %name, cause = cause.as_str(), "token refresh ended without a result");
    #[cfg(feature = "metrics")]
    count_refresh(name, cause, crate::TokenErrorKind::Aborted.code());
}

pub(super) fn invalidated(name: &Name, outcome: &'static str) {
    tracing::debug!(cache = %name, outcome, "token refused");
    #[cfg(feature = "metrics")]
    metrics::counter!("tower_auth_token_refusals_total", "cache" => name.to_string(), "outcome" => outcome)
        .increment(1);
}

#[cfg(feature = "metrics")]
fn count_refresh(name: &Name, cause: RefreshCause, outcome: &'static str) {
    metrics::counter!(
        "tower_auth_token_refreshes_total",
        "cache" => name.to_string(),
        "cause" => cause.as_str(),
        "outcome" => outcome
    )
    .increment(1);
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
