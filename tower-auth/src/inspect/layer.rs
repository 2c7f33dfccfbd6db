use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body;
use tower_auth_core::ShardedArc;
use tower_layer::Layer;
use tower_service::Service;

use super::InspectedBody;
use super::future::BodyRefusalFuture;

/// Reads the start of some responses, and marks those whose body says that the token is dead with
/// [`TokenRefused`](crate::TokenRefused), which [`AuthLayer`](crate::AuthLayer) takes for a refusal: for APIs that answer 200 with an error code.
/// It stands below that layer.
///
/// ```
/// use tower::ServiceBuilder;
/// use tower_auth::{AuthLayer, BodyRefusalLayer};
/// use tower_auth::core::{EnvToken, TokenCache};
///
/// let tokens = TokenCache::new(EnvToken::new("API_TOKEN"));
/// let dead = |start: &[u8]| [&br#""code":"601""#[..], br#""code":"602""#].iter().any(|code| start.windows(code.len()).any(|part| part == *code));
/// let stack = ServiceBuilder::new()
///     .layer(AuthLayer::new(tokens, ["https://api.example.com"])?)
///     .layer(BodyRefusalLayer::new(dead));
/// # Ok::<(), tower_auth::core::ConfigError>(())
/// ```
///
/// # What it costs
/// A response whose head does not [match](Self::when) passes as it is. One that matches is held until its body ended or
/// the [limit](Self::limit) was reached; what was read is handed on, followed by the rest with its trailers. A body with a
/// `Content-Encoding` is looked at as it came.
#[derive(Clone)]
pub struct BodyRefusalLayer {
    rules: ShardedArc<Rules>,
}

/// What is read, and what is looked for.
#[derive(Clone)]
pub(super) struct Rules {
    when: Arc<HeadPredicate>,
    pub(super) body: Arc<BodyPredicate>,
    pub(super) limit: usize,
}

type HeadPredicate = dyn Fn(StatusCode, &HeaderMap) -> bool + Send + Sync;
type BodyPredicate = dyn Fn(StatusCode, &HeaderMap, &[u8]) -> bool + Send + Sync;

impl BodyRefusalLayer {
    /// A layer that asks `is_refusal` of the start of every JSON response whether it says that the token is dead.
    pub fn new(is_refusal: impl Fn(&[u8]) -> bool + Send + Sync + 'static) -> Self {
        let body = move |_: StatusCode, _: &HeaderMap, start: &[u8]| is_refusal(start);
        let rules = Rules { when: Arc::new(is_json), body: Arc::new(body), limit: 16 * 1024 };
        Self { rules: ShardedArc::new(rules) }
    }

    /// What a described provider says in its answers.
    #[cfg(feature = "provider")]
    pub(crate) fn of_connection(connection: &tower_auth_core::Connection) -> Self {
        let (head, whole) = (connection.clone(), connection.clone());
        let when =
            move |status, headers: &HeaderMap| head.may_be_dead(status, headers) && !crate::auth::demands_more(headers);
        let body = move |status, headers: &HeaderMap, start: &[u8]| whole.is_dead(status, headers, start);
        Self { rules: ShardedArc::new(Rules { when: Arc::new(when), body: Arc::new(body), limit: 64 * 1024 }) }
    }

    /// A service that looks at nothing.
    #[cfg(feature = "provider")]
    pub(crate) fn none<S>(inner: S) -> BodyRefusal<S> {
        BodyRefusal { inner, rules: None }
    }

    /// Sets which responses are looked at, by their head; if not set, those whose `Content-Type` is `application/json` or
    /// ends in `+json`.
    #[must_use]
    pub fn when(mut self, head: impl Fn(StatusCode, &HeaderMap) -> bool + Send + Sync + 'static) -> Self {
        self.rules.update(|rules| rules.when = Arc::new(head));
        self
    }

    /// Sets how many bytes are looked at; 16 KiB if not set.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.rules.update(|rules| rules.limit = bytes);
        self
    }
}

impl Rules {
    pub(super) fn concern(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        (self.when)(status, headers)
    }
}

fn is_json(_: StatusCode, headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence.ends_with("+json")
}

impl<S> Layer<S> for BodyRefusalLayer {
    type Service = BodyRefusal<S>;

    fn layer(&self, inner: S) -> BodyRefusal<S> {
        BodyRefusal { inner, rules: Some(self.rules.clone()) }
    }
}

impl fmt::Debug for BodyRefusalLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyRefusalLayer").field("limit", &self.rules.limit).finish_non_exhaustive()
    }
}

/// The service of a [`BodyRefusalLayer`].
#[derive(Clone)]
pub struct BodyRefusal<S> {
    inner: S,
    /// `None`: nothing is looked at.
    rules: Option<ShardedArc<Rules>>,
}

impl<S, B, R> Service<Request<B>> for BodyRefusal<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body<Data = Bytes>,
{
    type Response = Response<InspectedBody<R>>;
    type Error = S::Error;
    type Future = BodyRefusalFuture<S::Future, R>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        BodyRefusalFuture::new(self.inner.call(request), self.rules.clone())
    }
}

impl<S: fmt::Debug> fmt::Debug for BodyRefusal<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyRefusal").field("inner", &self.inner).finish_non_exhaustive()
    }
}
