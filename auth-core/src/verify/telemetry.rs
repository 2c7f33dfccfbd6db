//! Events and metrics of verification. Nothing of a credential is in them.

use super::{Principal, Rejection, Verified};

pub(super) fn verified(result: &Result<Verified<Principal>, Rejection>) {
    if let Err(refusal) = result {
        denied(refusal);
    }
    #[cfg(feature = "metrics")]
    metrics::counter!(
        "tower_auth_verifications_total",
        "outcome" => result.as_ref().map_or_else(Rejection::code, |_| "accepted")
    )
    .increment(1);
}

/// A refusal that is no outcome of a verification: a caller that was accepted and lacks a scope, say. Not counted.
pub(super) fn denied(refusal: &Rejection) {
    if refusal.status().is_server_error() {
        tracing::warn!(code = refusal.code(), reason = refusal.explain(), "request not authenticated");
    } else {
        tracing::debug!(code = refusal.code(), reason = refusal.explain(), "request refused");
    }
}

#[cfg(feature = "jwt")]
pub(super) fn keys_fetched(issuer: &str, usable: usize, skipped: usize) {
    tracing::debug!(issuer, usable, skipped, "key set fetched");
    count_fetch("success");
}

#[cfg(feature = "jwt")]
pub(super) fn key_skipped(issuer: &str, skipped: &crate::jose::Skipped) {
    tracing::debug!(issuer, index = skipped.index, code = skipped.reason.code(), "key of the key set not used");
}

#[cfg(feature = "jwt")]
pub(super) fn keys_failed(issuer: &str, code: &'static str, reason: &str, failures: u32) {
    tracing::warn!(issuer, code, reason, failures, "key set not fetched");
    count_fetch(code);
}

#[cfg(feature = "jwt")]
fn count_fetch(outcome: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("tower_auth_jwks_fetches_total", "outcome" => outcome).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = outcome;
}
