//! What is remembered of tokens that were verified, and for how long.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod verify_support;

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use tower_auth_core::jose::{JwkSet, SigningKey};
use tower_auth_core::{BasicVerifier, Clock, JwtVerifier, RejectionKind, Secret, TimeSource, Verified, Verifier};
use tower_auth_testing::TestClock;

use self::verify_support::*;

fn fixed(key: &SigningKey, time: &TestClock) -> JwtVerifier {
    let keys = JwkSet::parse(key_set(&[("k1", key)]).as_bytes()).unwrap();
    JwtVerifier::issuer(ISSUER).unwrap().audience("orders").jwks(keys).clock(time.clock())
}

fn accept(verifier: &Verifier, token: &str) -> Verified {
    verifier.try_verify(&bearer(token)).unwrap()
}

/// Whether the second verdict is the first one, remembered: then both share the principal.
fn is_remembered(first: &Verified, second: &Verified) -> bool {
    std::ptr::eq(&**first, &**second)
}

// THREAT-K2
#[test]
fn a_token_is_verified_once_and_remembered_until_its_time() {
    let (time, key) = (TestClock::new(), es256());
    let verifier = fixed(&key, &time).build().unwrap();
    let token = token(&key, &claims());
    let first = accept(&verifier, &token);
    assert!(is_remembered(&first, &accept(&verifier, &token)));
    assert!(is_remembered(&first, &accept(&verifier.clone(), &token)), "clones are one verifier");
    time.tick(Duration::from_millis(59_900));
    assert!(is_remembered(&first, &accept(&verifier, &token)));
    time.tick(Duration::from_millis(100));
    assert!(!is_remembered(&first, &accept(&verifier, &token)), "60 s by default");
}

// THREAT-K3
#[test]
fn no_verdict_outlives_its_token() {
    let (time, key) = (TestClock::new(), es256());
    let verifier = fixed(&key, &time).leeway(Duration::ZERO).build().unwrap();
    let token = token(&key, &with(claims(), "exp", NOW + 5));
    accept(&verifier, &token);
    time.tick(Duration::from_millis(4_999));
    accept(&verifier, &token);
    time.tick(Duration::from_millis(1));
    assert_eq!(verifier.try_verify(&bearer(&token)).unwrap_err().kind(), RejectionKind::Expired);
}

// THREAT-K3, THREAT-A7
#[test]
fn a_wall_clock_that_jumps_ahead_ends_what_has_expired_by_it() {
    let (time, key) = (TestClock::new(), es256());
    let verifier = fixed(&key, &time).memo_ttl(Duration::from_secs(3_600)).build().unwrap();
    let token = token(&key, &claims());
    accept(&verifier, &token);
    time.wall_forward(Duration::from_secs(86_400));
    assert_eq!(verifier.try_verify(&bearer(&token)).unwrap_err().kind(), RejectionKind::Expired);
}

// THREAT-K3, THREAT-A7
#[test]
fn a_wall_clock_that_jumps_back_ends_what_is_not_valid_yet_by_it() {
    let (time, key) = (TestClock::new(), es256());
    let verifier = fixed(&key, &time).build().unwrap();
    let token = token(&key, &claims());
    let first = accept(&verifier, &token);
    time.wall_back(Duration::from_secs(60));
    assert!(is_remembered(&first, &accept(&verifier, &token)), "within the leeway");
    time.wall_back(Duration::from_secs(1));
    assert_eq!(verifier.try_verify(&bearer(&token)).unwrap_err().kind(), RejectionKind::NotYetValid);
}

// THREAT-K2
#[test]
fn the_whole_token_decides_and_no_part_of_it() {
    let (time, key) = (TestClock::new(), es256());
    for verifier in [fixed(&key, &time).build().unwrap(), fixed(&key, &time).memo_digests_only().build().unwrap()] {
        let token = token(&key, &claims());
        accept(&verifier, &token);
        // Each byte changed in turn, so that every prefix and every suffix is that of the remembered token.
        for at in 0..token.len() {
            let mut other = token.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).unwrap();
            assert!(verifier.try_verify(&bearer(&other)).is_err(), "byte {at}");
        }
        assert!(verifier.try_verify(&bearer(&token[..token.len() - 1])).is_err());
        assert!(verifier.try_verify(&bearer(&format!("{token}A"))).is_err());
    }
}

