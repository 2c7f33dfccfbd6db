use std::error::Error;
use std::fmt;

use tower_auth_core::BoxError;

/// What a backend could not do.
pub struct BackendError(Box<Inner>);

struct Inner {
    kind: BackendErrorKind,
    message: String,
    source: Option<BoxError>,
}

/// Whether to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BackendErrorKind {
    /// The database cannot be reached, is busy, or ended the connection: the same may succeed later. A change may have happened.
    Unavailable,
    /// The database objects, or holds what it should not: an operator must look.
    Broken,
}

impl BackendError {
    /// A failure of `kind`, described by `message`, which must not hold a secret.
    pub fn new(kind: BackendErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), source: None }))
    }

    /// Adds the error below this one. It must not hold a secret.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Whether to try again.
    #[must_use]
    pub fn kind(&self) -> BackendErrorKind {
        self.0.kind
    }

    /// The stable code of the kind, as listed in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.0.kind {
            BackendErrorKind::Unavailable => "store.unavailable",
            BackendErrorKind::Broken => "store.broken",
        }
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.0.message, self.code())
    }
}

impl fmt::Debug for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackendError")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("source", &self.0.source)
            .finish()
    }
}

impl Error for BackendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
