use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{BoxError, printable};

/// Why no token could be had. Cheap to clone: every waiter of one attempt gets the same error.
///
/// ```
/// use tower_auth_core::{TokenError, TokenErrorKind};
///
/// let error = TokenError::new(TokenErrorKind::Unreachable, "cannot connect to login.example.com");
/// assert!(error.is_transient());
/// assert_eq!(error.code(), "token.unreachable");
/// ```
#[derive(Clone)]
pub struct TokenError {
    inner: Arc<Inner>,
    retry_in: Option<Duration>,
}

#[derive(Clone)]
struct Inner {
    kind: TokenErrorKind,
    message: String,
    oauth_error: Option<String>,
    status: Option<u16>,
    retry_after: Option<Duration>,
    #[cfg(feature = "oauth")]
    was_handed_over: bool,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// What went wrong, coarse enough to stay stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenErrorKind {
    /// The source could not be reached: no connection, a failed TLS handshake, a broken one.
    Unreachable,
    /// The source did not answer in time.
    TimedOut,
    /// The source asks for fewer requests (429).
    Throttled,
    /// The source failed by its own account (408, 5xx).
    ServerError,
    /// The answer cannot be understood: not JSON, too large, no token in it.
    Unparsable,
    /// The grant was refused (`invalid_grant`, `access_denied`, …): somebody has to grant access again.
    Refused,
    /// A refresh token was sent and no answer came back: it may be spent, so it is not sent again. Somebody has to grant access
    /// again; an access token that is still valid goes on being used.
    Unconfirmed,
    /// The client itself was refused (`invalid_client`, `invalid_scope`, …): the configuration is wrong.
    Misconfigured,
    /// A token was obtained but could not be persisted, so it was not published.
    PersistFailed,
    /// The attempt ended without a result: it panicked, was aborted, or its runtime was shut down.
    Aborted,
    /// The caller's own deadline passed while the attempt went on.
    WaitTimedOut,
    /// There is no tokio runtime to run the attempt on.
    NoRuntime,
    /// The cache was closed.
    Closed,
}

/// What a failure means for the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureClass {
    /// The same attempt may succeed later.
    Transient,
    /// The authorization server withholds the grant until somebody acts at the provider.
    Refused,
    /// The configuration must be changed.
    Misconfigured,
}

impl TokenError {
    /// A failure of `kind`, described by `message`, which must not hold a secret.
    pub fn new(kind: TokenErrorKind, message: impl Into<String>) -> Self {
        let inner = Inner {
            kind,
            message: message.into(),
            oauth_error: None,
            status: None,
            retry_after: None,
            #[cfg(feature = "oauth")]
            was_handed_over: false,
            source: None,
        };
        Self { inner: Arc::new(inner), retry_in: None }
    }

    /// Adds the OAuth error code of the answer (RFC 6749 section 5.2). Only printable ASCII of it is kept, 64 bytes at most.
    #[must_use]
    pub fn with_oauth_error(mut self, code: &str) -> Self {
        self.edit().oauth_error = Some(printable(code, 64));
        self
    }

    /// Adds the HTTP status of the answer.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.edit().status = Some(status);
        self
    }

    /// Adds how long the answer asked to wait (`Retry-After`).
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.edit().retry_after = Some(wait);
        self
    }

    /// Adds the error below this one. It must not hold a secret.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.edit().source = Some(Arc::from(source.into()));
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> TokenErrorKind {
        self.inner.kind
    }

    /// What it means for the next attempt.
    #[must_use]
    pub fn class(&self) -> FailureClass {
        self.inner.kind.class()
    }

    /// The stable code of the kind, as listed in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.inner.kind.code()
    }

    /// Whether asking again later, with nothing changed, may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.class() == FailureClass::Transient
    }

    /// Whether the request may have been granted all the same, because it was sent and its answer was lost: what it spent, such as a
    /// refresh token, must not be sent again as if nothing had happened. False where the server said no, and where nothing left.
    #[cfg(feature = "oauth")]
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        self.inner.kind == TokenErrorKind::Unconfirmed || crate::oauth::may_have_been_granted(self)
    }

    /// The OAuth error code that the authorization server gave.
    #[must_use]
    pub fn oauth_error(&self) -> Option<&str> {
        self.inner.oauth_error.as_deref()
    }

    /// The HTTP status that the source answered with.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.inner.status
    }

    /// How long the source asked to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.inner.retry_after
    }

    /// How long, from when this error was returned, the cache will not ask again. `None` if the next caller may.
    #[must_use]
    pub fn retry_in(&self) -> Option<Duration> {
        self.retry_in
    }

    pub(crate) fn with_retry_in(mut self, wait: Duration) -> Self {
        self.retry_in = Some(wait);
        self
    }

    /// Says that the request had been given to the HTTP client when this happened.
    #[cfg(feature = "oauth")]
    pub(crate) fn handed_over(mut self) -> Self {
        self.edit().was_handed_over = true;
        self
    }

    /// Whether the request had been given to the HTTP client.
    #[cfg(feature = "oauth")]
    pub(crate) fn was_handed_over(&self) -> bool {
        self.inner.was_handed_over
    }

    fn edit(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.inner)
    }
}

