use super::OAuthClientBuilder;
use crate::oauth::endpoints::Target;

/// Where the authorization server is.
impl OAuthClientBuilder {
    /// The issuer identifier of the authorization server: its `https` URL as its metadata has it, character by character.
    ///
    /// Endpoints that are not configured here are taken from the issuer's metadata (RFC 8414, OpenID Connect Discovery). It is
    /// fetched when it is first needed, by the client's [HTTP client](Self::http_client) or else a default transport, and kept for
    /// an hour; if it cannot be had again after that, what is known goes on being used.
    ///
    /// ```
    /// use tower_auth_core::{ClientCredentials, OAuthClient};
    ///
    /// # #[cfg(feature = "http")] {
    /// let client = OAuthClient::builder("orders").secret("correct horse").issuer("https://login.example.com");
    /// let tokens = ClientCredentials::over(client).scopes(["orders:read"]).cached()?;
    /// # }
    /// # Ok::<(), tower_auth_core::ConfigError>(())
    /// ```
    ///
    /// # Security
    /// The document must be the issuer's by its own `issuer`, code point by code point, and its endpoints on the issuer's origin or on
    /// one that was [allowed](Self::allow_endpoint_origin).
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Allows endpoints in the issuer's metadata to be on `origin` (`https://host[:port]`) too. May be repeated.
    ///
    /// # Security
    /// The client's secret and its tokens are sent there if the metadata says so.
    pub fn allow_endpoint_origin(mut self, origin: impl Into<String>) -> Self {
        self.endpoint_origins.push(origin.into());
        self
    }

    /// The URL of the token endpoint. A query in it is kept; a fragment and user information are refused.
    pub fn token_endpoint(self, url: impl Into<String>) -> Self {
        self.endpoint(Target::Token, url)
    }

    /// Where refresh tokens are spent, if not at the token endpoint.
    pub fn refresh_endpoint(self, url: impl Into<String>) -> Self {
        self.endpoint(Target::Refresh, url)
    }

    /// Where users are sent to grant access (RFC 6749 section 3.1). A query in it is kept.
    pub fn authorization_endpoint(self, url: impl Into<String>) -> Self {
        self.endpoint(Target::Authorization, url)
    }

    /// Where device codes come from (RFC 8628 section 3.1).
    pub fn device_authorization_endpoint(self, url: impl Into<String>) -> Self {
        self.endpoint(Target::DeviceAuthorization, url)
    }

    /// Where authorization requests are pushed to before the user is sent (RFC 9126).
    pub fn pushed_authorization_request_endpoint(self, url: impl Into<String>) -> Self {
        self.endpoint(Target::PushedAuthorization, url)
    }

    /// Where tokens are revoked (RFC 7009).
    pub fn revocation_endpoint(self, url: impl Into<String>) -> Self {
        self.endpoint(Target::Revocation, url)
    }

    /// Where tokens are looked up (RFC 7662): [`OAuthClient::introspect`](crate::OAuthClient::introspect). A client that has this
    /// endpoint alone needs no token endpoint.
    pub fn introspection_endpoint(self, url: impl Into<String>) -> Self {
        self.endpoint(Target::Introspection, url)
    }

    fn endpoint(mut self, target: Target, url: impl Into<String>) -> Self {
        self.endpoints.push((target, url.into()));
        self
    }
}
