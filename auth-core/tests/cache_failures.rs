//! Failures: back-off, classes, refusals, and what serves meanwhile.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use tower_auth_core::{CacheState, FailureClass, Invalidation, RefreshCause, TokenError, TokenErrorKind};
use tower_auth_testing::TestClock;

use self::support::*;

// THREAT-A4, THREAT-A8
#[tokio::test]
async fn a_dead_endpoint_is_asked_once_per_step_and_callers_fail_at_once_between() {
    let time = TestClock::new();
    let script = Script::new(&time, (0..100).map(|_| fail(TokenErrorKind::Unreachable)));
    let cache = script.cache();
    assert_eq!(cache.token().await.unwrap_err().retry_in(), None);
    for _ in 0..1_000 {
        let error = cache.token().await.unwrap_err();
        assert_eq!(error.kind(), TokenErrorKind::Unreachable);
        let wait = error.retry_in().expect("says when the next attempt is due");
        assert!(wait <= secs(2), "{wait:?}");
    }
    assert_eq!(script.calls(), 1);
    // Ten minutes of a thousand callers a second: an attempt every 30 seconds at the slowest and every second at the fastest.
    for _ in 0..600 {
        time.advance(secs(1)).await;
        let _ = cache.token().await;
    }
    assert!((20..=120).contains(&script.calls()), "{}", script.calls());
    let status = cache.status();
    assert_eq!(status.consecutive_failures as usize, script.calls());
    assert_eq!(status.last_failure_class(), Some(FailureClass::Transient));
    assert_eq!(status.state, CacheState::Empty);
}

// THREAT-A4
#[tokio::test]
async fn a_transient_failure_keeps_the_good_token() {
    let time = TestClock::new();
    let script = Script::new(&time, [reply(lives("good", 100)), fail(TokenErrorKind::ServerError)]);
    let cache = script.cache();
    cache.ready().await.unwrap();
    time.advance(secs(76)).await;
    assert_eq!(current(&cache).as_deref(), Some("good"));
    TestClock::settle().await;
    assert_eq!((script.calls(), current(&cache).as_deref()), (2, Some("good")));
    assert_eq!(cache.status().consecutive_failures, 1);
    time.advance(secs(3)).await;
    assert_eq!(current(&cache).as_deref(), Some("good"));
    TestClock::settle().await;
    assert_eq!(current(&cache).as_deref(), Some("token-3"));
    assert_eq!(cache.status().consecutive_failures, 0);
}

// THREAT-A4
#[tokio::test]
async fn retry_after_is_honoured() {
    let time = TestClock::new();
    let throttled = TokenError::new(TokenErrorKind::Throttled, "slow down").with_retry_after(secs(120));
    let script = Script::new(&time, [fail_with(throttled)]);
    let cache = script.cache();
    cache.ready().await.unwrap_err();
    time.advance(secs(119)).await;
    assert_eq!(cache.token().await.unwrap_err().retry_in(), Some(secs(1)));
    time.advance(secs(1)).await;
    cache.ready().await.unwrap();
    assert_eq!(script.calls(), 2);
}

#[tokio::test]
async fn what_only_a_person_can_mend_fails_fast_and_is_probed_slowly_but_for_ever() {
    for kind in [TokenErrorKind::Refused, TokenErrorKind::Misconfigured] {
        let time = TestClock::new();
        let script = Script::new(&time, (0..1_000).map(|_| fail(kind)));
        let cache = script.cache();
        for _ in 0..3_600 {
            assert_eq!(cache.token().await.unwrap_err().kind(), kind);
            time.tick(secs(1));
        }
        assert!((12..=25).contains(&script.calls()), "{}", script.calls());
        let before = script.calls();
        time.tick(secs(300));
        let _ = cache.token().await;
        assert_eq!(script.calls(), before + 1);
    }
}

// SYS-L6, THREAT-C7, THREAT-C8
#[tokio::test]
async fn a_thousand_refusals_of_one_token_cost_one_refresh() {
    let time = TestClock::new();
    let script = Script::new(&time, [reply(lives("a", 3_600)), reply(lives("b", 3_600)).after(secs(1))]);
    let cache = script.cache();
    let refused = cache.current().await.unwrap().generation;
    let tasks: Vec<_> = (0..1_000)
        .map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move {
                let outcome = cache.invalidate(refused);
                (outcome, cache.token().await.unwrap().secret().expose_secret().to_owned())
            })
        })
        .collect();
    time.advance(secs(1)).await;
    let mut invalidated = 0;
    for task in tasks {
        let (outcome, value) = task.await.unwrap();
        assert_eq!(value, "b");
        assert_ne!(outcome, Invalidation::Throttled);
        invalidated += usize::from(outcome == Invalidation::Invalidated);
    }
    assert_eq!((invalidated, script.calls()), (1, 2));
    assert_eq!(script.causes()[1], RefreshCause::Refused);
    assert_eq!(cache.invalidate(refused), Invalidation::Superseded);
    assert_eq!(current(&cache).as_deref(), Some("b"));
}

// THREAT-C8
#[tokio::test]
async fn refreshes_forced_by_refusals_never_exceed_the_bucket() {
    let time = TestClock::new();
    let script = Script::new(&time, []);
    let cache = script.cache();
    for _ in 0..600 {
        let generation = cache.current().await.unwrap().generation;
        cache.invalidate(generation);
        cache.ready().await.unwrap();
        time.tick(secs(1));
    }
    // The first token, a burst of two, and one in each of the 30-second periods that follow.
    assert_eq!(script.calls(), 1 + 2 + 19);
}

