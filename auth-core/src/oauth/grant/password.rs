use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::options::{grant_options, refresh_options, request_options};
use super::renewal::{Grantor, Renewal};
use super::terms::{Agreed, Terms};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::oauth::builder::OAuthClientBuilder;
use crate::oauth::endpoints::Target;
use crate::oauth::request::{Grant, Params};
use crate::oauth::{ClientAuth, OAuthClient};
use crate::{
    MonotonicTime, RefreshCause, Secret, SourceRequest, TokenError, TokenErrorKind, TokenResponse, TokenSource,
};

/// The password grant (RFC 6749 section 4.3). Legacy: use it only where a server offers nothing else.
///
/// The program sees the password of a person, which no other grant needs; with a second factor it does not work at all. RFC 9700 section
/// 2.4 forbids it. For a machine's own account use [`ClientCredentials`](crate::ClientCredentials).
///
/// ```
/// use tower_auth_core::Password;
///
/// # #[cfg(feature = "http")] {
/// let tokens = Password::new("https://login.example.com/oauth/token", "orders", "correct horse", "johndoe", "A3ddj3w")
///     .cached()?;
/// # }
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
///
/// User name and password are dropped and wiped as soon as tokens arrive (section 4.3.1); the refresh token that came along serves from then
/// on. If none came, or it is refused, access must be granted again, unless [`keep_password`](Self::keep_password) was set.
#[derive(Clone)]
#[must_use = "a description does nothing before `build`"]
pub struct Password {
    terms: Terms,
    username: Secret,
    password: Secret,
    keep: bool,
}

/// Obtains tokens by password, and then by refresh token: a source for a [`TokenCache`](crate::TokenCache).
///
/// # Clone
/// Clones share everything.
#[derive(Clone)]
pub struct PasswordSource(Arc<Renewal<PasswordGrantor>>);

struct PasswordGrantor {
    agreed: Agreed,
    /// The parameters with user name and password, until tokens have come.
    params: Mutex<Option<Params>>,
    keep: bool,
}

impl PasswordGrantor {
    fn params(&self) -> MutexGuard<'_, Option<Params>> {
        self.params.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Grantor for PasswordGrantor {
    async fn obtain(&self, _: &SourceRequest) -> Result<TokenResponse, TokenError> {
        let Some(params) = self.params().clone() else {
            return Err(TokenError::new(
                TokenErrorKind::Refused,
                "the password was dropped when tokens came: access must be granted again",
            ));
        };
        let grant = Grant {
            name: "password",
            target: Target::Token,
            grant_type: Some("password"),
            scope: &self.agreed.scope,
            params,
            keep_refresh_token: true,
            single_use: false,
        };
        self.agreed.client.exchange(grant).await
    }

    fn is_repeatable(&self) -> bool {
        self.params().is_some()
    }

    fn settle(&self) {
        if !self.keep {
            *self.params() = None;
        }
    }
}

impl Password {
    /// A user of the confidential client `id`, at the token endpoint `token_url`.
    pub fn new(
        token_url: impl Into<String>,
        id: impl Into<String>,
        secret: impl Into<Secret>,
        username: impl Into<Secret>,
        password: impl Into<Secret>,
    ) -> Self {
        Self::over(OAuthClient::builder(id).token_endpoint(token_url).secret(secret), username, password)
    }

    /// A user of the client `id`, which has no secret.
    pub fn public(
        token_url: impl Into<String>,
        id: impl Into<String>,
        username: impl Into<Secret>,
        password: impl Into<Secret>,
    ) -> Self {
        let client = OAuthClient::builder(id).token_endpoint(token_url).client_auth(ClientAuth::None);
        Self::over(client, username, password)
    }

    /// A user of a described client.
    pub fn over(client: OAuthClientBuilder, username: impl Into<Secret>, password: impl Into<Secret>) -> Self {
        Self { terms: Terms::over(client), username: username.into(), password: password.into(), keep: false }
    }

    /// Keeps the password in memory, to grant access again when there is no refresh token or it is refused.
    ///
    /// # Security
    /// Against RFC 6749 section 4.3.1. For accounts of machines, at servers that give no refresh token.
    pub fn keep_password(mut self) -> Self {
        self.keep = true;
        self
    }

    /// The source of tokens.
    ///
    /// # Errors
    /// Those of [`OAuthClientBuilder::build`], and when
    /// - user name or password are empty,
    /// - a scope or a resource breaks its grammar,
    /// - an extra parameter repeats one of this grant.
    pub fn build(self) -> Result<PasswordSource, ConfigError> {
        for (what, text) in [("user name", &self.username), ("password", &self.password)] {
            if text.is_empty() {
                return Err(ConfigError::new(ConfigErrorKind::MissingSecret, format!("the {what} is empty")));
            }
        }
        let agreed = self.terms.agree(&["username", "password"])?;
        let mut params = Params::default();
        params.push("username", self.username);
        params.push("password", self.password);
        params.extend(&agreed.params);
        let grantor = PasswordGrantor { agreed: agreed.clone(), params: Mutex::new(Some(params)), keep: self.keep };
        Ok(PasswordSource(Arc::new(Renewal::new(agreed, grantor))))
    }
}

grant_options!(Password, PasswordSource);
request_options!(Password);
refresh_options!(Password);

impl PasswordSource {
    /// Exchanges the password or, from the second time on, the newest refresh token.
    ///
    /// # Errors
    /// What the endpoint or the way to it objected to; see [`TokenError::kind`].
    ///
    /// # Cancel safety
    /// If the future is dropped after the request has left, a refresh token may be spent: it is not sent again. Prefer a cache, whose
    /// exchanges nobody drops.
    pub async fn request_token(&self) -> Result<TokenResponse, TokenError> {
        self.0.fetch(&SourceRequest::new(RefreshCause::First, None, MonotonicTime::NEVER)).await
    }

    fn client(&self) -> &OAuthClient {
        self.0.client()
    }
}

impl TokenSource for PasswordSource {
    async fn fetch(&self, request: SourceRequest) -> Result<TokenResponse, TokenError> {
        self.0.fetch(&request).await
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Password").field("terms", &self.terms).field("keep", &self.keep).finish_non_exhaustive()
    }
}

impl fmt::Debug for PasswordSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordSource").field("client", self.client()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // R6749-4.3a
    #[test]
    fn the_password_is_dropped_once_tokens_have_come_unless_it_is_to_be_kept() {
        for keep in [false, true] {
            let client = OAuthClient::builder("orders").token_endpoint("https://a.example").secret("s");
            let http = crate::HttpClient::new(NoHttp);
            let mut grant = Password::over(client, "johndoe", "A3ddj3w").http_client(http);
            grant.keep = keep;
            let source = grant.build().unwrap();
            let grantor = &source.0.grantor;
            // The only copies are these: what is dropped here is wiped.
            assert!(grantor.params().as_ref().is_some_and(|params| params.has("password")));
            grantor.settle();
            assert_eq!(grantor.is_repeatable(), keep);
            assert_eq!(grantor.params().is_some(), keep);
        }
    }

    #[derive(Clone)]
    struct NoHttp;

    impl tower_service::Service<http::Request<bytes::Bytes>> for NoHttp {
        type Response = http::Response<bytes::Bytes>;
        type Error = std::convert::Infallible;
        type Future = std::future::Pending<Result<Self::Response, Self::Error>>;

        fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
            std::task::Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: http::Request<bytes::Bytes>) -> Self::Future {
            std::future::pending()
        }
    }
}
