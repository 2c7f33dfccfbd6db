//! How the keys of an issuer are found, kept fresh, and kept at all.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod verify_support;

use std::time::Duration;

use serde_json::json;
use tower_auth_core::jose::SigningKey;
use tower_auth_core::{HttpClient, JwtVerifier, RejectionKind, Verifier};
use tower_auth_testing::TestClock;

use self::verify_support::*;

const METADATA: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Claims that outlive every test.
fn lasting(key: &SigningKey) -> String {
    token(key, &with(claims(), "exp", NOW + 90_000))
}

fn lasting_by(key: &SigningKey, kid: &str) -> String {
    key.sign(&header().kid(kid), &with(claims(), "exp", NOW + 90_000)).unwrap()
}

/// A server, a clock, the key `k1`, and a verifier that has fetched nothing yet.
fn set_up() -> (Server, TestClock, SigningKey, Verifier) {
    let (time, key) = (TestClock::new(), es256());
    let server = Server::with_key(&key);
    let verifier = builder(&server, &time).build().unwrap();
    (server, time, key, verifier)
}

// R8414-3a, R8725-3.8a
#[tokio::test]
async fn the_first_token_fetches_metadata_and_keys_and_the_next_ones_nothing() {
    let (server, _, key, verifier) = set_up();
    assert!(server.all_asked().is_empty(), "building asks nobody");
    for _ in 0..3 {
        verdict(&verifier, &lasting(&key)).await.unwrap();
    }
    assert_eq!(server.all_asked(), [METADATA, "/keys"]);
    let ready = verifier.verify(&bearer(&lasting(&key)));
    assert!(!ready.is_waiting(), "a hit is there at once");
    assert_eq!(verdict(&verifier, &lasting(&es256())).await.unwrap_err(), RejectionKind::BadSignature);
}

// R8414-3b, R8414-3.3a
#[tokio::test]
async fn openid_metadata_serves_where_there_is_no_other() {
    let (server, _, key, verifier) = set_up();
    let good = json!({"issuer": ISSUER, "jwks_uri": format!("{ISSUER}/keys")}).to_string();
    server.page(METADATA, Act::Answer(404, String::new()));
    server.page(OPENID, Act::Answer(200, good));
    verdict(&verifier, &lasting(&key)).await.unwrap();
    assert_eq!(server.all_asked(), [METADATA, OPENID, "/keys"]);
}

// R8414-3.3a, THREAT-T4, THREAT-T5, THREAT-V16
#[tokio::test]
async fn metadata_that_is_not_the_issuers_own_is_not_used() {
    for (issuer, keys) in [
        ("https://login.example.com/", format!("{ISSUER}/keys")),
        ("https://evil.example", format!("{ISSUER}/keys")),
        (ISSUER, "https://evil.example/keys".to_owned()),
        (ISSUER, "http://login.example.com/keys".to_owned()),
    ] {
        let (server, _, key, verifier) = set_up();
        server.metadata(issuer, &keys);
        let refusal = verifier.verify(&bearer(&lasting(&key))).await.unwrap_err();
        assert_eq!(refusal.kind(), RejectionKind::KeysUnavailable, "{issuer} {keys}");
        assert_eq!(server.asked("/keys"), 0);
    }
}

// THREAT-A2
#[tokio::test]
async fn a_configured_key_set_needs_no_metadata_and_may_be_elsewhere() {
    let (server, time, key, _) = set_up();
    let verifier = builder(&server, &time).jwks_uri("https://keys.example.net/keys").build().unwrap();
    verdict(&verifier, &lasting(&key)).await.unwrap();
    assert_eq!(server.all_asked(), ["/keys"]);
    // An unknown issuer causes no fetch at all.
    let foreign = token(&key, &with(claims(), "iss", "https://evil.example"));
    assert_eq!(verdict(&verifier, &foreign).await.unwrap_err(), RejectionKind::UnknownIssuer);
    assert_eq!(server.all_asked().len(), 1);
}

// R8725-3.10a, THREAT-K3
#[tokio::test]
async fn a_new_key_is_found_by_its_id_and_a_withdrawn_one_ends_with_the_next_fetch() {
    let (server, time, old, verifier) = set_up();
    verdict(&verifier, &lasting(&old)).await.unwrap();
    let new = es256();
    server.keys(&[("k2", &new)]);
    verdict(&verifier, &lasting(&old)).await.unwrap();
    verdict(&verifier, &lasting_by(&new, "k2")).await.unwrap();
    assert_eq!(server.asked("/keys"), 2);
    time.tick(secs(30));
    assert_eq!(verdict(&verifier, &lasting(&old)).await.unwrap_err(), RejectionKind::UnknownKey);
}

