/// A password was hashed, or could not be because too many wait.
pub(in crate::verify) fn password(outcome: PasswordOutcome) {
    #[cfg(feature = "metrics")]
    metrics::counter!("tower_auth_passwords_total", "outcome" => outcome.as_str()).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = outcome;
}

/// What became of a password that had to be hashed.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "then nobody reads it"))]
pub(in crate::verify) enum PasswordOutcome {
    Right,
    Wrong,
    TurnedAway,
}

#[cfg(feature = "metrics")]
impl PasswordOutcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Wrong => "wrong",
            Self::TurnedAway => "turned_away",
        }
    }
}