// THREAT-K2, THREAT-T7, R6750-2.1a
#[test]
fn how_a_remembered_token_is_presented_is_judged_as_ever() {
    let (time, key) = (TestClock::new(), es256());
    let verifier = fixed(&key, &time).build().unwrap();
    let token = token(&key, &claims());
    let first = accept(&verifier, &token);
    for good in [format!("bEaReR {token}"), format!("Bearer   {token}  ")] {
        assert!(is_remembered(&first, &verifier.try_verify(&authorization(&good)).unwrap()), "{good}");
    }
    for (bad, status) in [
        (format!("Bearer {token}\t"), 400),
        (format!("Bearer \t{token}"), 400),
        (format!("Bearer {token},"), 400),
        (format!("Bearer {token} {token}"), 400),
        (format!("Bearer {token}="), 401),
        (format!("Basic {token}"), 401),
        (format!("DPoP {token}"), 401),
        (format!("Foreign {token}"), 401),
        (token.clone(), 401),
    ] {
        assert_eq!(verifier.try_verify(&authorization(&bad)).unwrap_err().status(), status, "{bad}");
    }
    let mut obscure = HeaderMap::new();
    obscure.insert("authorization", HeaderValue::from_bytes(format!("Bearer {token}\u{e9}").as_bytes()).unwrap());
    assert_eq!(verifier.try_verify(&obscure).unwrap_err().status(), 400);
    let mut twice = bearer(&token);
    twice.append("authorization", twice["authorization"].clone());
    assert_eq!(verifier.try_verify(&twice).unwrap_err().status(), 400);
}

// THREAT-K2
#[test]
fn verifiers_do_not_share_what_they_remember() {
    let (time, key) = (TestClock::new(), es256());
    let orders = fixed(&key, &time).build().unwrap();
    let billing = fixed(&key, &time).audience("billing").build().unwrap();
    let token = token(&key, &claims());
    let verified = accept(&orders, &token);
    assert!(!is_remembered(&verified, &accept(&billing, &token)));
    assert!(!billing.has_verified(&verified));
    // A composed one is another verifier too.
    let both = Verifier::any_of([orders]).unwrap();
    assert!(!is_remembered(&verified, &accept(&both, &token)));
}

// THREAT-K3
#[tokio::test]
async fn keys_that_were_fetched_anew_end_what_the_old_ones_verified() {
    let (time, key) = (TestClock::new(), es256());
    let server = Server::with_key(&key);
    let verifier = builder(&server, &time).memo_ttl(Duration::from_secs(3_600)).build().unwrap();
    let old = token(&key, &with(claims(), "exp", NOW + 90_000));
    verdict(&verifier, &old).await.unwrap();
    let first = accept(&verifier, &old);
    assert!(is_remembered(&first, &accept(&verifier, &old)));
    // The issuer withdraws the key; a token of the new one makes it known.
    let new = es256();
    server.keys(&[("k2", &new)]);
    let token = new.sign(&header().kid("k2"), &with(claims(), "exp", NOW + 90_000)).unwrap();
    verdict(&verifier, &token).await.unwrap();
    assert_eq!(verdict(&verifier, &old).await.unwrap_err(), RejectionKind::UnknownKey);
}

// THREAT-K3
#[test]
fn what_is_forgotten_is_verified_anew() {
    let (time, key) = (TestClock::new(), es256());
    let verifier = fixed(&key, &time).build().unwrap();
    let token = token(&key, &claims());
    let first = accept(&verifier, &token);
    verifier.forget();
    let second = accept(&verifier, &token);
    assert!(!is_remembered(&first, &second) && is_remembered(&second, &accept(&verifier, &token)));
}

/// A clock that does something whenever it is asked for the time of day, as another thread might in that moment.
struct Meanwhile(TestClock, std::sync::Mutex<Box<dyn FnMut() + Send>>);

impl TimeSource for Meanwhile {
    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }

    fn wall(&self) -> std::time::SystemTime {
        (self.1.lock().unwrap())();
        self.0.wall()
    }

    fn sleep(&self, duration: Duration) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        self.0.sleep(duration)
    }
}

