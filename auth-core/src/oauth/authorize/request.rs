use std::fmt;
use std::time::Duration;

use http::Uri;

use super::push::push;
use super::server::{Server, token_endpoint};
use super::transaction::Details;
use super::{
    AuthorizationCode, AuthorizationError, AuthorizationTransaction, IssuerParameter, ReturnTo, pkce, redirect_uri,
};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::http::Dangerous;
use crate::oauth::endpoints::Target;
use crate::oauth::grant::check_resource;
use crate::oauth::request::Params;
use crate::oauth::{BodyFormat, OAuthClient};
use crate::{ScopeSet, Secret, TokenResponse};

/// A request for a user's authorization by code (RFC 6749 section 4.1.1), with a proof key (RFC 7636).
///
/// It is a description that may be used again: each [`start`](Self::start) makes a new URL with a new `state` and proof key. Send
/// the user to the URL, keep the transaction, and finish it with what comes back:
///
/// ```
/// use tower_auth_core::{AuthorizationCallback, AuthorizationError, AuthorizationRequest, OAuthClient, TokenResponse};
///
/// # #[cfg(feature = "http")] {
/// let client = OAuthClient::builder("orders")
///     .secret("correct horse")
///     .authorization_endpoint("https://login.example.com/authorize")
///     .token_endpoint("https://login.example.com/token")
///     .build()?;
/// let request = AuthorizationRequest::new(&client, "https://app.example.com/callback").scopes(["orders:read"]);
///
/// async fn login(request: &AuthorizationRequest) -> Result<(), AuthorizationError> {
///     let started = request.start().await?;
///     // Redirect the user to `started.url`; keep `started.transaction` until the callback is called.
///     # let _ = started;
///     Ok(())
/// }
/// # }
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
///
/// # Security
/// A web application ties the transaction to the browser that began it, or else somebody could be made to finish another's login:
/// [`bound_to`](Self::bound_to).
#[derive(Clone)]
#[must_use = "a request does nothing before `start`"]
pub struct AuthorizationRequest {
    client: OAuthClient,
    redirect_uri: String,
    scopes: Vec<String>,
    resources: Vec<String>,
    params: Params,
    pushed: bool,
    pkce: bool,
    plaintext_redirect: bool,
    lifetime: Duration,
    return_to: Option<ReturnTo>,
    /// The digest of what the transaction is bound to.
    binding: Option<Secret>,
    issuer_parameter: Option<IssuerParameter>,
}

/// How an authorization response comes back, where it is not the server's own choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResponseMode {
    /// In the query of the redirect URI; what servers do for codes anyway.
    Query,
    /// As a form that the browser posts. A cookie with `SameSite=Lax` does not come along then.
    FormPost,
}

/// An authorization that waits for its user.
#[non_exhaustive]
pub struct StartedAuthorization {
    /// Where to send the user, once. It holds the `state`: not for logs.
    pub url: Uri,
    /// What to keep until the user comes back.
    pub transaction: AuthorizationTransaction,
    /// Within which time the user must reach the URL, where the server has said so (a pushed request).
    pub use_within: Option<Duration>,
}

/// Parameters of an authorization request that have their own methods here, or do not belong into a URL that passes through a
/// browser.
const TAKEN: [&str; 15] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "resource",
    "code_challenge",
    "code_challenge_method",
    "dpop_jkt",
    "request",
    "request_uri",
    "code_verifier",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
];

impl AuthorizationRequest {
    /// A request whose answer goes to `redirect_uri`. Mistakes are found by [`start`](Self::start).
    pub fn new(client: &OAuthClient, redirect_uri: impl Into<String>) -> Self {
        Self {
            client: client.clone(),
            redirect_uri: redirect_uri.into(),
            scopes: Vec::new(),
            resources: Vec::new(),
            params: Params::default(),
            pushed: false,
            pkce: true,
            plaintext_redirect: false,
            lifetime: Duration::from_secs(600),
            return_to: None,
            binding: None,
            issuer_parameter: None,
        }
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

    /// Says for which resource the token is (RFC 8707): an absolute URI without fragment, sent byte for byte as it is, here and
    /// with the code. May be repeated.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resources.push(resource.into());
        self
    }

