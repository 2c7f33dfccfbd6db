//! What a verification may allocate.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod verify_support;

use std::time::Duration;

use tower_auth_core::jose::JwkSet;
use tower_auth_core::{IncomingCredential, JwtVerifier, RejectionKind};
use tower_auth_testing::TestClock;

use self::verify_support::*;

/// With metrics, the label of the counter.
const COUNTED: u64 = if cfg!(feature = "metrics") { 1 } else { 0 };
/// The buffer that becomes the claims, and the shared principal.
const ACCEPTED: u64 = 2 + COUNTED;
/// The entry of the memo, and the token in it.
const REMEMBERED: u64 = 2;

fn allocations(work: impl FnOnce()) -> (u64, u64) {
    let info = allocation_counter::measure(work);
    (info.count_total, info.bytes_max)
}

// THREAT-A1
#[test]
fn an_accepted_token_costs_its_claims_and_the_principal_and_no_boxed_future() {
    let key = es256();
    let keys = JwkSet::parse(key_set(&[("k1", &key)]).as_bytes()).unwrap();
    let verifier = JwtVerifier::issuer(ISSUER)
        .unwrap()
        .audience("orders")
        .jwks(keys)
        .clock(TestClock::new().clock())
        .memo_ttl(Duration::ZERO)
        .build()
        .unwrap();
    // The first token is the one that the issuer's header is learned from.
    verifier.try_verify(&bearer(&token(&key, &with(claims(), "jti", "another")))).unwrap();
    let headers = bearer(&token(&key, &claims()));
    let mut verified = None;
    let (count, _) = allocations(|| verified = Some(verifier.verify(&headers).into_result().unwrap()));
    assert_eq!(count, ACCEPTED);
    let verified = verified.unwrap();
    let (count, _) = allocations(|| {
        assert!(verified.clone().has_scope("orders:write") && verified.subject() == "alice");
    });
    assert_eq!(count, 0);
}

// THREAT-A1
#[tokio::test]
async fn fetched_keys_cost_no_more_than_fixed_ones() {
    let (time, key) = (TestClock::new(), es256());
    let verifier = builder(&Server::with_key(&key), &time).build().unwrap();
    let headers = bearer(&token(&key, &claims()));
    verifier.ready().await.unwrap();
    let first = token(&key, &with(claims(), "jti", "another"));
    verifier.verify(&bearer(&first)).await.unwrap();
    // The table of the memo is made for the first verdict.
    let second = token(&key, &with(claims(), "jti", "a second one"));
    verifier.verify(&bearer(&second)).await.unwrap();
    let (count, _) = allocations(|| drop(verifier.verify(&headers).into_result().unwrap()));
    assert_eq!(count, ACCEPTED + REMEMBERED);
}

// THREAT-K2
#[test]
fn a_remembered_token_costs_no_allocation() {
    let key = es256();
    for digests_only in [false, true] {
        let keys = JwkSet::parse(key_set(&[("k1", &key)]).as_bytes()).unwrap();
        let mut builder =
            JwtVerifier::issuer(ISSUER).unwrap().audience("orders").jwks(keys).clock(TestClock::new().clock());
        if digests_only {
            builder = builder.memo_digests_only();
        }
        let verifier = builder.build().unwrap();
        let headers = bearer(&token(&key, &claims()));
        let first = verifier.try_verify(&headers).unwrap();
        let mut again = None;
        let (count, _) = allocations(|| again = Some(verifier.verify(&headers).into_result().unwrap()));
        assert_eq!(count, COUNTED);
        assert!(std::ptr::eq(&*first, &*again.unwrap()));
    }
}

// THREAT-A1
#[test]
fn a_refused_token_allocates_no_more_than_the_limit() {
    let key = es256();
    let keys = JwkSet::parse(key_set(&[("k1", &key)]).as_bytes()).unwrap();
    let verifier = JwtVerifier::issuer(ISSUER).unwrap().audience("orders").jwks(keys).build().unwrap();
    for token in ["A".repeat(64 << 20), ".".repeat(1_000_000), format!("eyJhbGciOiJFUzI1NiJ9.{}.AA", "?".repeat(8_000))]
    {
        let (_, bytes) = allocations(|| {
            let refusal = verifier.verify_credential(IncomingCredential::bearer(&token)).into_result().unwrap_err();
            assert_eq!(refusal.kind(), RejectionKind::Malformed);
        });
        assert!(bytes <= 16 * 1024, "{bytes} bytes");
    }
}
