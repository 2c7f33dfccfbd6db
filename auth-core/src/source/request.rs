use std::sync::Arc;

use crate::{MonotonicTime, TokenResponse};

/// What a cache tells a source when it asks for a token.
#[derive(Clone, Debug)]
pub struct SourceRequest {
    cause: RefreshCause,
    previous: Option<Arc<TokenResponse>>,
    deadline: MonotonicTime,
}

/// Why a cache asks for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefreshCause {
    /// There was none yet.
    First,
    /// The present one still serves, and will end soon.
    Ahead,
    /// The present one has ended.
    Expired,
    /// The present one was refused by the server it was meant for.
    Refused,
}

impl SourceRequest {
    /// A request made by hand, for those who call a source without a cache.
    #[must_use]
    pub fn new(cause: RefreshCause, previous: Option<Arc<TokenResponse>>, deadline: MonotonicTime) -> Self {
        Self { cause, previous, deadline }
    }

    /// Why a token is wanted.
    #[must_use]
    pub fn cause(&self) -> RefreshCause {
        self.cause
    }

    /// The last response, whose refresh token may be spent now. It stays known after its access token has expired or
    /// was refused.
    #[must_use]
    pub fn previous(&self) -> Option<&TokenResponse> {
        self.previous.as_deref()
    }

    /// When the cache stops waiting for the answer and drops the source's future.
    #[must_use]
    pub fn deadline(&self) -> MonotonicTime {
        self.deadline
    }
}

impl RefreshCause {
    /// The name of the cause in metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Ahead => "ahead",
            Self::Expired => "expired",
            Self::Refused => "refused",
        }
    }
}
