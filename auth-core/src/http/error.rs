use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use crate::error::BoxError;

/// Why an HTTP exchange with an authorization server did not yield an answer. Cheap to clone.
///
/// `Display` names host and port; never a path, a query, a header or a body.
#[derive(Clone)]
pub struct TransportError(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: TransportErrorKind,
    message: String,
    unsent: bool,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What kind of failure a [`TransportError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// No connection: the name does not resolve, nobody listens, a proxy refused the tunnel.
    Connect,
    /// The TLS handshake failed: a certificate that is not trusted or is for another name, no common version.
    Tls,
    /// The connection or the whole exchange took too long.
    TimedOut,
    /// The answer is larger than the cap.
    TooLarge,
    /// A rule of ours forbids the request: plain `http`, user information in the URL, an address that is not public.
    Forbidden,
    /// The answer is compressed, although nobody asked for that.
    Encoded,
    /// The connection broke, or the peer does not speak HTTP.
    Protocol,
}

impl TransportError {
    /// A failure of `kind`, described by `message`, for a transport of your own. The message must not hold a secret.
    pub fn new(kind: TransportErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner { kind, message: message.into(), unsent: false, source: None }))
    }

    /// Says whether it is certain that no byte of the request has left.
    #[must_use]
    pub fn unsent(self, unsent: bool) -> Self {
        self.edit(|inner| inner.unsent = unsent)
    }

    /// Adds the error below this one. It must not hold a secret.
    #[must_use]
    pub fn with_source(self, source: impl Into<BoxError>) -> Self {
        let source: BoxError = source.into();
        self.edit(|inner| inner.source = Some(Arc::from(source)))
    }

    /// The transport error in `error`'s chain of sources.
    #[must_use]
    pub fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        find(error)
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> TransportErrorKind {
        self.0.kind
    }

    /// The stable code of the kind, as listed in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.kind.code()
    }

    /// Whether it is certain that no byte of the request has left, so that even a single-use credential in it may be
    /// sent again.
    #[must_use]
    pub fn is_unsent(&self) -> bool {
        self.0.unsent
    }

    fn edit(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl TransportErrorKind {
    /// Every kind, for documentation and tests.
    pub const ALL: &'static [Self] =
        &[Self::Connect, Self::Tls, Self::TimedOut, Self::TooLarge, Self::Forbidden, Self::Encoded, Self::Protocol];

    /// The stable code, as listed in `docs/errors.md`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Connect => "transport.connect",
            Self::Tls => "transport.tls",
            Self::TimedOut => "transport.timed_out",
            Self::TooLarge => "transport.too_large",
            Self::Forbidden => "transport.forbidden",
            Self::Encoded => "transport.encoded",
            Self::Protocol => "transport.protocol",
        }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.0.message, self.code())
    }
}

impl fmt::Debug for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportError")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("unsent", &self.0.unsent)
            .field("source", &self.0.source)
            .finish()
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// The first `T` in `error`'s chain. An `io::Error` is looked into, since its `source` skips what it wraps.
pub(super) fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_found_below_others() {
        let inner = TransportError::new(TransportErrorKind::TimedOut, "login.example.com:443 took too long");
        let wrapped = io::Error::other(io::Error::other(inner));
        let found = TransportError::find(&wrapped).unwrap();
        assert_eq!(found.to_string(), "login.example.com:443 took too long [transport.timed_out]");
        assert!(!found.is_unsent());
        assert!(TransportError::find(&io::Error::other("x")).is_none());
    }

    #[test]
    fn codes_are_distinct() {
        let mut codes: Vec<_> = TransportErrorKind::ALL.iter().map(|kind| kind.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), TransportErrorKind::ALL.len());
    }
}
