use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use tracing::Instrument;
use tracing::field::Empty;

use super::builder::OAuthClientBuilder;
use super::endpoints::{Endpoints, Target};
use super::redact::Redactor;
use super::request::{Grant, Params};
use super::response::Reader;
use super::{BodyFormat, ClientAuth};
use crate::clock::within;
use crate::error::BoxError;
use crate::http::{Endpoint, HttpClient, TransportError, TransportErrorKind};
use crate::{Clock, Secret, TokenError, TokenErrorKind, TokenResponse};

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
    pub(super) secret: Secret,
    pub(super) auth: ClientAuth,
    /// `Authorization`, where the method has one.
    pub(super) authorization: Option<HeaderValue>,
    pub(super) endpoints: Endpoints,
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

    /// Host, and port if it is not the scheme's own, of the token endpoint.
    pub(super) fn site(&self) -> &str {
        self.0.endpoints.site()
    }

    pub(super) fn clock(&self) -> Clock {
        self.0.clock.clone()
    }

    pub(super) fn auth(&self) -> ClientAuth {
        self.0.auth
    }

    /// Sends one token request and reads the answer.
    pub(super) async fn exchange(&self, grant: Grant<'_>) -> Result<TokenResponse, TokenError> {
        let (client_id, host) = (self.client_id(), self.site());
        let span = tracing::info_span!(
            "oauth.token_request",
            grant = grant.name,
            %client_id,
            %host,
            status = Empty,
            outcome = Empty
        );
        let result = async {
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
            let answered = self.0.post(grant.target, params).await?;
            let mut reader = answered.reader();
            reader.requested = Some(grant.scope);
            reader.keep_refresh_token = grant.keep_refresh_token;
            reader.read(&answered.response)
        };
        let result = result.instrument(span.clone()).await;
        span.record("outcome", result.as_ref().map_or_else(TokenError::code, |_| "ok"));
        result
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
        let result = self.0.post(target, params).instrument(span.clone()).await;
        span.record("outcome", result.as_ref().map_or_else(TokenError::code, |_| "ok"));
        result
    }
}

/// The answer of an endpoint.
pub(super) struct Answered<'a> {
    client: &'a Inner,
    endpoint: Endpoint,
    /// Knows the secrets of the request too.
    redactor: Redactor,
    pub(super) response: Response<Bytes>,
}

impl Answered<'_> {
    /// What understands the answer.
    pub(super) fn reader(&self) -> Reader<'_> {
        Reader {
            site: self.endpoint.site(),
            method: self.client.auth,
            redactor: &self.redactor,
            now: self.client.clock.wall(),
            requested: None,
            separator: self.client.separator,
            keep_refresh_token: true,
        }
    }
}

impl Inner {
    /// Sends `params` with the client's authentication.
    async fn post(&self, target: Target, params: Params) -> Result<Answered<'_>, TokenError> {
        let endpoint = self.endpoint(target).await?;
        let redactor = self.redactor.and(params.secrets().cloned());
        let request = self.request(&endpoint, params)?;
        match within(&self.clock, self.timeout, self.http.send(request)).await {
            Some(Ok(response)) => {
                tracing::Span::current().record("status", response.status().as_u16());
                Ok(Answered { client: self, endpoint, redactor, response })
            }
            Some(Err(error)) => Err(transport_failure(&endpoint, &redactor, error).handed_over()),
            None => Err(TokenError::new(
                TokenErrorKind::TimedOut,
                format!("{} did not answer within {:?}", endpoint.site(), self.timeout),
            )
            .handed_over()),
        }
    }

    fn request(&self, endpoint: &Endpoint, mut params: Params) -> Result<Request<Bytes>, TokenError> {
        let mut proof = Params::default();
        self.auth.add_params(&self.client_id, &self.secret, &mut proof);
        params.insert_behind_grant_type(proof);
        if self.skip_empty {
            params.drop_empty();
        }
        let encoded = params.encode(self.format, endpoint.uri()).ok_or_else(|| {
            TokenError::new(TokenErrorKind::Misconfigured, "the parameters of the token request do not fit into a URL")
        })?;
        let mut request = Request::new(encoded.body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = encoded.uri;
        *request.headers_mut() = self.headers.clone();
        if let Some(content_type) = encoded.content_type {
            request.headers_mut().insert(CONTENT_TYPE, content_type);
        }
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        Ok(request)
    }
}

/// What a failed exchange means for the token.
fn transport_failure(endpoint: &Endpoint, redactor: &Redactor, error: BoxError) -> TokenError {
    let site = endpoint.site();
    let Some(transport) = TransportError::find(&*error) else {
        // Somebody else's error may quote the request: only its cleaned text is kept.
        let mut text = error.to_string();
        let mut next = error.source();
        while let Some(source) = next {
            text = format!("{text}: {source}");
            next = source.source();
        }
        let source = ForeignError(redactor.clean(&text, MAX_FOREIGN));
        let message = format!("the HTTP client could not send the token request to {site}");
        return TokenError::new(TokenErrorKind::Unreachable, message).with_source(source);
    };
    let (kind, message) = match transport.kind() {
        TransportErrorKind::Connect => (
            TokenErrorKind::Unreachable,
            format!("cannot connect to {site}: check the host of the token URL and the network"),
        ),
        TransportErrorKind::Tls => (
            TokenErrorKind::Unreachable,
            format!("there is no trusted TLS connection to {site}: check its certificate and the trusted roots"),
        ),
        TransportErrorKind::TimedOut => (TokenErrorKind::TimedOut, format!("{site} did not answer in time")),
        TransportErrorKind::TooLarge => {
            (TokenErrorKind::Unparsable, format!("{site} answered with more than the transport reads"))
        }
        TransportErrorKind::Encoded => {
            (TokenErrorKind::Unparsable, format!("{site} answered with a compressed body, which nobody asked for"))
        }
        TransportErrorKind::Forbidden => (
            TokenErrorKind::Misconfigured,
            format!("the token request to {site} was not sent: a rule of the transport forbids it"),
        ),
        TransportErrorKind::Protocol => (TokenErrorKind::Unreachable, format!("the connection to {site} broke")),
    };
    TokenError::new(kind, message).with_source(transport.clone())
}

/// How much of a foreign error's text is kept, in characters.
const MAX_FOREIGN: usize = 300;

/// What is left of an error of a user's own HTTP client.
#[derive(Debug)]
struct ForeignError(String);

impl fmt::Display for ForeignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ForeignError {}

impl fmt::Debug for OAuthClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        f.debug_struct("OAuthClient")
            .field("client_id", &inner.client_id)
            .field("auth", &inner.auth)
            .field("endpoints", &inner.endpoints)
            .field("format", &inner.format)
            .field("params", &inner.params.names().collect::<Vec<_>>())
            .field("timeout", &inner.timeout)
            .finish_non_exhaustive()
    }
}
