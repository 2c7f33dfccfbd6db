use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_auth_core::{ShardedArc, Verification, Verified};
use tower_service::Service;

use super::admission::Refused;
use super::bodies::{EmptyBodies, RefusalBodies};
use super::layer::Config;

pin_project! {
    /// The future of [`Validate`](super::Validate).
    ///
    /// # Cancel safety
    /// Dropping it cancels the request, never a fetch of keys.
    pub struct ValidateFuture<S, B, A = EmptyBodies>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
        bodies: PhantomData<fn() -> A>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        /// With the inner service.
        Admitted { #[pin] response: S::Future, told: Option<Box<Verified>> },
        /// Waiting for keys. The request is boxed so that the usual case does not carry its size.
        Waiting { verification: Verification, held: Option<Box<Held<S, B>>> },
        /// To be answered by us.
        Refused { refused: Option<Refused> },
    }
}

/// A request that waits for its verdict, with the service that is ready for it.
pub(super) struct Held<S, B> {
    pub(super) service: S,
    pub(super) request: Request<B>,
    pub(super) config: ShardedArc<Config>,
}

impl<S, B, A> ValidateFuture<S, B, A>
where
    S: Service<Request<B>>,
{
    /// `told` is the verdict if the client has to be told something of it.
    pub(super) fn admitted(response: S::Future, told: Option<Box<Verified>>) -> Self {
        Self { state: State::Admitted { response, told }, bodies: PhantomData }
    }

    pub(super) fn refused(refused: Refused) -> Self {
        Self { state: State::Refused { refused: Some(refused) }, bodies: PhantomData }
    }

    pub(super) fn waiting(verification: Verification, held: Held<S, B>) -> Self {
        Self { state: State::Waiting { verification, held: Some(Box::new(held)) }, bodies: PhantomData }
    }
}

impl<S, B, R, A> Future for ValidateFuture<S, B, A>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Default,
    A: RefusalBodies<R>,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Admitted { response, told } => {
                    let mut response = ready!(response.poll(context));
                    if let (Ok(response), Some(verified)) = (&mut response, told) {
                        verified.tell_client(response.headers_mut());
                    }
                    return Poll::Ready(response);
                }
                StateProjection::Refused { refused } => {
                    return Poll::Ready(Ok(take(refused).into_response::<A, R>()));
                }
                StateProjection::Waiting { verification, held } => {
                    let verdict = ready!(Pin::new(verification).poll(context));
                    let Held { mut service, mut request, config } = *take(held);
                    match config.admit(&mut request, verdict) {
                        Ok(told) => State::Admitted { response: service.call(request), told },
                        Err(refusal) => State::Refused { refused: Some(Refused::new(refusal, &request)) },
                    }
                }
            };
            state.set(next);
        }
    }
}

/// What a state holds until it is left.
fn take<T>(slot: &mut Option<T>) -> T {
    slot.take().expect("a future is not polled after it is done, and a state not after it was left")
}

impl<S, B, A> fmt::Debug for ValidateFuture<S, B, A>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Admitted { .. } => "admitted",
            State::Waiting { .. } => "waiting for keys",
            State::Refused { .. } => "refused",
        };
        write!(f, "ValidateFuture({state})")
    }
}
