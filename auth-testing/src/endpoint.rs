/// An endpoint of a test server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// The token endpoint (RFC 6749 section 3.2).
    Token,
    /// The key set (RFC 7517).
    Jwks,
    /// Authorization server metadata (RFC 8414).
    OAuthMetadata,
    /// OpenID provider metadata.
    OpenIdMetadata,
    /// Introspection (RFC 7662).
    Introspection,
    /// Revocation (RFC 7009).
    Revocation,
    /// Everything at a [`ResourceServer`](crate::ResourceServer).
    Resource,
    /// A path at an authorization server that it does not have.
    Unknown,
}

impl Endpoint {
    pub(crate) const COUNT: usize = 8;

    pub(crate) fn index(self) -> usize {
        match self {
            Self::Token => 0,
            Self::Jwks => 1,
            Self::OAuthMetadata => 2,
            Self::OpenIdMetadata => 3,
            Self::Introspection => 4,
            Self::Revocation => 5,
            Self::Resource => 6,
            Self::Unknown => 7,
        }
    }
}
