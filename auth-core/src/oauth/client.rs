use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request};
use tracing::Instrument;
use tracing::field::Empty;

use super::builder::OAuthClientBuilder;
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
    pub(super) endpoint: Endpoint,
    pub(super) format: BodyFormat,
    pub(super) headers: HeaderMap,
    pub(super) params: Params,
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
        self.0.endpoint.site()
    }

    pub(super) fn clock(&self) -> Clock {
        self.0.clock.clone()
    }

    pub(super) fn auth(&self) -> ClientAuth {
        self.0.auth
    }

    /// Sends one token request and reads the answer.
    pub(super) async fn exchange(&self, grant: Grant<'_>) -> Result<TokenResponse, TokenError> {
        let span = tracing::info_span!(
            "oauth.token_request",
            grant = grant.name,
            client_id = %self.0.client_id,
            host = %self.0.endpoint.site(),
            status = Empty,
            outcome = Empty,
        );
        self.0.exchange(grant).instrument(span).await
    }
}

impl Inner {
    async fn exchange(&self, grant: Grant<'_>) -> Result<TokenResponse, TokenError> {
        let request = self.request(&grant)?;
        let result = match within(&self.clock, self.timeout, self.http.send(request)).await {
            Some(Ok(response)) => {
                tracing::Span::current().record("status", response.status().as_u16());
                let reader = Reader {
                    site: self.endpoint.site(),
                    method: self.auth,
                    redactor: &self.redactor,
                    now: self.clock.wall(),
                    requested: grant.scope,
                    separator: self.separator,
                    keep_refresh_token: grant.keep_refresh_token,
                };
                reader.read(&response)
            }
            Some(Err(error)) => Err(self.transport_failure(error)),
            None => Err(TokenError::new(
                TokenErrorKind::TimedOut,
                format!("{} did not answer within {:?}", self.endpoint.site(), self.timeout),
            )),
        };
        tracing::Span::current().record("outcome", result.as_ref().map_or_else(TokenError::code, |_| "ok"));
        result
    }

    fn request(&self, grant: &Grant<'_>) -> Result<Request<Bytes>, TokenError> {
        let mut params = Params::default();
        if let Some(grant_type) = grant.grant_type {
            params.push("grant_type", grant_type);
        }
        self.auth.add_params(&self.client_id, &self.secret, &mut params);
        params.extend(&grant.params);
        if !grant.scope.is_empty() {
            params.push("scope", grant.scope.join(self.separator));
        }
        params.extend(&self.params);
        if self.skip_empty {
            params.drop_empty();
        }
        let encoded = params.encode(self.format, self.endpoint.uri()).ok_or_else(|| {
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

    /// What a failed exchange means for the token.
    fn transport_failure(&self, error: BoxError) -> TokenError {
        let site = self.endpoint.site();
        let Some(transport) = TransportError::find(&*error) else {
            // Somebody else's error may quote the request: only its cleaned text is kept.
            let mut text = error.to_string();
            let mut next = error.source();
            while let Some(source) = next {
                text = format!("{text}: {source}");
                next = source.source();
            }
            let source = ForeignError(self.redactor.clean(&text, MAX_FOREIGN));
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
            .field("endpoint", &inner.endpoint)
            .field("format", &inner.format)
            .field("params", &inner.params.names().collect::<Vec<_>>())
            .field("timeout", &inner.timeout)
            .finish_non_exhaustive()
    }
}
