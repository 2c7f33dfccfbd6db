//! Flights that start late, end late, or bring what cannot be used.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tower_auth_core::{SourceRequest, Token, TokenCache, TokenErrorKind, TokenKind, TokenResponse};
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

// THREAT-A4
#[tokio::test]
async fn the_refresh_token_of_a_response_whose_token_cannot_be_sent_is_kept() {
    let time = TestClock::new();
    let spent = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&spent);
    let cache = TokenCache::builder(move |request: SourceRequest| {
        let previous = request.previous().and_then(|previous| previous.refresh_token().cloned());
        log.lock().unwrap().push(previous.map(|token| token.expose_secret().to_owned()));
        let dpop = Token::new("x").unwrap().with_kind(TokenKind::Dpop);
        async move { Ok(TokenResponse::new(dpop).with_refresh_token("rotated")) }
    })
    .clock(time.clock())
    .build()
    .unwrap();
    cache.ready().await.unwrap_err();
    time.advance(secs(2)).await;
    cache.ready().await.unwrap_err();
    assert_eq!(*spent.lock().unwrap(), [None, Some("rotated".to_owned())]);
}

#[tokio::test]
async fn an_exchange_that_fell_behind_never_takes_the_place_of_what_was_published_and_refused() {
    let time = TestClock::new();
    let places = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&places);
    let clock = time.clock();
    let cache = TokenCache::builder(move |request: SourceRequest| {
        log.lock().unwrap().push(request.previous().and_then(TokenResponse::sequence));
        let clock = clock.clone();
        async move {
            clock.sleep(secs(5)).await;
            Ok(lives("first", 3_600).with_sequence(1))
        }
    })
    .clock(time.clock())
    .build()
    .unwrap();
    let waiter = tokio::spawn(cache.current());
    time.advance(secs(1)).await;
    assert!(cache.publish(lives("second", 3_600).with_sequence(2)));
    let second = cache.try_current().unwrap().generation;
    cache.invalidate(second);
    time.advance(secs(5)).await;
    assert!(waiter.await.unwrap().is_ok());
    assert_eq!(current(&cache), None);
    let waiter = tokio::spawn(cache.current());
    time.advance(secs(5)).await;
    assert!(waiter.await.unwrap().unwrap().generation > second, "the waiting request is served");
    assert_eq!(*places.lock().unwrap(), [None, Some(2)], "the newest response is the one the source sees");
}

// SYS-L4
#[tokio::test]
async fn an_exchange_that_fell_behind_does_not_hand_out_an_ended_token() {
    let time = TestClock::new();
    let script = Script::new(&time, [reply(lives("behind", 3_600).with_sequence(1)).after(secs(12))]);
    let cache = script.cache();
    cache.prefetch();
    TestClock::settle().await;
    assert!(cache.publish(lives("ends-soon", 5).with_sequence(2)));
    time.advance(secs(6)).await;
    let waiter = tokio::spawn(cache.token());
    time.advance(secs(6)).await;
    assert_eq!(waiter.await.unwrap().unwrap().secret().expose_secret(), "behind");
}

#[test]
fn an_exchange_that_was_overtaken_does_not_replace_what_came_later() {
    let time = TestClock::new();
    let script = Script::new(&time, [reply(lives("overtaken", 3_600)).after(secs(10))]);
    let saved = Arc::new(Mutex::new(Vec::new()));
    let store = Arc::clone(&saved);
    let cache = script
        .builder()
        .persist(move |response| {
            store.lock().unwrap().push(response.token().secret().expose_secret().to_owned());
            async { Ok(()) }
        })
        .build()
        .unwrap();
    let frozen = tokio::runtime::Builder::new_current_thread().build().unwrap();
    frozen.block_on(async {
        cache.prefetch();
        TestClock::settle().await;
    });
    time.tick(secs(32));
    let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
    other.block_on(cache.ready()).unwrap();
    let later = cache.try_current().unwrap().generation;
    frozen.block_on(TestClock::settle());
    assert_eq!(current(&cache).as_deref(), Some("token-2"));
    assert_eq!(cache.try_current().unwrap().generation, later);
    assert_eq!(*saved.lock().unwrap(), ["token-2"]);
}

