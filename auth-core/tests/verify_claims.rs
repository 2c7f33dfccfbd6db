//! Claims of a verified caller, one by one.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod verify_support;

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tower_auth_core::jose::JwkSet;
use tower_auth_core::{BasicVerifier, JwtVerifier, RejectionKind, Verified};
use tower_auth_testing::TestClock;

use self::verify_support::*;

fn judge(claims: &Value) -> Result<Verified, RejectionKind> {
    let key = es256();
    let keys = JwkSet::parse(key_set(&[("k1", &key)]).as_bytes()).unwrap();
    let builder = JwtVerifier::issuer(ISSUER).unwrap().audience("orders").jwks(keys);
    let verifier = builder.clock(TestClock::new().clock()).build().unwrap();
    verifier.try_verify(&bearer(&token(&key, claims))).map_err(|refusal| refusal.kind())
}

fn at(seconds: u64) -> Option<SystemTime> {
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

// R9068-2.2a
#[test]
fn the_usual_claims_have_names_of_their_own() {
    let mut claims = claims();
    claims["aud"] = json!(["orders", "billing"]);
    claims["auth_time"] = json!(NOW - 60);
    claims["acr"] = json!("urn:example:silver");
    claims["amr"] = json!(["pwd", "otp"]);
    let caller = judge(&claims).unwrap();
    assert_eq!(caller.audience(), ["orders", "billing"]);
    assert_eq!(caller.jwt_id().as_deref(), Some("5f3c"));
    assert_eq!((caller.issued_at(), caller.auth_time()), (at(NOW), at(NOW - 60)));
    assert_eq!((caller.acr().as_deref(), caller.amr()), (Some("urn:example:silver"), vec!["pwd".into(), "otp".into()]));
    assert!(caller.actor().is_none());
}

// THREAT-V6
#[test]
fn a_claim_of_another_type_is_absent_where_it_is_asked_for() {
    for odd in [json!(1), json!(true), json!(null), json!({"a": 1}), json!([1])] {
        let caller = judge(&with(with(claims(), "acr", odd.clone()), "amr", odd.clone())).unwrap();
        assert_eq!((caller.acr(), caller.amr()), (None, vec![]), "{odd}");
    }
    for odd in [json!("1767225600"), json!(-1), json!(true), json!(1e300)] {
        assert_eq!(judge(&with(claims(), "auth_time", odd.clone())).unwrap().auth_time(), None, "{odd}");
    }
}

// R8693-4.1a, THREAT-V6
#[test]
fn only_the_outermost_actor_is_shown_and_one_that_is_no_object_is_refused() {
    let act = json!({
        "sub": "frontend", "iss": "https://a.example", "client_id": "web", "tier": 2,
        "act": {"sub": "former", "tier": 9},
    });
    let caller = judge(&with(claims(), "act", act)).unwrap();
    let actor = caller.actor().unwrap();
    assert_eq!((actor.subject().as_deref(), actor.client_id().as_deref()), (Some("frontend"), Some("web")));
    assert_eq!(
        (actor.issuer().as_deref(), actor.claim("tier").unwrap().as_i64()),
        (Some("https://a.example"), Some(2))
    );
    assert!(actor.claim("act").is_none() && actor.claim("/act/sub").is_none(), "former actors decide nothing");
    assert!(!format!("{actor:?}").contains("frontend"));
    for odd in [json!("frontend"), json!(["frontend"]), json!(null), json!(1)] {
        assert_eq!(judge(&with(claims(), "act", odd.clone())).unwrap_err(), RejectionKind::Malformed, "{odd}");
    }
}

// R7519-4a
#[test]
fn any_claim_is_found_by_name_or_pointer() {
    let mut claims = claims();
    claims["https://example.com/plan"] = json!("gold");
    claims["tenant"] = json!({"id": 7, "regions": ["eu", "us"], "trial": false, "a/b": "c"});
    let caller = judge(&claims).unwrap();
    assert!(caller.claim("https://example.com/plan").unwrap().is("gold"));
    assert!(caller.claim("/tenant/regions").unwrap().has("eu"));
    assert!(caller.claim("/tenant/regions/1").unwrap().is("us"));
    assert_eq!(caller.claim("/tenant/id").unwrap().as_i64(), Some(7));
    assert_eq!(caller.claim("tenant").unwrap().get("trial").unwrap().as_bool(), Some(false));
    assert!(caller.claim("/tenant/a~1b").unwrap().is("c"));
    assert!(caller.claim("absent").is_none() && caller.claim("/tenant/absent").is_none());
}

#[test]
fn callers_without_claims_have_none() {
    let verifier = BasicVerifier::new().user("batch", "s3cret").build().unwrap();
    let caller = verifier.try_verify(&authorization("Basic YmF0Y2g6czNjcmV0")).unwrap();
    assert!(caller.claim("sub").is_none() && caller.audience().is_empty() && caller.jwt_id().is_none());
}
