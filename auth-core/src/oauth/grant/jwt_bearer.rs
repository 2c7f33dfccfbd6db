use std::fmt;
use std::sync::Arc;

#[cfg(feature = "jwt")]
use super::jwt_assertion::JwtAssertion;
use super::options::{grant_options, request_options};
use super::supply::Supply;
use super::terms::{Agreed, Terms};
use crate::error::ConfigError;
use crate::oauth::builder::OAuthClientBuilder;
use crate::oauth::endpoints::Target;
use crate::oauth::request::{Grant, Params};
use crate::oauth::{ClientAuth, OAuthClient};
use crate::{MonotonicTime, RefreshCause, Secret, SourceRequest, TokenError, TokenResponse, TokenSource};

pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The JWT bearer grant (RFC 7523 section 2.1): an assertion that the server trusts is exchanged for a token.
///
/// Use it for a service account with a key pair (Google, Salesforce, DocuSign), and where another system vouches: a projected
/// workload-identity token, a partner's identity provider. Where the *client* proves itself by a JWT and acts in its own name, that is client
/// authentication: [`ClientCredentials`](crate::ClientCredentials) with an assertion method.
///
/// Each attempt hands in a new assertion. No refresh token is kept: the grant itself is the way to the next token.
///
#[cfg_attr(
    feature = "jwt",
    doc = r#"
A Google service account:

```
use std::time::Duration;
use tower_auth_core::jose::{Algorithm, SigningKey};
use tower_auth_core::{JwtAssertion, JwtBearer};

# #[cfg(feature = "http")] {
# let private_key = SigningKey::generate(Algorithm::Rs256)?;
let email = "orders@project.iam.gserviceaccount.com";
let assertion = JwtAssertion::new(private_key, email)
    .omit_subject()
    .audience("https://oauth2.googleapis.com/token")
    .lifetime(Duration::from_secs(3600))
    .key_id("0f8c2d")
    .claim("scope", &"https://www.googleapis.com/auth/devstorage.read_only");
let tokens = JwtBearer::signed("https://oauth2.googleapis.com/token", email, assertion).cached()?;
# }
# Ok::<(), Box<dyn std::error::Error>>(())
```
"#
)]
///
/// An assertion from somewhere else, here a file that the platform renews:
///
/// ```
/// use tower_auth_core::{FileToken, JwtBearer};
///
/// # #[cfg(feature = "http")] {
/// let assertions = FileToken::new("/var/run/secrets/tokens/workload");
/// let tokens = JwtBearer::from_source("https://login.example.com/oauth/token", "orders", assertions).cached()?;
/// # }
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use = "a description does nothing before `build`"]
pub struct JwtBearer {
    terms: Terms,
    assertion: Assertion,
    grant_type: String,
}

#[derive(Clone, Debug)]
enum Assertion {
    #[cfg(feature = "jwt")]
    Signed(Box<JwtAssertion>),
    Supplied(Supply),
}

/// Obtains tokens by the JWT bearer grant: a source for a [`TokenCache`](crate::TokenCache).
///
/// # Clone
/// Clones share everything.
#[derive(Clone)]
pub struct JwtBearerSource(Arc<Inner>);

struct Inner {
    agreed: Agreed,
    assertion: Assertion,
    grant_type: String,
}

impl JwtBearer {
    /// Assertions that are signed here. The client `id`, often the assertion's issuer, is sent without other proof.
    #[cfg(feature = "jwt")]
    pub fn signed(token_url: impl Into<String>, id: impl Into<String>, assertion: JwtAssertion) -> Self {
        let client = OAuthClient::builder(id).token_endpoint(token_url).client_auth(ClientAuth::None);
        Self::over(client, assertion)
    }

    /// Assertions that `source` delivers; it is asked before each attempt. The client `id` is sent without other proof.
    pub fn from_source(token_url: impl Into<String>, id: impl Into<String>, source: impl TokenSource) -> Self {
        let client = OAuthClient::builder(id).token_endpoint(token_url).client_auth(ClientAuth::None);
        Self::over_source(client, source)
    }

