use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_auth_core::{Clock, Verified};
use tower_service::Service;

use super::{EndAtExpiryFuture, ExpiringBody};

/// The service of an [`EndAtExpiryLayer`](super::EndAtExpiryLayer).
///
/// # Clone
/// A clone holds nothing of this one's readiness.
#[derive(Clone, Debug)]
pub struct EndAtExpiry<S> {
    inner: S,
    clock: Clock,
}

impl<S> EndAtExpiry<S> {
    pub(super) fn new(inner: S, clock: Clock) -> Self {
        Self { inner, clock }
    }
}

impl<S, B, R> Service<Request<B>> for EndAtExpiry<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body,
{
    type Response = Response<ExpiringBody<R>>;
    type Error = S::Error;
    type Future = EndAtExpiryFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let caller = request.extensions().get::<Verified>().filter(|caller| caller.expires_at().is_some()).cloned();
        EndAtExpiryFuture::new(self.inner.call(request), caller, &self.clock)
    }
}
