//! The cache over time: the two windows, single flight, shared outcomes.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use tower_auth_core::{CacheState, Generation, RefreshCause, TokenError, TokenErrorKind};
use tower_auth_testing::TestClock;

use self::support::*;

// THREAT-A8, SYS-L7
#[tokio::test]
async fn ten_thousand_tasks_on_a_cold_cache_make_one_token_request() {
    let time = TestClock::new();
    let script = Script::new(&time, [reply(lives("a", 60)).after(secs(1))]);
    let cache = script.cache();
    let tasks: Vec<_> = (0..10_000)
        .map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move { cache.token().await.unwrap().secret().expose_secret().to_owned() })
        })
        .collect();
    time.advance(secs(1)).await;
    for task in tasks {
        assert_eq!(task.await.unwrap(), "a");
    }
    assert_eq!(script.calls(), 1);
}

// THREAT-A8
#[tokio::test]
async fn ten_thousand_waiters_share_one_failure_and_none_hangs() {
    let time = TestClock::new();
    let script = Script::new(&time, [fail(TokenErrorKind::ServerError).after(secs(1))]);
    let cache = script.cache();
    let tasks: Vec<_> = (0..10_000).map(|_| tokio::spawn(cache.token())).collect();
    time.advance(secs(1)).await;
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap_err().kind(), TokenErrorKind::ServerError);
    }
    assert_eq!(script.calls(), 1);
}

// SYS-L4, SYS-A5
#[tokio::test]
async fn ten_thousand_requests_across_an_expiry_never_wait() {
    let time = TestClock::new();
    let slow = |value: &str| reply(lives(value, 10)).after(secs(1));
    let script = Script::new(&time, (0..20).map(|n| slow(&format!("t{n}"))));
    let cache = script.cache();
    let first = tokio::spawn(cache.token());
    time.advance(secs(1)).await;
    first.await.unwrap().unwrap();
    let mut reader = cache.reader();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..10_000 {
        let mut request = http::Request::new(());
        reader.attach(&mut request).expect("a hit never waits");
        seen.insert(request.headers()["authorization"].to_str().unwrap().to_owned());
        assert!(cache.clone().reader().attach(&mut request).is_some());
        time.tick(Duration::from_millis(5));
        tokio::task::yield_now().await;
    }
    // 50 seconds at one refresh in 7 to 8.
    assert!((6..=9).contains(&script.calls()), "{}", script.calls());
    // The last exchange may be under way when the requests end.
    assert!(seen.len() == script.calls() || seen.len() + 1 == script.calls(), "{seen:?}");
    assert_eq!(script.most_at_once(), 1);
}

// SYS-L4
#[tokio::test]
async fn an_old_token_serves_in_the_soft_window_and_never_after_the_hard_deadline() {
    let time = TestClock::new();
    let script = Script::new(&time, [reply(lives("old", 100)), hangs()]);
    let cache = script.cache();
    cache.ready().await.unwrap();
    assert_eq!(cache.status().state, CacheState::Fresh);
    // Soft from 75 (with jitter 68.75), hard from 90.
    time.advance(secs(68)).await;
    assert_eq!((current(&cache).as_deref(), script.calls()), (Some("old"), 1));
    time.advance(secs(8)).await;
    assert_eq!(current(&cache).as_deref(), Some("old"));
    assert_eq!(cache.status().state, CacheState::Due);
    TestClock::settle().await;
    assert_eq!(script.calls(), 2);
    time.advance(Duration::from_millis(13_900)).await;
    assert_eq!(current(&cache).as_deref(), Some("old"));
    time.advance(Duration::from_millis(100)).await;
    assert_eq!(current(&cache), None);
    assert_eq!(cache.status().state, CacheState::Expired);
    assert_eq!(script.causes(), [RefreshCause::First, RefreshCause::Ahead]);
}

