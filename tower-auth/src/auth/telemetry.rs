//! Events and metrics of the recovery. Nothing is recorded for a request that is not refused.

use super::extension::NotRecovered;

pub(super) fn recovered() {
    tracing::debug!("a refused request was sent again with a new token");
    count("recovered");
}

pub(super) fn not_recovered(reason: &NotRecovered) {
    tracing::warn!(reason = reason.as_str(), "a request was refused and not recovered");
    count(reason.as_str());
}

#[cfg(feature = "metrics")]
fn count(outcome: &'static str) {
    metrics::counter!("tower_auth_refused_requests_total", "outcome" => outcome).increment(1);
}

#[cfg(not(feature = "metrics"))]
fn count(_: &'static str) {}