// THREAT-A2
#[tokio::test]
async fn a_flood_of_unknown_key_ids_costs_one_fetch_per_cooldown() {
    let (server, time, key, verifier) = set_up();
    verdict(&verifier, &lasting(&key)).await.unwrap();
    for round in 1..=3 {
        for n in 0..400 {
            let kind = verdict(&verifier, &lasting_by(&key, &format!("random-{round}-{n}"))).await.unwrap_err();
            assert_eq!(kind, RejectionKind::UnknownKey);
        }
        assert_eq!(server.asked("/keys"), 1 + round);
        verdict(&verifier, &lasting(&key)).await.unwrap();
        time.tick(secs(30));
    }
    // The cooldown is claimed before the attempt: a fetch that fails uses it up too.
    server.page("/keys", Act::Answer(500, String::new()));
    for n in 0..100 {
        let kind = verdict(&verifier, &lasting_by(&key, &format!("more-{n}"))).await.unwrap_err();
        assert_eq!(kind, RejectionKind::KeysUnavailable, "nothing can be said while the issuer does not answer");
    }
    assert_eq!(server.asked("/keys"), 5);
    verdict(&verifier, &lasting(&key)).await.unwrap();
}

// THREAT-A2
#[tokio::test]
async fn the_fetch_that_a_flood_begins_with_counts_too() {
    let (server, _, key, verifier) = set_up();
    for n in 0..400 {
        let kind = verdict(&verifier, &lasting_by(&key, &format!("random-{n}"))).await.unwrap_err();
        assert_eq!(kind, RejectionKind::UnknownKey);
    }
    assert_eq!(server.asked("/keys"), 1);
    verdict(&verifier, &lasting(&key)).await.unwrap();
}

// THREAT-A2, R7517-5a
#[tokio::test]
async fn a_fetch_that_fails_or_brings_no_usable_key_evicts_nothing() {
    for answer in [
        Act::Answer(200, "{\"keys\":[]}".to_owned()),
        Act::Answer(200, "{\"keys\":[{\"kty\":\"AKP\"}]}".to_owned()),
        Act::Answer(200, "[]".to_owned()),
        Act::Answer(200, "<html>".to_owned()),
        Act::Answer(200, "x".repeat(512 * 1024 + 1)),
        Act::Answer(302, String::new()),
        Act::Answer(404, String::new()),
        Act::Answer(503, String::new()),
        Act::Fail,
        Act::Panic,
    ] {
        let (server, time, key, verifier) = set_up();
        verdict(&verifier, &lasting(&key)).await.unwrap();
        server.page("/keys", answer);
        time.advance(secs(601)).await;
        verdict(&verifier, &lasting(&key)).await.unwrap();
        time.advance(secs(3_500)).await;
        verdict(&verifier, &lasting(&key)).await.unwrap();
    }
}

// THREAT-V16, GRPC-7, THREAT-K3
#[tokio::test]
async fn keys_that_cannot_be_had_are_a_503_and_never_a_verdict() {
    let (server, time, key, verifier) = set_up();
    server.page(METADATA, Act::Fail);
    let refusal = verifier.verify(&bearer(&lasting(&key))).await.unwrap_err();
    assert_eq!(
        (refusal.kind(), refusal.status().as_u16(), refusal.grpc_code()),
        (RejectionKind::KeysUnavailable, 503, 14)
    );
    assert!(refusal.headers().contains_key("retry-after") && refusal.challenges().is_empty());
    assert!(refusal.to_string().contains("login.example.com"), "{refusal}");
    assert!(verifier.ready().await.is_err());
    // In back-off nobody waits, and nobody asks.
    let asked = server.all_asked().len();
    assert_eq!(verifier.try_verify(&bearer(&lasting(&key))).unwrap_err().kind(), RejectionKind::KeysUnavailable);
    assert_eq!(server.all_asked().len(), asked);
    // It mends itself.
    server.metadata(ISSUER, &format!("{ISSUER}/keys"));
    time.tick(secs(31));
    verdict(&verifier, &lasting(&key)).await.unwrap();
    verifier.ready().await.unwrap();
    // And beyond the stale limit old keys are no keys.
    server.page("/keys", Act::Fail);
    time.advance(secs(600 + 3_600)).await;
    assert_eq!(verdict(&verifier, &lasting(&key)).await.unwrap_err(), RejectionKind::KeysUnavailable);
}

