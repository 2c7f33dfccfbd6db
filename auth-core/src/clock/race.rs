use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
#[cfg(any(feature = "http", feature = "command", feature = "verify", feature = "loopback"))]
use std::time::Duration;

#[cfg(any(feature = "http", feature = "command", feature = "verify", feature = "loopback"))]
use super::Clock;

/// The output of `work`, or `None` if `limit` ends first. Work that is done is never thrown away for a limit that passed
/// in the same moment.
pub(crate) async fn race<T>(work: impl Future<Output = T>, limit: impl Future<Output = ()>) -> Option<T> {
    let mut work = pin!(work);
    let mut limit = pin!(limit);
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => limit.as_mut().poll(context).map(|()| None),
    })
    .await
}

/// What `work` yields, or `None` if `limit` has passed first.
#[cfg(any(feature = "http", feature = "command", feature = "verify", feature = "loopback"))]
pub(crate) async fn within<F: Future>(clock: &Clock, limit: Duration, work: F) -> Option<F::Output> {
    race(work, clock.sleep(limit)).await
}

#[cfg(all(test, any(feature = "http", feature = "command", feature = "verify", feature = "loopback")))]
mod tests {
    use std::future::pending;

    use super::*;

    // THREAT-A4
    #[tokio::test]
    async fn the_work_wins_over_a_timer_that_is_due_too() {
        let clock = Clock::system();
        assert_eq!(within(&clock, Duration::ZERO, async { 1 }).await, Some(1));
        assert_eq!(within(&clock, Duration::from_millis(5), pending::<()>()).await, None);
    }
}
