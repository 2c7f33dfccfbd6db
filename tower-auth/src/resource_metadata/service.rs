use std::task::{Context, Poll};

use http::{Request, Response};
use tower_auth_core::ResourceMetadata;
use tower_service::Service;

use super::ServeResourceMetadataFuture;

/// The service of a [`ResourceMetadataLayer`](super::ResourceMetadataLayer).
///
/// # Clone
/// A clone holds nothing of this one's readiness.
#[derive(Clone, Debug)]
pub struct ServeResourceMetadata<S> {
    inner: S,
    metadata: ResourceMetadata,
}

impl<S> ServeResourceMetadata<S> {
    pub(super) fn new(inner: S, metadata: ResourceMetadata) -> Self {
        Self { inner, metadata }
    }
}

impl<S, B, R> Service<Request<B>> for ServeResourceMetadata<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Default + From<String>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ServeResourceMetadataFuture<S::Future, R>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.metadata.answer(&request) {
            // The inner service stays ready for the next request.
            Some(response) => ServeResourceMetadataFuture::answered(response),
            None => ServeResourceMetadataFuture::passed(self.inner.call(request)),
        }
    }
}
