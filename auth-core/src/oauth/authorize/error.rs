use std::fmt;

use crate::error::{BoxError, ConfigError};
use crate::{FailureClass, TokenError};

/// Why a user's authorization did not lead to a token.
///
/// [`kind`](Self::kind) tells what to do; `Display` is for the log, and says no more than a page for the user may say: no
/// code, no state, no secret, and of the authorization server's own words printable and bounded ones.
pub struct AuthorizationError(Box<Inner>);

struct Inner {
    kind: AuthorizationErrorKind,
    message: String,
    oauth_error: Option<String>,
    source: Option<BoxError>,
}

/// What went wrong, coarse enough to stay stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthorizationErrorKind {
    /// The user, or the server's policy, said no (`access_denied`).
    Denied,
    /// The server cannot answer without showing the user something, and was told not to (`login_required`, …).
    InteractionRequired,
    /// The server answered with another error code.
    ProviderError,
    /// The answer has no `state`, or another one than was sent.
    StateMismatch,
    /// No transaction with this `state` is waiting: it was finished already, has expired, or never was.
    UnknownState,
    /// The user came back too late.
    Expired,
    /// The answer came in another session than the request was made in.
    BindingMismatch,
    /// The answer names another issuer, or none where there must be one.
    IssuerMismatch,
    /// The answer arrived at another URI than the redirect URI.
    RedirectUriMismatch,
    /// The answer is no authorization response: a parameter twice, too large, neither a code nor an error.
    InvalidCallback,
    /// A transaction was to be finished with another client than it was begun with.
    WrongClient,
    /// The request cannot be made as it is described.
    Misconfigured,
    /// The server does not support the only method of proof keys that is used here.
    PkceUnsupported,
    /// A place to go afterwards is not one of our own.
    InvalidReturnTo,
    /// A transaction that was kept cannot be read.
    UnreadableTransaction,
    /// The store of transactions failed.
    StoreFailed,
    /// The server, or what is needed to know of it, could not be had before the user was sent.
    StartFailed,
    /// The code was not exchanged for a token. A code is good once: the user has to be sent again.
    ExchangeFailed,
    /// No port could be opened on a loopback address.
    CannotListen,
    /// The browser could not be opened.
    BrowserFailed,
    /// No answer arrived in time.
    TimedOut,
}

impl AuthorizationError {
    pub(crate) fn new(kind: AuthorizationErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), oauth_error: None, source: None }))
    }

    pub(crate) fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(super) fn with_oauth_error(mut self, code: String) -> Self {
        self.0.oauth_error = Some(code);
        self
    }

    /// What the server said, or the way to it, before the user was sent.
    pub(super) fn start_failed(message: &str, error: TokenError) -> Self {
        Self::new(AuthorizationErrorKind::StartFailed, message).with_source(error)
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> AuthorizationErrorKind {
        self.0.kind
    }

    /// The stable code of the kind, as listed in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.kind.code()
    }

    /// The error code that the authorization server gave (RFC 6749 section 4.1.2.1), in the redirect or at the token
    /// endpoint: its printable ASCII, 64 characters at most.
    #[must_use]
    pub fn oauth_error(&self) -> Option<&str> {
        self.0.oauth_error.as_deref().or_else(|| self.token_error().and_then(TokenError::oauth_error))
    }

    /// The failure of the request below, if it came to one.
    #[must_use]
    pub fn token_error(&self) -> Option<&TokenError> {
        self.0.source.as_deref().and_then(|source| source.downcast_ref())
    }

    /// Whether sending the user again, with nothing changed, may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self.0.kind {
            AuthorizationErrorKind::Expired
            | AuthorizationErrorKind::UnknownState
            | AuthorizationErrorKind::StoreFailed
            | AuthorizationErrorKind::TimedOut => true,
            AuthorizationErrorKind::ProviderError => {
                matches!(self.oauth_error(), Some("server_error" | "temporarily_unavailable"))
            }
            // A code that was refused may have been spent by a lost answer or grown old.
            AuthorizationErrorKind::ExchangeFailed => {
                self.token_error().is_some_and(|error| error.class() != FailureClass::Misconfigured)
            }
            AuthorizationErrorKind::StartFailed => self.token_error().is_some_and(TokenError::is_transient),
            _ => false,
        }
    }
}

impl AuthorizationErrorKind {
    /// Every kind, for documentation and tests.
    pub const ALL: &'static [Self] = &[
        Self::Denied,
        Self::InteractionRequired,
        Self::ProviderError,
        Self::StateMismatch,
        Self::UnknownState,
        Self::Expired,
        Self::BindingMismatch,
        Self::IssuerMismatch,
        Self::RedirectUriMismatch,
        Self::InvalidCallback,
        Self::WrongClient,
        Self::Misconfigured,
        Self::PkceUnsupported,
        Self::InvalidReturnTo,
        Self::UnreadableTransaction,
        Self::StoreFailed,
        Self::StartFailed,
        Self::ExchangeFailed,
        Self::CannotListen,
        Self::BrowserFailed,
        Self::TimedOut,
    ];

    /// The stable code, as listed in `docs/errors.md`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Denied => "authorization.denied",
            Self::InteractionRequired => "authorization.interaction_required",
            Self::ProviderError => "authorization.provider_error",
            Self::StateMismatch => "authorization.state_mismatch",
            Self::UnknownState => "authorization.unknown_state",
            Self::Expired => "authorization.expired",
            Self::BindingMismatch => "authorization.binding_mismatch",
            Self::IssuerMismatch => "authorization.issuer_mismatch",
            Self::RedirectUriMismatch => "authorization.redirect_uri_mismatch",
            Self::InvalidCallback => "authorization.invalid_callback",
            Self::WrongClient => "authorization.wrong_client",
            Self::Misconfigured => "authorization.misconfigured",
            Self::PkceUnsupported => "authorization.pkce_unsupported",
            Self::InvalidReturnTo => "authorization.invalid_return_to",
            Self::UnreadableTransaction => "authorization.unreadable_transaction",
            Self::StoreFailed => "authorization.store_failed",
            Self::StartFailed => "authorization.start_failed",
            Self::ExchangeFailed => "authorization.exchange_failed",
            Self::CannotListen => "authorization.cannot_listen",
            Self::BrowserFailed => "authorization.browser_failed",
            Self::TimedOut => "authorization.timed_out",
        }
    }
}

/// A mistake in the description of a request.
impl From<ConfigError> for AuthorizationError {
    fn from(error: ConfigError) -> Self {
        Self::new(AuthorizationErrorKind::Misconfigured, "the authorization request cannot be made").with_source(error)
    }
}

impl fmt::Display for AuthorizationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.0.message, self.code())
    }
}

impl fmt::Debug for AuthorizationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationError")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("oauth_error", &self.0.oauth_error)
            .field("source", &self.0.source)
            .finish()
    }
}

impl std::error::Error for AuthorizationError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
