//! Flights that start late, end late, or bring what cannot be used.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use tower_auth_testing::TestClock;

use self::support::*;

// THREAT-A8
#[tokio::test]
async fn an_exchange_that_starts_late_on_a_busy_runtime_stays_the_only_one() {
    let time = TestClock::new();
    let script = Script::new(&time, [reply(lives("a", 3_600)).after(secs(10))]);
    let cache = script.cache();
    cache.prefetch();
    // The runtime is busy with something else for 12 seconds, and only then runs the task.
    time.tick(secs(12));
    TestClock::settle().await;
    time.tick(secs(6));
    let waiter = tokio::spawn(cache.token());
    TestClock::settle().await;
    time.advance(secs(4)).await;
    assert_eq!(waiter.await.unwrap().unwrap().secret().expose_secret(), "a");
    assert_eq!((script.calls(), script.most_at_once()), (1, 1));
}

// THREAT-A8
#[test]
fn an_exchange_that_was_replaced_before_it_started_does_not_start() {
    let time = TestClock::new();
    let script = Script::new(&time, []);
    let cache = script.cache();
    let frozen = tokio::runtime::Builder::new_current_thread().build().unwrap();
    {
        let _entered = frozen.enter();
        cache.prefetch();
    }
    time.tick(secs(17));
    let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
    other.block_on(cache.ready()).unwrap();
    frozen.block_on(TestClock::settle());
    assert_eq!(script.calls(), 1);
    assert_eq!(current(&cache).as_deref(), Some("token-1"));
}
