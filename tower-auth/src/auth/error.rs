use std::fmt;

use tower_auth_core::{SigningError, TokenError};

/// Why a request was not sent. The layer's error is boxed; downcast it to this type.
///
/// ```
/// use tower_auth::AuthError;
/// use tower_auth::core::BoxError;
///
/// fn is_worth_a_retry(error: &BoxError) -> bool {
///     error.downcast_ref::<AuthError>().and_then(AuthError::token_error).is_some_and(|error| error.is_transient())
/// }
/// ```
#[derive(Clone)]
pub struct AuthError {
    kind: AuthErrorKind,
    message: String,
    source: Option<Source>,
}

#[derive(Clone, Debug)]
enum Source {
    Token(TokenError),
    Signing(SigningError),
}

/// Why a request was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthErrorKind {
    /// No token could be had; [`AuthError::token_error`] says why and whether to try again.
    NoToken,
    /// The request goes by plain `http` to a host whose credentials go by `https` only.
    InsecureScheme,
    /// The request has a path only, and the layer was not given exactly one origin to judge it by.
    UnknownOrigin,
    /// The request goes to an origin that is not allowed, and the layer was told to refuse such.
    ForeignOrigin,
    /// The selection function knows no credential for the request.
    NoSelection,
    /// The request has a credential of its own, and the layer was told to refuse such.
    ExistingCredential,
    /// The credential could not be made of the request; [`AuthError::signing_error`] says why.
    NotSigned,
}

impl AuthError {
    pub(super) fn new(kind: AuthErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    pub(super) fn no_token(error: TokenError) -> Self {
        Self {
            kind: AuthErrorKind::NoToken,
            message: "the request was not sent because no token could be had".to_owned(),
            source: Some(Source::Token(error)),
        }
    }

    pub(crate) fn not_signed(error: SigningError) -> Self {
        Self {
            kind: AuthErrorKind::NotSigned,
            message: "the request was not sent because it could not be signed".to_owned(),
            source: Some(Source::Signing(error)),
        }
    }

    /// Why the request was not sent.
    #[must_use]
    pub fn kind(&self) -> AuthErrorKind {
        self.kind
    }

    /// Why no token could be had, if that is the reason.
    #[must_use]
    pub fn token_error(&self) -> Option<&TokenError> {
        match &self.source {
            Some(Source::Token(error)) => Some(error),
            Some(Source::Signing(_)) | None => None,
        }
    }

    /// Why the request could not be signed, if that is the reason.
    #[must_use]
    pub fn signing_error(&self) -> Option<&SigningError> {
        match &self.source {
            Some(Source::Signing(error)) => Some(error),
            Some(Source::Token(_)) | None => None,
        }
    }

    /// The stable code, as listed in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }
}

impl AuthErrorKind {
    /// Every kind, for documentation and tests.
    pub const ALL: &'static [Self] = &[
        Self::NoToken,
        Self::InsecureScheme,
        Self::UnknownOrigin,
        Self::ForeignOrigin,
        Self::NoSelection,
        Self::ExistingCredential,
        Self::NotSigned,
    ];

    /// The stable code, as listed in `docs/errors.md`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NoToken => "auth.no_token",
            Self::InsecureScheme => "auth.insecure_scheme",
            Self::UnknownOrigin => "auth.unknown_origin",
            Self::ForeignOrigin => "auth.foreign_origin",
            Self::NoSelection => "auth.no_selection",
            Self::ExistingCredential => "auth.existing_credential",
            Self::NotSigned => "auth.not_signed",
        }
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.message, self.code())
    }
}

impl fmt::Debug for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthError")
            .field("kind", &self.kind)
            .field("message", &self.message)
            .field("source", &self.source)
            .finish()
    }
}

impl std::error::Error for AuthError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(match self.source.as_ref()? {
            Source::Token(error) => error,
            Source::Signing(error) => error,
        })
    }
}
