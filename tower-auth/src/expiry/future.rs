use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;
use tower_auth_core::{Clock, Verified};

use super::ExpiringBody;

pin_project! {
    /// The future of [`EndAtExpiry`](super::EndAtExpiry).
    pub struct EndAtExpiryFuture<F> {
        #[pin]
        inner: F,
        // Whose credential expires.
        caller: Option<Verified>,
        clock: Clock,
    }
}

impl<F> EndAtExpiryFuture<F> {
    pub(super) fn new(inner: F, caller: Option<Verified>, clock: &Clock) -> Self {
        Self { inner, caller, clock: clock.clone() }
    }
}

impl<F, R, E> Future for EndAtExpiryFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body,
{
    type Output = Result<Response<ExpiringBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(context))?;
        Poll::Ready(Ok(response.map(|body| match this.caller {
            Some(caller) if body.size_hint().exact().is_none() => ExpiringBody::ending_with(body, caller, this.clock),
            _ => ExpiringBody::lasting(body),
        })))
    }
}

impl<F> fmt::Debug for EndAtExpiryFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndAtExpiryFuture").finish_non_exhaustive()
    }
}
