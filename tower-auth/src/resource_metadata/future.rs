use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use pin_project_lite::pin_project;

pin_project! {
    /// The future of [`ServeResourceMetadata`](super::ServeResourceMetadata).
    pub struct ServeResourceMetadataFuture<F, R> {
        #[pin]
        state: State<F, R>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, R> {
        Answered { response: Option<Response<R>> },
        Passed { #[pin] future: F },
    }
}

impl<F, R> ServeResourceMetadataFuture<F, R> {
    pub(super) fn answered(response: Response<R>) -> Self {
        Self { state: State::Answered { response: Some(response) } }
    }

    pub(super) fn passed(future: F) -> Self {
        Self { state: State::Passed { future } }
    }
}

impl<F, R, E> Future for ServeResourceMetadataFuture<F, R>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        match self.project().state.project() {
            StateProjection::Answered { response } => {
                Poll::Ready(Ok(response.take().expect("a future is not polled after it is done")))
            }
            StateProjection::Passed { future } => future.poll(context),
        }
    }
}

impl<F, R> fmt::Debug for ServeResourceMetadataFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeResourceMetadataFuture").finish_non_exhaustive()
    }
}
