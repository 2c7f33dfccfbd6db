//! The device authorization endpoint and the device code grant.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use tower_auth_testing::{AuthorizationServer, Consent, Quirk, TestClient, TestClock};

use support::{basic, form, get, introspect, public_token, send, text};

fn server(time: &TestClock) -> AuthorizationServer {
    let tv = TestClient::public("tv").scopes(["a", "b"]);
    let builder = AuthorizationServer::builder().client_with(tv).client("orders", "secret");
    builder.clock(time.clock()).build().unwrap()
}

async fn device(server: &AuthorizationServer) -> Value {
    let (status, answer) = send(server, form(&server.device_authorization_url(), "", "client_id=tv&scope=a+b")).await;
    assert_eq!(status, StatusCode::OK);
    answer
}

async fn poll(server: &AuthorizationServer, device: &Value) -> (u16, Value) {
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    let body = format!("grant_type={grant}&client_id=tv&device_code={}", text(device, "device_code"));
    let (status, answer) = public_token(server, &body).await;
    (status.as_u16(), answer)
}

async fn error(server: &AuthorizationServer, device: &Value) -> String {
    text(&poll(server, device).await.1, "error").to_owned()
}

#[tokio::test]
async fn a_device_waits_until_its_user_approves() {
    let time = TestClock::new();
    let server = server(&time);
    let device = device(&server).await;
    let user_code = text(&device, "user_code");
    assert_eq!((&device["interval"], &device["expires_in"]), (&json!(5), &json!(600)));
    assert_eq!(text(&device, "verification_uri"), "https://login.test/activate");
    assert_eq!(error(&server, &device).await, "authorization_pending");
    time.advance(Duration::from_secs(5)).await;
    assert_eq!(error(&server, &device).await, "authorization_pending");
    let alice = Consent::approve().subject("alice").only("a".parse().unwrap());
    assert!(server.decide_device(&user_code.replace('-', "").to_lowercase(), &alice));
    assert!(!server.approve_device(user_code), "the user decided already");
    time.advance(Duration::from_secs(5)).await;
    let (status, answer) = poll(&server, &device).await;
    assert_eq!((status, text(&answer, "scope")), (200, "a"));
    assert_eq!(introspect(&server, text(&answer, "access_token")).await["sub"], json!("alice"));
    assert!(answer.get("refresh_token").is_some());
    time.advance(Duration::from_secs(5)).await;
    assert_eq!(error(&server, &device).await, "invalid_grant");
    let start = server.device_polls(user_code)[0];
    let polls: Vec<_> =
        server.device_polls(user_code).iter().map(|at| at.duration_since(start).unwrap().as_secs()).collect();
    assert_eq!(polls, [0, 5, 10, 15]);
}

#[tokio::test]
async fn whoever_polls_too_fast_is_slowed_down_each_time() {
    let time = TestClock::new();
    let server = server(&time);
    let device = device(&server).await;
    for (wait, expected) in [
        (0, "authorization_pending"),
        (4, "slow_down"),
        (9, "slow_down"),
        (14, "slow_down"),
        (20, "authorization_pending"),
        (19, "slow_down"),
        (25, "authorization_pending"),
    ] {
        time.advance(Duration::from_secs(wait)).await;
        assert_eq!(error(&server, &device).await, expected, "after {wait} s");
    }
    assert!(server.approve_device(text(&device, "user_code")));
    assert_eq!(error(&server, &device).await, "slow_down", "an approval makes nobody faster");
}

#[tokio::test]
async fn a_device_may_be_denied_or_expire() {
    let time = TestClock::new();
    let server = server(&time);
    let (denied, expired, late) = (device(&server).await, device(&server).await, device(&server).await);
    assert!(server.deny_device(text(&denied, "user_code")) && server.expire_device(text(&expired, "user_code")));
    assert_eq!(error(&server, &denied).await, "access_denied");
    assert_eq!(error(&server, &expired).await, "expired_token");
    time.advance(Duration::from_secs(599)).await;
    assert_eq!(error(&server, &late).await, "authorization_pending");
    time.advance(Duration::from_secs(1)).await;
    assert!(!server.approve_device(text(&late, "user_code")));
    assert_eq!(error(&server, &late).await, "expired_token");
    for unknown in ["", "XXXX-XXXX"] {
        assert!(!server.approve_device(unknown) && !server.deny_device(unknown) && !server.expire_device(unknown));
        assert!(server.device_polls(unknown).is_empty());
    }
}

#[tokio::test]
async fn a_device_code_is_its_clients() {
    let time = TestClock::new();
    let server = server(&time);
    let device = device(&server).await;
    assert!(server.approve_device(text(&device, "user_code")));
    let grant = "grant_type=urn:ietf:params:oauth:grant-type:device_code";
    let pair = basic("orders", "secret");
    for (body, expected) in [
        (format!("{grant}&device_code={}", text(&device, "device_code")), "invalid_grant"),
        (format!("{grant}&device_code=unknown"), "invalid_grant"),
        (grant.to_owned(), "invalid_request"),
    ] {
        let (status, answer) = send(&server, form(&server.token_url(), &pair, &body)).await;
        assert_eq!((status.as_u16(), text(&answer, "error")), (400, expected), "{body}");
    }
    assert_eq!(poll(&server, &device).await.0, 200);
}

#[tokio::test]
async fn a_device_that_may_not_ask_gets_no_code() {
    let narrow = TestClient::public("narrow").grants(["refresh_token"]);
    let server = AuthorizationServer::builder().client_with(narrow).client("orders", "secret").build().unwrap();
    let url = server.device_authorization_url();
    for (request, expected) in [
        (form(&url, "", "client_id=narrow"), "unauthorized_client"),
        (form(&url, "", "client_id=nobody"), "invalid_client"),
        (form(&url, "", "client_id=orders"), "invalid_client"),
        (form(&url, &basic("orders", "secret"), "scope=%22"), "invalid_scope"),
    ] {
        assert_eq!(text(&send(&server, request).await.1, "error"), expected);
    }
    assert_eq!(get(&server, &url).await.0, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn the_scripted_user_opens_the_page() {
    let time = TestClock::new();
    let server = server(&time);
    let (first, second) = (device(&server).await, device(&server).await);
    assert_eq!(get(&server, text(&first, "verification_uri_complete")).await.0, StatusCode::OK);
    assert_eq!(get(&server, text(&first, "verification_uri_complete")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(poll(&server, &first).await.0, 200);
    server.set_consent(Consent::deny());
    get(&server, text(&second, "verification_uri_complete")).await;
    assert_eq!(error(&server, &second).await, "access_denied");
    assert_eq!(get(&server, text(&first, "verification_uri")).await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_interval_may_be_chosen_or_not_named() {
    let time = TestClock::new();
    let builder = AuthorizationServer::builder().client_with(TestClient::public("tv")).clock(time.clock());
    let lifetime = Duration::from_secs(60);
    let server = builder.device_interval(Duration::from_secs(1)).device_lifetime(lifetime).build().unwrap();
    let fast = device(&server).await;
    assert_eq!((&fast["interval"], &fast["expires_in"]), (&json!(1), &json!(60)));
    server.set_quirk(Quirk::MissingInterval, true);
    let quiet = device(&server).await;
    assert_eq!(quiet.get("interval"), None);
    for (device, expected) in [(&fast, "authorization_pending"), (&quiet, "slow_down")] {
        error(&server, device).await;
        time.advance(Duration::from_secs(4)).await;
        assert_eq!(error(&server, device).await, expected);
    }
}
