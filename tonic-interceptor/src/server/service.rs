use std::fmt;
use std::mem;
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::server::NamedService;
use tower_auth::ValidateFuture;
use tower_auth_core::ShardedArc;
use tower_layer::Layer;
use tower_service::Service;

use super::future::GrpcValidateFuture;
use super::lifetime::{Lifetime, LifetimeBody};
use super::method_path::MethodPath;
use super::policies::Policies;
use super::refusal::NoMethod;

/// The service of a [`GrpcValidateLayer`](super::GrpcValidateLayer).
///
/// # Clone
/// A clone shares the verifier and the rules, and holds nothing of this one's readiness.
#[derive(Clone)]
pub struct GrpcValidate<S> {
    inner: S,
    policies: ShardedArc<Policies>,
}

impl<S> GrpcValidate<S> {
    pub(super) fn new(inner: S, policies: ShardedArc<Policies>) -> Self {
        Self { inner, policies }
    }
}

impl<S, B, R> Service<Request<B>> for GrpcValidate<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
{
    type Response = Response<LifetimeBody<R>>;
    type Error = S::Error;
    type Future = GrpcValidateFuture<ValidateFuture<Lifetime<S>, B>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(
        &mut self,
        #[allow(unused_mut, reason = "used with `connect-info`")] mut request: Request<B>,
    ) -> Self::Future {
        let uri = request.uri();
        let path = if uri.query().is_none() { MethodPath::parse(uri.path()) } else { None };
        let Some(path) = path else {
            // The inner service stays ready for the next call.
            return GrpcValidateFuture::no_method(NoMethod::new(&request));
        };
        let policy = self.policies.of(path);
        // The one in `self` was polled ready, so that one travels with the request.
        let spare = self.inner.clone();
        let ready = mem::replace(&mut self.inner, spare);
        #[cfg(feature = "connect-info")]
        super::connection::identify(&mut request);
        let refusals = self.policies.refusals();
        let plan = self.policies.lifetime().prepare(&request, self.policies.verifier(), refusals);
        GrpcValidateFuture::validating(policy.layer(Lifetime::new(ready, plan)).call(request), refusals.clone())
    }
}

impl<S: NamedService> NamedService for GrpcValidate<S> {
    const NAME: &'static str = S::NAME;
}

impl<S: fmt::Debug> fmt::Debug for GrpcValidate<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcValidate")
            .field("inner", &self.inner)
            .field("rules", &self.policies.rules())
            .finish_non_exhaustive()
    }
}
