use std::fmt;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_auth_core::Verified;
use tower_service::Service;

use super::body::LifetimeBody;
use super::future::LifetimeFuture;
use super::rule::Plan;

/// Below the layer that verifies: ends a call whose credential ends before it, where the layer was told to.
#[derive(Clone)]
pub struct Lifetime<S> {
    inner: S,
    plan: Option<Plan>,
}

impl<S> Lifetime<S> {
    pub(in crate::server) fn new(inner: S, plan: Option<Plan>) -> Self {
        Self { inner, plan }
    }
}

impl<S, B, R> Service<Request<B>> for Lifetime<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<LifetimeBody<R>>;
    type Error = S::Error;
    type Future = LifetimeFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let watch = match (self.plan.take(), request.extensions().get::<Verified>()) {
            (Some(plan), Some(verified)) => plan.watch(verified),
            // Nobody was verified, so no credential ends.
            _ => None,
        };
        LifetimeFuture::new(self.inner.call(request), watch)
    }
}

impl<S: fmt::Debug> fmt::Debug for Lifetime<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lifetime").field("inner", &self.inner).finish_non_exhaustive()
    }
}
