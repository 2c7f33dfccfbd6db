use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use tower_service::Service;

use super::ResourceServer;
use crate::{ConnectionLost, TestBody};

impl ResourceServer {
    /// Answers one request.
    pub(super) fn handle<B>(&self, request: Request<B>) -> ResourceFuture
    where
        B: Body + Send + 'static,
        B::Data: Send,
    {
        let inner = Arc::clone(&self.0);
        ResourceFuture(Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = if inner.reads_body() {
                // A client whose body breaks off hears nothing.
                body.collect().await.map_err(|_| ConnectionLost)?.to_bytes()
            } else {
                drop(body);
                Bytes::new()
            };
            Ok(inner.respond(&head, body).await?.streamed(inner.clock()))
        }))
    }
}

impl<B> Service<Request<B>> for ResourceServer
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<TestBody>;
    type Error = ConnectionLost;
    type Future = ResourceFuture;

    /// Always ready.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectionLost>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResourceFuture {
        self.handle(request)
    }
}

/// The answer to come of a [`ResourceServer`].
#[must_use = "futures do nothing unless polled"]
pub struct ResourceFuture(BoxFuture);

type BoxFuture = Pin<Box<dyn Future<Output = Result<Response<TestBody>, ConnectionLost>> + Send>>;

impl Future for ResourceFuture {
    type Output = Result<Response<TestBody>, ConnectionLost>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for ResourceFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceFuture").finish_non_exhaustive()
    }
}
