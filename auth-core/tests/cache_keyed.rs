//! One cache per key: kept apart, bounded, idle ones dropped.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tower_auth_core::{SourceRequest, TokenCache, TokenCaches};
use tower_auth_testing::TestClock;

use self::support::*;

/// Caches whose tokens are named after their key and counted.
fn caches(time: &TestClock, max: usize) -> (TokenCaches<(String, String)>, Arc<AtomicUsize>) {
    let fetched = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&fetched);
    let clock = time.clock();
    let make = move |(tenant, scope): &(String, String)| {
        let (value, count) = (format!("{tenant}/{scope}"), Arc::clone(&count));
        TokenCache::builder(move |_: SourceRequest| {
            count.fetch_add(1, Ordering::SeqCst);
            let response = lives(&value, 3_600);
            async { Ok(response) }
        })
        .clock(clock.clone())
    };
    (TokenCaches::with_limits(make, max, secs(600), time.clock()), fetched)
}

fn key(tenant: &str, scope: &str) -> (String, String) {
    (tenant.to_owned(), scope.to_owned())
}

// SYS-V8, THREAT-K1
#[tokio::test]
async fn keys_that_differ_anywhere_never_share_a_token() {
    let (caches, fetched) = caches(&TestClock::new(), 100);
    let keys = [key("a", "b"), key("b", "a"), key("ab", ""), key("", "ab"), key("a", "bc"), key("ab", "c")];
    for key in &keys {
        caches.get(key).unwrap().ready().await.unwrap();
    }
    for key in &keys {
        let value = caches.get(key).unwrap().token().await.unwrap().secret().expose_secret().to_owned();
        assert_eq!(value, format!("{}/{}", key.0, key.1));
    }
    assert_eq!((fetched.load(Ordering::SeqCst), caches.len()), (keys.len(), keys.len()));
}

// THREAT-A8
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_tasks_on_one_new_key_make_one_token_request() {
    let (caches, fetched) = caches(&TestClock::new(), 100);
    let tasks: Vec<_> = (0..1_000)
        .map(|_| {
            let caches = caches.clone();
            tokio::spawn(async move { caches.get(&key("t", "s")).unwrap().token().await.unwrap() })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().secret().expose_secret(), "t/s");
    }
    assert_eq!(fetched.load(Ordering::SeqCst), 1);
}

// THREAT-A9
#[tokio::test]
async fn at_the_bound_the_least_recently_used_makes_room() {
    let time = TestClock::new();
    let (caches, _) = caches(&time, 20);
    for number in 0..20 {
        caches.get(&key(&number.to_string(), "")).unwrap();
        time.tick(secs(2));
    }
    assert_eq!(caches.len(), 20);
    caches.get(&key("0", "")).unwrap();
    caches.get(&key("20", "")).unwrap();
    assert_eq!(caches.len(), 19);
    assert!(caches.remove(&key("0", "")), "used lately");
    assert!(!caches.remove(&key("1", "")), "the least recently used");
    for number in 0..10_000 {
        caches.get(&key(&number.to_string(), "flood")).unwrap();
        assert!(caches.len() <= 20);
    }
}

#[tokio::test]
async fn a_cache_that_somebody_holds_goes_last() {
    let time = TestClock::new();
    let (caches, _) = caches(&time, 4);
    let held = caches.get(&key("held", "")).unwrap();
    let reader = caches.get(&key("read", "")).unwrap().reader();
    for number in 0..50 {
        time.tick(secs(2));
        caches.get(&key(&number.to_string(), "")).unwrap();
    }
    time.tick(secs(10_000));
    caches.get(&key("one more", "")).unwrap();
    assert!(caches.remove(&key("held", "")) && caches.remove(&key("read", "")));
    drop((held, reader));
}

#[tokio::test]
async fn idle_caches_are_dropped_when_another_is_made() {
    let time = TestClock::new();
    let (caches, fetched) = caches(&time, 100);
    caches.get(&key("idle", "")).unwrap().ready().await.unwrap();
    caches.get(&key("busy", "")).unwrap().ready().await.unwrap();
    TestClock::settle().await;
    time.tick(secs(500));
    caches.get(&key("busy", "")).unwrap();
    time.tick(secs(200));
    caches.get(&key("new", "")).unwrap();
    assert_eq!(caches.len(), 2);
    assert!(!caches.remove(&key("idle", "")));
    assert_eq!(fetched.load(Ordering::SeqCst), 2);
}

// THREAT-L1
#[test]
fn debug_shows_no_key() {
    let (caches, _) = caches(&TestClock::new(), 5);
    caches.get(&key("user@example.com", "")).unwrap();
    assert!(!format!("{caches:?}").contains("example.com"));
}
