use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use tonic::body::Body;
use tonic::transport::Channel;
use tower::Service;
use tower_auth::core::BoxError;

use crate::sends::SendLog;

/// A channel with each send counted.
#[derive(Clone)]
pub(crate) struct CountedChannel {
    channel: Channel,
    log: Arc<SendLog>,
}

impl CountedChannel {
    pub(crate) fn new(channel: Channel, log: Arc<SendLog>) -> Self {
        Self { channel, log }
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
