use std::fmt;
use std::sync::Arc;

use super::options::{grant_options, refresh_options};
use super::renewal::{Grantor, Renewal};
use super::terms::Terms;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::oauth::builder::OAuthClientBuilder;
use crate::oauth::request::repeated;
use crate::oauth::{ClientAuth, OAuthClient};
use crate::{
    MonotonicTime, RefreshCause, ScopeSet, Secret, SourceRequest, TokenError, TokenErrorKind, TokenResponse,
    TokenSource,
};

/// Access that was granted before, kept alive by its refresh token (RFC 6749 section 6).
///
/// Use it where a refresh token was stored: by an earlier run, another program, a setup page. Where the program takes part
/// in the first grant, the source of that grant does the refreshes too.
///
/// ```
/// use tower_auth_core::{RefreshToken, Secret, TokenResponse};
///
/// # #[cfg(feature = "http")] {
/// # let stored = Secret::from("8xLOxBtZp8");
/// # async fn store(_: &TokenResponse) -> Result<(), tower_auth_core::BoxError> { Ok(()) }
/// let source = RefreshToken::new("https://login.example.com/oauth/token", "orders", "correct horse", stored).build()?;
/// // Most providers give a new refresh token with each answer: without this step it is lost when the process ends.
/// let tokens = source.cache_builder().persist(|response| async move { store(&response).await }).build()?;
/// # }
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
///
/// # Rotation
/// The newest refresh token is the one that is used, and by default it is sent once. If the answer to it was lost it may be spent;
/// then the error is [`Unconfirmed`](TokenErrorKind::Unconfirmed), nothing more is sent, and the access token at hand serves to its end. A
/// request that certainly never left is simply sent again. See [`rotation`](Self::rotation) and
/// [`reuse_grace`](Self::reuse_grace).
///
/// An own [`HttpClient`](crate::HttpClient) must not repeat a request that may have arrived, and says by
/// [`TransportError::unsent`](crate::TransportError::unsent) which did not.
#[derive(Clone)]
#[must_use = "a description does nothing before `build`"]
pub struct RefreshToken {
    terms: Terms,
    token: Secret,
    granted: Vec<String>,
}

/// Obtains tokens by refresh token: a source for a [`TokenCache`](crate::TokenCache).
///
/// # Clone
/// Clones share everything, the newest refresh token included.
#[derive(Clone)]
pub struct RefreshTokenSource(Arc<Renewal<NoGrantor>>);

/// There is nothing but the refresh token.
struct NoGrantor;

impl Grantor for NoGrantor {
    async fn obtain(&self, _: &SourceRequest) -> Result<TokenResponse, TokenError> {
        Err(TokenError::new(TokenErrorKind::Refused, "there is no refresh token: access must be granted again"))
    }

    fn is_repeatable(&self) -> bool {
        false
    }
}

impl RefreshToken {
    /// A refresh token of the confidential client `id`, spent at `token_url`.
    pub fn new(
        token_url: impl Into<String>,
        id: impl Into<String>,
        secret: impl Into<Secret>,
        refresh_token: impl Into<Secret>,
    ) -> Self {
        Self::over(OAuthClient::builder(id).token_endpoint(token_url).secret(secret), refresh_token)
    }

    /// A refresh token of the client `id`, which has no secret.
    pub fn public(token_url: impl Into<String>, id: impl Into<String>, refresh_token: impl Into<Secret>) -> Self {
        let client = OAuthClient::builder(id).token_endpoint(token_url).client_auth(ClientAuth::None);
        Self::over(client, refresh_token)
    }

    /// A refresh token of a described client.
    pub fn over(client: OAuthClientBuilder, refresh_token: impl Into<Secret>) -> Self {
        Self { terms: Terms::over(client), token: refresh_token.into(), granted: Vec::new() }
    }

    /// Says what was granted, so that [`scopes`](Self::scopes) is checked against it.
    pub fn granted_scopes<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.granted.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Asks for less than was granted. Without this the parameter is left out, which means all of it.
    pub fn scopes<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.terms.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// The source of tokens.
    ///
    /// # Errors
    /// Those of [`OAuthClientBuilder::build`], and when
    /// - the refresh token is empty,
    /// - a scope or a resource breaks its grammar, or a scope is beyond [what was granted](Self::granted_scopes),
    /// - an extra parameter of refreshes repeats `resource` or `scope`.
    pub fn build(self) -> Result<RefreshTokenSource, ConfigError> {
        if self.token.is_empty() {
            return Err(ConfigError::new(ConfigErrorKind::MissingSecret, "the refresh token is empty"));
        }
        let agreed = self.terms.agree(&[])?;
        let (scope, granted) = (agreed.scope.clone(), ScopeSet::new(&self.granted)?);
        if !granted.is_empty() && !granted.contains_all(&scope) {
            return Err(ConfigError::new(
                ConfigErrorKind::InvalidOption,
                "a refresh cannot ask for more scopes than were granted: access must be granted again for that",
            ));
        }
        if !scope.is_empty() && agreed.client.has_refresh_param("scope") {
            return Err(repeated("scope"));
        }
        Ok(RefreshTokenSource(Arc::new(Renewal::resumed(agreed, NoGrantor, self.token, scope))))
    }
}

grant_options!(RefreshToken, RefreshTokenSource);
refresh_options!(RefreshToken);

impl RefreshTokenSource {
    /// Spends the newest refresh token, once.
    ///
    /// # Errors
    /// What the endpoint or the way to it objected to; see [`TokenError::kind`].
    ///
    /// # Cancel safety
    /// If the future is dropped after the request has left, the refresh token may be spent: it is not sent again. Prefer a cache, whose
    /// exchanges nobody drops.
    pub async fn request_token(&self) -> Result<TokenResponse, TokenError> {
        self.0.fetch(&SourceRequest::new(RefreshCause::First, None, MonotonicTime::NEVER)).await
    }

    fn client(&self) -> &OAuthClient {
        self.0.client()
    }
}

impl TokenSource for RefreshTokenSource {
    async fn fetch(&self, request: SourceRequest) -> Result<TokenResponse, TokenError> {
        self.0.fetch(&request).await
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshToken").field("terms", &self.terms).finish_non_exhaustive()
    }
}

impl fmt::Debug for RefreshTokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshTokenSource").field("client", self.client()).finish_non_exhaustive()
    }
}
