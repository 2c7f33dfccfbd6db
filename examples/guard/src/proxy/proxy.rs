use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::header::{HOST, TRANSFER_ENCODING};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Request, StatusCode, Uri, Version};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use tokio::sync::Notify;
use tokio::time::sleep;
use tower::Service;
use tower_auth::core::{BoxError, Clock, PeerAddress, Verified};

use super::Cleaning;
use super::client::{UpstreamClient, client, status_of};
use super::forwarded::{Forwarded, add_via};
use super::hop;
use super::identity::IdentityHeaders;
use super::sent_body::SentBody;
use super::upgrade::Upgrade;
use crate::config::{Config, UpstreamSpec};
use crate::http::{Anonymous, Answering};

/// Sends requests on to the upstream, as who the verdict in their extensions says.
#[derive(Clone)]
pub(crate) struct Proxy(Arc<Inner>);

struct Inner {
    client: UpstreamClient,
    cleaning: Arc<Cleaning>,
    url: Uri,
    version: Version,
    host: Option<HeaderValue>,
    forwarded: Forwarded,
    identity: IdentityHeaders,
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
        Ok(Self(Arc::new(Inner {
            client: client(spec)?,
            cleaning: Arc::new(Cleaning::new(config, spec)),
            url: spec.url.clone(),
            version: if spec.http2 { Version::HTTP_2 } else { Version::HTTP_11 },
            host: spec.host.clone(),
            forwarded: Forwarded { scheme, host },
            identity: spec.identity.headers.clone(),
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
        // What hyper would else leave out of a request by a method that usually has no body.
        if self.version == Version::HTTP_11 && !body.is_end_stream() && body.size_hint().exact().is_none() {
            parts.headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        let progress = Arc::new(Notify::new());
        let mut sent = Request::new(SentBody::new(body, Arc::clone(&self.cleaning), Arc::clone(&progress)));
        *sent.method_mut() = parts.method;
        *sent.uri_mut() = uri;
        *sent.version_mut() = self.version;
        *sent.headers_mut() = parts.headers;

        let mut response = match self.send(sent, &progress).await {
            Ok(response) => response,
            Err((status, text)) => return (status, text).into_response(),
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

    /// Waits until an answer begins, as long as parts of the request are on their way.
    async fn send(
        &self,
        request: Request<SentBody>,
        progress: &Notify,
    ) -> Result<Response<Incoming>, (StatusCode, &'static str)> {
        let mut answer = self.client.request(request);
        loop {
            tokio::select! {
                answer = &mut answer => return answer.map_err(|error| {
                    tracing::warn!(error = &error as &(dyn Error + 'static), "the upstream cannot be asked");
                    (status_of(&error), "the upstream cannot be reached")
                }),
                () = progress.notified() => {}
                () = sleep(self.timeout) => {
                    tracing::warn!("the upstream did not answer in time");
                    return Err((StatusCode::GATEWAY_TIMEOUT, "the upstream did not answer in time"));
                }
            }
        }
    }

    /// Takes off what is not for the upstream, and tells what it shall know. The order counts: what the request says of
    /// itself goes first, so that it can take away nothing of what is told after.
    fn write_head(&self, parts: &mut Parts, caller: Option<&Verified>, upgrades: bool) {
        let headers = &mut parts.headers;
        self.cleaning.clean(headers);
        hop::remove_expectation(headers);
        hop::join_cookies(headers);
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
