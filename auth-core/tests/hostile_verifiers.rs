//! Verifiers of everything at once, under callers who come in crowds and go away, clocks that jump, and runtimes that end.
#![cfg(all(feature = "introspection", feature = "password-hash"))]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod verify_support;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use serde_json::json;
use tower_auth_core::jose::SigningKey;
use tower_auth_core::{
    ApiKeyVerifier, Basic, BasicVerifier, BoxError, HttpClient, IntrospectionVerifier, PasswordCost, PasswordHash,
    Rejection, RejectionKind, Secret, UserAccount, Verified, Verifier,
};
use tower_auth_testing::TestClock;

use self::verify_support::*;

const KEY: &str = "partner-1.nq8Z0vJc5mWd2rXh7tKb";
const DAY: Duration = Duration::from_secs(86_400);

/// One issuer of JWTs, one authorization server for opaque tokens, one user, one API key.
struct World {
    time: TestClock,
    key: SigningKey,
    server: Server,
    /// Whether the authorization server lets its callers wait for ever.
    hangs: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

impl World {
    fn new() -> Self {
        let key = es256();
        let server = Server::with_key(&key);
        Self { time: TestClock::new(), key, server, hangs: Arc::default(), asked: Arc::default() }
    }

    /// Knows the tokens `opaque-0`, `opaque-1` and so on; the number is whose token it is.
    fn introspection(&self) -> IntrospectionVerifier {
        let (hangs, asked) = (Arc::clone(&self.hangs), Arc::clone(&self.asked));
        let endpoint = tower::service_fn(move |request: Request<Bytes>| {
            let (hangs, asked) = (Arc::clone(&hangs), Arc::clone(&asked));
            async move {
                asked.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                if hangs.load(Ordering::SeqCst) {
                    std::future::pending::<()>().await;
                }
                let body = String::from_utf8(request.into_body().to_vec())?;
                let number = body.split('&').find_map(|pair| pair.strip_prefix("token=opaque-"));
                let answer = match number {
                    Some(number) => {
                        json!({"active": true, "sub": format!("user-{number}"), "aud": "orders", "exp": NOW + 600})
                    }
                    None => json!({"active": false}),
                };
                Ok::<_, BoxError>(Response::new(Bytes::from(answer.to_string())))
            }
        });
        IntrospectionVerifier::new("https://login.example.com/introspect", "orders", "correct horse")
            .audience("orders")
            .http_client(HttpClient::new(endpoint))
            .clock(self.time.clock())
            .max_in_flight(10_000)
    }

    fn users(&self, cost: PasswordCost) -> BasicVerifier {
        let hash = PasswordHash::hash_with(&Secret::from("s3cret"), cost).unwrap();
        BasicVerifier::new().user_hash("batch", hash.expose_hash()).password_cost(cost).clock(self.time.clock())
    }

    fn verifier(&self) -> Verifier {
        let keys = ApiKeyVerifier::new().key("partner-1", ApiKeyVerifier::digest(&Secret::from(KEY))).build().unwrap();
        Verifier::any_of([
            builder(&self.server, &self.time).build().unwrap(),
            self.introspection().cache_for(Duration::from_secs(30)).build().unwrap(),
            self.users(cheap()).hashing_limits(2, 10_000).build().unwrap(),
            keys,
        ])
        .unwrap()
    }

