use std::fmt;
use std::sync::Arc;

use super::once::Once;
use super::options::{grant_options, refresh_options, request_options};
use super::renewal::{Grantor, Renewal};
use super::terms::{Agreed, Terms};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::oauth::builder::OAuthClientBuilder;
use crate::oauth::endpoints::Target;
use crate::oauth::request::{Grant, Params};
use crate::oauth::{ClientAuth, OAuthClient};
use crate::{MonotonicTime, RefreshCause, Secret, SourceRequest, TokenError, TokenResponse, TokenSource};

/// An authorization code that a person copied from the provider's page and typed in (RFC 6749 section 4.1.3).
///
/// Use it where no redirect can reach the program. The code is sent once; from then on the refresh token serves that came
/// with the answer. Where a redirect is possible, a flow with PKCE and `state` protects against a code that somebody else planted; here the
/// person who types is that protection.
///
/// ```
/// use tower_auth_core::{StaticCode, TokenResponse};
///
/// # #[cfg(feature = "http")] {
/// # async fn store(_: &TokenResponse) -> Result<(), tower_auth_core::BoxError> { Ok(()) }
/// let source = StaticCode::new("https://login.example.com/oauth/token", "orders", "correct horse", "SplxlOBeZQQYbYS6WxSbIA")
///     .redirect_uri("urn:ietf:wg:oauth:2.0:oob")
///     .build()?;
/// let tokens = source.cache_builder().persist(|response| async move { store(&response).await }).build()?;
/// # }
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
///
/// # What happens to the code
/// It is gone with the first attempt that may have reached the server, whatever the answer: a server that sees a code twice ends
/// the tokens of the first time (RFC 6749 section 4.1.2). Only when the request certainly never left is it sent again. After a
/// restart resume with [`RefreshToken`](crate::RefreshToken), not with the code.
#[derive(Clone)]
#[must_use = "a description does nothing before `build`"]
pub struct StaticCode {
    terms: Terms,
    code: Secret,
    redirect_uri: Option<String>,
    verifier: Option<Secret>,
}

/// Obtains tokens by a code once, and then by refresh token: a source for a [`TokenCache`](crate::TokenCache).
///
/// # Clone
/// Clones share everything: the code is sent by one of them.
#[derive(Clone)]
pub struct StaticCodeSource(Arc<Renewal<CodeGrantor>>);

struct CodeGrantor {
    agreed: Agreed,
    once: Once<Params>,
}

impl Grantor for CodeGrantor {
    async fn obtain(&self, _: &SourceRequest) -> Result<TokenResponse, TokenError> {
        self.once
            .send(|params| async move {
                let grant = Grant {
                    name: "authorization_code",
                    target: Target::Token,
                    grant_type: Some("authorization_code"),
                    scope: &self.agreed.scope,
                    params,
                    keep_refresh_token: true,
                    single_use: true,
                };
                self.agreed.client.exchange(grant).await
            })
            .await
    }

    fn is_repeatable(&self) -> bool {
        self.once.is_left()
    }
}

impl StaticCode {
    /// A code for the confidential client `id`, exchanged at `token_url`.
    pub fn new(
        token_url: impl Into<String>,
        id: impl Into<String>,
        secret: impl Into<Secret>,
        code: impl Into<Secret>,
    ) -> Self {
        Self::over(OAuthClient::builder(id).token_endpoint(token_url).secret(secret), code)
    }

    /// A code for the client `id`, which has no secret.
    pub fn public(token_url: impl Into<String>, id: impl Into<String>, code: impl Into<Secret>) -> Self {
        Self::over(OAuthClient::builder(id).token_endpoint(token_url).client_auth(ClientAuth::None), code)
    }

    /// A code for a described client.
    pub fn over(client: OAuthClientBuilder, code: impl Into<Secret>) -> Self {
        Self { terms: Terms::over(client), code: code.into(), redirect_uri: None, verifier: None }
    }

    /// The redirect URI that stood in the authorization request, if one did: sent byte for byte.
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uri = Some(uri.into());
        self
    }

    /// The PKCE verifier, if the authorization request had a challenge (RFC 7636): 43 to 128 characters.
    pub fn code_verifier(mut self, verifier: impl Into<Secret>) -> Self {
        self.verifier = Some(verifier.into());
        self
    }

    /// The source of tokens.
    ///
    /// # Errors
    /// Those of [`OAuthClientBuilder::build`], and when
    /// - the code is empty, or the verifier is not one,
    /// - a scope or a resource breaks its grammar,
    /// - an extra parameter repeats one of this grant.
    pub fn build(self) -> Result<StaticCodeSource, ConfigError> {
        // A person typed it: what surrounds it is a slip.
        let code = self.code.expose_secret().trim();
        if code.is_empty() {
            return Err(ConfigError::new(ConfigErrorKind::MissingSecret, "the authorization code is empty"));
        }
        let agreed = self.terms.agree(&["code", "redirect_uri", "code_verifier"])?;
        let mut params = Params::default();
        params.push("code", code);
        if let Some(uri) = self.redirect_uri {
            params.push("redirect_uri", uri);
        }
        if let Some(verifier) = self.verifier {
            if !is_verifier(verifier.expose_secret()) {
                return Err(ConfigError::new(
                    ConfigErrorKind::InvalidCredential,
                    "the PKCE verifier is not 43 to 128 letters, digits, '-', '.', '_' and '~'",
                ));
            }
            params.push("code_verifier", verifier);
        }
        params.extend(&agreed.params);
        let grantor = CodeGrantor { agreed: agreed.clone(), once: Once::new("authorization code", params) };
        Ok(StaticCodeSource(Arc::new(Renewal::new(agreed, grantor))))
    }
}

grant_options!(StaticCode, StaticCodeSource);
request_options!(StaticCode);
refresh_options!(StaticCode);

/// RFC 7636 section 4.1.
fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

impl StaticCodeSource {
    /// Exchanges the code or, from the second time on, the newest refresh token.
    ///
    /// # Errors
    /// What the endpoint or the way to it objected to; see [`TokenError::kind`].
    ///
    /// # Cancel safety
    /// If the future is dropped after the request has left, the code or the refresh token may be spent: it is not sent again. Prefer
    /// a cache, whose exchanges nobody drops.
    pub async fn request_token(&self) -> Result<TokenResponse, TokenError> {
        self.0.fetch(&SourceRequest::new(RefreshCause::First, None, MonotonicTime::NEVER)).await
    }

    fn client(&self) -> &OAuthClient {
        self.0.client()
    }
}

impl TokenSource for StaticCodeSource {
    async fn fetch(&self, request: SourceRequest) -> Result<TokenResponse, TokenError> {
        self.0.fetch(&request).await
    }
}

impl fmt::Debug for StaticCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticCode")
            .field("terms", &self.terms)
            .field("redirect_uri", &self.redirect_uri)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for StaticCodeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticCodeSource").field("client", self.client()).finish_non_exhaustive()
    }
}
