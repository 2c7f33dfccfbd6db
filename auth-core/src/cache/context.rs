use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle as Runtime;

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
