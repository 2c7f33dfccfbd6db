use std::sync::Arc;
use std::time::Duration;

use super::OAuthClientBuilder;
#[cfg(feature = "dpop")]
use crate::DpopKey;
#[cfg(feature = "jwt")]
use crate::jose::{Algorithm, SigningKey};
use crate::oauth::client_auth::SecretOrigin;
use crate::oauth::{AssertionAudience, BasicHalf, ClientAuth, SecretSource};
use crate::{Secret, TokenCache, TokenSource};

/// How the client proves who it is.
impl OAuthClientBuilder {
    /// How the client proves who it is. Default [`ClientAuth::Basic`].
    pub fn client_auth(mut self, auth: ClientAuth) -> Self {
        self.identity.method = auth;
        self
    }

    /// The client secret. Replaces what was given before.
    pub fn secret(self, secret: impl Into<Secret>) -> Self {
        self.secrets([secret])
    }

    /// Client secrets in the order in which they are tried: while a secret is exchanged, the new and the old one. The next is
    /// sent when the server has refused the client (`invalid_client` with status 400 or 401); the one that worked is remembered.
    /// At most eight. Replaces what was given before.
    pub fn secrets<I>(mut self, secrets: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<Secret>,
    {
        let secrets = secrets.into_iter().map(Into::into);
        self.secrets = secrets.filter(|secret: &Secret| !secret.is_empty()).map(SecretOrigin::Fixed).collect();
        self
    }

    /// Where the client secret comes from, if it may change while the program runs. Replaces what was given before.
    pub fn secret_source(mut self, source: impl SecretSource) -> Self {
        self.secrets = vec![SecretOrigin::Source(Arc::new(source))];
        self
    }

    /// What stands for the client id in a Basic pair.
    pub fn basic_user(mut self, user: BasicHalf) -> Self {
        self.identity.halves.user = user;
        self
    }

    /// What stands for the client secret in a Basic pair.
    pub fn basic_password(mut self, password: BasicHalf) -> Self {
        self.identity.halves.password = password;
        self
    }

    /// Sends Basic pairs as they are, also where the way of authentication is tried out.
    #[cfg(feature = "provider")]
    pub(crate) fn raw_basic(mut self) -> Self {
        self.identity.halves.raw = true;
        self
    }

    /// The private key of [`ClientAuth::PrivateKeyJwt`], which is chosen by this.
    ///
    /// ```
    /// use tower_auth_core::OAuthClient;
    /// use tower_auth_core::jose::{Algorithm, SigningKey};
    ///
    /// # #[cfg(feature = "http")] {
    /// let key = SigningKey::generate(Algorithm::Es256)?;
    /// let client = OAuthClient::builder("orders")
    ///     .issuer("https://login.example.com")
    ///     .private_key(key)
    ///     .key_id("2026-05")
    ///     .build()?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "jwt")]
    pub fn private_key(mut self, key: impl Into<Arc<SigningKey>>) -> Self {
        self.identity.assertion.key = Some(key.into());
        self.client_auth(ClientAuth::PrivateKeyJwt)
    }

    /// The id (`kid`) under which the server knows the key of [`private_key`](Self::private_key). Without it assertions name none.
    pub fn key_id(mut self, kid: impl Into<String>) -> Self {
        self.identity.assertion.key_id = Some(kid.into());
        self
    }

    /// Where the assertions of [`ClientAuth::Assertion`] come from, which is chosen by this: a [`FileToken`](crate::FileToken) for a
    /// token that the platform projects into a file. It is asked for each request.
    pub fn assertion(mut self, source: impl TokenSource) -> Self {
        self.identity.assertion.source = Some(Arc::new(source));
        self.client_auth(ClientAuth::Assertion)
    }

    /// Authenticates [introspection](crate::OAuthClient::introspect) by a token of `tokens` in place of the client's own method (RFC 7662
    /// section 2.1), for servers that protect the endpoint like any other API. A token that is refused with 401 is renewed, and the
    /// request sent once more.
    ///
    /// ```
    /// use tower_auth_core::{ClientAuth, ClientCredentials, OAuthClient};
    ///
    /// # #[cfg(feature = "http")] {
    /// let tokens = ClientCredentials::new("https://login.example.com/token", "orders", "correct horse")
    ///     .scopes(["introspect"])
    ///     .cached()?;
    /// let client = OAuthClient::builder("orders")
    ///     .client_auth(ClientAuth::None)
    ///     .introspection_endpoint("https://login.example.com/introspect")
    ///     .introspection_tokens(tokens)
    ///     .build()?;
    /// # }
    /// # Ok::<(), tower_auth_core::ConfigError>(())
    /// ```
    pub fn introspection_tokens(mut self, tokens: TokenCache) -> Self {
        self.introspection_tokens = Some(tokens);
        self
    }

    /// For whom signed assertions are. Default [`AssertionAudience::Issuer`].
    pub fn assertion_audience(mut self, audience: AssertionAudience) -> Self {
        self.identity.assertion.audience = audience;
        self
    }

    /// The `typ` of signed assertions. Default `client-authentication+jwt` (draft-ietf-oauth-rfc7523bis section 5); older servers
    /// may want `JWT`.
    pub fn assertion_typ(mut self, typ: impl Into<String>) -> Self {
        self.identity.assertion.typ = typ.into();
        self
    }

    /// How long a signed assertion is good, in whole seconds: up to five minutes, two if not set. Each request has a new one.
    pub fn assertion_lifetime(mut self, lifetime: Duration) -> Self {
        self.identity.assertion.lifetime = lifetime;
        self
    }

    /// What [`ClientAuth::SecretJwt`] signs with: `HS256` (the default), `HS384` or `HS512`. The secret has at least as many bytes as
    /// the hash.
    #[cfg(feature = "jwt")]
    pub fn assertion_algorithm(mut self, algorithm: Algorithm) -> Self {
        self.identity.assertion.hmac = algorithm;
        self
    }

    /// The key that tokens are bound to (RFC 9449): each token request, refresh and pushed authorization request has a proof, and the
    /// user's authorization is asked for this key (`dpop_jkt`). A token that comes back as Bearer is refused.
    ///
    /// The caches of grants over this client (`cached`, `cache_builder`) have the key too, so that
    /// [`Credential`](crate::Credential)s of theirs prove it to the API.
    ///
    /// ```
    /// use tower_auth_core::{ClientCredentials, DpopKey, OAuthClient};
    ///
    /// # #[cfg(feature = "http")] {
    /// let client = OAuthClient::builder("orders")
    ///     .secret("correct horse")
    ///     .token_endpoint("https://login.example.com/token")
    ///     .dpop(DpopKey::generate()?);
    /// let tokens = ClientCredentials::over(client).cached()?;
    /// # }
    /// # Ok::<(), tower_auth_core::ConfigError>(())
    /// ```
    ///
    /// # Security
    /// A public client's refresh token is bound to the key as well (section 5): keep the key with it
    /// ([`DpopKey::to_pkcs8_pem`](crate::DpopKey::to_pkcs8_pem)), or users have to log in again after a restart.
    #[cfg(feature = "dpop")]
    pub fn dpop(mut self, key: DpopKey) -> Self {
        self.dpop = Some(key);
        self.takes_bearer = false;
        self
    }

    /// Takes Bearer tokens beside a [DPoP key](Self::dpop), which comes before this: for servers that do not know DPoP.
    ///
    /// # Security
    /// Whoever steals such a token can use it (RFC 9449 section 5).
    #[cfg(feature = "dpop")]
    pub fn allow_bearer_with_dpop(mut self) -> Self {
        self.takes_bearer = true;
        self
    }
}
