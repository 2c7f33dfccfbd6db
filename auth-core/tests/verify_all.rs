//! Requests that several verifiers have to accept.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod verify_support;

use http::HeaderMap;
use tower_auth_core::{ApiKeyVerifier, ConfigErrorKind, JwtVerifier, RejectionKind, Scheme, Secret, Verifier};
use tower_auth_testing::TestClock;

use self::verify_support::*;

const KEY: &str = "gateway.nq8Z0vJc5mWd2rXh7tKb";

fn gateway() -> Verifier {
    ApiKeyVerifier::new().key("gateway", ApiKeyVerifier::digest(&Secret::from(KEY))).build().unwrap()
}

fn with_key(mut headers: HeaderMap, key: &str) -> HeaderMap {
    headers.insert("x-api-key", key.parse().unwrap());
    headers
}

// R9110-11.4a
#[tokio::test]
async fn a_token_and_a_key_are_both_demanded_and_the_first_verifier_names_the_caller() {
    let (time, key) = (TestClock::new(), es256());
    let server = Server::with_key(&key);
    let tokens = builder(&server, &time).build().unwrap();
    let good = bearer(&token(&key, &claims()));
    // The first request waits for keys, so both ways are taken.
    for verifier in
        [Verifier::all_of([tokens.clone(), gateway()]).unwrap(), Verifier::all_of([gateway(), tokens.clone()]).unwrap()]
    {
        let wanted = if verifier.credential(&with_key(HeaderMap::new(), KEY)).is_ok() { "gateway" } else { "alice" };
        let verified = verifier.verify(&with_key(good.clone(), KEY)).await.unwrap();
        assert_eq!(verified.subject(), wanted);
        assert!(verifier.has_verified(&verified) && !tokens.has_verified(&verified));
        let kind = |headers: &HeaderMap| verifier.try_verify(headers).unwrap_err().kind();
        assert_eq!(kind(&good), RejectionKind::MissingCredential);
        assert_eq!(kind(&with_key(good.clone(), "wrong")), RejectionKind::UnknownApiKey);
        assert_eq!(kind(&with_key(HeaderMap::new(), KEY)), RejectionKind::MissingCredential);
        assert_eq!(kind(&with_key(bearer(&token(&es256(), &claims())), KEY)), RejectionKind::BadSignature);
        assert!(
            verifier.accepts(Scheme::Bearer) && verifier.accepts(Scheme::ApiKey) && !verifier.accepts(Scheme::Basic)
        );
        assert!(verifier.finds_anything(&good) && !verifier.finds_anything(&HeaderMap::new()));
        let mut stripped = with_key(good.clone(), KEY);
        verifier.strip_credential(&mut stripped);
        assert!(stripped.is_empty());
        verifier.ready().await.unwrap();
    }
}

// THREAT-V16
#[tokio::test]
async fn a_verifier_that_must_wait_refuses_who_cannot_and_asks_nobody_after_a_refusal() {
    let (time, key) = (TestClock::new(), es256());
    let server = Server::with_key(&key);
    let verifier = Verifier::all_of([gateway(), builder(&server, &time).build().unwrap()]).unwrap();
    let good = bearer(&token(&key, &claims()));
    assert!(verifier.try_verify(&with_key(good.clone(), "wrong")).is_err());
    assert!(server.all_asked().is_empty());
    let refusal = verifier.try_verify(&with_key(good, KEY)).unwrap_err();
    assert_eq!((refusal.kind(), refusal.status().as_u16()), (RejectionKind::KeysUnavailable, 503));
}

#[test]
fn fewer_than_two_and_a_choice_of_demands_are_mistakes() {
    let kind = |result: Result<Verifier, tower_auth_core::ConfigError>| result.unwrap_err().kind();
    assert_eq!(kind(Verifier::all_of([])), ConfigErrorKind::MissingOption);
    assert_eq!(kind(Verifier::all_of([gateway()])), ConfigErrorKind::MissingOption);
    let both = Verifier::all_of([gateway(), gateway()]).unwrap();
    assert_eq!(kind(Verifier::any_of([both, gateway()])), ConfigErrorKind::InvalidOption);
}

// R9728-5.1a
#[test]
fn only_an_absolute_https_url_can_be_announced_as_metadata() {
    let (time, key) = (TestClock::new(), es256());
    let verifier = builder(&Server::with_key(&key), &time).build().unwrap();
    let url = "https://api.example.com/.well-known/oauth-protected-resource";
    let announcing = verifier.clone().with_resource_metadata(url).unwrap();
    assert_ne!(announcing.id(), verifier.id());
    let refusal = announcing.try_verify(&bearer("abc")).unwrap_err();
    assert_eq!(
        refusal.challenges(),
        [format!(
            r#"Bearer realm="api", resource_metadata="{url}", error="invalid_token", error_description="The access token is not valid""#
        )]
    );
    for bad in ["", "/path", "http://api.example.com/", "https://u@api.example.com/", "https://a/#b", "ftp://a/"] {
        assert!(verifier.clone().with_resource_metadata(bad).is_err(), "{bad}");
    }
    assert!(verifier.clone().with_resource_metadata("http://127.0.0.1:8080/m").is_ok());
    assert!(announcing.with_resource_metadata(url).is_err(), "twice");
}

// R9728-5.1a
#[test]
fn a_choice_announces_what_any_of_its_verifiers_does() {
    let (time, key) = (TestClock::new(), es256());
    let plain = builder(&Server::with_key(&key), &time).build().unwrap();
    let url = "https://api.example.com/.well-known/oauth-protected-resource";
    let other = JwtVerifier::issuer("https://other.example.com").unwrap().audience("orders");
    let other = other.http_client(Server::default().client()).realm("else").build().unwrap();
    let both = Verifier::any_of([plain, other.with_resource_metadata(url).unwrap()]).unwrap();
    let refusal = both.try_verify(&HeaderMap::new()).unwrap_err();
    assert_eq!(refusal.challenges(), [format!(r#"Bearer realm="api", resource_metadata="{url}""#)]);
}
