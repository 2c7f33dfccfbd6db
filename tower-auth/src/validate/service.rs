use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_auth_core::ShardedArc;
use tower_service::Service;

use super::admission::Refused;
use super::bodies::{EmptyBodies, RefusalBodies};
use super::future::{Held, ValidateFuture};
use super::layer::Config;

/// The service of a [`ValidateLayer`](super::ValidateLayer).
///
/// # Clone
/// A clone shares the verifier and holds nothing of this one's readiness.
pub struct Validate<S, A = EmptyBodies> {
    inner: S,
    config: ShardedArc<Config>,
    bodies: PhantomData<fn() -> A>,
}

impl<S, A> Validate<S, A> {
    pub(super) fn new(inner: S, config: ShardedArc<Config>) -> Self {
        Self { inner, config, bodies: PhantomData }
    }
}

impl<S, B, R, A> Service<Request<B>> for Validate<S, A>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: Default,
    A: RefusalBodies<R>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ValidateFuture<S, B, A>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> ValidateFuture<S, B, A> {
        let verdict = match self.config.known(&mut request) {
            Some(verified) => Ok(verified),
            None => {
                let verification = self.config.verifier.verify(&request);
                if verification.is_waiting() {
                    // The one in `self` was polled ready, so that one travels with the request.
                    let spare = self.inner.clone();
                    let service = mem::replace(&mut self.inner, spare);
                    let held = Held { service, request, config: self.config.clone() };
                    return ValidateFuture::waiting(verification, held);
                }
                verification.into_result()
            }
        };
        match self.config.admit(&mut request, verdict) {
            Ok(told) => ValidateFuture::admitted(self.inner.call(request), told),
            // The inner service stays ready for the next request.
            Err(refusal) => ValidateFuture::refused(Refused::new(refusal, &request)),
        }
    }
}

impl<S: Clone, A> Clone for Validate<S, A> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.config.clone())
    }
}

impl<S: fmt::Debug, A> fmt::Debug for Validate<S, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validate").field("inner", &self.inner).field("verifier", &self.config.verifier).finish()
    }
}
