use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, Response};
use tracing::Instrument;
use tracing::field::Empty;

use super::client_auth::{Authenticator, Proof};
#[cfg(feature = "provider")]
use super::dialect::Dialect;
use super::dialect::Outline;
use super::endpoints::{EndpointRules, Endpoints, Target};
use super::failure::transport_failure;
use super::introspect::put_on;
use super::limit::Limit;
use super::metadata::MetadataCache;
use super::redact::Redactor;
use super::request::{Grant, Params};
#[cfg(feature = "provider")]
use super::response::MAX_ANSWER;
use super::response::Reader;
use super::{AssertionAudience, BodyFormat, ClientAuth, OAuthClientBuilder, ServerMetadata};
#[cfg(feature = "dpop")]
use crate::DpopKey;
use crate::clock::race;
use crate::http::{Endpoint, HttpClient};
use crate::{Clock, TokenCache, TokenCacheBuilder, TokenError, TokenErrorKind, TokenResponse, TokenSource};

/// A client of one authorization server: where its token endpoint is, how the client proves who it is there, and in
/// which way the server departs from the standard.
///
/// Grants are made over it; [`ClientCredentials`](super::ClientCredentials) is the shortest way to the most common one.
///
/// ```
/// use tower_auth_core::{ClientAuth, OAuthClient};
///
/// # #[cfg(feature = "http")] {
/// let client = OAuthClient::builder("orders")
///     .secret("correct horse")
///     .token_endpoint("https://login.example.com/oauth/token")
///     .client_auth(ClientAuth::Body)
///     .build()?;
/// assert_eq!(client.client_id(), "orders");
/// # }
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
///
/// # Clone
/// Clones share everything, connections included.
#[derive(Clone)]
pub struct OAuthClient(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) client_id: String,
    pub(super) auth: Authenticator,
    /// The key that tokens are bound to.
    #[cfg(feature = "dpop")]
    pub(super) dpop: Option<DpopKey>,
    /// Whether a Bearer token is good enough.
    pub(super) takes_bearer: bool,
    /// The issuer identifier of the authorization server, if it is known.
    pub(super) issuer: Option<String>,
    pub(super) endpoints: Endpoints,
    /// What the issuer says of itself; `None` if it cannot be asked.
    pub(super) metadata: Option<Arc<MetadataCache>>,
    pub(super) endpoint_rules: EndpointRules,
    /// Host and port of the token endpoint, or of the issuer.
    pub(super) site: String,
    pub(super) format: BodyFormat,
    pub(super) headers: HeaderMap,
    /// Of token requests other than refreshes.
    pub(super) params: Params,
    /// Of refreshes.
    pub(super) refresh_params: Params,
    pub(super) separator: char,
    pub(super) skip_empty: bool,
    pub(super) http: HttpClient,
    pub(super) clock: Clock,
    pub(super) timeout: Duration,
    pub(super) redactor: Redactor,
    /// What authenticates introspection requests in place of the client's own method.
    pub(super) introspection_tokens: Option<TokenCache>,
    #[cfg(feature = "provider")]
    pub(super) dialect: Option<Arc<dyn Dialect>>,
}

impl OAuthClient {
    /// Describes a client.
    pub fn builder(client_id: impl Into<String>) -> OAuthClientBuilder {
        OAuthClientBuilder::new(client_id.into())
    }

