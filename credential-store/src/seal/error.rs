use std::fmt;

use crate::keys::HeaderFault;

/// Why a sealed cell cannot be opened. It holds nothing of what is sealed, nor of what it is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SealError(SealErrorKind);

/// What kind of failure a [`SealError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SealErrorKind {
    /// The bytes were changed, come from another place, or were sealed with another key.
    Damaged,
    /// A newer version of this crate wrote them.
    TooNew,
    /// They are too short, or no sealed cell at all.
    Malformed,
}

impl SealError {
    #[cfg_attr(not(test), allow(dead_code, reason = "tests alone use it"))]
    pub(crate) fn kind(self) -> SealErrorKind {
        self.0
    }

    /// The stable code of the kind, as listed in `docs/errors.md`.
    pub(crate) fn code(self) -> &'static str {
        self.0.code()
    }
}

impl SealErrorKind {
    /// Every kind, for documentation and tests.
    #[cfg_attr(not(test), allow(dead_code, reason = "tests alone use it"))]
    pub(crate) const ALL: &'static [Self] = &[Self::Damaged, Self::TooNew, Self::Malformed];

    /// The stable code, as listed in `docs/errors.md`.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Damaged => "seal.damaged",
            Self::TooNew => "seal.too_new",
            Self::Malformed => "seal.malformed",
        }
    }
}

impl From<SealErrorKind> for SealError {
    fn from(kind: SealErrorKind) -> Self {
        Self(kind)
    }
}

impl From<HeaderFault> for SealError {
    fn from(fault: HeaderFault) -> Self {
        Self(match fault {
            HeaderFault::Malformed => SealErrorKind::Malformed,
            HeaderFault::TooNew => SealErrorKind::TooNew,
        })
    }
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = match self.0 {
            SealErrorKind::Damaged => "what is stored was changed, moved, or sealed with another key",
            SealErrorKind::TooNew => "what is stored was written by a newer version",
            SealErrorKind::Malformed => "what is stored was cut, or was never sealed",
        };
        write!(f, "{message} [{}]", self.code())
    }
}

impl std::error::Error for SealError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_a_code_and_says_it() {
        for kind in SealErrorKind::ALL {
            let error = SealError::from(*kind);
            assert_eq!(error.kind(), *kind);
            assert!(error.to_string().ends_with(&format!(" [{}]", error.code())), "{error}");
        }
    }
}
