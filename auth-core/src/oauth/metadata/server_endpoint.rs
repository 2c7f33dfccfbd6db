/// An endpoint that an authorization server's metadata can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServerEndpoint {
    /// Where users are sent (RFC 6749 section 3.1).
    Authorization,
    /// Where grants are exchanged for tokens (RFC 6749 section 3.2).
    Token,
    /// Where the server's keys are.
    Keys,
    /// Where clients register (RFC 7591).
    Registration,
    /// Where tokens are revoked (RFC 7009).
    Revocation,
    /// Where tokens are looked up (RFC 7662).
    Introspection,
    /// Where device codes come from (RFC 8628).
    DeviceAuthorization,
    /// Where authorization requests are pushed to (RFC 9126).
    PushedAuthorization,
}

impl ServerEndpoint {
    /// Every endpoint.
    pub const ALL: &'static [Self] = &[
        Self::Authorization,
        Self::Token,
        Self::Keys,
        Self::Registration,
        Self::Revocation,
        Self::Introspection,
        Self::DeviceAuthorization,
        Self::PushedAuthorization,
    ];

    /// The member of the metadata that holds its URL.
    #[must_use]
    pub fn member(self) -> &'static str {
        match self {
            Self::Authorization => "authorization_endpoint",
            Self::Token => "token_endpoint",
            Self::Keys => "jwks_uri",
            Self::Registration => "registration_endpoint",
            Self::Revocation => "revocation_endpoint",
            Self::Introspection => "introspection_endpoint",
            Self::DeviceAuthorization => "device_authorization_endpoint",
            Self::PushedAuthorization => "pushed_authorization_request_endpoint",
        }
    }
}