// THREAT-C7
#[tokio::test]
async fn refusals_of_a_token_that_was_renewed_in_vain_are_ignored_for_a_while() {
    let time = TestClock::new();
    let script = Script::new(&time, []);
    let cache = script.cache();
    let first = cache.current().await.unwrap().generation;
    assert_eq!(cache.invalidate(first), Invalidation::Invalidated);
    let second = cache.current().await.unwrap().generation;
    cache.ignore_refusals(second);
    assert_eq!(cache.invalidate(second), Invalidation::Throttled);
    assert_eq!(current(&cache).as_deref(), Some("token-2"));
    time.advance(secs(300)).await;
    assert_eq!(cache.invalidate(second), Invalidation::Invalidated);
}

#[tokio::test]
async fn a_refused_token_serves_again_if_the_source_is_out_of_order_and_is_renewed_when_it_is_back() {
    let time = TestClock::new();
    let script = Script::new(&time, [reply(lives("a", 3_600)), fail(TokenErrorKind::Unreachable)]);
    let cache = script.cache();
    let refused = cache.current().await.unwrap().generation;
    assert_eq!(cache.invalidate(refused), Invalidation::Invalidated);
    assert_eq!(current(&cache), None);
    cache.ready().await.unwrap_err();
    assert_eq!(current(&cache).as_deref(), Some("a"));
    assert_eq!(cache.invalidate(refused), Invalidation::Throttled, "nobody can renew it now");
    time.advance(secs(2)).await;
    assert_eq!(current(&cache).as_deref(), Some("a"));
    TestClock::settle().await;
    assert_eq!(current(&cache).as_deref(), Some("token-3"));
}

#[tokio::test]
async fn a_refused_token_is_gone_if_the_grant_is_refused_too() {
    let time = TestClock::new();
    let script = Script::new(&time, [reply(lives("a", 3_600)), fail(TokenErrorKind::Refused)]);
    let cache = script.cache();
    cache.invalidate(cache.current().await.unwrap().generation);
    assert_eq!(cache.token().await.unwrap_err().kind(), TokenErrorKind::Refused);
    assert_eq!(current(&cache), None);
    assert_eq!(cache.status().state, CacheState::Expired);
    // Nor does an outage later on bring it back.
    script.push(fail(TokenErrorKind::Unreachable));
    time.advance(secs(10)).await;
    assert_eq!(cache.token().await.unwrap_err().kind(), TokenErrorKind::Unreachable);
    assert_eq!(current(&cache), None);
}

#[tokio::test]
async fn a_renewal_that_brings_the_same_token_keeps_its_generation() {
    let time = TestClock::new();
    let script = Script::new(&time, [reply(lives("same", 3_600)), reply(lives("same", 3_600))]);
    let cache = script.cache();
    let before = cache.current().await.unwrap().generation;
    assert_eq!(cache.invalidate(before), Invalidation::Invalidated);
    assert_eq!(cache.current().await.unwrap().generation, before);
    assert_eq!(script.calls(), 2);
}

#[tokio::test]
async fn a_token_that_cannot_be_sent_is_a_failure_of_the_source() {
    let time = TestClock::new();
    let dpop = tower_auth_core::Token::new("x").unwrap().with_kind(tower_auth_core::TokenKind::Dpop);
    let script = Script::new(&time, [reply(tower_auth_core::TokenResponse::new(dpop))]);
    let error = script.cache().token().await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Unparsable);
}

// THREAT-A7
#[tokio::test]
async fn a_suspended_machine_does_not_send_a_token_that_ended_meanwhile() {
    let time = TestClock::new();
    let script = Script::new(&time, []);
    let cache = script.cache();
    cache.ready().await.unwrap();
    let mut reader = cache.reader();
    for _ in 0..3 {
        assert!(reader.attach(&mut http::Request::new(())).is_some());
    }
    time.wall_forward(secs(86_400));
    assert!(reader.attach(&mut http::Request::new(())).is_none());
    assert_eq!(current(&cache), None);
    assert_eq!(cache.token().await.unwrap().secret().expose_secret(), "token-2");
    assert!(reader.attach(&mut http::Request::new(())).is_some());
    assert_eq!(script.causes(), [RefreshCause::First, RefreshCause::Expired]);
}

// THREAT-A7
#[tokio::test]
async fn a_suspension_within_the_lifetime_brings_the_deadlines_nearer() {
    let time = TestClock::new();
    let script = Script::new(&time, [reply(lives("a", 3_600)), hangs()]);
    let cache = script.cache();
    cache.ready().await.unwrap();
    time.wall_forward(secs(3_400));
    assert_eq!(current(&cache).as_deref(), Some("a"), "still alive, and due");
    assert_eq!(cache.status().state, CacheState::Due);
    time.advance(secs(171)).await;
    assert_eq!(current(&cache), None);
}

// THREAT-A7
#[tokio::test]
async fn a_wall_clock_that_is_set_back_changes_nothing() {
    let time = TestClock::new();
    let script = Script::new(&time, []);
    let cache = script.cache();
    cache.ready().await.unwrap();
    time.wall_back(secs(86_400));
    assert_eq!(current(&cache).as_deref(), Some("token-1"));
    time.advance(secs(3_000)).await;
    assert_eq!(current(&cache).as_deref(), Some("token-1"));
    // A suspension after the step is still seen.
    time.wall_forward(secs(600));
    assert_eq!(current(&cache), None);
}

// THREAT-A7
#[tokio::test]
async fn small_corrections_of_the_wall_clock_are_not_steps() {
    let time = TestClock::new();
    let script = Script::new(&time, []);
    let cache = script.cache();
    cache.ready().await.unwrap();
    time.advance(secs(3_200)).await;
    time.wall_forward(Duration::from_millis(900));
    assert_eq!(cache.status().state, CacheState::Fresh);
}
