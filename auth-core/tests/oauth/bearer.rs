//! The JWT bearer grant.

use std::time::Duration;

use tower_auth_core::jose::{Algorithm, Jws, MAX_TOKEN_LEN, SigningKey, TokenHeader};
use tower_auth_core::{
    JwtAssertion, JwtBearer, OAuthClient, SourceRequest, Token, TokenError, TokenErrorKind, TokenResponse,
};
use tower_auth_testing::TestClock;

use super::endpoint::URL;
use super::script::Answer::Json;
use super::script::Script;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const FIRST: &str = r#"{"access_token":"a1","expires_in":3600,"refresh_token":"r1"}"#;

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap()
}

fn claims(token: &str) -> serde_json::Value {
    let mut buffer = Vec::new();
    let jws = Jws::parse(token, MAX_TOKEN_LEN, &mut buffer).unwrap();
    serde_json::from_slice(jws.claims().unwrap().raw).unwrap()
}

// R7523-2.1a, R7523-3a, R7523bis-c
#[tokio::test]
async fn each_attempt_signs_a_new_assertion() {
    let (time, script) = (TestClock::new(), Script::new([Json(503, ""), Json(200, FIRST), Json(200, FIRST)]));
    let signer = key();
    let public = signer.verifying_key(Some("k1")).unwrap();
    // As Salesforce wants it.
    let assertion = JwtAssertion::new(signer, "consumer-key")
        .subject("robot@example.com")
        .audience("https://login.salesforce.com")
        .lifetime(Duration::from_secs(180))
        .header(TokenHeader::new().typ("JWT").field("x", &1).unwrap())
        .key_id("k1");
    let source = JwtBearer::signed(URL, "consumer-key", assertion)
        .scopes(["api"])
        .http_client(script.http.clone())
        .clock(time.clock())
        .build()
        .unwrap();
    assert_eq!(source.request_token().await.unwrap_err().kind(), TokenErrorKind::ServerError);
    for _ in 0..2 {
        let response = source.request_token().await.unwrap();
        assert!(response.refresh_token().is_none(), "the grant itself is the way to the next token");
    }
    let mut ids = Vec::new();
    for sent in script.sent() {
        assert_eq!((sent.get("grant_type"), sent.get("scope")), (Some(GRANT_TYPE), Some("api")));
        assert_eq!(sent.all("assertion").len(), 1);
        let token = sent.get("assertion").unwrap();
        let mut buffer = Vec::new();
        let jws = Jws::parse(token, MAX_TOKEN_LEN, &mut buffer).unwrap();
        jws.verify(&public).unwrap();
        assert!(jws.header().typ_is("JWT"));
        let claims = claims(token);
        assert_eq!((claims["iss"].as_str(), claims["sub"].as_str()), (Some("consumer-key"), Some("robot@example.com")));
        assert_eq!(claims["aud"], "https://login.salesforce.com");
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 180);
        ids.push(claims["jti"].as_str().unwrap().to_owned());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| id.len() >= 22), "128 bits: {ids:?}");
}

#[tokio::test]
async fn a_google_service_account_can_be_described() {
    let script = Script::new([Json(200, FIRST)]);
    let assertion = JwtAssertion::new(key(), "orders@project.iam.gserviceaccount.com")
        .omit_subject()
        .audience("https://oauth2.googleapis.com/token")
        .lifetime(Duration::from_secs(3600))
        .claim("scope", &"https://www.googleapis.com/auth/cloud-platform");
    let source = JwtBearer::signed(URL, "orders", assertion).http_client(script.http.clone()).build().unwrap();
    source.request_token().await.unwrap();
    let claims = claims(script.sent()[0].get("assertion").unwrap());
    assert!(claims.get("sub").is_none());
    assert_eq!(claims["scope"], "https://www.googleapis.com/auth/cloud-platform");
}

// R7523-2.1a
#[tokio::test]
async fn an_assertion_may_come_from_anywhere_and_is_asked_for_each_time() {
    let script = Script::new([Json(200, FIRST), Json(200, FIRST)]);
    let count = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let made = move |_: SourceRequest| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        async move {
            if number == 2 {
                return Err(TokenError::new(TokenErrorKind::Unreachable, "no vault"));
            }
            Ok(TokenResponse::new(Token::new(format!("assertion-{number}")).unwrap()))
        }
    };
    let client = OAuthClient::builder("orders").token_endpoint(URL).secret("s3cret");
    let source = JwtBearer::over_source(client, made)
        .grant_type("urn:example:bearer")
        .http_client(script.http.clone())
        .build()
        .unwrap();
    source.request_token().await.unwrap();
    source.request_token().await.unwrap();
    let error = source.request_token().await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Unreachable);
    assert!(error.to_string().contains("the assertion could not be had"), "{error}");
    let sent: Vec<_> = script.sent().iter().map(|sent| sent.get("assertion").unwrap().to_owned()).collect();
    assert_eq!(sent, ["assertion-0", "assertion-1"]);
    assert_eq!(script.sent()[0].get("grant_type"), Some("urn:example:bearer"));
}

#[test]
fn mistakes_in_an_assertion_are_found_before_anything_is_sent() {
    let script = Script::new([]);
    let good = || JwtAssertion::new(key(), "me").audience("you");
    let build = |assertion| JwtBearer::signed(URL, "orders", assertion).http_client(script.http.clone()).build();
    assert!(build(good()).is_ok());
    for bad in [
        JwtAssertion::new(key(), "me"),
        JwtAssertion::new(key(), "").audience("you"),
        good().lifetime(Duration::from_secs(3601)),
        good().lifetime(Duration::ZERO),
        good().claim("exp", &1),
        good().claim("x", &1).claim("x", &2),
    ] {
        assert!(build(bad.clone()).is_err(), "{bad:?}");
    }
    assert!(JwtBearer::signed(URL, "orders", good()).param("assertion", "x").build().is_err());
}
