use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_auth::ValidateFuture;
use tower_service::Service;

use super::refusal::NoMethod;

pin_project! {
    /// The future of [`GrpcValidate`](super::GrpcValidate).
    ///
    /// # Cancel safety
    /// Dropping it cancels the call, never a fetch of keys.
    pub struct GrpcValidateFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Validating { #[pin] response: ValidateFuture<S, B> },
        NoMethod { refusal: NoMethod },
    }
}

impl<S, B> GrpcValidateFuture<S, B>
where
    S: Service<Request<B>>,
{
    pub(super) fn validating(response: ValidateFuture<S, B>) -> Self {
        Self { state: State::Validating { response } }
    }

    pub(super) fn no_method(refusal: NoMethod) -> Self {
        Self { state: State::NoMethod { refusal } }
    }
}

impl<S, B, R> Future for GrpcValidateFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Default,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Validating { response } => response.poll(context),
            StateProjection::NoMethod { refusal } => Poll::Ready(Ok(refusal.to_response())),
        }
    }
}

impl<S, B> fmt::Debug for GrpcValidateFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            State::Validating { response } => f.debug_tuple("GrpcValidateFuture").field(response).finish(),
            State::NoMethod { .. } => f.write_str("GrpcValidateFuture(no method)"),
        }
    }
}
