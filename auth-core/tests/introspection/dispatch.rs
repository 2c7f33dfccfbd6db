//! Which token goes where.

use serde_json::{Value, json};
use tower_auth_core::jose::{Algorithm, JwkSet, SigningKey, TokenHeader};
use tower_auth_core::{JwtVerifier, Method, RejectionKind, Verifier};
use tower_auth_testing::TestClock;

use super::support::*;

const ISSUER: &str = "https://jwt.example.com";

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "bob", "aud": "orders", "exp": NOW + 600, "iat": NOW, "jti": "1", "client_id": "web",
    })
}

fn sign(key: &SigningKey, claims: &Value) -> String {
    key.sign(&TokenHeader::new().typ("at+jwt").kid("k1"), claims).unwrap()
}

fn jwt(key: &SigningKey, time: &TestClock) -> Verifier {
    let keys = format!("{{\"keys\":[{}]}}", key.public_jwk(Some("k1")).unwrap());
    let keys = JwkSet::parse(keys.as_bytes()).unwrap();
    JwtVerifier::issuer(ISSUER).unwrap().audience("orders").jwks(keys).clock(time.clock()).build().unwrap()
}

// THREAT-V8, R7662-2.1a
#[tokio::test]
async fn a_jwt_of_a_known_issuer_is_that_issuers_alone_and_the_rest_is_asked_about() {
    let (peer, time, key) = (Peer::with_good(), TestClock::new(), SigningKey::generate(Algorithm::Es256).unwrap());
    let opaque = plain(&peer, &time).build().unwrap();
    for order in [[jwt(&key, &time), opaque.clone()], [opaque.clone(), jwt(&key, &time)]] {
        let verifier = Verifier::any_of(order).unwrap();
        let own = verdict(&verifier, &sign(&key, &claims())).await.unwrap();
        assert_eq!((own.subject(), own.method()), ("bob", Method::Jwt));
        let forger = SigningKey::generate(Algorithm::Es256).unwrap();
        for (token, kind) in [
            (sign(&forger, &claims()), RejectionKind::BadSignature),
            (sign(&key, &with(claims(), "aud", "billing")), RejectionKind::WrongAudience),
            (sign(&key, &with(claims(), "exp", NOW - 600)), RejectionKind::Expired),
            (sign(&key, &without(claims(), "jti")), RejectionKind::MissingClaim),
        ] {
            peer.say(&token, good());
            assert_eq!(verdict(&verifier, &token).await.err(), Some(kind), "no second chance by introspection");
        }
        assert_eq!(peer.count(), 0);
        assert_eq!(verdict(&verifier, "good").await.unwrap().method(), Method::Introspection);
        let foreign = sign(&key, &with(claims(), "iss", "https://other.example.com"));
        let unnamed = sign(&key, &without(claims(), "iss"));
        let almost = sign(&key, &with(claims(), "iss", "https://jwt.example.com/"));
        for token in [&foreign, &unnamed, &almost] {
            assert_eq!(verdict(&verifier, token).await.err(), Some(RejectionKind::Inactive));
        }
        peer.say(&foreign, good());
        assert_eq!(verdict(&verifier, &foreign).await.unwrap().subject(), "alice");
        assert_eq!(peer.count(), 5);
        peer.act_always(Act::Answer(200, json!({"active": false}).to_string()));
        peer.say("good", good());
        peer.forget();
    }
}

// THREAT-V1
#[tokio::test]
async fn what_only_looks_like_a_jwt_is_asked_about() {
    let (peer, time, key) = (Peer::with_good(), TestClock::new(), SigningKey::generate(Algorithm::Es256).unwrap());
    let verifier = Verifier::any_of([jwt(&key, &time), plain(&peer, &time).build().unwrap()]).unwrap();
    for token in ["a.b.c", "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2p3dC5leGFtcGxlLmNvbSJ9.", "..", "a.b.c.d.e"] {
        assert_eq!(verdict(&verifier, token).await.err(), Some(RejectionKind::Inactive), "{token}");
    }
    assert_eq!(peer.count(), 4);
}

