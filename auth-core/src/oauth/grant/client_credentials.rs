use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::terms::check_resource;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::http::{Dangerous, HttpClient};
use crate::oauth::builder::OAuthClientBuilder;
use crate::oauth::endpoints::Target;
use crate::oauth::request::{Grant, Params, repeated};
use crate::oauth::{BodyFormat, ClientAuth, OAuthClient};
use crate::{
    Clock, Lifetime, ScopeSet, Secret, SourceRequest, TokenCache, TokenCacheBuilder, TokenError, TokenResponse,
    TokenSource,
};

/// The client credentials grant (RFC 6749 section 4.4): a service gets tokens in its own name.
///
/// ```
/// use tower_auth_core::{ClientAuth, ClientCredentials, Secret};
///
/// # #[cfg(feature = "http")] {
/// let secret = Secret::from("correct horse");
/// let tokens = ClientCredentials::new("https://login.example.com/oauth/token", "orders", secret)
///     .scopes(["orders:read"])
///     .client_auth(ClientAuth::Body)
///     .cached()?;
/// # }
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
///
/// To set options of the cache, build the source first:
///
/// ```
/// use std::time::Duration;
/// use tower_auth_core::ClientCredentials;
///
/// # #[cfg(feature = "http")] {
/// let source = ClientCredentials::new("https://login.example.com/oauth/token", "orders", "correct horse").build()?;
/// let tokens = source.cache_builder().refresh_margin(Duration::from_secs(120)).build()?;
/// # }
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use = "a description does nothing before `build`"]
pub struct ClientCredentials {
    client: OAuthClientBuilder,
    scopes: Vec<String>,
    resources: Vec<String>,
    audience: Option<String>,
    grant_type: Option<String>,
    default_lifetime: Option<Duration>,
}

/// Obtains tokens by the client credentials grant: a source for a [`TokenCache`].
///
/// # Clone
/// Clones share everything.
#[derive(Clone)]
pub struct ClientCredentialsSource(Arc<Inner>);

struct Inner {
    client: OAuthClient,
    scope: ScopeSet,
    params: Params,
    grant_type: Option<String>,
    default_lifetime: Option<Duration>,
}

impl ClientCredentials {
    /// A grant at the token endpoint `token_url`, for the client `id`. Mistakes are found by [`build`](Self::build).
    pub fn new(token_url: impl Into<String>, id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        Self::over(OAuthClient::builder(id).token_endpoint(token_url).secret(secret))
    }

    /// A grant over a described client.
    pub fn over(client: OAuthClientBuilder) -> Self {
        Self {
            client,
            scopes: Vec::new(),
            resources: Vec::new(),
            audience: None,
            grant_type: Some("client_credentials".to_owned()),
            default_lifetime: None,
        }
    }

    /// Changes an option of the client that has no method here.
    ///
    /// ```
    /// # use tower_auth_core::ClientCredentials;
    /// let tokens = ClientCredentials::new("https://login.example.com/token", "orders", "correct horse")
    ///     .configure(|client| client.scope_separator(',').skip_empty());
    /// ```
    pub fn configure(mut self, change: impl FnOnce(OAuthClientBuilder) -> OAuthClientBuilder) -> Self {
        self.client = change(self.client);
        self
    }

    /// Asks for scopes. Without any the parameter is left out.
    pub fn scopes<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// How the client proves who it is. Default [`ClientAuth::Basic`].
    pub fn client_auth(self, auth: ClientAuth) -> Self {
        self.configure(|client| client.client_auth(auth))
    }

    /// Writes the request as a JSON object.
    pub fn json_body(self) -> Self {
        self.configure(|client| client.body_format(BodyFormat::Json))
    }

    /// Adds a parameter to the token request. Its value is held as a secret.
    pub fn param(self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.configure(|client| client.param(name, value))
    }

