/// An endpoint has said something of a token: `active` or `inactive`.
pub(in crate::verify) fn introspected(outcome: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("tower_auth_introspections_total", "outcome" => outcome).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = outcome;
}

/// An endpoint could not be asked, or did not say anything of a token.
pub(in crate::verify) fn not_introspected(host: &str, code: &'static str, reason: &str) {
    tracing::warn!(host, code, reason, "token not introspected");
    introspected(code);
}
