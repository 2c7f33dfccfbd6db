use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderName, StatusCode};

use super::answer::Answer;
use super::body::{body_parts, fill_body};
use super::builder::{Options, Persist};
use super::captures::keep;
use super::client::invalid;
use super::credential::{CredentialMaker, main_value};
use super::known::Known;
use super::retry::{asks_to_wait, retry_after};
use super::runner::{Runner, Task};
use super::scope::Scope;
use super::source::{ProviderSource, Shared, captured};
use crate::http::PlaintextRules;
use crate::oauth::OAuthClient;
use crate::provider::filled::FilledProvider;
use crate::provider::kind::{Refresh, UrlKey};
use crate::provider::model::{Place, RequestSpec};
use crate::{
    Clock, ConfigError, Credential, Secret, SigningError, SigningErrorKind, SourceRequest, TokenCache, TokenError,
    TokenErrorKind, TokenResponse, TokenSource,
};

/// A described provider with its values, ready to be called: a token cache, or a credential that never changes, and what else
/// the description says.
///
/// The layers of `tower-auth` take it as it is (`ProviderLayer`, `AuthLayer::provider`). Clones share everything.
///
/// ```
/// use tower_auth_core::{ProviderSpec, ProviderValues};
///
/// # #[cfg(feature = "http")] {
/// let spec = ProviderSpec::from_toml(
///     r#"
/// id = "alvys"
/// base_url = "https://integrations.alvys.com"
///
/// [[auth]]
/// kind = "oauth2_client_credentials"
/// token_url = "https://integrations.alvys.com/api/authentication/{tenant_id}/token"
///
/// [[auth.fields]]
/// name = "tenant_id"
/// "#,
/// )?;
/// let values = ProviderValues::new().value("client_id", "id").value("client_secret", "s3cret").value("tenant_id", "acme");
/// let connection = spec.fill(&values)?.connect().build()?;
/// assert_eq!(connection.base_url().as_deref(), Some("https://integrations.alvys.com"));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Connection(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) filled: Arc<FilledProvider>,
    pub(super) held: Held,
    pub(super) maker: Arc<CredentialMaker>,
    pub(super) runner: Runner,
    pub(super) clock: Clock,
    pub(super) plaintext: PlaintextRules,
    pub(super) options: Options,
    pub(super) persist: Option<Persist>,
    /// Chosen by the caller.
    pub(super) scopes: Vec<String>,
    /// By probes, where there is no token response to keep it with.
    pub(super) found: Mutex<BTreeMap<String, Secret>>,
}

/// Where the credential comes from.
pub(super) enum Held {
    Static(Credential),
    Cached {
        cache: TokenCache,
        client: Option<OAuthClient>,
        source: Arc<ProviderSource>,
        secondary: BTreeMap<String, TokenCache>,
    },
}

impl Connection {
    /// The description and the values.
    #[must_use]
    pub fn provider(&self) -> &FilledProvider {
        &self.0.filled
    }

    /// The cache of the tokens; `None` if the credential never changes.
    #[must_use]
    pub fn tokens(&self) -> Option<&TokenCache> {
        match &self.0.held {
            Held::Static(_) => None,
            Held::Cached { cache, .. } => Some(cache),
        }
    }

    /// The credential that never changes.
    #[must_use]
    pub fn fixed_credential(&self) -> Option<&Credential> {
        match &self.0.held {
            Held::Static(credential) => Some(credential),
            Held::Cached { .. } => None,
        }
    }

    /// The cache of a further token, for another audience, that is had by the same refresh token.
    ///
    /// Every call gives the same cache. Its exchanges and the main ones follow each other, so that no refresh token is spent twice; one that comes back in
    /// its answer is persisted and used from then on for all.
    ///
    /// # Errors
    /// When the description has no secondary token of that name, or does not renew by refresh token.
    pub fn secondary(&self, name: &str) -> Result<TokenCache, ConfigError> {
        let (caches, tokens) = match &self.0.held {
            Held::Cached { secondary, .. } => (Some(secondary), &self.0.filled.method().secondary_tokens),
            Held::Static(_) => (None, &self.0.filled.method().secondary_tokens),
        };
        if let Some(cache) = caches.and_then(|caches| caches.get(name)) {
            return Ok(cache.clone());
        }
        let who = self.0.filled.spec().display_name();
        let known = tokens.iter().map(|token| &*token.name).collect::<Vec<_>>().join(", ");
        Err(invalid(if tokens.iter().any(|token| token.name == name) {
            format!(
                "{who} has no refresh token to get the token {name:?} by: that needs refresh = \"by_refresh_token\""
            )
        } else if known.is_empty() {
            format!("the description of {who} has no secondary tokens")
        } else {
            format!("{who} has no secondary token {name:?}, but: {known}")
        }))
    }

