//! Events and metrics of verification. Nothing of a credential is in them.

use super::{Principal, Rejection, Verified};

/// Takes note of an outcome, and passes it on.
pub(super) fn verified(result: Result<Verified<Principal>, Rejection>) -> Result<Verified<Principal>, Rejection> {
    if let Err(refusal) = &result {
        denied(refusal);
    }
    count_verification(result.as_ref().map_or_else(Rejection::code, |_| "accepted"));
    result
}

/// The same for a verdict that was remembered.
#[cfg(feature = "jwt")]
pub(super) fn remembered(verified: Verified<Principal>) -> Result<Verified<Principal>, Rejection> {
    count_verification("remembered");
    Ok(verified)
}

fn count_verification(outcome: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("tower_auth_verifications_total", "outcome" => outcome).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = outcome;
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