impl TokenErrorKind {
    /// Every kind, for documentation and tests.
    pub const ALL: &'static [Self] = &[
        Self::Unreachable,
        Self::TimedOut,
        Self::Throttled,
        Self::ServerError,
        Self::Unparsable,
        Self::Refused,
        Self::Unconfirmed,
        Self::Misconfigured,
        Self::PersistFailed,
        Self::Aborted,
        Self::WaitTimedOut,
        Self::NoRuntime,
        Self::Closed,
    ];

    /// What it means for the next attempt.
    #[must_use]
    pub fn class(self) -> FailureClass {
        match self {
            Self::Unreachable
            | Self::TimedOut
            | Self::Throttled
            | Self::ServerError
            | Self::Unparsable
            | Self::PersistFailed
            | Self::Aborted
            | Self::WaitTimedOut => FailureClass::Transient,
            Self::Refused | Self::Unconfirmed => FailureClass::Refused,
            Self::Misconfigured | Self::NoRuntime | Self::Closed => FailureClass::Misconfigured,
        }
    }

    /// The stable code, as listed in `docs/errors.md`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "token.unreachable",
            Self::TimedOut => "token.timed_out",
            Self::Throttled => "token.throttled",
            Self::ServerError => "token.server_error",
            Self::Unparsable => "token.unparsable",
            Self::Refused => "token.refused",
            Self::Unconfirmed => "token.unconfirmed",
            Self::Misconfigured => "token.misconfigured",
            Self::PersistFailed => "token.persist_failed",
            Self::Aborted => "token.aborted",
            Self::WaitTimedOut => "token.wait_timed_out",
            Self::NoRuntime => "token.no_runtime",
            Self::Closed => "token.closed",
        }
    }
}

impl FailureClass {
    /// The name of the class in metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Refused => "refused",
            Self::Misconfigured => "misconfigured",
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)?;
        if let Some(wait) = self.retry_in {
            write!(f, "; not tried again for {:.1} s", wait.as_secs_f64())?;
        }
        write!(f, " [{}]", self.code())
    }
}

impl fmt::Debug for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenError")
            .field("kind", &self.inner.kind)
            .field("message", &self.inner.message)
            .field("oauth_error", &self.inner.oauth_error)
            .field("status", &self.inner.status)
            .field("retry_after", &self.inner.retry_after)
            .field("retry_in", &self.retry_in)
            .field("source", &self.inner.source)
            .finish()
    }
}

impl std::error::Error for TokenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.inner.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // THREAT-T7
    #[test]
    fn what_a_server_sends_cannot_break_a_log_line() {
        let error = TokenError::new(TokenErrorKind::Refused, "refused").with_oauth_error("invalid\r\n_grant\u{202e}");
        assert_eq!(error.oauth_error(), Some("invalid_grant"));
        let long = TokenError::new(TokenErrorKind::Refused, "refused").with_oauth_error(&"e".repeat(1000));
        assert_eq!(long.oauth_error().map(str::len), Some(64));
    }

    #[test]
    fn display_says_when_the_next_attempt_is_due() {
        let error = TokenError::new(TokenErrorKind::Unreachable, "cannot connect to login.example.com");
        assert_eq!(error.to_string(), "cannot connect to login.example.com [token.unreachable]");
        assert_eq!(
            error.with_retry_in(Duration::from_millis(1500)).to_string(),
            "cannot connect to login.example.com; not tried again for 1.5 s [token.unreachable]"
        );
    }
}
