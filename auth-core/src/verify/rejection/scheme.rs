/// A kind of credential that a caller may try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// A token in `Authorization: Bearer` (RFC 6750).
    Bearer,
    /// A token in `Authorization: DPoP`, with a proof that its sender holds the token's key (RFC 9449).
    Dpop,
    /// A user-id and a password in `Authorization: Basic` (RFC 7617).
    Basic,
    /// An API key, in a header or a scheme of its own.
    ApiKey,
}

impl Scheme {
    /// The name in lower case: `bearer`, `dpop`, `basic` or `api_key`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Dpop => "dpop",
            Self::Basic => "basic",
            Self::ApiKey => "api_key",
        }
    }

    /// Whether the credential is an access token: a plain one, or one with a proof.
    #[must_use]
    pub fn is_token(self) -> bool {
        matches!(self, Self::Bearer | Self::Dpop)
    }
}
