use std::fmt;

use super::ProtectedResourceMetadata;
use super::issuer_clients::IssuerClient;
#[cfg(feature = "authorization-code")]
use crate::TokenResponse;
#[cfg(feature = "authorization-code")]
use crate::oauth::{AuthorizationCode, AuthorizationRequest};
use crate::oauth::{ClientCredentials, OAuthClient};

/// A protected resource, its authorization server, and our client there. Made by
/// [`ResourceDiscovery::discover`](crate::ResourceDiscovery::discover).
///
/// Grants that are made by it ask for tokens for this resource (`resource`, RFC 8707), so that no other one can use them.
///
/// # Clone
/// Clones share the client.
#[derive(Clone)]
pub struct DiscoveredResource {
    pub(super) metadata: ProtectedResourceMetadata,
    pub(super) issuer: String,
    pub(super) client: IssuerClient,
    pub(super) scopes: Vec<String>,
}

impl DiscoveredResource {
    /// The resource identifier. Together with [`issuer`](Self::issuer) it is what stored tokens are to be kept under.
    #[must_use]
    pub fn resource(&self) -> &str {
        self.metadata.resource()
    }

    /// The issuer of the authorization server.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Our client at that server: for whatever has no method here. Its requests name no resource by themselves.
    #[must_use]
    pub fn client(&self) -> &OAuthClient {
        &self.client.client
    }

    /// What the resource says of itself.
    #[must_use]
    pub fn metadata(&self) -> &ProtectedResourceMetadata {
        &self.metadata
    }

    /// The scopes that the challenge asked for; without these, all that the resource lists.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// A grant in the client's own name. It asks for no scopes by itself.
    pub fn client_credentials(&self) -> ClientCredentials {
        ClientCredentials::over(self.client.builder.clone()).resource(self.resource())
    }

    /// A request for a user's authorization. It asks for no scopes by itself.
    ///
    /// ```no_run
    /// # async fn example(api: tower_auth_core::DiscoveredResource, callback: tower_auth_core::AuthorizationCallback)
    /// # -> Result<(), Box<dyn std::error::Error>> {
    /// let started = api.authorization_request("https://app.example.com/callback").scopes(api.scopes()).start().await?;
    /// // The user is sent to `started.url` and comes back.
    /// let response = started.transaction.finish(api.client(), &callback).await?;
    /// let tokens = api.authorization_code(response).cached()?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "authorization-code")]
    pub fn authorization_request(&self, redirect_uri: impl Into<String>) -> AuthorizationRequest {
        AuthorizationRequest::new(self.client(), redirect_uri).resource(self.resource())
    }

    /// The tokens of a finished authorization, whose refreshes are for the resource too.
    #[cfg(feature = "authorization-code")]
    pub fn authorization_code(&self, response: TokenResponse) -> AuthorizationCode {
        AuthorizationCode::new(self.client(), response).resource(self.resource())
    }
}

impl fmt::Debug for DiscoveredResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiscoveredResource")
            .field("resource", &self.resource())
            .field("issuer", &self.issuer)
            .field("client", &self.client.client)
            .field("scopes", &self.scopes)
            .finish()
    }
}
