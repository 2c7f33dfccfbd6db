//! Issuers that change their keys while tokens come in, and issuers that cannot be asked.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod verify_support;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response};
use tokio::sync::Notify;
use tower_auth_core::jose::SigningKey;
use tower_auth_core::{HttpClient, IncomingCredential, RejectionKind};
use tower_auth_testing::TestClock;

use self::verify_support::*;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A token that outlives every test.
fn lasting(key: &SigningKey, kid: &str) -> String {
    key.sign(&header().kid(kid), &with(claims(), "exp", NOW + 1_000_000)).unwrap()
}

/// With verdicts remembered for as long as can be, and not at all.
const MEMOS: [Duration; 2] = [Duration::from_secs(3_600), Duration::ZERO];

/// A key set whose answers are made when they are asked for, and arrive when they are let through.
#[derive(Clone)]
struct Slow(Arc<SlowInner>);

struct SlowInner {
    keys: Mutex<String>,
    held: AtomicBool,
    through: Notify,
    asked: AtomicUsize,
}

impl Slow {
    fn new(keys: String) -> Self {
        let inner = SlowInner {
            keys: Mutex::new(keys),
            held: AtomicBool::new(false),
            through: Notify::new(),
            asked: AtomicUsize::new(0),
        };
        Self(Arc::new(inner))
    }

    fn publish(&self, keys: &[(&str, &SigningKey)]) {
        *self.0.keys.lock().unwrap() = key_set(keys);
    }

    fn hold(&self) {
        self.0.held.store(true, Ordering::SeqCst);
    }

    fn let_through(&self) {
        self.0.held.store(false, Ordering::SeqCst);
        self.0.through.notify_waiters();
    }

    fn asked(&self) -> usize {
        self.0.asked.load(Ordering::SeqCst)
    }

    fn client(&self) -> HttpClient {
        let slow = self.clone();
        HttpClient::new(tower::service_fn(move |_: Request<Bytes>| {
            let inner = Arc::clone(&slow.0);
            async move {
                inner.asked.fetch_add(1, Ordering::SeqCst);
                let answer = inner.keys.lock().unwrap().clone();
                let through = inner.through.notified();
                if inner.held.load(Ordering::SeqCst) {
                    through.await;
                }
                Ok::<_, std::io::Error>(Response::new(Bytes::from(answer)))
            }
        }))
    }
}

// THREAT-A2, THREAT-K3
#[tokio::test]
async fn a_key_that_is_published_during_a_scheduled_fetch_is_found_by_its_first_token() {
    for memo in MEMOS {
        let (time, old, new) = (TestClock::new(), es256(), es256());
        let issuer = Slow::new(key_set(&[("k1", &old)]));
        let verifier = builder(&Server::default(), &time)
            .jwks_uri("https://login.example.com/keys")
            .http_client(issuer.client())
            .memo_ttl(memo)
            .build()
            .unwrap();
        verdict(&verifier, &lasting(&old, "k1")).await.unwrap();
        // Ahead of time, in the background; the answer is from before the rotation.
        issuer.hold();
        time.advance(secs(545)).await;
        verdict(&verifier, &lasting(&old, "k1")).await.unwrap();
        TestClock::settle().await;
        assert_eq!(issuer.asked(), 2);
        issuer.publish(&[("k1", &old), ("k2", &new)]);
        let first = tokio::spawn(verifier.verify(&bearer(&lasting(&new, "k2"))));
        // Others know no key at all, and must not cost more than one fetch together.
        let flood: Vec<_> =
            (0..200).map(|n| tokio::spawn(verifier.verify(&bearer(&lasting(&new, &format!("random-{n}")))))).collect();
        TestClock::settle().await;
        issuer.let_through();
        first.await.unwrap().unwrap();
        for one in flood {
            assert_eq!(one.await.unwrap().unwrap_err().kind(), RejectionKind::UnknownKey);
        }
        assert_eq!(issuer.asked(), 3);
        verdict(&verifier, &lasting(&new, "k2")).await.unwrap();
    }
}

// THREAT-K3
#[tokio::test]
async fn keys_are_kept_fresh_by_remembered_tokens_too() {
    let (time, old) = (TestClock::new(), es256());
    let server = Server::with_key(&old);
    let verifier = builder(&server, &time).memo_ttl(MEMOS[0]).build().unwrap();
    let token = lasting(&old, "k1");
    // The first one waits for keys, and such are not remembered.
    verdict(&verifier, &token).await.unwrap();
    verdict(&verifier, &token).await.unwrap();
    // Due: fetched in the background, and nobody waits.
    time.advance(secs(545)).await;
    assert!(!verifier.verify(&bearer(&token)).is_waiting());
    TestClock::settle().await;
    assert_eq!(server.asked("/keys"), 2);
    verdict(&verifier, &token).await.unwrap();
    // Old, as nobody came for a while: fetched before anything that they verified counts.
    server.keys(&[("k2", &es256())]);
    time.advance(secs(700)).await;
    assert_eq!(verdict(&verifier, &token).await.unwrap_err(), RejectionKind::UnknownKey);
}

