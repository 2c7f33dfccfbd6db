use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri, Version};
use axum::response::{IntoResponse, Response};
use tokio::time::{sleep, timeout};
use tower::Service;
use tower_auth::core::{BoxError, PeerAddress, Verified, Verifier};

use super::client::{UpstreamClient, client, status_of};
use super::forwarded::{Forwarded, add_via};
use super::identity::{IdentityHeaders, folded};
use super::upgrade::Upgrade;
use super::hop;
use crate::config::UpstreamSpec;
use crate::http::{Anonymous, Answering};

/// Sends requests on to the upstream, as who the verdict in their extensions says.
#[derive(Clone)]
pub(crate) struct Proxy(Arc<Inner>);

struct Inner {
    client: UpstreamClient,
    verifier: Verifier,
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
    pub(crate) fn new(
        spec: &UpstreamSpec,
        verifier: Verifier,
        public_url: Option<&str>,
        is_tls: bool,
    ) -> Result<Self, BoxError> {
        let public: Option<Uri> = public_url.map(str::parse).transpose()?;
        let scheme = match public.as_ref().and_then(Uri::scheme_str) {
            Some("https") => "https",
            Some(_) => "http",
            None if is_tls => "https",
            None => "http",
        };
        let host = public.as_ref().and_then(Uri::authority).map(|host| host.as_str().parse()).transpose()?;
        let mut identity = spec.identity.headers.clone();
        spec.remove.iter().for_each(|name| identity.remove(name));
        if !spec.keep_credential {
            identity.remove(&HeaderName::from_static("dpop"));
        }
        Ok(Self(Arc::new(Inner {
            client: client(spec)?,
            verifier,
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
        if !self.keep_credential {
            strip_credential(&self.verifier, headers);
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

/// Takes the credential out, and headers that an upstream might take for the one that it was in.
fn strip_credential(verifier: &Verifier, headers: &mut HeaderMap) {
    let before: Vec<HeaderName> = headers.keys().cloned().collect();
    verifier.strip_credential(headers);
    let stripped: Vec<String> =
        before.iter().filter(|name| !headers.contains_key(*name)).map(|name| folded(name.as_str())).collect();
    for name in before.iter().filter(|name| stripped.contains(&folded(name.as_str()))) {
        headers.remove(name);
    }
}

/// When the credential of `caller` expires; never, if it does not or there is none.
fn expiry(caller: Option<Verified>) -> impl Future<Output = ()> + Send + 'static {
    let left = caller.and_then(|caller| caller.expires_at()).map(|at| at.duration_since(SystemTime::now()).unwrap_or_default());
    async move {
        match left {
            Some(left) => sleep(left).await,
            None => std::future::pending().await,
        }
    }
}