    /// The client id.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.0.client_id
    }

    /// Whether `name` is among the extra parameters.
    pub(super) fn has_param(&self, name: &str) -> bool {
        self.0.params.has(name)
    }

    /// What the authorization server says of itself (RFC 8414), fetched from the [issuer](OAuthClientBuilder::issuer). It is kept
    /// for an hour, and longer while the server cannot be asked.
    ///
    /// # Errors
    /// - [`Misconfigured`](TokenErrorKind::Misconfigured): the client has no issuer that can be asked.
    /// - Those of [`ServerDiscovery::fetch`](crate::ServerDiscovery::fetch), as long as nothing is known.
    ///
    /// # Cancel safety
    /// Nothing is lost with the future; another caller who waits fetches in its place.
    pub async fn metadata(&self) -> Result<ServerMetadata, TokenError> {
        match &self.0.metadata {
            Some(metadata) => metadata.get().await,
            None => Err(TokenError::new(
                TokenErrorKind::Misconfigured,
                "the client has no https issuer that could be asked for its metadata: give it one with `issuer`",
            )),
        }
    }

    /// Host, and port if it is not the scheme's own, of the token endpoint if it was configured, else of the issuer.
    pub(super) fn site(&self) -> &str {
        &self.0.site
    }

    pub(super) fn clock(&self) -> Clock {
        self.0.clock.clone()
    }

    /// A cache over `source`, which asks by this client: named after the host of the token endpoint, on the client's clock, and
    /// with the key that its tokens are bound to.
    pub(super) fn cache_builder(&self, source: impl TokenSource) -> TokenCacheBuilder {
        let cache = TokenCache::builder(source).name(self.site()).clock(self.clock());
        #[cfg(feature = "dpop")]
        let cache = match &self.0.dpop {
            Some(key) if self.0.takes_bearer => cache.dpop(key.clone()).allow_bearer(),
            Some(key) => cache.dpop(key.clone()),
            None => cache,
        };
        cache
    }

    /// The thumbprint of the key that tokens are bound to.
    #[cfg(feature = "authorization-code")]
    pub(super) fn dpop_jkt(&self) -> Option<String> {
        #[cfg(feature = "dpop")]
        let jkt = self.0.dpop.as_ref().map(|key| key.thumbprint().to_owned());
        #[cfg(not(feature = "dpop"))]
        let jkt = None;
        jkt
    }

    pub(super) fn auth(&self) -> ClientAuth {
        self.0.auth.method()
    }

    /// Sends one token request and reads the answer.
    pub(crate) async fn exchange(&self, grant: Grant<'_>) -> Result<TokenResponse, TokenError> {
        let (client_id, host) = (self.client_id(), self.site());
        let span = tracing::info_span!(
            "oauth.token_request",
            grant = grant.name,
            %client_id,
            %host,
            status = Empty,
            outcome = Empty
        );
        let result = async { self.ask(&grant).await?.read(&grant) };
        let result = result.instrument(span.clone()).await;
        span.record("outcome", result.as_ref().map_or_else(TokenError::code, |_| "ok"));
        result
    }

    /// Sends one token request, and gives the answer as it came.
    pub(crate) async fn ask(&self, grant: &Grant<'_>) -> Result<Answered<'_>, TokenError> {
        let mut params = Params::default();
        if let Some(grant_type) = grant.grant_type {
            params.push("grant_type", grant_type);
        }
        params.extend(&grant.params);
        if !grant.scope.is_empty() {
            params.push("scope", grant.scope.join(self.0.separator));
        }
        params.extend(match grant.target {
            Target::Refresh => &self.0.refresh_params,
            _ => &self.0.params,
        });
        self.0.post(grant.target, params, grant.single_use).await
    }

    /// Sends `params`, which are not those of a token request, to another endpoint with the client's authentication, and
    /// gives the answer as it came with what reads its errors.
    pub(super) async fn post(
        &self,
        name: &'static str,
        target: Target,
        params: Params,
    ) -> Result<Answered<'_>, TokenError> {
        let (client_id, host) = (self.client_id(), self.site());
        let span = tracing::info_span!("oauth.request", name, %client_id, %host, status = Empty, outcome = Empty);
        let result = self.0.post(target, params, false).instrument(span.clone()).await;
        span.record("outcome", result.as_ref().map_or_else(TokenError::code, |_| "ok"));
        result
    }
}

/// The answer of an endpoint.
pub(crate) struct Answered<'a> {
    client: &'a Inner,
    target: Target,
    endpoint: Endpoint,
    /// How messages name the way in which the request was authenticated.
    method: &'static str,
    /// Knows the secrets of the request too.
    redactor: Redactor,
    pub(crate) response: Response<Bytes>,
}