    /// Adds a parameter, such as `access_type`. It stands in a URL: no place for a secret.
    pub fn param(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.params.push(name.into(), value.into());
        self
    }

    /// Whether the user is asked again: `login`, `consent`, `select_account`, `none` (OpenID Connect).
    pub fn prompt(self, prompt: impl Into<String>) -> Self {
        self.param("prompt", prompt)
    }

    /// Who the user probably is (OpenID Connect).
    pub fn login_hint(self, hint: impl Into<String>) -> Self {
        self.param("login_hint", hint)
    }

    /// How the answer comes back, if not as the server chooses.
    pub fn response_mode(self, mode: ResponseMode) -> Self {
        self.param(
            "response_mode",
            match mode {
                ResponseMode::Query => "query",
                ResponseMode::FormPost => "form_post",
            },
        )
    }

    /// Sends the parameters to the server first, so that the browser carries a reference only (RFC 9126). Done anyway
    /// where the server's metadata demands it.
    pub fn pushed(mut self) -> Self {
        self.pushed = true;
        self
    }

    /// Sends no proof key, for a server that refuses requests with one.
    ///
    /// # Security
    /// A code that is stolen on its way through the browser can then be used by the thief. `state` is still checked.
    pub fn without_pkce(mut self) -> Self {
        self.pkce = false;
        self
    }

    /// How long the user may take. Default 10 minutes.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Where the user goes after the login; kept with the transaction, and not in any URL.
    pub fn return_to(mut self, place: ReturnTo) -> Self {
        self.return_to = Some(place);
        self
    }

    /// Ties the transaction to a session: the value of a cookie of its own, a session id. Only an
    /// [`AuthorizationCallback`](super::AuthorizationCallback) with the same value finishes it. A digest of it is kept.
    pub fn bound_to(mut self, session: impl Into<Secret>) -> Self {
        self.binding = Some(binding(&session.into()));
        self
    }

    /// What the answer must say about its issuer, if not what [`IssuerParameter`] has as the default.
    pub fn issuer_parameter(mut self, rule: IssuerParameter) -> Self {
        self.issuer_parameter = Some(rule);
        self
    }

    /// Options that weaken the protection.
    pub fn dangerous(self) -> Dangerous<Self> {
        Dangerous::new(self)
    }

    /// Makes a URL to send one user to, and the transaction that waits for the answer. Asks the server only if the request is
    /// pushed, or its metadata is not known yet.
    ///
    /// # Errors
    /// - [`Misconfigured`](super::AuthorizationErrorKind::Misconfigured): the redirect URI, a scope or a resource breaks its grammar, a
    ///   parameter would be sent twice, the lifetime is zero; the source is a [`ConfigError`].
    /// - [`PkceUnsupported`](super::AuthorizationErrorKind::PkceUnsupported): the server's metadata lists methods for proof
    ///   keys, and `S256` is not among them.
    /// - [`StartFailed`](super::AuthorizationErrorKind::StartFailed): an endpoint is not known, or the server did not take the pushed
    ///   request; the source is a [`TokenError`](crate::TokenError).
    ///
    /// # Cancel safety
    /// Nothing is lost with the future.
    pub async fn start(&self) -> Result<StartedAuthorization, AuthorizationError> {
        let scope = self.checked()?;
        let server = Server::of(&self.client).await?;
        self.start_at(server, scope).await
    }