    fn jwt(&self, subject: &str) -> HeaderMap {
        bearer(&token(&self.key, &with(claims(), "sub", subject)))
    }
}

fn cheap() -> PasswordCost {
    PasswordCost::argon2id(64, 1, 1).unwrap()
}

fn basic(password: &str) -> HeaderMap {
    authorization(Basic::new("batch", password).unwrap().header_text().expose_secret())
}

fn api_key(key: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("x-api-key", key.parse().unwrap());
    headers
}

fn kind(outcome: Result<Verified, Rejection>) -> RejectionKind {
    outcome.unwrap_err().kind()
}

// THREAT-A3, THREAT-A8, THREAT-K2, THREAT-K3, THREAT-K4
#[test]
fn a_thousand_callers_at_once_each_get_their_own_verdict_while_everything_is_forgotten_again_and_again() {
    const CALLERS: usize = 1_000;
    /// How many verdicts later everything is forgotten again.
    const PAUSE: usize = 50;
    let world = World::new();
    let verifier = world.verifier();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    // Whose credential it is, or that it is nobody's.
    let requests: Arc<Vec<(Option<String>, HeaderMap)>> = Arc::new(
        (0..CALLERS)
            .map(|number| match number % 8 {
                0 => (Some(format!("jwt-{number}")), world.jwt(&format!("jwt-{number}"))),
                1 => (Some(format!("user-{}", number % 16)), bearer(&format!("opaque-{}", number % 16))),
                2 => (Some("batch".to_owned()), basic("s3cret")),
                3 => (Some("partner-1".to_owned()), api_key(KEY)),
                4 => (None, bearer(&token(&es256(), &claims()))),
                5 => (None, bearer(&format!("invented-{number}"))),
                6 => (None, basic(&format!("guess-{number}"))),
                _ => (None, api_key(&format!("partner-1.guess-{number}"))),
            })
            .collect(),
    );
    runtime.block_on(async {
        let verdicts = Arc::new(AtomicUsize::new(0));
        let callers: Vec<_> = (0..CALLERS)
            .map(|number| {
                let (verifier, requests, verdicts) = (verifier.clone(), Arc::clone(&requests), Arc::clone(&verdicts));
                tokio::spawn(async move {
                    let (wanted, headers) = &requests[number];
                    for _ in 0..2 {
                        let outcome = verifier.verify(headers).await;
                        let subject = outcome.as_ref().ok().map(|verified| verified.subject().to_owned());
                        assert_eq!(subject, *wanted, "{number}: {outcome:?}");
                        if verdicts.fetch_add(1, Ordering::SeqCst) % PAUSE == 0 {
                            verifier.forget();
                        }
                    }
                })
            })
            .collect();
        // Some go away at some time, which is nobody else's concern.
        let mut waiting = Vec::new();
        for (number, caller) in callers.into_iter().enumerate() {
            if number % 8 == 2 && number % 3 == 0 {
                caller.abort();
            } else {
                waiting.push(caller);
            }
        }
        for caller in waiting {
            caller.await.unwrap();
        }
        let forgotten = verdicts.load(Ordering::SeqCst).div_ceil(PAUSE);
        assert!((1..=1 + forgotten).contains(&world.server.asked("/keys")), "{}", world.server.asked("/keys"));
        assert!(verifier.verify(&basic("s3cret")).await.is_ok());
    });
}

// THREAT-A3, THREAT-V13
#[test]
fn ten_runtimes_that_end_while_a_token_is_looked_up_or_a_password_hashed_take_nothing_along() {
    let world = World::new();
    // Long enough that a runtime ends meanwhile.
    let slow = PasswordCost::argon2id(16 * 1024, 4, 1).unwrap();
    let users = world.users(slow).hashing_limits(1, 3).without_memo().build().unwrap();
    let verifier =
        Verifier::any_of([users, world.introspection().refusals_for(Duration::ZERO).build().unwrap()]).unwrap();
    for _ in 0..10 {
        world.hangs.store(true, Ordering::SeqCst);
        let asked = world.asked.load(Ordering::SeqCst);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        for number in 0..20 {
            let (verifier, opaque, pair) =
                (verifier.clone(), bearer(&format!("opaque-{}", number % 4)), basic("s3cret"));
            runtime.spawn(async move {
                let _ = tokio::join!(verifier.verify(&opaque), verifier.verify(&pair));
            });
        }
        runtime.block_on(async {
            while world.asked.load(Ordering::SeqCst) < asked + 4 {
                tokio::task::yield_now().await;
            }
        });
        // One who is left over from this runtime waits for what ends with it.
        let left = {
            let _entered = runtime.enter();
            verifier.verify(&bearer("opaque-1"))
        };
        runtime.shutdown_background();
        assert_eq!(kind(on_another_runtime(left)), RejectionKind::IntrospectionUnavailable);
        world.hangs.store(false, Ordering::SeqCst);
        // Its threads end in their own time. Then the endpoint is left alone, but not for long.
        while verifier.status().introspection.iter().any(|endpoint| endpoint.in_flight > 0) {
            std::thread::yield_now();
        }
        world.time.tick(Duration::from_secs(10));
        assert_eq!(
            on_another_runtime(async { verifier.verify(&bearer("opaque-1")).await }).unwrap().subject(),
            "user-1"
        );
        assert!(has_room(&verifier), "places of hashes were lost");
    }
}

/// Whether a password is hashed, at the latest when those under way are done.
fn has_room(verifier: &Verifier) -> bool {
    (0..600).any(|_| {
        let outcome = on_another_runtime(async { verifier.verify(&basic("s3cret")).await });
        // Hashes that are under way go on to their end, whoever has gone away.
        if outcome.is_err() {
            std::thread::yield_now();
        }
        outcome.is_ok()
    })
}

fn on_another_runtime<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let outcome = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), future).await });
    outcome.expect("whoever waits is woken")
}

