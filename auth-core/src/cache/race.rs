use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::runtime::Handle as Runtime;

/// The output of `work`, or `None` if `limit` ends first. Work that is done is never thrown away for a limit that passed
/// in the same moment.
pub(super) async fn race<T>(work: impl Future<Output = T>, limit: impl Future<Output = ()>) -> Option<T> {
    let mut work = pin!(work);
    let mut limit = pin!(limit);
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => limit.as_mut().poll(context).map(|()| None),
    })
    .await
}

/// A future that is polled in the context of `runtime`, wherever its owner runs.
pub(super) struct WithContext<'a, F> {
    runtime: &'a Runtime,
    future: Pin<Box<F>>,
}

impl<'a, F> WithContext<'a, F> {
    pub(super) fn new(runtime: &'a Runtime, future: F) -> Self {
        Self { runtime, future: Box::pin(future) }
    }
}

impl<F: Future> Future for WithContext<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let _entered = self.runtime.enter();
        self.future.as_mut().poll(context)
    }
}
