use std::fmt;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use tonic::body::Body;
use tower_auth::ReplayBody;
use tower_auth_core::BoxError;
use tower_service::Service;

use super::deadline::Deadline;
use super::layer::Options;
use super::peek::Peek;
use super::request_body::{Ended, RequestBody};

/// What stands between [`tower_auth::Auth`] and the channel: it hands the channel the body type that it takes, and shows the
/// layer above a refusal in the headers wherever it came.
#[derive(Clone)]
pub struct Transport<S> {
    inner: S,
    options: Options,
}

impl<S> Transport<S> {
    pub(super) fn new(inner: S, options: Options) -> Self {
        Self { inner, options }
    }
}

impl<S, R> Service<Request<ReplayBody<Body>>> for Transport<S>
where
    S: Service<Request<Body>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Peek<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<ReplayBody<Body>>) -> Peek<S::Future> {
        let (mut parts, body) = request.into_parts();
        let clock = &self.options.clock;
        let sending = parts.extensions.remove::<Deadline>().map(|deadline| deadline.begin(&mut parts.headers, clock));
        // Nobody looks at the first frame for a layer that would do nothing about it.
        let (body, ended): (Body, Option<Ended>) = if self.options.recovery {
            let (body, ended) = RequestBody::new(body);
            (Body::new(body), Some(ended))
        } else {
            (Body::new(body), None)
        };
        Peek::new(self.inner.call(Request::from_parts(parts, body)), ended, sending, clock.clone())
    }
}

impl<S> fmt::Debug for Transport<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}
