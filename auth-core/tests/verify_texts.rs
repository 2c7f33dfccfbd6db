//! What the operator reads when a token is refused, word for word. The caller reads none of this.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use http::HeaderMap;
use tower_auth_core::jose::JwkSet;
use tower_auth_core::{Credential, JwtVerifier};
use tower_auth_testing::{AuthorizationServer, Mint, TestClock};

/// What is logged about a token that `change` made from a good one.
fn refusal(change: impl FnOnce(Mint) -> Mint) -> String {
    let time = TestClock::new();
    let server = AuthorizationServer::builder().issuer("https://login.test").clock(time.clock()).build().unwrap();
    let verifier = JwtVerifier::issuer("https://login.test")
        .unwrap()
        .audience("orders")
        .jwks(JwkSet::parse(server.jwks().as_bytes()).unwrap())
        .clock(time.clock())
        .build()
        .unwrap();
    let mint = |change: &dyn Fn(Mint) -> Mint| change(server.mint().audience("orders")).sign();
    let mut headers = HeaderMap::new();
    let good = Credential::bearer(mint(&|good| good)).unwrap();
    assert!(good.apply_to_headers(&mut headers));
    verifier.try_verify(&headers).unwrap();
    let token = change(server.mint().audience("orders")).sign();
    assert!(Credential::bearer(token).unwrap().apply_to_headers(&mut headers));
    let refusal = verifier.try_verify(&headers).unwrap_err();
    assert!(refusal.challenges()[0].to_str().unwrap().contains("error=\"invalid_token\""));
    refusal.to_string()
}

// R9068-4b, THREAT-V8
#[test]
fn unknown_issuer() {
    assert_eq!(
        refusal(|good| good.claim("iss", "https://other.test")),
        "the issuer \"https://other.test\" is not accepted [rejection.unknown_issuer]"
    );
}

// R7519-4.1.3a, THREAT-V8
#[test]
fn wrong_audience() {
    assert_eq!(
        refusal(|good| good.audience("billing")),
        "the token is for [\"billing\"], and we are [\"orders\"] (issuer https://login.test) [rejection.wrong_audience]"
    );
}

// R9068-4a, R8725-3.11a
#[test]
fn wrong_type() {
    assert_eq!(
        refusal(|good| good.typ("JWT")),
        "the token's `typ` is not `at+jwt`: it is no access token, or this issuer (https://login.test) does not use RFC 9068: choose the generic profile or a preset [rejection.wrong_type]"
    );
}

// R7519-4.1.4a
#[test]
fn clock_skew() {
    assert_eq!(
        refusal(|good| good.claim("nbf", &1_767_225_900)),
        "the token is not valid yet: `nbf` is 1767225900 and our clock says 1767225600, 300 s apart, with a leeway of 60 s; if the token should be good, compare the clocks [rejection.not_yet_valid]"
    );
    assert_eq!(
        refusal(|good| good.claim("exp", &1_767_225_000)),
        "the token has expired: `exp` is 1767225000 and our clock says 1767225600, 600 s apart, with a leeway of 60 s; if the token should be good, compare the clocks [rejection.expired]"
    );
}