// SYS-L3
#[tokio::test]
async fn the_lifetime_of_each_response_counts_also_if_it_changes() {
    let time = TestClock::new();
    let script = Script::new(&time, [5, 60, 3_600, 86_400].map(|life| reply(lives(&format!("life-{life}"), life))));
    // Without margins, so that the end of each token is seen.
    let cache = script.builder().refresh_margin(Duration::ZERO).build().unwrap();
    for (life, value) in [(5, "life-5"), (60, "life-60"), (3_600, "life-3600"), (86_400, "life-86400")] {
        assert_eq!(cache.token().await.unwrap().secret().expose_secret(), value);
        time.tick(secs(life) - Duration::from_millis(1));
        assert!(cache.reader().with_current(|_, _| ()).is_some());
        time.tick(Duration::from_millis(1));
        assert!(cache.reader().with_current(|_, _| ()).is_none(), "{value} ends with the lifetime it came with");
        TestClock::settle().await;
    }
}

// THREAT-A6
#[tokio::test]
async fn a_lifetime_of_zero_serves_the_waiting_requests_and_is_not_kept() {
    let time = TestClock::new();
    let script = Script::new(&time, [reply(lives("once", 0)).after(secs(1)), reply(lives("twice", 0))]);
    let cache = script.cache();
    let waiters = [tokio::spawn(cache.token()), tokio::spawn(cache.token())];
    time.advance(secs(1)).await;
    for waiter in waiters {
        assert_eq!(waiter.await.unwrap().unwrap().secret().expose_secret(), "once");
    }
    assert!(cache.try_current().is_none());
    assert_eq!(cache.token().await.unwrap().secret().expose_secret(), "twice");
    assert_eq!(script.calls(), 2);
}

// R6749-5.1c, SYS-V5
#[tokio::test]
async fn an_unknown_lifetime_lasts_until_refused_unless_one_is_declared() {
    let time = TestClock::new();
    let script = Script::new(&time, [reply(token("endless"))]);
    let cache = script.cache();
    cache.ready().await.unwrap();
    time.advance(secs(400 * 86_400)).await;
    assert_eq!(current(&cache).as_deref(), Some("endless"));

    let script = Script::new(&time, [reply(token("declared"))]);
    let cache = script.builder().default_lifetime(secs(3_600)).build().unwrap();
    cache.ready().await.unwrap();
    time.advance(secs(3_571)).await;
    assert_eq!(current(&cache), None);
}

#[tokio::test]
async fn generations_count_values_not_exchanges() {
    let time = TestClock::new();
    let script = Script::new(&time, [reply(lives("a", 10)), reply(lives("a", 10)), reply(lives("b", 10))]);
    let cache = script.cache();
    let mut generations: Vec<Generation> = Vec::new();
    for _ in 0..3 {
        generations.push(cache.current().await.unwrap().generation);
        time.advance(secs(10)).await;
    }
    assert_eq!(script.calls(), 3);
    assert_eq!(generations[0], generations[1]);
    assert!(generations[1] < generations[2]);
    assert_eq!(generations.iter().map(|generation| generation.as_u64()).collect::<Vec<_>>(), [1, 1, 2]);
}

#[tokio::test]
async fn a_reader_with_a_copy_of_its_own_sees_the_next_token() {
    let time = TestClock::new();
    let script = Script::new(&time, []);
    let cache = script.cache();
    cache.ready().await.unwrap();
    let mut reader = cache.reader();
    let mut seen = || {
        let mut request = http::Request::new(());
        reader.attach(&mut request)?;
        Some(request.headers()["authorization"].to_str().unwrap().to_owned())
    };
    for _ in 0..3 {
        assert_eq!(seen().as_deref(), Some("Bearer token-1"));
    }
    assert!(cache.publish(lives("pushed", 7_200)));
    for _ in 0..3 {
        assert_eq!(seen().as_deref(), Some("Bearer pushed"));
    }
    time.advance(secs(7_200)).await;
    assert_eq!(seen(), None);
}

