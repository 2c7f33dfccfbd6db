use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle as Runtime;

/// A login under way. One that nobody has polled when it is dropped was made for a caller that cannot wait: it goes on as
/// a task, so that the caller finds it remembered when it comes again.
pub(super) struct Login<T: Send + 'static> {
    future: Option<BoxFuture<T>>,
    /// Whether to go on.
    remembered: bool,
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl<T: Send + 'static> Login<T> {
    /// `remembered` says whether it is of use to go on without the caller.
    pub(super) fn new(future: impl Future<Output = T> + Send + 'static, remembered: bool) -> Self {
        Self { future: Some(Box::pin(future)), remembered }
    }
}

impl<T: Send + 'static> Future for Login<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        self.remembered = false;
        match &mut self.future {
            Some(future) => future.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

impl<T: Send + 'static> Drop for Login<T> {
    fn drop(&mut self) {
        let Some(future) = self.future.take().filter(|_| self.remembered) else { return };
        if let Ok(runtime) = Runtime::try_current() {
            runtime.spawn(future);
        }
    }
}