// THREAT-A4
#[tokio::test]
async fn keys_are_fetched_ahead_in_the_background_while_the_old_ones_serve() {
    let (server, time, key, verifier) = set_up();
    verdict(&verifier, &lasting(&key)).await.unwrap();
    time.advance(secs(440)).await;
    verdict(&verifier, &lasting(&key)).await.unwrap();
    TestClock::settle().await;
    assert_eq!(server.asked("/keys"), 1, "not before three quarters of the age");
    time.advance(secs(105)).await;
    server.page("/keys", Act::Hang);
    for _ in 0..10 {
        let verification = verifier.verify(&bearer(&lasting(&key)));
        assert!(!verification.is_waiting(), "nobody waits for a fetch ahead of time");
        verification.await.unwrap();
        TestClock::settle().await;
    }
    assert_eq!((server.asked("/keys"), server.most_at_once()), (2, 1));
    server.keys(&[("k1", &key)]);
    time.advance(secs(50)).await;
    verdict(&verifier, &lasting(&key)).await.unwrap();
    TestClock::settle().await;
    assert_eq!(server.asked("/keys"), 3);
    assert_eq!(server.asked(METADATA), 2, "a place that failed is looked up again");
}

// THREAT-K3
#[tokio::test]
async fn keys_beyond_their_age_are_fetched_before_they_are_used() {
    let (server, time, old, verifier) = set_up();
    verdict(&verifier, &lasting(&old)).await.unwrap();
    server.keys(&[("k2", &es256())]);
    time.tick(secs(600));
    assert_eq!(verdict(&verifier, &lasting(&old)).await.unwrap_err(), RejectionKind::UnknownKey);
    // Also when only the wall clock has moved: the machine slept.
    let (server, time, old, verifier) = set_up();
    verdict(&verifier, &lasting(&old)).await.unwrap();
    server.keys(&[("k2", &es256())]);
    time.wall_forward(secs(600));
    assert_eq!(verdict(&verifier, &lasting(&old)).await.unwrap_err(), RejectionKind::UnknownKey);
}

// THREAT-A3, THREAT-A8
#[tokio::test]
async fn many_waiters_share_one_fetch_and_one_that_leaves_ends_it_for_nobody() {
    let (server, time, key, verifier) = set_up();
    server.slow(time.clock(), secs(2));
    let headers = bearer(&lasting(&key));
    drop(verifier.verify(&headers));
    let waiters: Vec<_> = (0..500).map(|_| tokio::spawn(verifier.verify(&headers))).collect();
    TestClock::settle().await;
    for (index, waiter) in waiters.iter().enumerate() {
        if index % 3 == 0 {
            waiter.abort();
        }
    }
    time.advance(secs(4)).await;
    for (index, waiter) in waiters.into_iter().enumerate() {
        if index % 3 != 0 {
            waiter.await.unwrap().unwrap();
        }
    }
    assert_eq!(server.all_asked(), [METADATA, "/keys"]);
}

// THREAT-A3, THREAT-A4
#[tokio::test]
async fn a_fetch_that_panics_or_hangs_wakes_its_waiters_and_the_next_caller_starts_anew() {
    for act in [Act::Panic, Act::Hang] {
        let (server, time, key, verifier) = set_up();
        server.page("/keys", act);
        let waiters: Vec<_> = (0..50).map(|_| tokio::spawn(verifier.verify(&bearer(&lasting(&key))))).collect();
        time.advance(secs(16)).await;
        for waiter in waiters {
            assert_eq!(waiter.await.unwrap().unwrap_err().kind(), RejectionKind::KeysUnavailable);
        }
        assert_eq!(server.asked("/keys"), 1);
        server.keys(&[("k1", &key)]);
        time.advance(secs(31)).await;
        verdict(&verifier, &lasting(&key)).await.unwrap();
    }
}

