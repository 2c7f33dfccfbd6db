//! Everything at once, on several threads.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tower_auth_core::{Generation, Invalidation, SourceRequest, TokenCache, TokenError, TokenErrorKind};

use self::support::*;

/// What must be gone when everything is dropped, and counts of what the source saw.
#[derive(Default)]
struct Source {
    calls: AtomicUsize,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
}

struct Running(Arc<Source>);

impl Running {
    fn new(source: &Arc<Source>) -> Self {
        let running = source.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        source.most_at_once.fetch_max(running, Ordering::SeqCst);
        Self(Arc::clone(source))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.at_once.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A cache over a source that takes a moment and now and then fails or panics, and a way to see it freed.
fn cache(life: Duration, is_faulty: bool) -> (TokenCache, Arc<Source>, Weak<()>) {
    let source = Arc::new(Source::default());
    let alive = Arc::new(());
    let freed = Arc::downgrade(&alive);
    let seen = Arc::clone(&source);
    let cache = TokenCache::builder(move |_: SourceRequest| {
        let (source, alive) = (Arc::clone(&seen), Arc::clone(&alive));
        async move {
            let _running = Running::new(&source);
            let _alive = alive;
            let call = source.calls.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_micros(fastrand::u64(..2_000))).await;
            assert!(!is_faulty || call % 7 != 6, "scripted panic");
            Ok(token(&format!("own-{call}")).expires_in(life))
        }
    })
    .forced_refresh_limit(u32::MAX, Duration::ZERO)
    .build()
    .unwrap();
    (cache, source, freed)
}

fn runtime(threads: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(threads).enable_all().build().unwrap()
}

/// Fails if `work` does not end within a few seconds.
fn within_limit<F: Future>(runtime: &Runtime, work: F) -> F::Output {
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(10), work).await.expect("somebody hangs") })
}

fn silence_scripted_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.payload().downcast_ref::<&str>() != Some(&"scripted panic") {
                usual(info);
            }
        }));
    });
}

/// Checks that what one reader sees never goes back.
#[derive(Default)]
struct Forward(Option<Generation>);

impl Forward {
    fn see(&mut self, generation: Generation) {
        assert!(self.0 <= Some(generation), "{:?} after {:?}", generation, self.0);
        self.0 = Some(generation);
    }
}

// THREAT-A8, THREAT-C7
#[test]
fn whatever_happens_at_once_there_is_one_exchange_and_no_generation_goes_back() {
    silence_scripted_panics();
    let runtime = runtime(4);
    let (cache, source, freed) = cache(Duration::from_millis(60), true);
    let stop = Arc::new(AtomicBool::new(false));
    let published = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::new();
    for number in 0..12 {
        let (cache, stop, published) = (cache.clone(), Arc::clone(&stop), Arc::clone(&published));
        tasks.push(runtime.spawn(async move {
            let mut reader = cache.reader();
            let (mut read, mut tried, mut waited) = (Forward::default(), Forward::default(), Forward::default());
            while !stop.load(Ordering::Relaxed) {
                match number % 6 {
                    0 => {
                        let mut request = http::Request::new(());
                        if let Some(generation) = reader.attach(&mut request) {
                            read.see(generation);
                        }
                        let _ = reader.clone().attach(&mut request);
                    }
                    1 => {
                        if let Some(current) = cache.clone().try_current() {
                            tried.see(current.generation);
                        }
                    }
                    2 => match cache.current().await {
                        Ok(current) => waited.see(current.generation),
                        Err(error) => assert_eq!(error.kind(), TokenErrorKind::Aborted),
                    },
                    3 => {
                        if let Some(current) = cache.try_current() {
                            let _: Invalidation = cache.invalidate(current.generation);
                        }
                        let _ = cache.token().await;
                    }
                    4 => {
                        let number = published.fetch_add(1, Ordering::Relaxed);
                        cache.publish(lives(&format!("published-{number}"), 0).expires_in(Duration::from_millis(70)));
                        tokio::time::sleep(Duration::from_micros(300)).await;
                    }
                    _ => {
                        let waiter = tokio::spawn(cache.token());
                        tokio::task::yield_now().await;
                        waiter.abort();
                        cache.prefetch();
                        let _ = format!("{:?} {:?}", cache.status(), cache);
                    }
                }
                tokio::task::yield_now().await;
            }
        }));
    }
    let keeper = runtime.spawn(cache.keep_fresh());
    thread::sleep(Duration::from_millis(100));
    stop.store(true, Ordering::Relaxed);
    within_limit(&runtime, async {
        for task in tasks {
            task.await.unwrap();
        }
        cache.close().await;
    });
    keeper.abort();
    assert!(source.calls.load(Ordering::SeqCst) > 10);
    assert_eq!(source.most_at_once.load(Ordering::SeqCst), 1);
    drop(cache);
    drop(runtime);
    assert!(freed.upgrade().is_none(), "the state outlives its last user");
}