impl Answered<'_> {
    /// The tokens that the answer holds.
    #[cfg(not(feature = "provider"))]
    fn read(&self, grant: &Grant<'_>) -> Result<TokenResponse, TokenError> {
        self.read_plain(grant, &self.response)
    }

    /// The tokens that the answer holds.
    #[cfg(feature = "provider")]
    fn read(&self, grant: &Grant<'_>) -> Result<TokenResponse, TokenError> {
        self.read_other(grant, &self.response)
    }

    /// The tokens that `response`, which came from somewhere else on the way to them, holds.
    #[cfg(feature = "provider")]
    pub(crate) fn read_other(
        &self,
        grant: &Grant<'_>,
        response: &Response<Bytes>,
    ) -> Result<TokenResponse, TokenError> {
        let Some(dialect) = &self.client.dialect else { return self.read_plain(grant, response) };
        if response.body().len() > MAX_ANSWER {
            return self.read_plain(grant, response);
        }
        let translated = dialect.translate(grant.target, response.clone(), self.client.clock.wall())?;
        let read = self.read_plain(grant, &translated.response)?;
        Ok(translated.extras.into_iter().fold(read, |read, (name, value)| read.with_extra(name, value)))
    }

    fn read_plain(&self, grant: &Grant<'_>, response: &Response<Bytes>) -> Result<TokenResponse, TokenError> {
        let mut reader = self.reader();
        reader.requested = Some(grant.scope);
        reader.keep_refresh_token = grant.keep_refresh_token;
        reader.read(response)
    }

    /// The error that the answer means, which is no success.
    #[cfg(feature = "provider")]
    pub(crate) fn refusal(&self) -> TokenError {
        self.reader().read_refusal(&self.response)
    }

    /// Where it came from.
    pub(super) fn uri(&self) -> &http::Uri {
        self.endpoint.uri()
    }

    /// What understands the answer.
    pub(super) fn reader(&self) -> Reader<'_> {
        Reader {
            site: self.endpoint.site(),
            target: self.target,
            method: self.method,
            redactor: &self.redactor,
            now: self.client.clock.wall(),
            requested: None,
            separator: self.client.separator,
            keep_refresh_token: true,
            takes_bearer: self.client.takes_bearer,
            takes_dpop: self.client.has_dpop_key(),
        }
    }
}

impl Inner {
    #[cfg(feature = "dpop")]
    fn has_dpop_key(&self) -> bool {
        self.dpop.is_some()
    }

    #[cfg(not(feature = "dpop"))]
    fn has_dpop_key(&self) -> bool {
        false
    }

    /// Adds a proof of possession where the server looks for one (RFC 9449 section 5, RFC 9126).
    #[cfg(feature = "dpop")]
    fn bind(&self, target: Target, request: &mut Request<Bytes>) -> Result<(), TokenError> {
        let bound = matches!(target, Target::Token | Target::Refresh | Target::PushedAuthorization);
        let Some(key) = self.dpop.as_ref().filter(|_| bound) else { return Ok(()) };
        let nonce = key.server_nonces().newest(request.uri());
        let proof = key.proof(request.method(), request.uri(), None, nonce.as_deref()).map_err(|error| {
            TokenError::new(TokenErrorKind::Aborted, "the DPoP proof of the token request could not be made")
                .with_source(error)
        })?;
        request.headers_mut().insert(DpopKey::HEADER, proof);
        Ok(())
    }

    /// Takes a nonce out of an answer, and says whether the server refused the request for want of it. It has then looked at the
    /// proof alone, so nothing was spent (RFC 9449 section 8).
    #[cfg(feature = "dpop")]
    fn wants_nonce(&self, answered: &Answered<'_>) -> bool {
        let Some(key) = &self.dpop else { return false };
        key.server_nonces().observe(answered.endpoint.uri(), answered.response.headers())
            && answered.response.status() == http::StatusCode::BAD_REQUEST
            && answered.reader().has_code(&answered.response, "use_dpop_nonce")
    }

