//! Pushed authorization requests (RFC 9126).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use tower_auth_core::{AuthorizationErrorKind, ClientAuth, TokenErrorKind};

use super::support::*;
use crate::endpoint::{Endpoint, response};

/// Takes pushed requests, and grants tokens.
fn server() -> Endpoint {
    Endpoint::judging(|request| match request.uri().path() {
        "/par" => response(201, "application/json", r#"{"request_uri":"urn:example:a+b","expires_in":90}"#),
        _ => response(200, "application/json", r#"{"access_token":"t0k","token_type":"Bearer"}"#),
    })
}

// R9126-2.1a, R9126-4a, R9126-2.2a
#[tokio::test]
async fn the_browser_carries_a_reference_only() {
    let endpoint = server();
    let client = builder(&endpoint).client_auth(ClientAuth::Basic).secret("s3cret").build().unwrap();
    let request = request(&client).scopes(["a"]).resource("urn:x").prompt("login").pushed();
    let started = request.start().await.unwrap();
    assert_eq!(started.use_within, Some(Duration::from_secs(90)));
    let front = query(&started.url);
    assert_eq!(front.len(), 2);
    assert_eq!((front["client_id"].as_str(), front["request_uri"].as_str()), ("orders", "urn:example:a+b"));

    let pushed = endpoint.only_request();
    assert_eq!(pushed.uri(), PUSH);
    assert_eq!(pushed.headers()[CONTENT_TYPE], "application/x-www-form-urlencoded");
    assert_eq!(pushed.headers()[AUTHORIZATION], format!("Basic {}", STANDARD.encode("orders:s3cret")));
    let params = form(&pushed);
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "orders"),
        ("redirect_uri", CALLBACK),
        ("scope", "a"),
        ("resource", "urn:x"),
        ("prompt", "login"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(params[name], value);
    }
    assert!(!params.contains_key("request_uri") && !params.contains_key("code_verifier"));

    let callback = format!("code=c&state={}", params["state"]);
    let callback = tower_auth_core::AuthorizationCallback::from_query(&callback).unwrap();
    started.transaction.finish(&client, &callback).await.unwrap();
    assert_eq!(challenge(&form(&endpoint.only_request())["code_verifier"]), params["code_challenge"]);
}

// R9126-2.1a, R6749-3.1b
#[tokio::test]
async fn the_client_names_itself_once() {
    for (auth, secret) in [(ClientAuth::None, false), (ClientAuth::Body, true), (ClientAuth::BasicRaw, false)] {
        let endpoint = server();
        let client = builder(&endpoint).client_auth(auth).secret("s3cret").build().unwrap();
        request(&client).pushed().start().await.unwrap();
        // `form` refuses a name that is there twice.
        let params = form(&endpoint.only_request());
        assert_eq!(params["client_id"], "orders");
        assert_eq!(params.contains_key("client_secret"), secret);
    }
}

// R9126-4a
#[tokio::test]
async fn each_start_pushes_a_request_of_its_own() {
    let endpoint = server();
    let client = client(&endpoint);
    let request = request(&client).pushed();
    request.start().await.unwrap();
    request.start().await.unwrap();
    let states: Vec<_> = endpoint.seen().iter().map(|request| form(request)["state"].clone()).collect();
    assert!(states.len() == 2 && states[0] != states[1]);
}

// R9126-2.2a
#[tokio::test]
async fn any_other_answer_is_an_error() {
    let good = r#"{"request_uri":"urn:x","expires_in":90}"#;
    for (status, body, kind) in [
        (200, good, TokenErrorKind::Unparsable),
        (202, good, TokenErrorKind::Unparsable),
        (201, "", TokenErrorKind::Unparsable),
        (201, "[]", TokenErrorKind::Unparsable),
        (201, r#"{"expires_in":90}"#, TokenErrorKind::Unparsable),
        (201, r#"{"request_uri":"","expires_in":90}"#, TokenErrorKind::Unparsable),
        (201, r#"{"request_uri":"urn:x"}"#, TokenErrorKind::Unparsable),
        (201, r#"{"request_uri":"urn:x","expires_in":0}"#, TokenErrorKind::Unparsable),
        (201, r#"{"request_uri":"urn:x","request_uri":"urn:y","expires_in":90}"#, TokenErrorKind::Unparsable),
        (400, r#"{"error":"invalid_request"}"#, TokenErrorKind::Misconfigured),
        (401, r#"{"error":"invalid_client"}"#, TokenErrorKind::Misconfigured),
        (302, "", TokenErrorKind::Misconfigured),
        (429, "", TokenErrorKind::Throttled),
        (503, "", TokenErrorKind::ServerError),
    ] {
        let endpoint = Endpoint::json(status, body);
        let client = client(&endpoint);
        let error = request(&client).pushed().start().await.unwrap_err();
        assert_eq!(error.kind(), AuthorizationErrorKind::StartFailed);
        assert_eq!(error.token_error().unwrap().kind(), kind, "{status} {body}");
        endpoint.only_request();
    }
}
