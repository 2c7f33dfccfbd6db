use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use pin_project_lite::pin_project;

use super::body::LifetimeBody;
use super::watch::Watch;

pin_project! {
    /// The future of [`Lifetime`](super::Lifetime).
    pub struct LifetimeFuture<F> {
        #[pin]
        inner: F,
        watch: Option<Box<Watch>>,
    }
}

impl<F> LifetimeFuture<F> {
    pub(super) fn new(inner: F, watch: Option<Watch>) -> Self {
        Self { inner, watch: watch.map(Box::new) }
    }
}

impl<F, R, E> Future for LifetimeFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<LifetimeBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(result) = this.inner.poll(context) {
            let watch = this.watch.take();
            return Poll::Ready(result.map(|response| response.map(|body| LifetimeBody::new(body, watch))));
        }
        match this.watch {
            Some(watch) => watch.poll_end(context).map(|answer| Ok(answer.map(|()| LifetimeBody::default()))),
            None => Poll::Pending,
        }
    }
}
