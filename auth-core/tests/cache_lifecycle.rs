//! What happens when callers, tasks, runtimes and the cache itself go away.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tower_auth_core::{ConfigErrorKind, SourceRequest, TokenCache, TokenErrorKind};
use tower_auth_testing::TestClock;

use self::support::*;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[tokio::test]
async fn a_caller_who_goes_away_takes_nothing_with_it() {
    let time = TestClock::new();
    let script = Script::new(&time, [reply(lives("kept", 3_600)).after(secs(1))]);
    let cache = script.cache();
    let gone = tokio::spawn(cache.token());
    let stays = tokio::spawn(cache.token());
    TestClock::settle().await;
    gone.abort();
    time.advance(secs(1)).await;
    assert_eq!(stays.await.unwrap().unwrap().secret().expose_secret(), "kept");
    assert_eq!(script.calls(), 1);
}

#[tokio::test]
async fn an_exchange_whose_only_caller_was_cancelled_still_lands_and_is_persisted() {
    let time = TestClock::new();
    let script = Script::new(&time, [reply(lives("kept", 3_600).with_refresh_token("rotated")).after(secs(1))]);
    let saved = Arc::new(Mutex::new(Vec::new()));
    let store = Arc::clone(&saved);
    let cache = script
        .builder()
        .persist(move |response| {
            store.lock().unwrap().push(response.refresh_token().unwrap().expose_secret().to_owned());
            async { Ok(()) }
        })
        .build()
        .unwrap();
    let gone = tokio::spawn(cache.token());
    TestClock::settle().await;
    gone.abort();
    drop(cache);
    time.advance(secs(1)).await;
    assert_eq!(*saved.lock().unwrap(), ["rotated"]);
}

#[tokio::test]
async fn a_token_is_published_only_when_it_is_persisted_and_the_exchange_is_not_repeated() {
    let time = TestClock::new();
    let script = Script::new(&time, [reply(lives("new", 3_600))]);
    let attempts = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&attempts);
    let cache = script
        .builder()
        .persist(move |_| {
            let attempt = count.fetch_add(1, Ordering::SeqCst);
            async move { if attempt == 0 { Err("the disk is full".into()) } else { Ok(()) } }
        })
        .build()
        .unwrap();
    let error = cache.token().await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::PersistFailed);
    assert!(error.is_transient());
    assert!(cache.try_current().is_none());
    time.advance(secs(2)).await;
    assert_eq!(cache.token().await.unwrap().secret().expose_secret(), "new");
    assert_eq!((script.calls(), attempts.load(Ordering::SeqCst)), (1, 2));
}

#[tokio::test]
async fn a_persist_step_that_hangs_or_panics_loses_nothing() {
    let time = TestClock::new();
    let script = Script::new(&time, [reply(lives("new", 3_600))]);
    let attempts = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&attempts);
    let cache = script
        .builder()
        .wait_timeout(secs(60))
        .persist(move |_| {
            let attempt = count.fetch_add(1, Ordering::SeqCst);
            async move {
                match attempt {
                    0 => std::future::pending().await,
                    1 => panic!("scripted"),
                    _ => Ok(()),
                }
            }
        })
        .build()
        .unwrap();
    let waiter = tokio::spawn(cache.token());
    time.advance(secs(15)).await;
    assert_eq!(waiter.await.unwrap().unwrap_err().kind(), TokenErrorKind::TimedOut);
    time.advance(secs(2)).await;
    assert_eq!(cache.token().await.unwrap_err().kind(), TokenErrorKind::Aborted);
    assert_eq!(cache.token().await.unwrap().secret().expose_secret(), "new");
    assert_eq!(script.calls(), 1);
}

#[tokio::test]
async fn a_source_that_panics_wakes_its_waiters_and_the_next_caller_starts_anew() {
    let time = TestClock::new();
    let script = Script::new(&time, [panics().after(secs(1))]);
    let cache = script.cache();
    let waiters: Vec<_> = (0..100).map(|_| tokio::spawn(cache.token())).collect();
    time.advance(secs(1)).await;
    for waiter in waiters {
        let error = waiter.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), TokenErrorKind::Aborted);
        assert!(error.is_transient());
    }
    assert_eq!(cache.token().await.unwrap().secret().expose_secret(), "token-2");
}