    /// Assertions that are signed here, over a described client.
    #[cfg(feature = "jwt")]
    pub fn over(client: OAuthClientBuilder, assertion: JwtAssertion) -> Self {
        Self::with(client, Assertion::Signed(Box::new(assertion)))
    }

    /// Assertions that `source` delivers, over a described client.
    pub fn over_source(client: OAuthClientBuilder, source: impl TokenSource) -> Self {
        Self::with(client, Assertion::Supplied(Supply::source(source)))
    }

    fn with(client: OAuthClientBuilder, assertion: Assertion) -> Self {
        Self { terms: Terms::over(client), assertion, grant_type: JWT_BEARER.to_owned() }
    }

    /// Sends another `grant_type` than `urn:ietf:params:oauth:grant-type:jwt-bearer`.
    pub fn grant_type(mut self, grant_type: impl Into<String>) -> Self {
        self.grant_type = grant_type.into();
        self
    }

    /// The source of tokens.
    ///
    /// # Errors
    /// Those of [`OAuthClientBuilder::build`], and when
    /// - the assertion has no issuer or audience, or a claim twice, or lives too long,
    /// - a scope or a resource breaks its grammar,
    /// - an extra parameter repeats one of this grant.
    pub fn build(self) -> Result<JwtBearerSource, ConfigError> {
        #[cfg(feature = "jwt")]
        if let Assertion::Signed(assertion) = &self.assertion {
            assertion.check()?;
        }
        let agreed = self.terms.agree(&["assertion"])?;
        Ok(JwtBearerSource(Arc::new(Inner { agreed, assertion: self.assertion, grant_type: self.grant_type })))
    }
}

grant_options!(JwtBearer, JwtBearerSource);
request_options!(JwtBearer);

impl JwtBearerSource {
    /// Hands in a new assertion, once.
    ///
    /// # Errors
    /// What the endpoint, the way to it or the source of assertions objected to; see [`TokenError::kind`].
    ///
    /// # Cancel safety
    /// Dropping the future gives the request up; nothing single-use is lost by that.
    pub async fn request_token(&self) -> Result<TokenResponse, TokenError> {
        self.exchange(&SourceRequest::new(RefreshCause::First, None, MonotonicTime::NEVER)).await
    }

    async fn exchange(&self, request: &SourceRequest) -> Result<TokenResponse, TokenError> {
        let inner = &*self.0;
        let mut params = Params::default();
        params.push("assertion", self.assertion(request).await?);
        params.extend(&inner.agreed.params);
        let grant = Grant {
            name: "jwt_bearer",
            target: Target::Token,
            grant_type: Some(&inner.grant_type),
            scope: &inner.agreed.scope,
            params,
            keep_refresh_token: false,
            single_use: true,
        };
        inner.agreed.client.exchange(grant).await.map(|response| inner.agreed.with_lifetime(response))
    }

    async fn assertion(&self, request: &SourceRequest) -> Result<Secret, TokenError> {
        match &self.0.assertion {
            #[cfg(feature = "jwt")]
            Assertion::Signed(assertion) => assertion.sign(&self.client().clock()),
            Assertion::Supplied(supply) => supply.fetch("assertion", request).await,
        }
    }

    fn client(&self) -> &OAuthClient {
        &self.0.agreed.client
    }
}

impl TokenSource for JwtBearerSource {
    async fn fetch(&self, request: SourceRequest) -> Result<TokenResponse, TokenError> {
        self.exchange(&request).await
    }
}

impl fmt::Debug for JwtBearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtBearer")
            .field("terms", &self.terms)
            .field("assertion", &self.assertion)
            .field("grant_type", &self.grant_type)
            .finish()
    }
}

impl fmt::Debug for JwtBearerSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtBearerSource").field("client", self.client()).finish_non_exhaustive()
    }
}