// THREAT-A3
#[test]
fn one_verifier_serves_runtimes_that_come_and_go() {
    let (server, time, key, verifier) = set_up();
    server.page("/keys", Act::Hang);
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for _ in 0..3 {
        let first = runtime();
        let pending = {
            let _entered = first.enter();
            verifier.verify(&bearer(&lasting(&key)))
        };
        drop(first);
        assert_eq!(runtime().block_on(pending).unwrap_err().kind(), RejectionKind::KeysUnavailable);
        time.tick(secs(31));
    }
    server.keys(&[("k1", &key)]);
    runtime().block_on(async { verdict(&verifier, &lasting(&key)).await }).unwrap();
    // What is known needs no runtime.
    verifier.try_verify(&bearer(&lasting(&key))).unwrap();
    let cold = builder(&server, &time).build().unwrap();
    assert_eq!(cold.try_verify(&bearer(&lasting(&key))).unwrap_err().kind(), RejectionKind::KeysUnavailable);
}

// THREAT-A3, THREAT-K3
#[test]
fn a_fetch_that_comes_back_after_it_was_given_up_undoes_nothing() {
    let (server, time, withdrawn, verifier) = set_up();
    let current = es256();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stands_still = runtime();
    let pending = {
        let _entered = stands_still.enter();
        verifier.verify(&bearer(&lasting(&withdrawn)))
    };
    time.tick(secs(17));
    server.keys(&[("k2", &current)]);
    runtime().block_on(async { verdict(&verifier, &lasting_by(&current, "k2")).await }).unwrap();
    // Only now does the first runtime go on, to an answer from before.
    server.keys(&[("k1", &withdrawn)]);
    let asked = server.asked("/keys");
    let late = stands_still.block_on(pending);
    assert_eq!(server.asked("/keys"), asked + 1, "the first fetch has ended");
    assert_eq!(late.unwrap_err().kind(), RejectionKind::UnknownKey);
    verifier.try_verify(&bearer(&lasting_by(&current, "k2"))).unwrap();
}

// THREAT-A4
#[tokio::test]
async fn limits_may_be_as_long_as_a_duration_can_be() {
    let (time, key) = (TestClock::new(), es256());
    let server = Server::with_key(&key);
    let verifier = JwtVerifier::issuer(ISSUER)
        .unwrap()
        .audience("orders")
        .http_client(server.client())
        .clock(time.clock())
        .jwks_timeout(Duration::MAX)
        .jwks_max_age(Duration::MAX)
        .jwks_stale_limit(Duration::MAX)
        .jwks_cooldown(Duration::MAX)
        .build()
        .unwrap();
    verifier.ready().await.unwrap();
    let token = lasting(&key);
    let verdicts = [(); 3].map(|()| verifier.try_verify(&bearer(&token)).unwrap());
    assert!(
        verdicts.iter().all(|one| std::ptr::eq(&**one, &*verdicts[0])),
        "keys that never age uphold what they verified"
    );
    tokio::task::yield_now().await;
    assert_eq!(server.asked("/keys"), 1);
}

// THREAT-A2
#[tokio::test]
async fn who_has_old_keys_that_serve_is_ready() {
    let (server, time, key, verifier) = set_up();
    verifier.ready().await.unwrap();
    server.page("/keys", Act::Fail);
    time.advance(secs(700)).await;
    verifier.ready().await.unwrap();
    assert_eq!(server.asked("/keys"), 2, "newer ones were asked for");
    verdict(&verifier, &lasting(&key)).await.unwrap();
    time.advance(secs(3_500)).await;
    assert_eq!(verifier.ready().await.unwrap_err().kind(), RejectionKind::KeysUnavailable);
}

// THREAT-L2
#[tokio::test]
async fn a_key_in_the_url_of_the_key_set_is_in_no_error() {
    let client = HttpClient::new(tower::service_fn(|request: http::Request<bytes::Bytes>| async move {
        Err::<http::Response<bytes::Bytes>, _>(std::io::Error::other(format!("error for url ({})", request.uri())))
    }));
    let verifier = JwtVerifier::issuer(ISSUER)
        .unwrap()
        .audience("orders")
        .jwks_uri("https://keys.example.net/keys?code=sentinel")
        .http_client(client)
        .clock(TestClock::new().clock())
        .build()
        .unwrap();
    let refusal = verifier.verify(&bearer(&lasting(&es256()))).await.unwrap_err();
    assert_eq!(refusal.kind(), RejectionKind::KeysUnavailable);
    let shown = format!("{refusal} {refusal:?}");
    assert!(shown.contains("keys.example.net") && !shown.contains("sentinel"), "{shown}");
}