    async fn start_at(&self, server: Server, scope: ScopeSet) -> Result<StartedAuthorization, AuthorizationError> {
        let client = &self.client;
        let issuer_parameter = server.issuer_rule(self.issuer_parameter)?;
        let state = pkce::random_text()?;
        let verifier = match self.pkce {
            true => {
                server.check_challenge_method()?;
                Some(pkce::random_text()?)
            }
            false => None,
        };
        let params = self.params(&server, &scope, &state, verifier.as_ref());
        let endpoint = client.0.endpoint(Target::Authorization).await.map_err(|error| {
            AuthorizationError::start_failed("the authorization endpoint of the server is not known", error)
        })?;
        let (front, use_within) = if self.pushed || server.requires_push {
            let pushed = push(client, params).await?;
            let mut front = Params::default();
            front.push("client_id", client.client_id());
            front.push("request_uri", pushed.request_uri);
            (front, Some(pushed.expires_in))
        } else {
            (params, None)
        };
        let url = front.encode(BodyFormat::InsecureQuery, endpoint.uri()).ok_or_else(|| {
            ConfigError::new(ConfigErrorKind::InvalidOption, "the parameters do not fit into a URL: use `pushed`")
        })?;
        let created = client.0.clock.wall();
        let transaction = AuthorizationTransaction::new(Details {
            client_id: client.client_id().to_owned(),
            issuer: server.issuer,
            token_endpoint: token_endpoint(client).await?,
            issuer_parameter,
            redirect_uri: self.redirect_uri.clone(),
            state,
            verifier,
            scope,
            resources: self.resources.clone(),
            return_to: self.return_to.clone(),
            binding: self.binding.clone(),
            dpop_jkt: server.dpop_jkt,
            created,
            expires: created + self.lifetime,
        });
        Ok(StartedAuthorization { url: url.uri, transaction, use_within })
    }

    /// Checks what does not depend on the server.
    fn checked(&self) -> Result<ScopeSet, ConfigError> {
        let invalid = |message: String| ConfigError::new(ConfigErrorKind::InvalidOption, message);
        redirect_uri::check(&self.redirect_uri, self.plaintext_redirect)?;
        let scope = ScopeSet::new(&self.scopes)?;
        for resource in &self.resources {
            check_resource(resource)?;
        }
        self.params.check_names()?;
        if let Some(name) = TAKEN.into_iter().find(|name| self.params.has(name)) {
            return Err(invalid(format!("the parameter {name:?} cannot be added to an authorization request")));
        }
        // A year is beyond any login, and far from the end of any clock.
        if self.lifetime.is_zero() || self.lifetime > Duration::from_secs(31_536_000) {
            return Err(invalid("the lifetime must be longer than zero and at most a year".to_owned()));
        }
        Ok(scope)
    }

    fn params(&self, server: &Server, scope: &ScopeSet, state: &Secret, verifier: Option<&Secret>) -> Params {
        let mut params = Params::default();
        params.push("response_type", "code");
        params.push("client_id", self.client.client_id());
        params.push("redirect_uri", self.redirect_uri.as_str());
        if !scope.is_empty() {
            params.push("scope", scope.join(self.client.0.separator));
        }
        params.push("state", state.clone());
        if let Some(verifier) = verifier {
            params.push("code_challenge", pkce::sha256(verifier.expose_secret()));
            params.push("code_challenge_method", pkce::METHOD);
        }
        for resource in &self.resources {
            params.push("resource", resource.as_str());
        }
        if let Some(thumbprint) = &server.dpop_jkt {
            params.push("dpop_jkt", thumbprint.as_str());
        }
        params.extend(&self.params);
        params
    }

    /// What keeps the grant of a finished authorization alive, for the resources of this request: a source for a
    /// [`TokenCache`](crate::TokenCache).
    pub fn keep_alive(&self, response: TokenResponse) -> AuthorizationCode {
        self.resources
            .iter()
            .fold(AuthorizationCode::new(&self.client, response), |tokens, resource| tokens.resource(resource.as_str()))
    }

    /// The client.
    #[cfg(feature = "loopback")]
    pub(in crate::oauth) fn client(&self) -> &OAuthClient {
        &self.client
    }

