use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use http_body_util::{BodyExt, Full};
use tonic::body::Body;
use tonic::transport::Channel;
use tower::{Service, ServiceExt};
use tower_auth::core::BoxError;

use crate::sends::SendLog;

/// A channel with each send counted.
#[derive(Clone)]
pub(crate) struct CountedChannel {
    channel: Channel,
    log: Arc<SendLog>,
}

/// Reads the body of a call to its end before the call goes on. A server may refuse a call while its body is still open, and such a
/// call could not be sent a second time; the ones of this program are one small message.
#[derive(Clone)]
pub(crate) struct WholeBody<S>(S);

impl CountedChannel {
    pub(crate) fn new(channel: Channel, log: Arc<SendLog>) -> Self {
        Self { channel, log }
    }
}

impl<S> WholeBody<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self(inner)
    }
}

impl<B> Service<Request<B>> for CountedChannel
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = tonic::transport::Error;
    type Future = <Channel as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.channel.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.log.note(request.headers());
        self.channel.call(request.map(Body::new))
    }
}

impl<S> Service<Request<Body>> for WholeBody<S>
where
    S: Service<Request<Full<Bytes>>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    /// The future awaits the readiness of the clone that it calls.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let inner = self.0.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            inner.oneshot(Request::from_parts(parts, Full::new(body))).await
        })
    }
}