// THREAT-K3
#[test]
fn a_verdict_that_was_begun_before_it_was_to_be_forgotten_is_not_remembered_after_it() {
    let (time, key) = (TestClock::new(), es256());
    let token = token(&key, &claims());
    type Forget = fn(&Verifier, &str);
    let ways: [Forget; 2] =
        [|verifier, _| verifier.forget(), |verifier, token| verifier.forget_token(&Secret::from(token))];
    for forget in ways {
        let (itself, forgetting) = (Arc::new(OnceLock::<Verifier>::new()), Arc::new(AtomicBool::new(true)));
        let meanwhile = {
            let (itself, forgetting, token) = (Arc::clone(&itself), Arc::clone(&forgetting), token.clone());
            Box::new(move || {
                if forgetting.load(Ordering::SeqCst) {
                    forget(itself.get().unwrap(), &token);
                }
            })
        };
        let clock = Clock::injected(Meanwhile(time.clone(), std::sync::Mutex::new(meanwhile)));
        let verifier = fixed(&key, &time).clock(clock).build().unwrap();
        assert!(itself.set(verifier.clone()).is_ok());
        let first = accept(&verifier, &token);
        forgetting.store(false, Ordering::SeqCst);
        let second = accept(&verifier, &token);
        assert!(!is_remembered(&first, &second), "it was begun before");
        assert!(is_remembered(&second, &accept(&verifier, &token)));
    }
}

// THREAT-K4
#[test]
fn refusals_and_tokens_without_an_end_are_not_remembered() {
    let (time, key) = (TestClock::new(), es256());
    let verifier = fixed(&key, &time).build().unwrap();
    let early = token(&key, &with(claims(), "nbf", NOW + 90));
    assert_eq!(verifier.try_verify(&bearer(&early)).unwrap_err().kind(), RejectionKind::NotYetValid);
    time.tick(Duration::from_secs(40));
    accept(&verifier, &early);

    let off = fixed(&key, &time).memo_ttl(Duration::ZERO).build().unwrap();
    let token = token(&key, &claims());
    assert!(!is_remembered(&accept(&off, &token), &accept(&off, &token)));
}

// THREAT-A9
#[test]
fn the_number_of_remembered_verdicts_is_bounded() {
    let (time, key) = (TestClock::new(), es256());
    let verifier = fixed(&key, &time).memo_capacity(8).build().unwrap();
    let tokens: Vec<_> = (0..50).map(|n| token(&key, &with(claims(), "jti", n.to_string()))).collect();
    let first: Vec<_> = tokens.iter().map(|token| accept(&verifier, token)).collect();
    let newest_first = tokens.iter().zip(&first).rev();
    let remembered = newest_first.filter(|(token, first)| is_remembered(first, &accept(&verifier, token))).count();
    assert!((1..=8).contains(&remembered), "{remembered}");
    assert!(fixed(&key, &time).memo_capacity(0).build().is_err());
    assert!(fixed(&key, &time).memo_ttl(Duration::from_secs(3_601)).build().is_err());
}

// THREAT-A9
#[test]
fn nearly_all_of_ten_thousand_live_tokens_are_remembered() {
    let (time, key) = (TestClock::new(), es256());
    let verifier = fixed(&key, &time).build().unwrap();
    let tokens: Vec<_> = (0..10_000).map(|n| token(&key, &with(claims(), "jti", n.to_string()))).collect();
    let first: Vec<_> = tokens.iter().map(|token| accept(&verifier, token)).collect();
    let remembered =
        tokens.iter().zip(&first).filter(|(token, first)| is_remembered(first, &accept(&verifier, token))).count();
    assert!(remembered > 9_900, "{remembered}");
}

// THREAT-K2, THREAT-A3
#[test]
fn threads_that_fill_and_forget_at_once_never_get_anothers_verdict() {
    let (time, key) = (TestClock::new(), es256());
    let verifier = fixed(&key, &time).memo_capacity(16).build().unwrap();
    let tokens: Vec<_> = (0..64).map(|n| (n.to_string(), token(&key, &with(claims(), "sub", n.to_string())))).collect();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (verifier, tokens) = (&verifier, &tokens);
            scope.spawn(move || {
                for round in 0..500 {
                    let (subject, token) = &tokens[(round * 7 + thread * 13) % tokens.len()];
                    assert_eq!(accept(verifier, token).subject(), subject);
                    if round % 100 == 99 {
                        verifier.forget();
                    }
                }
            });
        }
    });
}

