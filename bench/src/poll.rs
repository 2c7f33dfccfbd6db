//! Futures that do not wait.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// What a future is ready with.
///
/// # Panics
/// When it waits.
#[inline]
pub fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("what is measured here does not wait"),
    }
}
