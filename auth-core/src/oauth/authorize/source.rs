use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::ConfigError;
use crate::oauth::grant::{Agreed, FirstResponse, Received, Renewal, check_resource};
use crate::oauth::request::{Params, repeated};
use crate::oauth::{OAuthClient, Rotation};
use crate::{ScopeSet, SourceRequest, TokenCache, TokenCacheBuilder, TokenError, TokenResponse, TokenSource};

/// The tokens of a finished authorization, kept alive by the refresh token that came with them (RFC 6749 section 6).
///
/// ```
/// use tower_auth_core::{AuthorizationCode, BoxError, ConfigError, OAuthClient, TokenCache, TokenResponse};
///
/// # async fn store(_: &TokenResponse) -> Result<(), BoxError> { Ok(()) }
/// fn kept(client: &OAuthClient, response: TokenResponse) -> Result<TokenCache, ConfigError> {
///     let source = AuthorizationCode::new(client, response).build()?;
///     // Most providers give a new refresh token with each answer: without this step it is lost when the process ends.
///     source.cache_builder().persist(|response| async move { store(&response).await }).build()
/// }
/// ```
///
/// After a restart [`RefreshToken`](crate::RefreshToken) goes on with what was stored. Without a refresh token the access token serves to its
/// end; then a [`Refused`](crate::TokenErrorKind::Refused) error says that the user has to be sent again.
#[derive(Clone)]
#[must_use = "a description does nothing before `build`"]
pub struct AuthorizationCode {
    client: OAuthClient,
    received: Received,
    resources: Vec<String>,
    default_lifetime: Option<Duration>,
    rotation: Rotation,
    reuse_grace: Duration,
}

/// Gives the tokens of an authorization, and later those of its refresh token: a source for a [`TokenCache`].
///
/// # Clone
/// Clones share everything, the newest refresh token included.
#[derive(Clone)]
pub struct AuthorizationCodeSource(Arc<Renewal<FirstResponse>>);

impl AuthorizationCode {
    /// Over the client that finished the authorization, with what it got. Call it at once: the lifetime of the token is counted from
    /// here.
    pub fn new(client: &OAuthClient, response: TokenResponse) -> Self {
        Self {
            client: client.clone(),
            received: Received::new(response, &client.clock()),
            resources: Vec::new(),
            default_lifetime: None,
            rotation: Rotation::default(),
            reuse_grace: Duration::ZERO,
        }
    }

    /// A resource of the request (RFC 8707), which refreshes repeat. May be repeated.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resources.push(resource.into());
        self
    }

    /// How long a token lives if the answer does not say.
    pub fn default_lifetime(mut self, lifetime: Duration) -> Self {
        self.default_lifetime = Some(lifetime);
        self
    }

    /// What the provider does with a refresh token that was used. Default [`Rotation::Unknown`].
    pub fn rotation(mut self, rotation: Rotation) -> Self {
        self.rotation = rotation;
        self
    }

    /// How long after a lost answer the provider takes the same refresh token once more. Default zero: never.
    ///
    /// # Security
    /// Set it only as long as the provider documents. A server that does not know such a grace takes the second attempt for
    /// theft and ends the whole grant (RFC 9700 section 4.14.2).
    pub fn reuse_grace(mut self, grace: Duration) -> Self {
        self.reuse_grace = grace;
        self
    }

    /// A cache over the source, with every default of [`AuthorizationCodeSource::cache_builder`].
    ///
    /// # Errors
    /// Those of [`build`](Self::build).
    pub fn cached(self) -> Result<TokenCache, ConfigError> {
        self.build()?.cache_builder().build()
    }

    /// The source of tokens.
    ///
    /// # Errors
    /// When a resource breaks its grammar, or an extra parameter of refreshes repeats it.
    pub fn build(self) -> Result<AuthorizationCodeSource, ConfigError> {
        let mut resources = Params::default();
        for resource in &self.resources {
            check_resource(resource)?;
            resources.push("resource", resource.as_str());
        }
        if let Some(name) = resources.names().find(|name| self.client.0.refresh_params.has(name)) {
            return Err(repeated(name));
        }
        let first = FirstResponse::new(self.received, self.client.clock());
        let agreed = Agreed {
            client: self.client,
            scope: ScopeSet::default(),
            params: resources.clone(),
            resources,
            default_lifetime: self.default_lifetime,
            rotation: self.rotation,
            reuse_grace: self.reuse_grace,
        };
        Ok(AuthorizationCodeSource(Arc::new(Renewal::new(agreed, first))))
    }
}

impl AuthorizationCodeSource {
    /// Describes a cache over this source: named after the host of the token endpoint, on the client's clock, and with the client's
    /// DPoP key if it has one.
    pub fn cache_builder(&self) -> TokenCacheBuilder {
        self.0.client().cache_builder(self.clone())
    }
}

impl TokenSource for AuthorizationCodeSource {
    async fn fetch(&self, request: SourceRequest) -> Result<TokenResponse, TokenError> {
        self.0.fetch(&request).await
    }
}

impl fmt::Debug for AuthorizationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationCode").field("client", &self.client).finish_non_exhaustive()
    }
}

impl fmt::Debug for AuthorizationCodeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationCodeSource").field("client", self.0.client()).finish_non_exhaustive()
    }
}