    /// The client of the token endpoint, if the description has one: for introspection, revocation, further grants.
    #[must_use]
    pub fn client(&self) -> Option<&OAuthClient> {
        match &self.0.held {
            Held::Static(_) => None,
            Held::Cached { client, .. } => client.as_ref(),
        }
    }

    /// Where the API is. `None` if the description leaves that to the operator, or if it is known only after connecting, as an address that
    /// comes with the token.
    #[must_use]
    pub fn base_url(&self) -> Option<String> {
        let url = self.0.filled.url_of(UrlKey::Base)?;
        if let Some(text) = &url.text {
            return Some(text.clone());
        }
        let known = self.captured();
        self.0.maker.base_url(&known)?;
        let scope = Scope::new(&self.0.filled, &self.0.clock).captured(&known);
        scope.filling().url(&url.template).ok()
    }

    /// Whether the base URL is known only after connecting.
    #[must_use]
    pub fn is_base_url_late(&self) -> bool {
        self.0.filled.url_of(UrlKey::Base).is_some_and(|url| url.text.is_none())
    }

    /// Whether plain `http` on loopback addresses was allowed.
    #[must_use]
    pub fn allows_loopback_http(&self) -> bool {
        self.0.plaintext.allows_loopback()
    }

    /// The values that came from the provider: with the callback, with tokens, by a probe.
    #[must_use]
    pub fn captured(&self) -> BTreeMap<String, Secret> {
        match self.response() {
            Some(response) => captured(&response),
            None => self.0.found.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// The last response, for a program that keeps it elsewhere.
    #[must_use]
    pub fn response(&self) -> Option<Arc<TokenResponse>> {
        self.tokens().and_then(TokenCache::last_response)
    }

    /// The credential as it is now; waits for the first token.
    ///
    /// # Errors
    /// Those of [`TokenCache::current`].
    ///
    /// # Cancel safety
    /// Dropping the future never cancels an exchange.
    pub async fn credential(&self) -> Result<Credential, TokenError> {
        match &self.0.held {
            Held::Static(credential) => Ok(credential.clone()),
            Held::Cached { cache, .. } => Ok(cache.current().await?.credential),
        }
    }

    /// The credential that `response` makes, or the one that never changes: for a program that keeps the tokens itself, such as a store that
    /// several processes share.
    ///
    /// # Errors
    /// When the token, or a value beside it, cannot be sent.
    pub fn credential_of(&self, response: &TokenResponse) -> Result<Credential, ConfigError> {
        match &self.0.held {
            Held::Static(credential) => Ok(credential.clone()),
            Held::Cached { .. } => {
                let placement = &self.0.filled.method().placement;
                self.0.maker.make(placement, Some(response.token()), &captured(response))
            }
        }
    }

    /// One exchange, for a program that keeps the tokens itself: the next tokens after `request.previous()`, or the first. The connection's own cache
    /// is left out, nothing is persisted, and no two calls are kept from each other.
    ///
    /// # Errors
    /// What the provider or the way to it objected to; see [`TokenError::is_outcome_unknown`]. For a credential that never changes always.
    ///
    /// # Cancel safety
    /// If the future is dropped after the request has left, the refresh token may be spent.
    pub async fn exchange(&self, request: SourceRequest) -> Result<TokenResponse, TokenError> {
        match &self.0.held {
            Held::Cached { source, .. } => Shared(Arc::clone(source)).fetch(request).await,
            Held::Static(_) => {
                let message = "this provider has a credential that never changes: there is nothing to exchange";
                Err(TokenError::new(TokenErrorKind::Misconfigured, message))
            }
        }
    }

    /// Takes in the tokens of a person's login, in place of whatever there was, and persists them. Nothing of an earlier login is used again.
    ///
    /// # Errors
    /// [`PersistFailed`](TokenErrorKind::PersistFailed); the tokens are used all the same.
    ///
    /// # Cancel safety
    /// Dropping the future may leave the tokens in use and not persisted.
    pub async fn accept(&self, response: TokenResponse) -> Result<(), TokenError> {
        let Held::Cached { cache, source, .. } = &self.0.held else {
            let message = "this provider has a credential that never changes: there is nothing to take in";
            return Err(TokenError::new(TokenErrorKind::Misconfigured, message));
        };
        source.adopt(&response).await;
        cache.replace(response.clone())?;
        // What an exchange of the old grant persists must not come last.
        cache.settle().await;
        self.persist(Arc::new(response)).await
    }

    async fn persist(&self, response: Arc<TokenResponse>) -> Result<(), TokenError> {
        let persisted = match &self.0.persist {
            Some(persist) => persist(response).await,
            None => Ok(()),
        };
        persisted.map_err(|error| {
            TokenError::new(TokenErrorKind::PersistFailed, "the tokens could not be made durable").with_source(error)
        })
    }

    /// Runs the requests that show whether the credential works. Without any in the description a token is enough.
    ///
    /// # Errors
    /// The first that was not answered as expected, with what to check.
    pub async fn verify(&self) -> Result<(), TokenError> {
        let credential = self.credential().await?;
        for spec in &self.0.filled.method().verify {
            self.run("verification", spec, Some(&credential)).await?;
        }
        Ok(())
    }

    /// Runs the requests that find out more about the account, and keeps what they tell: names, or parts of the API's address.
    ///
    /// # Errors
    /// The first that was not answered as expected.
    pub async fn probe(&self) -> Result<BTreeMap<String, Secret>, TokenError> {
        let credential = self.credential().await?;
        let mut found = BTreeMap::new();
        for spec in &self.0.filled.method().probe {
            let answer = self.run("probe", spec, Some(&credential)).await?;
            found.extend(keep(&self.0.filled, &answer, &spec.capture)?);
        }
        match &self.0.held {
            Held::Cached { cache, .. } if !found.is_empty() => {
                let kept = |response: TokenResponse| {
                    found
                        .iter()
                        .fold(response, |all: TokenResponse, (name, value)| all.with_extra(name.clone(), value.clone()))
                };
                if let Some(response) = cache.amend(kept) {
                    self.persist(Arc::new(response)).await?;
                }
            }
            Held::Cached { .. } => {}
            Held::Static(_) => {
                self.0.found.lock().unwrap_or_else(PoisonError::into_inner).extend(found.clone());
            }
        }
        Ok(found)
    }

    /// Ends the credential at the provider: by the description's request, or by its revocation endpoint (RFC 7009), where the refresh
    /// token ends first and then the access token. False if it has neither.
    ///
    /// # Errors
    /// What the provider objected to; that it ends no access tokens is no objection where the refresh token was ended. The credential may live on then; see [`TokenError::is_transient`].
    pub async fn revoke(&self) -> Result<bool, TokenError> {
        let method = self.0.filled.method();
        if let Some(spec) = &method.revoke {
            let credential = match &self.0.held {
                Held::Static(credential) => Some(credential.clone()),
                // Without a refresh, whose new tokens would outlive the revocation.
                Held::Cached { cache, .. } => cache.peek(),
            };
            self.run("revocation", spec, credential.as_ref().filter(|_| spec.authorized)).await?;
            return Ok(true);
        }
        let (Some(client), Some(response)) = (self.client(), self.response()) else { return Ok(false) };
        if self.0.filled.url_of(UrlKey::Revoke).is_none() {
            return Ok(false);
        }
        match Known::of(Some(&response)).during(client.revoke_response(&response)).await {
            Err(error) if error.access_token_lives_on() => {
                tracing::info!("the provider ended the grant; its access token serves to its own end");
                Ok(true)
            }
            result => result.map(|()| true).map_err(TokenError::from),
        }
    }

    /// Whether an answer of the API with this head may mean that the token is dead; see [`is_dead`](Self::is_dead).
    #[must_use]
    pub fn may_be_dead(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        match &self.0.filled.method().renewal.expired_signal {
            Some(signal) => signal.may_hold(status.as_u16(), headers),
            None => status == StatusCode::UNAUTHORIZED,
        }
    }

    /// Whether the description says when a token is dead, and needs the body of an answer for that.
    #[must_use]
    pub fn looks_into_bodies(&self) -> bool {
        self.0.filled.method().renewal.expired_signal.as_ref().is_some_and(|signal| signal.needs_body())
    }

    /// Whether the description itself says when a token is dead. Else a 401 with a fitting challenge does.
    #[must_use]
    pub fn has_expired_signal(&self) -> bool {
        self.0.filled.method().renewal.expired_signal.is_some()
    }

    /// Whether an answer of the API means that the token is dead.
    #[must_use]
    pub fn is_dead(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> bool {
        let Some(signal) = &self.0.filled.method().renewal.expired_signal else {
            return status == StatusCode::UNAUTHORIZED;
        };
        let mut response = http::Response::new(bytes::Bytes::copy_from_slice(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers.clone();
        Answer::new(&response).holds(signal)
    }

    /// Whether a new token can be had without a person.
    #[must_use]
    pub fn renews_itself(&self) -> bool {
        match (&self.0.held, self.0.filled.method().renewal.refresh) {
            (Held::Static(_), _) => false,
            (_, Refresh::None) => false,
            (_, Refresh::ByRefreshToken) => self.response().is_none_or(|response| response.refresh_token().is_some()),
            (_, Refresh::ByAccessToken | Refresh::Regrant) => true,
        }
    }

    /// When to come back, by an answer of the API that asks for fewer calls (429, 503): as the description's headers say, else as `Retry-After` does; one hour at
    /// the most.
    #[must_use]
    pub fn retry_after(&self, status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
        let names = &self.0.filled.method().limits.retry_after;
        asks_to_wait(status).then(|| retry_after(headers, names, self.0.clock.wall())).flatten()
    }

    /// Names of response headers that say when to come back after a 429, besides `Retry-After`.
    #[must_use]
    pub fn retry_after_headers(&self) -> &[HeaderName] {
        &self.0.filled.method().limits.retry_after
    }

    /// How many calls of the API may be under way at once, if the description says so.
    #[must_use]
    pub fn concurrency(&self) -> Option<usize> {
        self.0.filled.method().limits.concurrency.map(|count| usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// Puts what belongs into a request's body there: members of a JSON object, or of a form. The body in its new form; `None` if the description puts nothing
    /// into bodies.
    ///
    /// # Errors
    /// When the body is neither a JSON object nor a form by its content type, or has something else where a member should go.
    pub fn fill_body(&self, headers: &HeaderMap, body: &[u8]) -> Result<Option<Secret>, SigningError> {
        if !self.puts_credential_into_bodies() {
            return Ok(None);
        }
        let response = self.response();
        let known = self.captured();
        let members = self.0.maker.body_members(response.as_deref().map(TokenResponse::token), &known);
        let members = members.map_err(|error| {
            SigningError::new(SigningErrorKind::Request, "the credential for the body cannot be made")
                .with_source(error)
        })?;
        fill_body(headers, body, &members).map(Some)
    }

    /// Whether a part of the credential goes into request bodies, which the layer for headers cannot do.
    #[must_use]
    pub fn puts_credential_into_bodies(&self) -> bool {
        self.0.filled.method().placement.iter().any(|spec| matches!(spec.place, Place::Body(_)))
    }

    async fn run(
        &self,
        what: &'static str,
        spec: &RequestSpec,
        credential: Option<&Credential>,
    ) -> Result<Answer, TokenError> {
        let filled = &self.0.filled;
        let known = self.captured();
        let base = self.base_url();
        let mut scope = Scope::new(filled, &self.0.clock).captured(&known);
        if let Some(base) = base {
            scope = scope.with("base_url", base);
        }
        let mut hidden: Vec<_> = known.values().filter(|value| value.expose_secret().len() >= 6).cloned().collect();
        if self.response().is_none() {
            if let Ok(Some(token)) = main_value(filled, None, &self.0.clock) {
                hidden.push(token.clone());
                scope = scope.with("token", token);
            }
        }
        if let Some(response) = self.response() {
            hidden.extend([Some(response.token().secret()), response.refresh_token()].into_iter().flatten().cloned());
            scope = scope.with("token", response.token().secret().clone());
            if let Some(refresh_token) = response.refresh_token() {
                scope = scope.with("refresh_token", refresh_token.clone());
            }
        }
        let method = filled.method();
        let prefixed = method.placement.iter().any(|spec| matches!(spec.place, Place::Path(_)));
        let task = Task {
            what,
            spec,
            format: method.token.format,
            headers: HeaderMap::new(),
            credential: credential.filter(|_| spec.authorized),
            body: if spec.authorized { body_parts(&method.placement, &scope)? } else { Vec::new() },
            base_path: prefixed.then(|| base_path(self.base_url().as_deref())),
            hidden,
            rules: &method.response,
            lenient: true,
        };
        self.0.runner.run(task, &scope).await
    }
}

/// The path of a base URL, without a slash at its end.
fn base_path(base: Option<&str>) -> String {
    let uri = base.and_then(|base| base.parse::<http::Uri>().ok());
    uri.map(|uri| uri.path().trim_end_matches('/').to_owned()).unwrap_or_default()
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("provider", &self.0.filled).finish_non_exhaustive()
    }
}
