use std::borrow::Cow;

/// Why a proof does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProofFault {
    /// It is absent, there are several, or one of its parts is not what it must be.
    Invalid(Cow<'static, str>),
    /// It proves the possession of another key than the token's.
    OtherKey,
    /// It has no nonce of ours, or an old one.
    NonceRequired,
    /// It was used before.
    Replayed,
    /// Whether it was used before cannot be told, because too much is remembered, or too much forgotten.
    CannotRemember(&'static str),
    /// Whether it was used before cannot be told, because the store does not say so.
    StoreFailed(&'static str),
}

impl ProofFault {
    pub(super) fn invalid(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid(detail.into())
    }
}