// THREAT-K3, THREAT-V16, THREAT-A2
#[tokio::test]
async fn keys_of_a_dead_issuer_serve_to_the_stale_limit_and_not_a_second_longer_also_through_the_memo() {
    for memo in MEMOS {
        let (time, key) = (TestClock::new(), es256());
        let server = Server::with_key(&key);
        let verifier = builder(&server, &time).memo_ttl(memo).build().unwrap();
        let token = lasting(&key, "k1");
        verdict(&verifier, &token).await.unwrap();
        server.page("/keys", Act::Fail);
        server.page("/.well-known/oauth-authorization-server", Act::Fail);
        let mut passed = 0;
        while passed < 600 + 3_600 - 1 {
            let step = 60.min(600 + 3_600 - 1 - passed);
            time.advance(secs(step)).await;
            passed += step;
            verdict(&verifier, &token).await.unwrap();
        }
        assert!(server.all_asked().len() > 60, "it was asked again and again: {}", server.all_asked().len());
        time.advance(secs(1)).await;
        let refusal = verifier.verify(&bearer(&token)).await.unwrap_err();
        assert_eq!((refusal.kind(), refusal.status().as_u16()), (RejectionKind::KeysUnavailable, 503));
        // The wall clock alone says so too: the machine slept.
        server.keys(&[("k1", &key)]);
        server.metadata(ISSUER, &format!("{ISSUER}/keys"));
        time.advance(secs(31)).await;
        verdict(&verifier, &token).await.unwrap();
        verdict(&verifier, &token).await.unwrap();
        server.page("/keys", Act::Fail);
        time.wall_forward(secs(600 + 3_600));
        assert_eq!(verdict(&verifier, &token).await.unwrap_err(), RejectionKind::KeysUnavailable);
    }
}

// THREAT-A2, THREAT-V4
#[tokio::test]
async fn a_hundred_thousand_random_key_ids_cost_one_fetch_per_cooldown() {
    let (time, key) = (TestClock::new(), es256());
    let server = Server::with_key(&key);
    let verifier = builder(&server, &time).build().unwrap();
    let good = lasting(&key, "k1");
    verdict(&verifier, &good).await.unwrap();
    // Nobody has to sign them: what no key can check is refused before.
    let (_, rest) = good.split_once('.').unwrap();
    let mut random = fastrand::Rng::with_seed(2);
    let cooldowns = 4;
    for round in 1..=cooldowns {
        for _ in 0..100_000 / cooldowns {
            let len = random.usize(1..40);
            let kid: String = std::iter::repeat_with(|| random.alphanumeric()).take(len).collect();
            let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"{kid}-"}}"#));
            let token = format!("{header}.{rest}");
            let refusal = verifier.verify_credential(IncomingCredential::bearer(&token)).await.unwrap_err();
            assert_eq!(refusal.kind(), RejectionKind::UnknownKey);
        }
        assert_eq!(server.asked("/keys"), 1 + round);
        verdict(&verifier, &good).await.unwrap();
        time.tick(secs(30));
    }
}

/// Keys of an issuer that signs with the newest, and keeps the last ones published as long as their tokens are about.
struct Rotating {
    server: Server,
    current: Mutex<(usize, String)>,
    keys: Mutex<Vec<(String, SigningKey)>>,
}

impl Rotating {
    fn new() -> Self {
        let rotating = Self { server: Server::default(), current: Mutex::default(), keys: Mutex::default() };
        rotating.server.metadata(ISSUER, &format!("{ISSUER}/keys"));
        rotating.publish(0);
        rotating.sign(0);
        rotating
    }

    /// Publishes key `number`, and the three before it.
    fn publish(&self, number: usize) {
        let mut keys = self.keys.lock().unwrap();
        keys.push((format!("k{number}"), es256()));
        let surplus = keys.len().saturating_sub(4);
        keys.drain(..surplus);
        self.server.keys(&keys.iter().map(|(kid, key)| (kid.as_str(), key)).collect::<Vec<_>>());
    }

    /// Tokens are signed by key `number` from now on.
    fn sign(&self, number: usize) {
        let keys = self.keys.lock().unwrap();
        let (kid, key) = keys.last().unwrap();
        *self.current.lock().unwrap() = (number, lasting(key, kid));
    }

