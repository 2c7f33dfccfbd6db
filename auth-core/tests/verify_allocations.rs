//! What a verification may allocate.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod verify_support;

use tower_auth_core::jose::JwkSet;
use tower_auth_core::{IncomingCredential, JwtVerifier, RejectionKind};
use tower_auth_testing::TestClock;

use self::verify_support::*;

/// The buffer that becomes the claims, and the shared principal; with metrics the label of the counter too.
const ACCEPTED: u64 = if cfg!(feature = "metrics") { 3 } else { 2 };

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
        .build()
        .unwrap();
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
    verifier.verify(&headers).await.unwrap();
    let (count, _) = allocations(|| drop(verifier.verify(&headers).into_result().unwrap()));
    assert_eq!(count, ACCEPTED);
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