// THREAT-K3
#[test]
fn what_was_made_of_a_verifier_forgets_with_it() {
    let (time, key) = (TestClock::new(), es256());
    let jwt = fixed(&key, &time).build().unwrap();
    let both = Verifier::any_of([jwt.clone(), BasicVerifier::new().user("a", "b").build().unwrap()]).unwrap();
    let token = token(&key, &claims());
    let first = accept(&both, &token);
    assert!(is_remembered(&first, &accept(&both, &token)));
    jwt.forget();
    assert!(!is_remembered(&first, &accept(&both, &token)));
}

// THREAT-K3
#[tokio::test]
async fn to_forget_has_keys_fetched_again_and_serves_with_the_old_ones_if_that_fails() {
    let (time, key) = (TestClock::new(), es256());
    let server = Server::with_key(&key);
    let verifier = builder(&server, &time).build().unwrap();
    let token = token(&key, &claims());
    verdict(&verifier, &token).await.unwrap();
    assert_eq!(server.asked("/keys"), 1);
    // The issuer has withdrawn the key, and nobody here knows.
    server.keys(&[("k2", &es256())]);
    verdict(&verifier, &token).await.unwrap();
    verifier.forget();
    assert_eq!(verdict(&verifier, &token).await.unwrap_err(), RejectionKind::UnknownKey);
    assert_eq!(server.asked("/keys"), 2);

    server.keys(&[("k1", &key)]);
    verifier.forget();
    verdict(&verifier, &token).await.unwrap();
    server.page("/keys", Act::Answer(500, String::new()));
    verifier.forget();
    verdict(&verifier, &token).await.unwrap();
    assert_eq!(server.asked("/keys"), 4);
}

// THREAT-K3
#[tokio::test]
async fn keys_that_were_asked_for_before_the_forgetting_serve_no_later_token() {
    // Either of the two that wait may be woken first, and begin the next fetch.
    for _ in 0..20 {
        let (time, key) = (TestClock::new(), es256());
        let server = Server::with_key(&key);
        server.slow(time.clock(), Duration::from_millis(100));
        let verifier = builder(&server, &time).build().unwrap();
        let token = token(&key, &claims());
        let verify = || {
            let (verifier, token) = (verifier.clone(), token.clone());
            tokio::spawn(async move { verdict(&verifier, &token).await })
        };
        let before = verify();
        while server.asked("/keys") < 1 {
            time.advance(Duration::from_millis(50)).await;
        }
        verifier.forget();
        let after = verify();
        // The issuer withdraws the key after the fetch that is under way, and before the next.
        time.advance(Duration::from_millis(100)).await;
        before.await.unwrap().unwrap();
        server.keys(&[("k2", &es256())]);
        while !after.is_finished() {
            time.advance(Duration::from_millis(50)).await;
        }
        assert_eq!(after.await.unwrap().unwrap_err(), RejectionKind::UnknownKey);
        assert_eq!(server.asked("/keys"), 2);
    }
}

// THREAT-K3
#[cfg(feature = "password-hash")]
#[tokio::test]
async fn logins_are_forgotten_too() {
    use tower_auth_core::{Basic, PasswordCost, PasswordHash};

    let cost = PasswordCost::argon2id(8, 1, 1).unwrap();
    let hash = PasswordHash::hash_with(&Secret::from("s3cret"), cost).unwrap();
    let verifier = BasicVerifier::new().user_hash("batch", hash.expose_hash()).build().unwrap();
    let pair = authorization(Basic::new("batch", "s3cret").unwrap().header_text().expose_secret());
    verifier.verify(&pair).await.unwrap();
    assert!(verifier.try_verify(&pair).is_ok(), "the login is remembered");
    verifier.forget();
    assert_eq!(verifier.try_verify(&pair).unwrap_err().status(), 503, "it has to be hashed again");
}
