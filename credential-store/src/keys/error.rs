use std::fmt;
use std::sync::Arc;

use tower_auth_core::BoxError;

/// Why a data key could not be wrapped or unwrapped.
///
/// ```
/// use tower_auth_store::{KeyError, KeyErrorKind};
///
/// let error = KeyError::new(KeyErrorKind::Unavailable, "the key service does not answer");
/// assert!(error.is_transient());
/// assert_eq!(error.to_string(), "the key service does not answer [key.unavailable]");
/// ```
#[derive(Clone)]
pub struct KeyError {
    kind: KeyErrorKind,
    message: Arc<str>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// What kind of failure a [`KeyError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyErrorKind {
    /// Whoever holds the keys does not answer, or asks for fewer requests.
    Unavailable,
    /// There is no key with that id here: it was taken out of the configuration too early, or the row is a foreign one.
    UnknownKey,
    /// Whoever holds the keys refuses: no permission, a disabled key, an id that cannot be stored.
    Refused,
    /// The wrapped key was cut or changed, or belongs to another credential.
    Damaged,
    /// The wrapped key was written by a newer version of this crate.
    TooNew,
}

impl KeyError {
    /// An error of `kind`, described by `message`, which must not hold a key.
    pub fn new(kind: KeyErrorKind, message: impl Into<Arc<str>>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Adds the error that caused this one.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into().into());
        self
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> KeyErrorKind {
        self.kind
    }

    /// The stable code of the kind, as listed in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }

    /// Whether asking again later, with nothing changed, may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.kind == KeyErrorKind::Unavailable
    }

    /// The error of an id that nobody here has a key for. The id comes from a row, so what it holds is written out.
    pub(crate) fn unknown_key(key_id: &str) -> Self {
        Self::new(KeyErrorKind::UnknownKey, format!("there is no key-encryption key with the id {key_id:?}"))
    }

    pub(crate) fn damaged() -> Self {
        Self::new(KeyErrorKind::Damaged, "the wrapped data key was cut or changed, or belongs elsewhere")
    }

    pub(crate) fn too_new() -> Self {
        Self::new(KeyErrorKind::TooNew, "the wrapped data key was written by a newer version")
    }
}

impl KeyErrorKind {
    /// Every kind, for documentation and tests.
    pub const ALL: &'static [Self] = &[Self::Unavailable, Self::UnknownKey, Self::Refused, Self::Damaged, Self::TooNew];

    /// The stable code, as listed in `docs/errors.md`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Unavailable => "key.unavailable",
            Self::UnknownKey => "key.unknown",
            Self::Refused => "key.refused",
            Self::Damaged => "key.damaged",
            Self::TooNew => "key.too_new",
        }
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.message, self.code())
    }
}

impl fmt::Debug for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyError")
            .field("kind", &self.kind)
            .field("message", &self.message)
            .field("source", &self.source)
            .finish()
    }
}

impl std::error::Error for KeyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_absent_provider_is_worth_another_attempt() {
        for kind in KeyErrorKind::ALL {
            let transient = KeyError::new(*kind, "x").is_transient();
            assert_eq!(transient, *kind == KeyErrorKind::Unavailable, "{kind:?}");
        }
    }

    #[test]
    fn display_says_this_step_only() {
        let error = KeyError::new(KeyErrorKind::Refused, "no").with_source(std::io::Error::other("inner"));
        assert_eq!(error.to_string(), "no [key.refused]");
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "inner");
    }

    // THREAT-T7
    #[test]
    fn an_id_from_a_row_stays_on_one_line() {
        let error = KeyError::unknown_key("a\r\n\u{1b}[31mb");
        assert_eq!(error.to_string().lines().count(), 1);
        assert!(!error.to_string().contains('\u{1b}'));
    }
}
