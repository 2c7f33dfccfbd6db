use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use pin_project_lite::pin_project;
use tonic::Status;
use tonic::body::Body;
use tower_auth_core::{BoxError, Clock};

use super::deadline::Deadline;
use super::status::explain;

type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

pin_project! {
    /// The future of [`GrpcAuth`](super::GrpcAuth).
    ///
    /// # Cancel safety
    /// Dropping it cancels the call, never a token refresh.
    pub struct GrpcAuthFuture<F> {
        #[pin]
        inner: F,
        deadline: Option<Deadline>,
        // Until the deadline; `None` once it has passed, and without one.
        left: Option<Sleep>,
    }
}

impl<F> GrpcAuthFuture<F> {
    pub(super) fn new(inner: F, deadline: Option<Deadline>, clock: &Clock) -> Self {
        let left = deadline.as_ref().map(|deadline| deadline.sleep(clock));
        Self { inner, deadline, left }
    }
}

impl<F> Future for GrpcAuthFuture<F>
where
    F: Future<Output = Result<Response<Body>, BoxError>>,
{
    type Output = Result<Response<Body>, BoxError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = this.inner.poll(context);
        if response.is_ready() {
            return response.map_err(explain);
        }
        // While a send is under way the transport keeps the deadline, as it does without this layer.
        if let Some(deadline) = this.deadline {
            if this.left.as_mut().is_some_and(|left| left.as_mut().poll(context).is_ready()) {
                *this.left = None;
            }
            if this.left.is_none() && !deadline.is_sending() {
                let status = Status::deadline_exceeded("the deadline passed while the call waited for a token");
                return Poll::Ready(Err(status.into()));
            }
        }
        Poll::Pending
    }
}

impl<F> fmt::Debug for GrpcAuthFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GrpcAuthFuture")
    }
}
