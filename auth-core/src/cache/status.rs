use std::time::{Duration, SystemTime};

use super::Generation;
use crate::{FailureClass, TokenErrorKind};

/// How a cache is doing, for readiness probes and dashboards. It holds no secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CacheStatus {
    /// What a request would find.
    pub state: CacheState,
    /// The generation of the token in use.
    pub generation: Option<Generation>,
    /// When the token in use ends by the wall clock; `None` also if nobody said.
    pub expires_at: Option<SystemTime>,
    /// Whether an exchange is under way.
    pub refreshing: bool,
    /// What the last attempt failed with, if it did.
    pub last_failure: Option<TokenErrorKind>,
    /// How many attempts in a row failed.
    pub consecutive_failures: u32,
    /// How long the source is left alone after a failure.
    pub next_attempt_in: Option<Duration>,
}

/// What a request would find in a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CacheState {
    /// No token: the request would wait for one.
    Empty,
    /// A token that needs nothing.
    Fresh,
    /// A token that serves and is due for a refresh.
    Due,
    /// A token that has ended or was refused: the request would wait for the next.
    Expired,
}

impl CacheStatus {
    /// Whether a request would be served at once.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self.state, CacheState::Fresh | CacheState::Due)
    }

    /// The class of the last failure, if the last attempt failed.
    #[must_use]
    pub fn last_failure_class(&self) -> Option<FailureClass> {
        self.last_failure.map(TokenErrorKind::class)
    }
}
