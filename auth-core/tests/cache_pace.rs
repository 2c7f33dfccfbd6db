//! The source is never asked in a hot loop.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use tower_auth_core::TokenErrorKind;
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

// THREAT-A6
#[tokio::test]
async fn keep_fresh_does_not_fetch_in_a_loop_what_cannot_be_kept() {
    let time = TestClock::new();
    let script = Script::new(&time, (0..1_000).map(|_| reply(lives("once", 0))));
    let cache = script.cache();
    let _keeper = tokio::spawn(cache.keep_fresh());
    time.advance(secs(60)).await;
    assert!((1..=3).contains(&script.calls()), "{}", script.calls());
}

#[tokio::test]
async fn a_source_that_panics_is_not_asked_at_each_request_while_the_old_token_serves() {
    let time = TestClock::new();
    let script = Script::new(&time, std::iter::once(reply(lives("old", 3_600))).chain((0..1_000).map(|_| panics())));
    let cache = script.cache();
    cache.ready().await.unwrap();
    time.tick(secs(3_400));
    for _ in 0..100 {
        assert!(cache.try_current().is_some());
        TestClock::settle().await;
        time.tick(Duration::from_millis(10));
    }
    assert!((2..=3).contains(&script.calls()), "{}", script.calls());
}

/// Calls without a token and exchanges, of 3,000 calls in 30 s. Tokens live for `seconds` and take `takes` to get; each fifth answer is a 503, after `fails`.
async fn calls_through_failures(seconds: u64, takes: Duration, fails: Duration) -> (u32, usize) {
    let time = TestClock::new();
    let answers = (1..1_000).map(|n: u64| match n % 5 {
        0 => fail(TokenErrorKind::ServerError).after(fails),
        _ => reply(lives(&format!("t{n}"), seconds)).after(takes),
    });
    let script = Script::new(&time, answers);
    let cache = script.cache();
    let ready = tokio::spawn(cache.ready());
    TestClock::settle().await;
    time.advance(takes).await;
    ready.await.unwrap().unwrap();
    let mut missed = 0;
    for _ in 0..3_000 {
        missed += u32::from(cache.try_current().is_none());
        TestClock::settle().await;
        time.advance(Duration::from_millis(10)).await;
    }
    (missed, script.calls())
}

#[tokio::test]
async fn an_exchange_that_fails_is_made_good_before_a_short_life_ends() {
    let millis = Duration::from_millis;
    let (missed, exchanges) = calls_through_failures(1, millis(200), millis(200)).await;
    assert_eq!(missed, 0);
    assert!((40..=80).contains(&exchanges), "{exchanges} exchanges in 30 s");
    let (missed, exchanges) = calls_through_failures(2, millis(800), millis(0)).await;
    assert_eq!(missed, 0, "a refusal comes faster than a token");
    assert!((15..=40).contains(&exchanges), "{exchanges} exchanges in 30 s");
}