// R7662-2.2a, R7662-2.3a
#[tokio::test]
async fn several_endpoints_are_asked_one_after_the_other_until_one_knows_the_token() {
    let (first, second, time) = (Peer::new(), Peer::new(), TestClock::new());
    let both = [plain(&first, &time).build().unwrap(), plain(&second, &time).build().unwrap()];
    let verifier = Verifier::any_of(both).unwrap();
    first.say("one", good());
    second.say("two", with(good(), "sub", "bob"));
    second.say("foreign", with(good(), "aud", "billing"));
    assert_eq!(verdict(&verifier, "one").await.unwrap().subject(), "alice");
    assert_eq!((first.count(), second.count()), (1, 0));
    assert_eq!(verdict(&verifier, "two").await.unwrap().subject(), "bob");
    assert_eq!((first.count(), second.count()), (2, 1));
    assert_eq!(verdict(&verifier, "neither").await.err(), Some(RejectionKind::Inactive));
    assert_eq!(verdict(&verifier, "foreign").await.err(), Some(RejectionKind::WrongAudience));
    // One that cannot tell leaves the matter open, unless the other knows.
    first.act_always(Act::Answer(500, String::new()));
    assert_eq!(verdict(&verifier, "two").await.unwrap().subject(), "bob");
    assert_eq!(verdict(&verifier, "neither").await.err(), Some(RejectionKind::IntrospectionUnavailable));
}

// R7662-2.1a
#[tokio::test]
async fn a_prefix_chooses_an_endpoint_and_shows_the_token_to_no_other() {
    let (ory, other, time) = (Peer::new(), Peer::new(), TestClock::new());
    let verifier = Verifier::any_of([
        plain(&other, &time).build().unwrap(),
        plain(&ory, &time).token_prefix("ory_at_").token_prefix("ory_st_").build().unwrap(),
    ])
    .unwrap();
    ory.say("ory_at_1", good());
    other.say("ory_at_2", good());
    assert!(verdict(&verifier, "ory_at_1").await.is_ok());
    assert_eq!(verdict(&verifier, "ory_at_2").await.err(), Some(RejectionKind::Inactive));
    assert_eq!(verdict(&verifier, "ory_st_3").await.err(), Some(RejectionKind::Inactive));
    assert_eq!((ory.count(), other.count()), (3, 0));
    assert_eq!(verdict(&verifier, "ory_xx_1").await.err(), Some(RejectionKind::Inactive));
    assert_eq!((ory.count(), other.count()), (3, 1));
    let only = plain(&ory, &time).token_prefix("ory_at_").build().unwrap();
    assert_eq!(verdict(&only, "gho_1").await.err(), Some(RejectionKind::UnknownIssuer));
    assert_eq!(ory.count(), 3);
}

#[tokio::test]
async fn one_verifier_is_not_taken_twice() {
    let (peer, time) = (Peer::new(), TestClock::new());
    let verifier = plain(&peer, &time).build().unwrap();
    let error = Verifier::any_of([verifier.clone(), verifier]).unwrap_err();
    assert!(error.to_string().contains("the introspection endpoint at login.example.com is there twice"), "{error}");
}

// THREAT-K2
#[tokio::test]
async fn a_signature_and_an_introspection_can_both_be_demanded() {
    let (peer, time, key) = (Peer::new(), TestClock::new(), SigningKey::generate(Algorithm::Es256).unwrap());
    let verifier = Verifier::all_of([jwt(&key, &time), plain(&peer, &time).build().unwrap()]).unwrap();
    let token = sign(&key, &claims());
    assert_eq!(verdict(&verifier, &token).await.err(), Some(RejectionKind::Inactive));
    peer.say(&token, good());
    assert_eq!(verdict(&verifier, &token).await.unwrap().subject(), "bob");
    peer.say(&token, json!({"active": false}));
    assert_eq!(
        verdict(&verifier, &token).await.err(),
        Some(RejectionKind::Inactive),
        "the signature is remembered, this is not"
    );
}
