use std::time::SystemTime;

/// New keys are in use. An issuer becomes a label only if somebody `named` it: there is no bound to those that tokens name.
pub(in crate::verify) fn keys_fetched(issuer: &str, named: bool, usable: usize, skipped: usize, at: SystemTime) {
    tracing::debug!(issuer, usable, skipped, "key set fetched");
    count_fetch("success");
    #[cfg(feature = "metrics")]
    if named {
        metrics::gauge!("tower_auth_jwks_fetched_timestamp_seconds", "issuer" => issuer.to_owned())
            .set(at.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()));
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (at, named);
}

pub(in crate::verify) fn key_skipped(issuer: &str, skipped: &crate::jose::Skipped) {
    tracing::debug!(issuer, index = skipped.index, code = skipped.reason.code(), "key of the key set not used");
}

/// A warning only where somebody `named` the issuer: strangers could fill the log otherwise.
pub(in crate::verify) fn keys_failed(issuer: &str, named: bool, code: &'static str, reason: &str, failures: u32) {
    if named {
        tracing::warn!(issuer, code, reason, failures, "key set not fetched");
    } else {
        tracing::debug!(issuer, code, reason, failures, "key set of a tenant not fetched");
    }
    count_fetch(code);
}

fn count_fetch(outcome: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("tower_auth_jwks_fetches_total", "outcome" => outcome).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = outcome;
}