// GRPC-7, THREAT-V16
#[tokio::test]
async fn who_cannot_wait_starts_the_fetch_and_is_told_to_come_again() {
    let (_, time, key, verifier) = set_up();
    let refusal = verifier.try_verify(&bearer(&lasting(&key))).unwrap_err();
    assert_eq!((refusal.kind(), refusal.grpc_code()), (RejectionKind::KeysUnavailable, 14));
    assert!(refusal.explain().contains("ready"), "{refusal}");
    TestClock::settle().await;
    verifier.try_verify(&bearer(&lasting(&key))).unwrap();
    // An unknown key: unavailable while the cooldown allows a fetch, unauthenticated else.
    let unknown = bearer(&lasting_by(&key, "k9"));
    assert_eq!(verifier.try_verify(&unknown).unwrap_err().grpc_code(), 14);
    TestClock::settle().await;
    assert_eq!(verifier.try_verify(&unknown).unwrap_err().grpc_code(), 16);
    time.tick(secs(30));
    assert_eq!(verifier.try_verify(&unknown).unwrap_err().grpc_code(), 14);
}

// THREAT-A1, THREAT-A2
#[tokio::test]
async fn what_is_refused_without_a_key_causes_no_fetch() {
    let (server, _, key, verifier) = set_up();
    for bad in [
        "a.b.c".to_owned(),
        token(&key, &with(claims(), "aud", "others")),
        token(&key, &with(claims(), "exp", NOW - 100)),
        token(&key, &with(claims(), "iss", "https://evil.example")),
        key.sign(&header().typ("JWT"), &claims()).unwrap(),
    ] {
        assert!(verdict(&verifier, &bad).await.is_err());
    }
    assert!(server.all_asked().is_empty());
}

#[tokio::test]
async fn several_issuers_become_ready_together() {
    let (server, time, key, first) = set_up();
    let second = JwtVerifier::issuer("https://other.example.com")
        .unwrap()
        .audience("orders")
        .jwks_uri("https://other.example.com/keys")
        .http_client(server.client())
        .clock(time.clock())
        .build()
        .unwrap();
    let both = Verifier::any_of([first, second]).unwrap();
    both.ready().await.unwrap();
    assert_eq!(server.asked("/keys"), 2);
    assert!(!both.verify(&bearer(&lasting(&key))).is_waiting());
}

// THREAT-A4
#[tokio::test]
async fn a_server_that_asks_for_time_gets_it() {
    let (server, time, key, verifier) = set_up();
    server.page("/keys", Act::Answer(503, String::new()));
    let refusal = verifier.verify(&bearer(&lasting(&key))).await.unwrap_err();
    assert_eq!(refusal.headers()["retry-after"], "120");
    server.keys(&[("k1", &key)]);
    time.tick(secs(119));
    let refusal = verifier.verify(&bearer(&lasting(&key))).await.unwrap_err();
    assert_eq!(refusal.headers()["retry-after"], "1");
    time.tick(secs(1));
    verdict(&verifier, &lasting(&key)).await.unwrap();
}

// R8414-3.2a, THREAT-A5
#[tokio::test]
async fn answers_are_read_up_to_their_limits() {
    let padded = |body: &str, len: usize| format!("{body}{}", " ".repeat(len - body.len()));
    let (_, _, key, _) = set_up();
    let good = json!({"issuer": ISSUER, "jwks_uri": format!("{ISSUER}/keys")}).to_string();
    for (metadata, keys, accepted) in
        [(256 * 1024, 512 * 1024, true), (256 * 1024 + 1, 512 * 1024, false), (256 * 1024, 512 * 1024 + 1, false)]
    {
        let (server, _, _, verifier) = set_up();
        server.page(METADATA, Act::Answer(200, padded(&good, metadata)));
        server.page("/keys", Act::Answer(200, padded(&key_set(&[("k1", &key)]), keys)));
        assert_eq!(verdict(&verifier, &lasting(&key)).await.is_ok(), accepted, "{metadata} {keys}");
    }
}

// THREAT-V16
#[tokio::test]
async fn old_keys_that_still_serve_are_ready() {
    let (server, time, key, verifier) = set_up();
    verifier.ready().await.unwrap();
    server.page("/keys", Act::Fail);
    time.tick(secs(1_000));
    verifier.ready().await.unwrap();
    assert!(!verifier.verify(&bearer(&lasting(&key))).is_waiting());
    time.tick(secs(4_000));
    assert_eq!(verifier.ready().await.unwrap_err().kind(), RejectionKind::KeysUnavailable);
}