#[tokio::test]
async fn a_response_that_could_not_be_persisted_is_dropped_once_a_newer_one_is_published() {
    let time = TestClock::new();
    let script = Script::new(&time, [reply(lives("first", 3_600).with_sequence(1))]);
    let saved = Arc::new(Mutex::new(Vec::new()));
    let store = Arc::clone(&saved);
    let cache = script
        .builder()
        .persist(move |response| {
            let mut saved = store.lock().unwrap();
            saved.push(response.token().secret().expose_secret().to_owned());
            let fails = saved.len() == 1;
            async move { if fails { Err("the disk is full".into()) } else { Ok(()) } }
        })
        .build()
        .unwrap();
    cache.ready().await.unwrap_err();
    assert!(cache.publish(lives("second", 5).with_sequence(2)));
    time.advance(secs(5)).await;
    cache.ready().await.unwrap();
    assert_eq!(current(&cache).as_deref(), Some("token-2"));
    assert_eq!(*saved.lock().unwrap(), ["first", "token-2"]);
}

// THREAT-A4
#[tokio::test]
async fn a_response_that_ended_before_it_could_be_persisted_is_not_handed_out() {
    let time = TestClock::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let broken = Arc::new(AtomicBool::new(true));
    let is_broken = Arc::clone(&broken);
    let cache = TokenCache::builder(move |request: SourceRequest| {
        let spent = request.previous().and_then(|previous| previous.refresh_token().cloned());
        let mut log = log.lock().unwrap();
        log.push(spent.map(|token| token.expose_secret().to_owned()));
        let number = log.len();
        async move { Ok(lives(&format!("t{number}"), 60).with_refresh_token(format!("r{number}"))) }
    })
    .clock(time.clock())
    .persist(move |_| {
        let fails = is_broken.load(Ordering::SeqCst);
        async move { if fails { Err("the disk is full".into()) } else { Ok(()) } }
    })
    .build()
    .unwrap();
    assert_eq!(cache.token().await.unwrap_err().kind(), TokenErrorKind::PersistFailed);
    time.advance(secs(120)).await;
    broken.store(false, Ordering::SeqCst);
    assert_eq!(cache.token().await.unwrap().secret().expose_secret(), "t2", "t1 ended a minute ago");
    // What had been kept was persisted, and its refresh token was the one that was spent.
    assert_eq!(*seen.lock().unwrap(), [None, Some("r1".to_owned())]);
}

#[tokio::test]
async fn a_published_token_replaces_a_refused_one_that_would_have_lived_longer() {
    let time = TestClock::new();
    let script = Script::new(&time, [reply(lives("refused", 3_600)), hangs()]);
    let cache = script.cache();
    let refused = cache.current().await.unwrap().generation;
    cache.invalidate(refused);
    assert!(!cache.publish(lives("refused", 7_200)), "the refused one again");
    assert!(cache.publish(lives("other", 600)));
    assert_eq!(current(&cache).as_deref(), Some("other"));
    // And one that ended, though the wall clock was set back meanwhile.
    time.advance(secs(600)).await;
    time.wall_back(secs(86_400));
    assert!(cache.publish(lives("third", 600)));
    assert_eq!(current(&cache).as_deref(), Some("third"));
}

#[tokio::test]
async fn whoever_waits_gets_a_token_as_soon_as_one_is_published() {
    let time = TestClock::new();
    let script = Script::new(&time, [hangs()]);
    let cache = script.cache();
    let waiters: Vec<_> = (0..100).map(|_| tokio::spawn(cache.token())).collect();
    TestClock::settle().await;
    assert!(cache.publish(lives("published", 3_600)));
    TestClock::settle().await;
    for waiter in waiters {
        assert!(waiter.is_finished());
        assert_eq!(waiter.await.unwrap().unwrap().secret().expose_secret(), "published");
    }
    assert_eq!(script.calls(), 1);
}

// THREAT-A7
#[tokio::test]
async fn a_machine_that_was_suspended_during_the_exchange_does_not_send_a_token_that_ended_meanwhile() {
    let time = TestClock::new();
    let script = Script::new(&time, [reply(lives("old", 3_600)).after(secs(1))]);
    let cache = script.cache();
    cache.prefetch();
    TestClock::settle().await;
    time.wall_forward(secs(8 * 3_600));
    time.advance(secs(1)).await;
    assert_eq!(current(&cache), None);
}

// THREAT-A7
#[tokio::test]
async fn an_exchange_that_stood_still_does_not_lengthen_the_life_of_its_token() {
    let time = TestClock::new();
    let script = Script::new(&time, [reply(lives("old", 60)).after(secs(1))]);
    let cache = script.cache();
    cache.prefetch();
    TestClock::settle().await;
    time.tick(secs(100));
    TestClock::settle().await;
    assert_eq!(current(&cache), None);
}