#[test]
fn one_cache_serves_ten_successive_runtimes() {
    let cache = TokenCache::new(|request: SourceRequest| async move {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let number = request.previous().map_or(0, |_| 1);
        Ok(lives(&format!("n{number}"), 0))
    });
    for _ in 0..10 {
        assert!(runtime().block_on(cache.token()).is_ok());
    }
}

#[test]
fn a_runtime_that_is_shut_down_in_the_middle_wakes_waiters_elsewhere() {
    let started = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&started);
    let cache = TokenCache::new(move |_: SourceRequest| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        async move {
            if number < 9 {
                std::future::pending::<()>().await;
            }
            Ok(lives("at-last", 3_600))
        }
    });
    let elsewhere = runtime();
    for _ in 0..9 {
        let doomed = runtime();
        doomed.block_on(async {
            let waiter = cache.token();
            tokio::select! {
                biased;
                _ = waiter => unreachable!("the source hangs"),
                () = TestClock::settle() => {}
            }
        });
        let waiter = elsewhere.spawn(cache.token());
        elsewhere.block_on(TestClock::settle());
        drop(doomed);
        let error = elsewhere.block_on(waiter).unwrap().unwrap_err();
        assert_eq!(error.kind(), TokenErrorKind::Aborted);
    }
    assert_eq!(elsewhere.block_on(cache.token()).unwrap().secret().expose_secret(), "at-last");
    assert_eq!(started.load(Ordering::SeqCst), 10);
}

#[test]
fn an_exchange_whose_runtime_stands_still_is_replaced() {
    let time = TestClock::new();
    let script = Script::new(&time, [hangs()]);
    let cache = script.cache();
    let frozen = runtime();
    frozen.block_on(async {
        tokio::select! {
            biased;
            _ = cache.token() => unreachable!("the source hangs"),
            () = TestClock::settle() => {}
        }
    });
    time.tick(secs(17));
    let other = runtime();
    assert_eq!(other.block_on(cache.token()).unwrap().secret().expose_secret(), "token-2");
    drop(frozen);
    assert_eq!(current(&cache).as_deref(), Some("token-2"));
}

#[test]
fn without_a_runtime_hits_are_served_and_misses_say_what_is_missing() {
    let time = TestClock::new();
    let script = Script::new(&time, []);
    let cache = script.cache();
    let error = block_on_nothing(cache.token()).unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::NoRuntime);
    runtime().block_on(cache.ready()).unwrap();
    // In the soft window there is nobody to refresh; the next caller with a runtime does it.
    time.tick(secs(3_400));
    assert_eq!(current(&cache).as_deref(), Some("token-1"));
    assert_eq!(block_on_nothing(cache.token()).unwrap().secret().expose_secret(), "token-1");
    assert_eq!(script.calls(), 1);
    runtime().block_on(async {
        cache.ready().await.unwrap();
        TestClock::settle().await;
    });
    assert_eq!(current(&cache).as_deref(), Some("token-2"));
}

#[test]
fn a_cache_with_a_runtime_of_its_own_serves_callers_without_one() {
    let own = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let cache = {
        let _entered = own.enter();
        TokenCache::builder(|_: SourceRequest| async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            Ok(lives("x", 3_600))
        })
        .on_current_runtime()
        .build()
        .unwrap()
    };
    assert_eq!(block_on_nothing(cache.token()).unwrap().secret().expose_secret(), "x");
    let error =
        TokenCache::builder(|_: SourceRequest| async { Ok(token("x")) }).on_current_runtime().build().unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::MissingOption);
}

