//! A user's grant, kept alive.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Response;
use tower_auth_core::{AuthorizationCode, ConfigErrorKind, TokenErrorKind, TokenResponse};
use tower_auth_testing::TestClock;

use super::support::*;
use crate::endpoint::{Endpoint, response};

const FIRST: &str = r#"{"access_token":"a1","expires_in":600,"refresh_token":"r1"}"#;
const SECOND: &str = r#"{"access_token":"a2","expires_in":600,"refresh_token":"r2"}"#;

fn server() -> Endpoint {
    Endpoint::judging(|request| -> Response<bytes::Bytes> {
        let form = String::from_utf8(request.body().to_vec()).unwrap();
        match form {
            form if form.contains("grant_type=authorization_code") => response(200, "application/json", FIRST),
            form if form.contains("refresh_token=r1") => response(200, "application/json", SECOND),
            _ => response(400, "application/json", r#"{"error":"invalid_grant"}"#),
        }
    })
}

// R6749-6a, R8707-2b, SYS-U2
#[tokio::test]
async fn the_first_tokens_serve_and_the_refresh_token_brings_the_next() {
    let (endpoint, time) = (server(), TestClock::new());
    let client = builder(&endpoint).clock(time.clock()).build().unwrap();
    let request = request(&client).scopes(["a"]).resource("urn:x");
    let first = finish(&request, &client, "code=c&state={state}").await.unwrap();
    endpoint.only_request();

    let stored: Arc<Mutex<Vec<TokenResponse>>> = Arc::default();
    let kept = Arc::clone(&stored);
    let source = request.keep_alive(first).build().unwrap();
    let cache = source
        .cache_builder()
        .persist(move |response| {
            kept.lock().unwrap().push((*response).clone());
            async { Ok(()) }
        })
        .build()
        .unwrap();
    // The cache is asked late: the token has aged by then.
    time.tick(Duration::from_secs(100));
    let token = cache.token().await.unwrap();
    assert_eq!(token.secret().expose_secret(), "a1");
    assert_eq!(token.expiry().unwrap().wall, time.now() + Duration::from_secs(500));
    assert!(endpoint.seen().is_empty());

    time.advance(Duration::from_secs(500)).await;
    assert_eq!(cache.token().await.unwrap().secret().expose_secret(), "a2");
    let sent = form(&endpoint.only_request());
    assert_eq!(
        (sent["grant_type"].as_str(), sent["refresh_token"].as_str(), sent["resource"].as_str()),
        ("refresh_token", "r1", "urn:x")
    );
    let stored: Vec<_> =
        stored.lock().unwrap().iter().map(|kept| kept.refresh_token().unwrap().expose_secret().to_owned()).collect();
    assert_eq!(stored, ["r1", "r2"]);
}

// SYS-U14
#[tokio::test]
async fn without_a_refresh_token_the_user_has_to_be_sent_again() {
    let (endpoint, time) = (Endpoint::granting(), TestClock::new());
    let client = builder(&endpoint).clock(time.clock()).build().unwrap();
    let first = finish(&request(&client), &client, "code=c&state={state}").await.unwrap();
    endpoint.only_request();
    let cache = AuthorizationCode::new(&client, first).cached().unwrap();
    assert!(cache.token().await.is_ok());
    time.advance(Duration::from_secs(3600)).await;
    let error = cache.token().await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Refused);
    assert!(endpoint.seen().is_empty());
}

// R6749-3.1b, R8707-2a, THREAT-L1
#[tokio::test]
async fn mistakes_are_found_when_it_is_built() {
    let endpoint = Endpoint::granting();
    let client = builder(&endpoint).refresh_param("resource", "urn:y").build().unwrap();
    let first = finish(&request(&client), &client, "code=c&state={state}").await.unwrap();
    let tokens = AuthorizationCode::new(&client, first);
    assert!(!format!("{tokens:?}").contains("t0k"));
    assert_eq!(tokens.clone().resource("x").build().unwrap_err().kind(), ConfigErrorKind::InvalidUrl);
    assert_eq!(tokens.clone().resource("urn:x").build().unwrap_err().kind(), ConfigErrorKind::InvalidOption);
    assert!(!format!("{:?}", tokens.build().unwrap()).contains("t0k"));
}