// THREAT-A3
#[test]
fn a_look_up_of_users_that_ends_with_its_runtime_is_no_verdict_and_the_next_one_works() {
    let hangs = Arc::new(AtomicBool::new(true));
    let account = UserAccount::new(PasswordHash::hash_with(&Secret::from("s3cret"), cheap()).unwrap());
    let lookup = {
        let hangs = Arc::clone(&hangs);
        move |_: String| {
            let (hangs, account) = (Arc::clone(&hangs), account.clone());
            async move {
                if hangs.load(Ordering::SeqCst) {
                    std::future::pending::<()>().await;
                }
                Ok::<_, BoxError>(Some(account))
            }
        }
    };
    let time = TestClock::new();
    let verifier = BasicVerifier::new()
        .lookup(lookup)
        .password_cost(cheap())
        .hashing_limits(1, 1)
        .clock(time.clock())
        .build()
        .unwrap();
    for _ in 0..10 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for _ in 0..5 {
            let verifier = verifier.clone();
            runtime.spawn(async move { verifier.verify(&basic("s3cret")).await.is_ok() });
        }
        runtime.block_on(TestClock::settle());
        drop(runtime);
    }
    hangs.store(false, Ordering::SeqCst);
    assert_eq!(on_another_runtime(async { verifier.verify(&basic("s3cret")).await }).unwrap().subject(), "batch");
}

// THREAT-A7, THREAT-K3
#[tokio::test]
async fn clocks_that_jump_by_a_day_never_let_an_expired_token_in_and_never_lock_a_good_one_out_for_good() {
    let world = World::new();
    let verifier = world.verifier();
    let long = bearer(&token(&world.key, &with(claims(), "exp", NOW + 10 * 86_400)));
    let requests = [world.jwt("alice"), bearer("opaque-7"), basic("s3cret"), api_key(KEY), long];
    let outcomes = async || {
        let mut accepted = Vec::new();
        for headers in &requests {
            accepted.push(verifier.verify(headers).await.is_ok());
        }
        accepted
    };
    // Twice each time, so that what is remembered has its say.
    for _ in 0..2 {
        assert_eq!(outcomes().await, [true; 5]);
    }
    world.time.wall_forward(DAY);
    for _ in 0..2 {
        assert_eq!(outcomes().await, [false, false, true, true, true], "two have expired");
    }
    world.time.wall_back(DAY);
    // What was refused is remembered for a moment.
    world.time.tick(Duration::from_secs(3));
    for _ in 0..2 {
        assert_eq!(outcomes().await, [true; 5], "the clock is right again");
    }
    world.time.wall_back(DAY);
    for _ in 0..2 {
        // By this clock both tokens are of tomorrow; the answer about the opaque one has no such time.
        assert_eq!(outcomes().await, [false, true, true, true, false]);
    }
    world.time.wall_forward(DAY);
    for _ in 0..2 {
        assert_eq!(outcomes().await, [true; 5]);
    }
    // Both clocks, as time passes.
    world.time.advance(DAY).await;
    for _ in 0..2 {
        assert_eq!(outcomes().await, [false, false, true, true, true]);
    }
}

// THREAT-A1, THREAT-A5
#[tokio::test]
async fn credentials_of_any_size_are_refused_without_a_question_to_anybody() {
    let world = World::new();
    let verifier = world.verifier();
    let long = "A".repeat(64 << 20);
    for text in [&*long, &".".repeat(1_000_000), &"[".repeat(100_000), &"\u{1f511}".repeat(10_000), "\0", " ", "a b"] {
        let outcome = verifier.verify_credential(tower_auth_core::IncomingCredential::bearer(text)).await;
        assert_eq!(kind(outcome), RejectionKind::Malformed, "{} bytes", text.len());
        let outcome = verifier.verify_credential(tower_auth_core::IncomingCredential::api_key(text)).await;
        assert_eq!(kind(outcome), RejectionKind::UnknownApiKey);
    }
    assert_eq!(world.asked.load(Ordering::SeqCst), 0);
    assert!(world.server.all_asked().is_empty());
    for value in [long.as_str(), "Basic", "Basic =", "Basic !!!!", &format!("Basic {}", "QTpi".repeat(4_000))] {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", value.parse().unwrap());
        assert!(verifier.verify(&headers).await.unwrap_err().status().is_client_error());
    }
}
