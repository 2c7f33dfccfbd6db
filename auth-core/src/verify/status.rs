use std::time::Duration;

/// How a verifier is doing; see [`Verifier::status`](super::Verifier::status). It holds no secret.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct VerifierStatus {
    /// The keys of each issuer.
    pub keys: Vec<KeysStatus>,
    /// The introspection endpoints.
    #[cfg(feature = "introspection")]
    pub introspection: Vec<IntrospectionStatus>,
}

/// How one introspection endpoint is.
#[cfg(feature = "introspection")]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IntrospectionStatus {
    /// Host and port of the endpoint, or of the server whose metadata names it.
    pub host: String,
    /// How many requests are under way.
    pub in_flight: usize,
    /// The code of what the last request failed with, if it did: one of `docs/errors.md`.
    pub last_failure: Option<&'static str>,
    /// How many requests in a row failed.
    pub consecutive_failures: u32,
    /// How long the endpoint is left alone after failures. Tokens that are not remembered are refused with 503 until then.
    pub next_attempt_in: Option<Duration>,
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
    /// Whether there are keys of every issuer, and no introspection endpoint is left alone after failures: so that a request
    /// would be served at once.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        #[cfg(feature = "introspection")]
        if self.introspection.iter().any(|endpoint| endpoint.next_attempt_in.is_some()) {
            return false;
        }
        self.keys.iter().all(|keys| matches!(keys.state, KeysState::Fixed | KeysState::Fresh | KeysState::Stale))
    }
}
