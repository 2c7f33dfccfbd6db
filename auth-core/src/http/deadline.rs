use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::Clock;

/// What `work` yields, or `None` if `limit` has passed first. Real work is polled before the timer.
pub(crate) async fn within<F: Future>(clock: &Clock, limit: Duration, work: F) -> Option<F::Output> {
    let mut work = pin!(work);
    let mut timer = pin!(clock.sleep(limit));
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => timer.as_mut().poll(cx).map(|()| None),
    })
    .await
}

#[cfg(test)]
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