    /// Says for whom the token is, by the parameter `audience` that several servers know.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Says for which resource the token is (RFC 8707): an absolute URI without fragment, sent byte for byte as it is.
    /// May be repeated.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resources.push(resource.into());
        self
    }

    /// Sends another `grant_type` than `client_credentials`.
    pub fn grant_type(mut self, grant_type: impl Into<String>) -> Self {
        self.grant_type = Some(grant_type.into());
        self
    }

    /// Sends no `grant_type`, for servers that know one grant only.
    pub fn omit_grant_type(mut self) -> Self {
        self.grant_type = None;
        self
    }

    /// How long a token lives if the answer does not say.
    pub fn default_lifetime(mut self, lifetime: Duration) -> Self {
        self.default_lifetime = Some(lifetime);
        self
    }

    /// Sends requests by `http`.
    pub fn http_client(self, http: HttpClient) -> Self {
        self.configure(|client| client.http_client(http))
    }

    /// Takes the time from `clock`; the cache of [`cached`](Self::cached) does too.
    pub fn clock(self, clock: Clock) -> Self {
        self.configure(|client| client.clock(clock))
    }

    /// Allows a token endpoint over plain `http` on a literal loopback address (`127.0.0.0/8`, `[::1]`).
    pub fn allow_loopback_http(self) -> Self {
        self.configure(OAuthClientBuilder::allow_loopback_http)
    }

    /// Options that weaken the protection.
    pub fn dangerous(self) -> Dangerous<Self> {
        Dangerous::new(self)
    }

    /// A cache over the source, with every default of [`ClientCredentialsSource::cache_builder`]. Spawns nothing and asks nobody:
    /// the first request, or [`TokenCache::ready`], does.
    ///
    /// # Errors
    /// Those of [`build`](Self::build).
    pub fn cached(self) -> Result<TokenCache, ConfigError> {
        self.build()?.cache_builder().build()
    }

    /// The source of tokens.
    ///
    /// # Errors
    /// Those of [`OAuthClientBuilder::build`], and when
    /// - a scope or a resource breaks its grammar,
    /// - an extra parameter repeats `audience` or `resource`,
    /// - the client has no credential: this grant is for confidential clients only (RFC 6749 section 4.4).
    pub fn build(self) -> Result<ClientCredentialsSource, ConfigError> {
        let scope = ScopeSet::new(&self.scopes)?;
        let mut params = Params::default();
        if let Some(audience) = self.audience {
            params.push("audience", audience);
        }
        for resource in self.resources {
            check_resource(&resource)?;
            params.push("resource", resource);
        }
        let client = self.client.build()?;
        if client.auth() == ClientAuth::None {
            return Err(invalid("the client credentials grant needs an authentication method"));
        }
        if let Some(name) = params.names().find(|name| client.has_param(name)) {
            return Err(repeated(name));
        }
        Ok(ClientCredentialsSource(Arc::new(Inner {
            client,
            scope,
            params,
            grant_type: self.grant_type,
            default_lifetime: self.default_lifetime,
        })))
    }
}

impl Dangerous<ClientCredentials> {
    /// Allows plain `http` to `origin` (`http://host[:port]`), where something else protects the way, such as a service
    /// mesh. It is logged when the source is built.
    ///
    /// # Security
    /// The client's secret and the tokens cross the network as they are.
    pub fn allow_plaintext(self, origin: impl Into<String>) -> ClientCredentials {
        self.into_inner().configure(|client| client.dangerous().allow_plaintext(origin))
    }
}

impl ClientCredentialsSource {
    /// Describes a cache over this source: named after the host of the token endpoint, on the client's clock, and with the client's
    /// DPoP key if it has one.
    pub fn cache_builder(&self) -> TokenCacheBuilder {
        self.0.client.cache_builder(self.clone())
    }

    /// Asks the token endpoint for a token, once. A refresh token in the answer is dropped: the grant itself is the way to the next
    /// token (RFC 6749 section 4.4.3).
    ///
    /// # Errors
    /// What the endpoint or the way to it objected to; see [`TokenError::kind`].
    ///
    /// # Cancel safety
    /// Dropping the future gives the request up; nothing single-use is lost by that.
    pub async fn request_token(&self) -> Result<TokenResponse, TokenError> {
        let inner = &*self.0;
        let grant = Grant {
            name: "client_credentials",
            target: Target::Token,
            grant_type: inner.grant_type.as_deref(),
            scope: &inner.scope,
            params: inner.params.clone(),
            keep_refresh_token: false,
            single_use: false,
        };
        let response = inner.client.exchange(grant).await?;
        Ok(match (response.lifetime(), inner.default_lifetime) {
            (Lifetime::Unknown, Some(lifetime)) => response.expires_in(lifetime),
            _ => response,
        })
    }
}

impl TokenSource for ClientCredentialsSource {
    /// As [`request_token`](ClientCredentialsSource::request_token): neither the cause nor the previous response changes the request.
    async fn fetch(&self, _: SourceRequest) -> Result<TokenResponse, TokenError> {
        self.request_token().await
    }
}

fn invalid(message: &str) -> ConfigError {
    ConfigError::new(ConfigErrorKind::InvalidOption, message)
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials")
            .field("client", &self.client)
            .field("scopes", &self.scopes)
            .field("resources", &self.resources)
            .field("audience", &self.audience)
            .field("grant_type", &self.grant_type)
            .field("default_lifetime", &self.default_lifetime)
            .finish()
    }
}

impl fmt::Debug for ClientCredentialsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentialsSource")
            .field("client", &self.0.client)
            .field("scope", &self.0.scope)
            .finish_non_exhaustive()
    }
}
