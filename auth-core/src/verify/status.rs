use std::time::Duration;

/// How a verifier is doing; see [`Verifier::status`](super::Verifier::status). It holds no secret.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct VerifierStatus {
    /// The keys of each issuer.
    pub keys: Vec<KeysStatus>,
}

/// How the keys of one issuer are.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeysStatus {
    /// The issuer.
    pub issuer: String,
    /// What a token of this issuer would find.
    pub state: KeysState,
    /// How many keys can be used.
    pub usable: usize,
    /// How long ago they were fetched. `None` for keys that never are.
    pub age: Option<Duration>,
    /// Whether a fetch is under way.
    pub fetching: bool,
    /// The code of what the last fetch failed with, if it did: one of `docs/errors.md`.
    pub last_failure: Option<&'static str>,
    /// How many fetches in a row failed.
    pub consecutive_failures: u32,
    /// How long the issuer is left alone after a failure.
    pub next_attempt_in: Option<Duration>,
}

/// What a token would find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeysState {
    /// Keys that were configured and never change.
    Fixed,
    /// No keys yet: the first token waits for them.
    Absent,
    /// Keys that serve.
    Fresh,
    /// Keys that serve only because no newer ones can be had; a warning.
    Stale,
    /// Keys that are too old: tokens are refused with 503 until newer ones can be had.
    Dead,
}

impl VerifierStatus {
    /// Whether there are keys of every issuer, so that a request would be served at once.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.keys.iter().all(|keys| matches!(keys.state, KeysState::Fixed | KeysState::Fresh | KeysState::Stale))
    }
}
