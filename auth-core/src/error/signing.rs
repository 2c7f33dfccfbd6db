use std::fmt;
use std::sync::Arc;

use super::BoxError;

/// Why a request could not be signed, and so was not sent.
///
/// ```
/// use tower_auth_core::{SigningError, SigningErrorKind};
///
/// let error = SigningError::new(SigningErrorKind::Key, "the signing service does not answer");
/// assert_eq!(error.code(), "signing.key");
/// ```
#[derive(Clone)]
pub struct SigningError {
    kind: SigningErrorKind,
    message: Arc<str>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// Why a request could not be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SigningErrorKind {
    /// The request's target has no scheme and host, or one that cannot be signed for.
    Target,
    /// The key cannot sign: the cryptographic library, or what holds the key, failed.
    Key,
    /// The signature covers the body, and the body is not whole: it streams, or is longer than the limit.
    Body,
    /// A part of the request cannot stand in what is signed.
    Request,
}

impl SigningError {
    /// An error of `kind`, described by `message`, which must not hold a secret.
    pub fn new(kind: SigningErrorKind, message: impl Into<Arc<str>>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Adds the error that caused this one.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into().into());
        self
    }

    /// Why the request could not be signed.
    #[must_use]
    pub fn kind(&self) -> SigningErrorKind {
        self.kind
    }

    /// The stable code of the kind, as listed in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }
}

impl SigningErrorKind {
    /// Every kind, for documentation and tests.
    pub const ALL: &'static [Self] = &[Self::Target, Self::Key, Self::Body, Self::Request];

    /// The stable code, as listed in `docs/errors.md`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Target => "signing.target",
            Self::Key => "signing.key",
            Self::Body => "signing.body",
            Self::Request => "signing.request",
        }
    }
}

impl fmt::Display for SigningError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.message, self.code())
    }
}

impl fmt::Debug for SigningError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningError")
            .field("kind", &self.kind)
            .field("message", &self.message)
            .field("source", &self.source)
            .finish()
    }
}

impl std::error::Error for SigningError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
