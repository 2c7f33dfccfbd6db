use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use pin_project_lite::pin_project;

use super::refusal::{NoMethod, Refusals};

pin_project! {
    /// The future of [`GrpcValidate`](super::GrpcValidate).
    ///
    /// # Cancel safety
    /// Dropping it cancels the call, never a fetch of keys.
    pub struct GrpcValidateFuture<F> {
        #[pin]
        state: State<F>,
        refusals: Refusals,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        Validating { #[pin] response: F },
        NoMethod { refusal: NoMethod },
    }
}

impl<F> GrpcValidateFuture<F> {
    pub(super) fn validating(response: F, refusals: Refusals) -> Self {
        Self { state: State::Validating { response }, refusals }
    }

    pub(super) fn no_method(refusal: NoMethod) -> Self {
        Self { state: State::NoMethod { refusal }, refusals: Refusals::default() }
    }
}

impl<F, R, E> Future for GrpcValidateFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Default,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.state.project() {
            StateProjection::Validating { response } => response.poll(context).map_ok(|mut response| {
                this.refusals.complete(&mut response);
                response
            }),
            StateProjection::NoMethod { refusal } => Poll::Ready(Ok(refusal.to_response())),
        }
    }
}

impl<F> fmt::Debug for GrpcValidateFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.state {
            State::Validating { .. } => "GrpcValidateFuture(validating)",
            State::NoMethod { .. } => "GrpcValidateFuture(no method)",
        })
    }
}