// THREAT-A8
#[test]
fn every_waiter_ends_when_exchanges_are_lost_with_their_runtimes() {
    silence_scripted_panics();
    let steady = runtime(2);
    let (cache, source, freed) = cache(Duration::ZERO, true);
    let stop = Arc::new(AtomicBool::new(false));
    let waiters: Vec<_> = (0..8)
        .map(|_| {
            let (cache, stop) = (cache.clone(), Arc::clone(&stop));
            steady.spawn(async move {
                let mut ended = 0;
                while !stop.load(Ordering::Relaxed) {
                    match cache.token().await {
                        Ok(_) => {}
                        Err(error) => assert_eq!(error.kind(), TokenErrorKind::Aborted),
                    }
                    ended += 1;
                }
                ended
            })
        })
        .collect();
    for _ in 0..60 {
        let doomed = runtime(1);
        doomed.spawn(cache.token());
        thread::sleep(Duration::from_micros(fastrand::u64(..3_000)));
        doomed.shutdown_background();
    }
    stop.store(true, Ordering::Relaxed);
    within_limit(&steady, async {
        for waiter in waiters {
            assert!(waiter.await.unwrap() > 0);
        }
    });
    assert_eq!(source.most_at_once.load(Ordering::SeqCst), 1);
    drop(cache);
    drop(steady);
    // The last of the doomed runtimes may still be going down.
    let is_freed = (0..100).any(|_| {
        thread::sleep(Duration::from_millis(5));
        freed.upgrade().is_none()
    });
    assert!(is_freed, "the state outlives its last user");
}

// THREAT-A4
#[test]
fn the_refresh_token_that_is_spent_is_always_the_last_one() {
    let runtime = runtime(4);
    // The server of this source takes each refresh token once.
    let valid = Arc::new(AtomicUsize::new(0));
    let saved = Arc::new(AtomicUsize::new(0));
    let (server, store) = (Arc::clone(&valid), Arc::clone(&saved));
    let misuse = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&misuse);
    let cache = TokenCache::builder(move |request: SourceRequest| {
        let spent = request.previous().and_then(|previous| previous.refresh_token().cloned());
        let spent: usize = spent.map_or(0, |token| token.expose_secret().parse().unwrap());
        let (server, log) = (Arc::clone(&server), Arc::clone(&log));
        async move {
            tokio::task::yield_now().await;
            if server.compare_exchange(spent, spent + 1, Ordering::SeqCst, Ordering::SeqCst).is_err() {
                log.lock().unwrap().push(spent);
                return Err(TokenError::new(TokenErrorKind::Refused, "spent twice"));
            }
            tokio::task::yield_now().await;
            Ok(lives(&format!("t{spent}"), 3_600).with_refresh_token((spent + 1).to_string()))
        }
    })
    .persist(move |response| {
        let number = response.refresh_token().unwrap().expose_secret().parse().unwrap();
        let store = Arc::clone(&store);
        async move {
            tokio::task::yield_now().await;
            store.store(number, Ordering::SeqCst);
            Ok(())
        }
    })
    .forced_refresh_limit(u32::MAX, Duration::ZERO)
    .build()
    .unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (cache, stop) = (cache.clone(), Arc::clone(&stop));
            runtime.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let waiter = tokio::spawn(cache.current());
                    if fastrand::bool() {
                        waiter.abort();
                    } else if let Ok(Ok(current)) = waiter.await {
                        cache.invalidate(current.generation);
                    }
                }
            })
        })
        .collect();
    thread::sleep(Duration::from_millis(100));
    stop.store(true, Ordering::Relaxed);
    within_limit(&runtime, async {
        for task in tasks {
            task.await.unwrap();
        }
        cache.close().await;
    });
    assert!(valid.load(Ordering::SeqCst) > 10);
    assert_eq!(*misuse.lock().unwrap(), [0; 0]);
    assert_eq!(saved.load(Ordering::SeqCst), valid.load(Ordering::SeqCst));
}

#[test]
fn clones_and_readers_on_many_threads_leave_nothing_behind() {
    let runtime = runtime(1);
    let (cache, _, freed) = cache(Duration::from_secs(3_600), false);
    within_limit(&runtime, cache.ready()).unwrap();
    let shared = cache.reader();
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let mut kept = Vec::new();
                for round in 0..2_000 {
                    let mut reader = shared.clone();
                    assert!(reader.attach(&mut http::Request::new(())).is_some());
                    if round % 100 == 0 {
                        kept.push(reader.clone().cache());
                    }
                }
            });
        }
    });
    assert!(freed.upgrade().is_some());
    drop((cache, shared));
    drop(runtime);
    assert!(freed.upgrade().is_none());
}
