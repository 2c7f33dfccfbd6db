//! The source is never asked in a hot loop.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use tower_auth_testing::TestClock;

use self::support::*;

// THREAT-A6
#[tokio::test]
async fn a_server_that_wants_its_token_renewed_at_once_is_not_asked_at_each_request() {
    let time = TestClock::new();
    let due = |n: u64| reply(lives(&format!("t{n}"), 3_600).refresh_in(Duration::ZERO));
    let script = Script::new(&time, (0..1_000).map(due));
    let cache = script.cache();
    cache.ready().await.unwrap();
    for _ in 0..1_000 {
        assert!(cache.try_current().is_some());
        TestClock::settle().await;
        time.tick(Duration::from_millis(10));
    }
    assert!((8..=12).contains(&script.calls()), "{}", script.calls());
}
