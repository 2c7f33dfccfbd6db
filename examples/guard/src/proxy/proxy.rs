use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Request, StatusCode, Uri, Version};
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;
use tower::Service;
use tower_auth::core::{BoxError, Clock, PeerAddress, Verified, Verifier};

use super::client::{UpstreamClient, client, status_of};
use super::forwarded::{Forwarded, add_via};
use super::hop;
use super::identity::{IdentityHeaders, remove_like};
use super::upgrade::Upgrade;
use crate::config::{Config, UpstreamSpec};
use crate::http::{Anonymous, Answering};

/// Sends requests on to the upstream, as who the verdict in their extensions says.
#[derive(Clone)]
pub(crate) struct Proxy(Arc<Inner>);

struct Inner {
    client: UpstreamClient,
    verifier: Verifier,
    api_key_header: HeaderName,
    url: Uri,
    version: Version,
    host: Option<HeaderValue>,
    forwarded: Forwarded,
    identity: IdentityHeaders,
    keep_credential: bool,
    end_at_expiry: bool,
    websockets: bool,
    timeout: Duration,
}

impl Proxy {
    /// # Errors
    /// When the roots that the upstream is trusted by are none.
    pub(crate) fn new(config: &Config, spec: &UpstreamSpec) -> Result<Self, BoxError> {
        let public: Option<Uri> = config.server.public_url.as_deref().map(str::parse).transpose()?;
        let scheme = match public.as_ref().and_then(Uri::scheme_str) {
            Some("https") => "https",
            Some(_) => "http",
            None if config.tls.is_some() => "https",
            None => "http",
        };
        let host = public.as_ref().and_then(Uri::authority).map(|host| host.as_str().parse()).transpose()?;
        let mut identity = spec.identity.headers.clone();
        spec.remove.iter().for_each(|name| identity.remove(name));
        Ok(Self(Arc::new(Inner {
            client: client(spec)?,
            verifier: config.verifier.clone(),
            api_key_header: config.api_key_header(),
            url: spec.url.clone(),
            version: if spec.http2 { Version::HTTP_2 } else { Version::HTTP_11 },
            host: spec.host.clone(),
            forwarded: Forwarded { scheme, host },
            identity,
            keep_credential: spec.keep_credential,
            end_at_expiry: spec.end_at_expiry,
            websockets: spec.websockets,
            timeout: spec.timeout,
        })))
    }
}

impl Service<Request<Body>> for Proxy {
    type Response = Response;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { Ok(inner.forward(request).await) })
    }
}

impl Inner {
    async fn forward(&self, mut request: Request<Body>) -> Response {
        let caller = request.extensions().get::<Verified>().cloned();
        if caller.is_none() && request.extensions().get::<Anonymous>().is_none() {
            tracing::error!("a request came to the upstream's door that nobody has verified");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        let upgrade = if self.websockets { Upgrade::asked(&mut request) } else { None };
        let (mut parts, body) = request.into_parts();
        self.write_head(&mut parts, caller.as_ref(), upgrade.is_some());
        let Some(uri) = self.uri(&parts.uri) else { return StatusCode::BAD_REQUEST.into_response() };
        let mut sent = Request::new(body);
        *sent.method_mut() = parts.method;
        *sent.uri_mut() = uri;
        *sent.version_mut() = self.version;
        *sent.headers_mut() = parts.headers;

        let mut response = match timeout(self.timeout, self.client.request(sent)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                tracing::warn!(error = &error as &(dyn std::error::Error + 'static), "the upstream cannot be asked");
                return (status_of(&error), "the upstream cannot be reached").into_response();
            }
            Err(_) => {
                tracing::warn!("the upstream did not answer in time");
                return (StatusCode::GATEWAY_TIMEOUT, "the upstream did not answer in time").into_response();
            }
        };
        let end = expiry(caller.filter(|_| self.end_at_expiry));
        let is_upgraded = upgrade.is_some_and(|upgrade| upgrade.join(&mut response, end));
        if response.status() == StatusCode::SWITCHING_PROTOCOLS && !is_upgraded {
            tracing::warn!("the upstream changed protocols unasked");
            return StatusCode::BAD_GATEWAY.into_response();
        }
        let (mut head, body) = response.into_parts();
        hop::remove(&mut head.headers);
        if is_upgraded {
            Upgrade::ask(&mut head.headers);
        }
        let mut answer = Response::new(Body::new(body));
        *answer.status_mut() = head.status;
        *answer.headers_mut() = head.headers;
        answer
    }

    /// Takes off what is not for the upstream, and tells what it shall know. The order counts: what the request says of
    /// itself goes first, so that it can take away nothing of what is told after.
    fn write_head(&self, parts: &mut Parts, caller: Option<&Verified>, upgrades: bool) {
        let headers = &mut parts.headers;
        hop::remove(headers);
        hop::remove_expectation(headers);
        hop::join_cookies(headers);
        headers.remove(HOST);
        remove_like(headers, &self.api_key_header);
        if !self.keep_credential {
            self.verifier.strip_credential(headers);
            headers.remove("dpop");
        }
        self.identity.clean(headers);
        self.forwarded.set(headers, parts.extensions.get::<PeerAddress>().map(PeerAddress::ip));
        add_via(headers, parts.version);
        if let Some(caller) = caller {
            self.identity.tell(headers, caller);
        }
        if let Some(host) = &self.host {
            headers.insert(HOST, host.clone());
        }
        if upgrades {
            Upgrade::ask(headers);
        }
    }

    /// The same path and query, letter by letter, at the upstream.
    fn uri(&self, asked: &Uri) -> Option<Uri> {
        let base = self.url.path().trim_end_matches('/');
        let path = asked.path_and_query()?.as_str();
        let path = if base.is_empty() { path.to_owned() } else { format!("{base}{path}") };
        let mut parts = self.url.clone().into_parts();
        parts.path_and_query = Some(path.parse().ok()?);
        Uri::from_parts(parts).ok()
    }
}

/// When the credential of `caller` expires; never, if it does not or there is none.
fn expiry(caller: Option<Verified>) -> impl Future<Output = ()> + Send + 'static {
    let expiry = caller.map(|caller| caller.expiry(&Clock::system()));
    async move {
        match expiry {
            Some(expiry) => expiry.await,
            None => std::future::pending().await,
        }
    }
}