#[tokio::test]
async fn publish_never_replaces_a_newer_token() {
    let time = TestClock::new();
    let script = Script::new(&time, [reply(lives("own", 3_600).with_sequence(5))]);
    let cache = script.cache();
    let before = cache.current().await.unwrap().generation;
    assert!(!cache.publish(lives("older", 7_200).with_sequence(4)));
    assert!(!cache.publish(lives("same-place", 7_200).with_sequence(5)));
    assert_eq!(current(&cache).as_deref(), Some("own"));
    assert!(cache.publish(lives("newer", 1_800).with_sequence(6)));
    assert_eq!(current(&cache).as_deref(), Some("newer"));
    assert!(cache.current().await.unwrap().generation > before);
    // Without places the later end wins.
    assert!(!cache.publish(lives("shorter", 600)));
    assert!(cache.publish(lives("longer", 3_600)));
    assert_eq!(script.calls(), 1);
}

#[tokio::test]
async fn an_exchange_never_replaces_what_was_published_in_the_meantime() {
    let time = TestClock::new();
    let script = Script::new(&time, [reply(lives("slow", 3_600).with_sequence(1)).after(secs(5))]);
    let cache = script.cache();
    let waiter = tokio::spawn(cache.token());
    time.advance(secs(1)).await;
    assert!(cache.publish(lives("fast", 3_600).with_sequence(2)));
    time.advance(secs(5)).await;
    assert_eq!(waiter.await.unwrap().unwrap().secret().expose_secret(), "fast");
    assert_eq!(current(&cache).as_deref(), Some("fast"));
}

// THREAT-A4
#[tokio::test]
async fn a_source_that_never_answers_is_given_up_after_its_timeout() {
    let time = TestClock::new();
    let script = Script::new(&time, [hangs()]);
    let cache = script.builder().wait_timeout(secs(60)).build().unwrap();
    let waiter = tokio::spawn(cache.token());
    time.advance(secs(15)).await;
    let error: TokenError = waiter.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::TimedOut);
    assert_eq!(error.to_string(), "the token source did not answer within 15.0 s [token.timed_out]");
}

// THREAT-A8
#[tokio::test]
async fn a_waiter_has_a_deadline_of_its_own_and_the_exchange_goes_on() {
    let time = TestClock::new();
    let script = Script::new(&time, [reply(lives("late", 3_600)).after(secs(10))]);
    let cache = script.builder().wait_timeout(secs(2)).build().unwrap();
    let waiter = tokio::spawn(cache.token());
    time.advance(secs(2)).await;
    assert_eq!(waiter.await.unwrap().unwrap_err().kind(), TokenErrorKind::WaitTimedOut);
    time.advance(secs(8)).await;
    assert_eq!(current(&cache).as_deref(), Some("late"));
    assert_eq!(script.calls(), 1);
}

#[tokio::test]
async fn keep_fresh_renews_an_idle_token_and_ends_with_the_cache() {
    let time = TestClock::new();
    let script =
        Script::new(&time, [reply(lives("a", 100)), fail(TokenErrorKind::Unreachable), reply(lives("b", 100))]);
    let cache = script.cache();
    let keeper = tokio::spawn(cache.keep_fresh());
    time.advance(secs(89)).await;
    assert_eq!(current(&cache).as_deref(), Some("b"));
    time.advance(secs(10_000)).await;
    assert!(current(&cache).is_some(), "an idle cache stays warm");
    assert!(!keeper.is_finished());
    drop(cache);
    let calls = script.calls();
    time.advance(secs(10_000)).await;
    assert!(keeper.is_finished());
    assert_eq!(script.calls(), calls, "a dropped cache schedules nothing");
}

#[test]
fn the_cache_is_send_sync_and_has_no_type_parameter() {
    fn assert<T: Send + Sync + Clone + std::fmt::Debug + 'static>() {}
    assert::<tower_auth_core::TokenCache>();
    assert::<tower_auth_core::TokenReader>();
    fn assert_future<F: Future + Send + 'static>(_: F) {}
    let cache = tower_auth_core::TokenCache::new(|_: tower_auth_core::SourceRequest| async { Ok(token("x")) });
    assert_future(cache.token());
    assert_future(cache.current());
    assert_future(cache.keep_fresh());
}
