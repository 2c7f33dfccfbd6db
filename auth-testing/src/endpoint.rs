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
    /// The authorization endpoint (RFC 6749 section 3.1).
    Authorization,
    /// Pushed authorization requests (RFC 9126).
    PushedAuthorization,
    /// The device authorization endpoint (RFC 8628 section 3.1).
    DeviceAuthorization,
    /// The page at which the user of a device enters the user code.
    Activation,
    /// The client registration endpoint (RFC 7591).
    Registration,
    /// Everything at a [`ResourceServer`](crate::ResourceServer) but its metadata, everything at an [`ApiKeyProvider`](crate::ApiKeyProvider), and the API of
    /// an authorization server that [has one](crate::AuthorizationServerBuilder::account_api).
    Resource,
    /// The metadata of a resource server (RFC 9728).
    ResourceMetadata,
    /// A path at an authorization server that it does not have.
    Unknown,
}

impl Endpoint {
    pub(crate) const COUNT: usize = Self::Unknown as usize + 1;

    pub(crate) fn index(self) -> usize {
        self as usize
    }
}