    /// The same request, answered elsewhere.
    #[cfg(feature = "loopback")]
    pub(crate) fn answered_at(&self, redirect_uri: String) -> Self {
        Self { redirect_uri, ..self.clone() }
    }

    /// Whether a proof key is sent.
    #[cfg(feature = "loopback")]
    pub(in crate::oauth) fn has_pkce(&self) -> bool {
        self.pkce
    }
}

/// What is kept of a session to which a transaction is bound.
pub(super) fn binding(session: &Secret) -> Secret {
    Secret::new(pkce::sha256(session.expose_secret()))
}

impl Dangerous<AuthorizationRequest> {
    /// Allows a redirect URI of plain `http` on another machine.
    ///
    /// # Security
    /// Codes cross the network as they are. Proof keys keep a thief from using one; the login itself can be watched.
    pub fn allow_plaintext_redirect_uri(self) -> AuthorizationRequest {
        let mut request = self.into_inner();
        request.plaintext_redirect = true;
        request
    }
}

impl fmt::Debug for StartedAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the query, which holds the state.
        f.debug_struct("StartedAuthorization")
            .field("host", &self.url.host())
            .field("transaction", &self.transaction)
            .field("use_within", &self.use_within)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AuthorizationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationRequest")
            .field("client", &self.client)
            .field("redirect_uri", &self.redirect_uri)
            .field("scopes", &self.scopes)
            .field("params", &self.params.names().collect::<Vec<_>>())
            .field("pushed", &self.pushed)
            .field("pkce", &self.pkce)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use bytes::Bytes;
    use http::{Request, Response};

    use super::*;
    use crate::{BoxError, HttpClient};

    /// The parameters that the browser and the server get for what is known of `server`.
    async fn sent(server: Server) -> (String, Vec<String>) {
        let bodies: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&bodies);
        let http = HttpClient::new(tower::service_fn(move |request: Request<Bytes>| {
            seen.lock().unwrap().push(String::from_utf8(request.into_body().to_vec()).unwrap());
            let body = Bytes::from_static(br#"{"request_uri":"urn:x","expires_in":60}"#);
            std::future::ready(Response::builder().status(201).body(body).map_err(BoxError::from))
        }));
        let client = OAuthClient::builder("orders")
            .secret("s3cret")
            .authorization_endpoint("https://login.example.com/authorize")
            .token_endpoint("https://login.example.com/token")
            .pushed_authorization_request_endpoint("https://login.example.com/par")
            .http_client(http)
            .build()
            .unwrap();
        let request = AuthorizationRequest::new(&client, "https://app.example.com/callback");
        let scope = request.checked().unwrap();
        let url = request.start_at(server, scope).await.unwrap().url;
        let bodies = bodies.lock().unwrap().clone();
        (url.query().unwrap().to_owned(), bodies)
    }

    #[tokio::test]
    async fn a_server_that_demands_pushed_requests_gets_them() {
        let (query, pushed) = sent(Server { requires_push: true, ..Server::default() }).await;
        assert_eq!(query, "client_id=orders&request_uri=urn%3Ax");
        assert!(pushed.len() == 1 && pushed[0].contains("code_challenge="), "{pushed:?}");
        let (query, pushed) = sent(Server::default()).await;
        assert!(query.contains("code_challenge=") && pushed.is_empty());
    }

    #[tokio::test]
    async fn the_key_of_bound_tokens_is_named_wherever_the_request_goes() {
        let server = || Server { dpop_jkt: Some("thumb".to_owned()), ..Server::default() };
        let (query, _) = sent(server()).await;
        assert!(query.ends_with("&dpop_jkt=thumb"), "{query}");
        let (query, pushed) = sent(Server { requires_push: true, ..server() }).await;
        assert!(pushed[0].ends_with("&dpop_jkt=thumb") && !query.contains("dpop"), "{query} {pushed:?}");
    }
}
