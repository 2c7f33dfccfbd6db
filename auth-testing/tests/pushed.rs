//! Pushed authorization requests.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use tower_auth_testing::{AuthorizationServer, Endpoint, TestClient, TestClock};

use support::{CHALLENGE, VERIFIER, authorize_url, basic, form, get, send, text};

const CALLBACK: &str = "https://app.test/callback";

fn server(time: &TestClock) -> AuthorizationServer {
    AuthorizationServer::builder()
        .client_with(TestClient::new("web", "secret").redirect_uri(CALLBACK))
        .client_with(TestClient::public("app").redirect_uri(CALLBACK))
        .clock(time.clock())
        .require_pushed_requests()
        .build()
        .unwrap()
}

fn asked(more: &str) -> String {
    format!("response_type=code&code_challenge={CHALLENGE}&code_challenge_method=S256&state=s{more}")
}

async fn push(server: &AuthorizationServer, body: &str) -> (u16, Value) {
    let request = form(&server.pushed_authorization_url(), &basic("web", "secret"), body);
    let (status, answer) = send(server, request).await;
    (status.as_u16(), answer)
}

fn front(server: &AuthorizationServer, client: &str, pushed: &Value) -> String {
    format!("{}?client_id={client}&request_uri={}", server.authorization_url(), text(pushed, "request_uri"))
}

#[tokio::test]
async fn a_pushed_request_is_good_once() {
    let server = server(&TestClock::new());
    let (status, pushed) = push(&server, &asked("&scope=a")).await;
    assert_eq!((status, &pushed["expires_in"]), (201, &json!(60)));
    assert!(text(&pushed, "request_uri").starts_with("urn:ietf:params:oauth:request_uri:"));
    // What stands in the URL does not count.
    let url = format!("{}&scope=b&state=evil&redirect_uri=https://evil.test/", front(&server, "web", &pushed));
    let redirect = server.approve(&url).unwrap();
    assert_eq!((redirect.state(), redirect.error()), (Some("s"), None));
    let code = redirect.code().unwrap();
    let body = format!("grant_type=authorization_code&code={code}&code_verifier={VERIFIER}");
    let (_, answer) = send(&server, form(&server.token_url(), &basic("web", "secret"), &body)).await;
    assert_eq!(text(&answer, "scope"), "a");
    assert!(server.approve(&url).is_err());
    assert_eq!(server.request_count(Endpoint::PushedAuthorization), 1);
}

#[tokio::test]
async fn a_pushed_request_is_its_clients_and_expires() {
    let time = TestClock::new();
    let server = server(&time);
    let (_, pushed) = push(&server, &asked("")).await;
    assert!(server.approve(&front(&server, "app", &pushed)).is_err());
    time.advance(Duration::from_secs(59)).await;
    assert!(server.approve(&front(&server, "web", &pushed)).is_ok());
    let (_, pushed) = push(&server, &asked("")).await;
    time.advance(Duration::from_secs(60)).await;
    assert!(server.approve(&front(&server, "web", &pushed)).is_err());
    assert!(server.approve(&front(&server, "web", &json!({ "request_uri": "urn:unknown" }))).is_err());
}

#[tokio::test]
async fn a_push_is_refused_for_what_the_authorization_endpoint_refuses() {
    let server = server(&TestClock::new());
    for (body, status, error) in [
        (asked("&request_uri=urn:x"), 400, "invalid_request"),
        (asked("&redirect_uri=https://evil.test/"), 400, "invalid_request"),
        (asked("&client_id=app"), 400, "invalid_request"),
        (asked("&scope=%22"), 400, "invalid_scope"),
        (asked("&dpop_jkt=short"), 400, "invalid_request"),
        (asked("&request=x"), 400, "request_not_supported"),
        (asked("").replace("S256", "plain"), 400, "invalid_request"),
        (asked("").replace("response_type=code&", ""), 400, "invalid_request"),
        (asked("&client_secret=secret"), 400, "invalid_request"),
    ] {
        let (got, answer) = push(&server, &body).await;
        assert_eq!((got, text(&answer, "error")), (status, error), "{body}");
    }
    let url = server.pushed_authorization_url();
    assert_eq!(send(&server, form(&url, "", &asked("&client_id=web"))).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(send(&server, form(&url, "", &asked("&client_id=app"))).await.0, StatusCode::CREATED);
    assert_eq!(get(&server, &url).await.0, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn requests_that_were_not_pushed_are_refused_where_a_push_is_required() {
    let server = server(&TestClock::new());
    let redirect = server.approve(&authorize_url(&server, "web", "")).unwrap();
    assert_eq!(redirect.error(), Some("invalid_request"));
    let (_, document) = get(&server, "https://login.test/.well-known/oauth-authorization-server").await;
    assert_eq!(document["require_pushed_authorization_requests"], json!(true));
    assert_eq!(text(&document, "pushed_authorization_request_endpoint"), server.pushed_authorization_url());

    let strict = TestClient::public("strict").redirect_uri(CALLBACK).require_pushed_requests();
    let free = TestClient::public("free").redirect_uri(CALLBACK);
    let server = AuthorizationServer::builder().client_with(strict).client_with(free).build().unwrap();
    let error = |client: &str| server.approve(&authorize_url(&server, client, "")).unwrap().error().map(str::to_owned);
    assert_eq!((error("strict").as_deref(), error("free")), (Some("invalid_request"), None));
}