    fn current(&self) -> (usize, String) {
        self.current.lock().unwrap().clone()
    }
}

/// Tasks verify the newest token again and again, on several threads, while the keys are changed under them. Each change
/// waits until every task has seen the one before, so that a token that is refused was good.
fn rotate_under_load(memo: Duration, is_published_ahead: bool, rotations: usize) -> (usize, usize) {
    const TASKS: usize = 24;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(async {
        let time = TestClock::new();
        let issuer = Arc::new(Rotating::new());
        let verifier = builder(&issuer.server, &time).memo_ttl(memo).build().unwrap();
        let seen: Arc<Vec<AtomicUsize>> = Arc::new((0..TASKS).map(|_| AtomicUsize::new(usize::MAX)).collect());
        let verified = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let (issuer, verifier) = (Arc::clone(&issuer), verifier.clone());
                let (seen, verified) = (Arc::clone(&seen), Arc::clone(&verified));
                tokio::spawn(async move {
                    loop {
                        let (number, token) = issuer.current();
                        if number > rotations {
                            return;
                        }
                        let outcome = verifier.verify(&bearer(&token)).await;
                        assert!(outcome.is_ok(), "key {number}: {outcome:?}");
                        verified.fetch_add(1, Ordering::Relaxed);
                        seen[task].store(number, Ordering::SeqCst);
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        for number in 1..=rotations {
            while seen.iter().any(|seen| seen.load(Ordering::SeqCst) != number - 1) {
                assert!(tasks.iter().all(|task| !task.is_finished()), "a good token was refused");
                tokio::task::yield_now().await;
            }
            issuer.publish(number);
            if is_published_ahead {
                // Long enough that everybody has fetched by now: beyond the maximum age.
                time.tick(secs(300));
                tokio::task::yield_now().await;
                time.tick(secs(300));
            } else {
                // As soon as the last fetch for an unknown key allows.
                time.tick(secs(30));
            }
            issuer.sign(number);
        }
        while seen.iter().any(|seen| seen.load(Ordering::SeqCst) != rotations) {
            assert!(tasks.iter().all(|task| !task.is_finished()), "a good token was refused");
            tokio::task::yield_now().await;
        }
        *issuer.current.lock().unwrap() = (rotations + 1, String::new());
        for task in tasks {
            task.await.unwrap();
        }
        (verified.load(Ordering::Relaxed), issuer.server.asked("/keys"))
    })
}

// THREAT-A2, THREAT-A3, THREAT-K3
#[test]
fn no_good_token_is_refused_while_keys_that_are_published_ahead_rotate_under_load() {
    for memo in MEMOS {
        let (verified, fetched) = rotate_under_load(memo, true, 25);
        assert!(verified >= 25 * 24, "{verified}");
        assert!(fetched <= 3 * 26, "{fetched} fetches for 25 rotations");
    }
}

// THREAT-A2, THREAT-A3, THREAT-K3
#[test]
fn no_good_token_is_refused_while_keys_that_sign_at_once_rotate_under_load() {
    for memo in MEMOS {
        let (verified, fetched) = rotate_under_load(memo, false, 40);
        assert!(verified >= 40 * 24, "{verified}");
        assert!(fetched <= 2 * 41, "{fetched} fetches for 40 rotations");
    }
}

// THREAT-A3
#[test]
fn one_verifier_serves_ten_runtimes_that_end_while_keys_are_fetched() {
    let (time, key) = (TestClock::new(), es256());
    let server = Server::with_key(&key);
    server.page("/keys", Act::Hang);
    let verifier = builder(&server, &time).build().unwrap();
    let headers = bearer(&lasting(&key, "k1"));
    for _ in 0..10 {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let waiters: Vec<_> = (0..50)
            .map(|_| {
                let (verifier, headers) = (verifier.clone(), headers.clone());
                runtime.spawn(async move { verifier.verify(&headers).await.is_ok() })
            })
            .collect();
        runtime.block_on(async {
            while server.most_at_once() == 0 {
                tokio::task::yield_now().await;
            }
        });
        let left = {
            let _entered = runtime.enter();
            verifier.verify(&headers)
        };
        runtime.shutdown_background();
        let next = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let outcome = next.block_on(async { tokio::time::timeout(secs(20), left).await });
        assert_eq!(outcome.expect("it is woken").unwrap_err().kind(), RejectionKind::KeysUnavailable);
        drop(waiters);
        time.tick(secs(31));
    }
    server.keys(&[("k1", &key)]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { verifier.verify(&headers).await }).unwrap();
}
