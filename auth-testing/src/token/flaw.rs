/// One thing that is wrong with a token, everything else being right. For [`Mint::flaw`](crate::Mint::flaw).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Flaw {
    /// It ended an hour ago.
    Expired,
    /// It begins in an hour (`nbf`).
    NotYetValid,
    /// It has no `exp`.
    NoExpiry,
    /// It is for another audience.
    WrongAudience,
    /// It has no `aud`.
    NoAudience,
    /// It names another issuer.
    WrongIssuer,
    /// It has no `iss`.
    NoIssuer,
    /// Its `typ` is that of another kind of token.
    WrongType,
    /// It is signed by another key than the one it names.
    WrongKey,
    /// It is signed by a key that is not in the key set, and names that one.
    UnknownKey,
    /// Its `alg` is `none` and its signature empty.
    Unsigned,
    /// A bit of its signature is changed.
    TamperedSignature,
    /// Its claims were changed after it was signed.
    TamperedClaims,
    /// Its header has a critical extension that nobody knows (RFC 7515 section 4.1.11).
    UnknownCritical,
    /// It names `sub` twice.
    DuplicateClaim,
}

impl Flaw {
    /// Every flaw, for tests that refuse them all.
    pub const ALL: &'static [Self] = &[
        Self::Expired,
        Self::NotYetValid,
        Self::NoExpiry,
        Self::WrongAudience,
        Self::NoAudience,
        Self::WrongIssuer,
        Self::NoIssuer,
        Self::WrongType,
        Self::WrongKey,
        Self::UnknownKey,
        Self::Unsigned,
        Self::TamperedSignature,
        Self::TamperedClaims,
        Self::UnknownCritical,
        Self::DuplicateClaim,
    ];
}