    /// Sends `params` with the client's authentication. What spends something that is good once (`single_use`) is sent again only
    /// where the server has refused the client itself, and so has not looked at the rest.
    async fn post(&self, target: Target, params: Params, single_use: bool) -> Result<Answered<'_>, TokenError> {
        let limit = Limit::new(&self.clock, self.timeout);
        let endpoint = match self.late_endpoint(target)? {
            Some(endpoint) => endpoint,
            None => self.endpoint(target).await?,
        };
        if endpoint.site() != self.site {
            tracing::Span::current().record("host", endpoint.site());
        }
        if let Some(tokens) = self.tokens_for(target) {
            return self.post_with(tokens, target, &endpoint, &params, limit).await;
        }
        let audience = self.assertion_audience().await?;
        let mut trial = self.auth.trial(single_use);
        #[cfg(feature = "dpop")]
        let mut has_nonce = false;
        loop {
            let proof = self.auth.prove(&trial, &audience, limit).await?;
            let answered = self.send(target, &endpoint, &params, &proof, limit).await?;
            #[cfg(feature = "dpop")]
            if self.wants_nonce(&answered) && !std::mem::replace(&mut has_nonce, true) {
                continue;
            }
            if answered.reader().refuses_client(&answered.response) {
                if self.auth.next(&mut trial, &proof, limit).await {
                    continue;
                }
            } else if answered.response.status().is_success() {
                self.auth.worked(&trial);
            }
            return Ok(answered);
        }
    }

    pub(super) async fn send(
        &self,
        target: Target,
        endpoint: &Endpoint,
        params: &Params,
        proof: &Proof,
        limit: Limit<'_>,
    ) -> Result<Answered<'_>, TokenError> {
        let outline = self.outline(target, params.clone(), proof)?;
        let mut redactor = self.redactor.and(outline.params.secrets().chain(&proof.hidden).cloned());
        let mut request = request(&outline, endpoint)?;
        #[cfg(feature = "dpop")]
        self.bind(target, &mut request)?;
        if let Some(credential) = &proof.credential {
            redactor = redactor.and(put_on(&mut request, credential)?);
        }
        let method = if proof.credential.is_some() { "a token" } else { self.auth.method().as_str() };
        match race(self.http.send(request), limit.passed()).await {
            Some(Ok(response)) => {
                tracing::Span::current().record("status", response.status().as_u16());
                Ok(Answered { client: self, target, endpoint: endpoint.clone(), method, redactor, response })
            }
            Some(Err(error)) => Err(transport_failure(target, endpoint.site(), &redactor, error).handed_over()),
            None => Err(TokenError::new(
                TokenErrorKind::TimedOut,
                format!("{} did not answer within {:?}", endpoint.site(), self.timeout),
            )
            .handed_over()),
        }
    }

    /// Where the request goes, if that depends on what the provider told.
    #[cfg(feature = "provider")]
    fn late_endpoint(&self, target: Target) -> Result<Option<Endpoint>, TokenError> {
        self.dialect.as_ref().map_or(Ok(None), |dialect| dialect.endpoint(target))
    }

    #[cfg(not(feature = "provider"))]
    fn late_endpoint(&self, _: Target) -> Result<Option<Endpoint>, TokenError> {
        Ok(None)
    }

    /// Everything that goes into a request.
    fn outline(&self, target: Target, mut params: Params, proof: &Proof) -> Result<Outline, TokenError> {
        params.insert_behind_grant_type(proof.params.clone());
        let mut headers = self.headers.clone();
        if let Some(authorization) = &proof.header {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        // The tokens of callers never go into a URL (RFC 7662 sections 2.1 and 4).
        let format = if target == Target::Introspection { BodyFormat::Form } else { self.format };
        let mut outline = Outline { method: Method::POST, params, headers, format, may_be_empty: false };
        self.shape(target, &mut outline)?;
        if self.skip_empty {
            outline.params.drop_empty();
        }
        Ok(outline)
    }

    #[cfg(feature = "provider")]
    fn shape(&self, target: Target, outline: &mut Outline) -> Result<(), TokenError> {
        match &self.dialect {
            Some(dialect) if matches!(target, Target::Token | Target::Refresh) => dialect.shape(target, outline),
            _ => Ok(()),
        }
    }

    #[cfg(not(feature = "provider"))]
    fn shape(&self, _: Target, _: &mut Outline) -> Result<(), TokenError> {
        Ok(())
    }

    /// For whom assertions are that the client makes now.
    async fn assertion_audience(&self) -> Result<String, TokenError> {
        if !self.auth.method().uses_assertion() {
            return Ok(String::new());
        }
        Ok(match &self.auth.assertion().audience {
            AssertionAudience::Issuer => self.issuer.clone().unwrap_or_default(),
            AssertionAudience::TokenEndpoint => self.endpoint(Target::Token).await?.uri().to_string(),
            AssertionAudience::Custom(audience) => audience.clone(),
        })
    }
}

fn request(outline: &Outline, endpoint: &Endpoint) -> Result<Request<Bytes>, TokenError> {
    if outline.may_be_empty && outline.params.is_empty() {
        // Without parameters there is no body, and so no type of one.
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = outline.method.clone();
        *request.uri_mut() = endpoint.uri().clone();
        *request.headers_mut() = outline.headers.clone();
        return Ok(request);
    }
    let encoded = outline.params.encode(outline.format, endpoint.uri()).ok_or_else(|| {
        TokenError::new(TokenErrorKind::Misconfigured, "the parameters of the token request do not fit into a URL")
    })?;
    let mut request = Request::new(encoded.body);
    *request.method_mut() = outline.method.clone();
    *request.uri_mut() = encoded.uri;
    *request.headers_mut() = outline.headers.clone();
    if let Some(content_type) = encoded.content_type {
        request.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    Ok(request)
}

impl fmt::Debug for OAuthClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        f.debug_struct("OAuthClient")
            .field("client_id", &inner.client_id)
            .field("auth", &inner.auth.method())
            .field("issuer", &inner.issuer)
            .field("endpoints", &inner.endpoints)
            .field("format", &inner.format)
            .field("params", &inner.params.names().collect::<Vec<_>>())
            .field("timeout", &inner.timeout)
            .finish_non_exhaustive()
    }
}