#[tokio::test]
async fn close_waits_for_the_exchange_and_refuses_new_ones() {
    let time = TestClock::new();
    let script = Script::new(&time, [reply(lives("last", 100)).after(secs(3))]);
    let cache = script.cache();
    let waiter = tokio::spawn(cache.token());
    TestClock::settle().await;
    let closing = cache.clone();
    let closed = tokio::spawn(async move { closing.close().await });
    time.advance(secs(2)).await;
    assert!(!closed.is_finished());
    time.advance(secs(1)).await;
    assert!(closed.is_finished());
    assert_eq!(waiter.await.unwrap().unwrap().secret().expose_secret(), "last");
    assert_eq!(current(&cache).as_deref(), Some("last"), "a usable token goes on being used");
    time.advance(secs(80)).await;
    assert!(current(&cache).is_some());
    time.advance(secs(20)).await;
    assert_eq!(cache.token().await.unwrap_err().kind(), TokenErrorKind::Closed);
    assert_eq!(script.calls(), 1);
    cache.close().await;
}

#[tokio::test]
async fn close_persists_what_could_not_be_persisted_before() {
    let time = TestClock::new();
    let saved = Arc::new(Mutex::new(Vec::new()));
    let store = Arc::clone(&saved);
    let attempts = Arc::new(AtomicUsize::new(0));
    let script = Script::new(&time, [reply(lives("new", 3_600).with_refresh_token("rotated"))]);
    let cache = script
        .builder()
        .persist(move |response| {
            let fails = attempts.fetch_add(1, Ordering::SeqCst) == 0;
            if !fails {
                store.lock().unwrap().push(response.refresh_token().unwrap().expose_secret().to_owned());
            }
            async move { if fails { Err("the disk is full".into()) } else { Ok(()) } }
        })
        .build()
        .unwrap();
    assert_eq!(cache.token().await.unwrap_err().kind(), TokenErrorKind::PersistFailed);
    cache.close().await;
    assert_eq!(*saved.lock().unwrap(), ["rotated"]);
    assert_eq!(script.calls(), 1);
}

#[test]
fn close_does_not_wait_for_ever_for_an_exchange_whose_runtime_stands_still() {
    let time = TestClock::new();
    let script = Script::new(&time, [hangs()]);
    let cache = script.cache();
    let frozen = runtime();
    frozen.block_on(async {
        cache.prefetch();
        TestClock::settle().await;
    });
    runtime().block_on(async {
        let closing = cache.clone();
        let closed = tokio::spawn(async move { closing.close().await });
        time.advance(secs(17)).await;
        assert!(closed.is_finished());
    });
}

#[tokio::test]
async fn a_cache_is_a_source_for_another() {
    let time = TestClock::new();
    let script = Script::new(&time, []);
    let inner = script.cache();
    let outer = TokenCache::builder(inner.clone()).clock(time.clock()).build().unwrap();
    inner.ready().await.unwrap();
    time.advance(secs(1_000)).await;
    let generation = outer.current().await.unwrap().generation;
    assert_eq!(current(&outer).as_deref(), Some("token-1"));
    let left = outer.status().expires_at.unwrap().duration_since(time.now()).unwrap();
    assert_eq!(left, secs(2_600));
    // A refusal seen by the outer one renews the inner one.
    outer.invalidate(generation);
    assert_eq!(outer.token().await.unwrap().secret().expose_secret(), "token-2");
    assert_eq!(script.calls(), 2);
}

// THREAT-A7
#[tokio::test]
async fn a_cache_over_another_counts_the_time_that_the_machine_was_suspended() {
    let time = TestClock::new();
    let script = Script::new(&time, [reply(lives("a", 3_600))]);
    let inner = script.cache();
    let outer = TokenCache::builder(inner.clone()).clock(time.clock()).build().unwrap();
    inner.ready().await.unwrap();
    time.wall_forward(secs(3_000));
    outer.ready().await.unwrap();
    let left = outer.status().expires_at.unwrap().duration_since(time.now()).unwrap();
    assert_eq!(left, secs(600));
}

#[tokio::test]
async fn a_cache_over_another_knows_the_lifetime_that_the_other_declares() {
    let time = TestClock::new();
    let script = Script::new(&time, [reply(token("a"))]);
    let inner = script.builder().default_lifetime(secs(3_600)).build().unwrap();
    let outer = TokenCache::builder(inner).clock(time.clock()).build().unwrap();
    outer.ready().await.unwrap();
    assert!(outer.status().expires_at.is_some());
}

/// Runs a future with no runtime around it.
fn block_on_nothing<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(output) => return output,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}
