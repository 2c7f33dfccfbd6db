use std::borrow::Cow;
use std::fmt;

/// What kind of token is handed in or wanted in a token exchange (RFC 8693 section 3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenType(Cow<'static, str>);

impl TokenType {
    /// An OAuth access token of the same server.
    pub const ACCESS_TOKEN: Self = Self::known("urn:ietf:params:oauth:token-type:access_token");
    /// A refresh token.
    pub const REFRESH_TOKEN: Self = Self::known("urn:ietf:params:oauth:token-type:refresh_token");
    /// An ID token of OpenID Connect.
    pub const ID_TOKEN: Self = Self::known("urn:ietf:params:oauth:token-type:id_token");
    /// A JWT of any kind, also another issuer's.
    pub const JWT: Self = Self::known("urn:ietf:params:oauth:token-type:jwt");
    /// A SAML 1.1 assertion, base64url.
    pub const SAML1: Self = Self::known("urn:ietf:params:oauth:token-type:saml1");
    /// A SAML 2.0 assertion, base64url.
    pub const SAML2: Self = Self::known("urn:ietf:params:oauth:token-type:saml2");

    const fn known(uri: &'static str) -> Self {
        Self(Cow::Borrowed(uri))
    }

    /// A type of the server's own: a URI.
    #[must_use]
    pub fn other(uri: impl Into<String>) -> Self {
        Self(Cow::Owned(uri.into()))
    }

    /// The URI.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a token of this type can never be presented to an API as it is.
    pub(super) fn is_never_presented(uri: &str) -> bool {
        [Self::REFRESH_TOKEN, Self::SAML1, Self::SAML2].iter().any(|one| one.as_str() == uri)
    }
}

impl fmt::Display for TokenType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
