//! Refresh tokens: rotation, reuse, revocation.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use serde_json::json;
use tower_auth_core::Secret;
use tower_auth_testing::{AuthorizationServer, Endpoint, Fault, RefreshPolicy, TestClient, TestClock};

use support::{basic, form, introspect, send, server, text, token};

fn scoped() -> AuthorizationServer {
    server(|builder| builder.client("other", "secret"))
}

async fn refresh(server: &AuthorizationServer, refresh_token: &str, more: &str) -> (u16, serde_json::Value) {
    let (status, answer) =
        token(server, &format!("grant_type=refresh_token&refresh_token={refresh_token}{more}")).await;
    (status.as_u16(), answer)
}

fn issued(server: &AuthorizationServer) -> String {
    server.issue_refresh_token("orders", "alice", "a b".parse().unwrap()).expose_secret().to_owned()
}

#[tokio::test]
async fn a_refresh_token_is_rotated_and_keeps_its_width() {
    let server = scoped();
    let first = issued(&server);
    let (status, answer) = refresh(&server, &first, "&scope=a").await;
    assert_eq!((status, text(&answer, "scope")), (200, "a"));
    let second = text(&answer, "refresh_token").to_owned();
    assert_ne!(first, second);
    let (status, answer) = refresh(&server, &second, "").await;
    assert_eq!((status, text(&answer, "scope")), (200, "a b"));
    assert_eq!(introspect(&server, text(&answer, "access_token")).await["sub"], json!("alice"));
}

#[tokio::test]
async fn a_refresh_token_that_comes_twice_ends_its_whole_family() {
    let server = scoped();
    let first = issued(&server);
    let bystander = issued(&server);
    let (_, answer) = refresh(&server, &first, "").await;
    let (access, second) = (text(&answer, "access_token").to_owned(), text(&answer, "refresh_token").to_owned());
    assert_eq!(introspect(&server, &access).await["active"], json!(true));
    for spent in [&first, &second, &second] {
        let (status, answer) = refresh(&server, spent, "").await;
        assert_eq!((status, text(&answer, "error")), (400, "invalid_grant"));
    }
    assert_eq!(introspect(&server, &access).await, json!({ "active": false }));
    assert_eq!(refresh(&server, &bystander, "").await.0, 200);
}

#[tokio::test]
async fn without_rotation_a_refresh_token_serves_again() {
    let server = server(|builder| builder.keep_refresh_tokens());
    let kept = issued(&server);
    for _ in 0..2 {
        let (status, answer) = refresh(&server, &kept, "").await;
        assert_eq!((status, answer.get("refresh_token")), (200, None));
    }
    assert!(server.revoke(&Secret::from(kept.as_str())));
    assert_eq!(refresh(&server, &kept, "").await.0, 400);
}

#[tokio::test]
async fn a_foreign_unknown_or_widened_refresh_token_is_refused_and_not_spent() {
    let server = scoped();
    let own = issued(&server);
    let body = format!("grant_type=refresh_token&refresh_token={own}");
    let (status, answer) = send(&server, form(&server.token_url(), &basic("other", "secret"), &body)).await;
    assert_eq!((status.as_u16(), text(&answer, "error")), (400, "invalid_grant"));
    assert_eq!(text(&refresh(&server, "unknown", "").await.1, "error"), "invalid_grant");
    assert_eq!(text(&refresh(&server, "", "").await.1, "error"), "invalid_request");
    assert_eq!(text(&refresh(&server, &own, "&scope=c").await.1, "error"), "invalid_scope");
    assert_eq!(refresh(&server, &own, "").await.0, 200);
}

#[tokio::test]
async fn the_client_credentials_grant_gives_refresh_tokens_where_described_so() {
    let client = TestClient::new("orders", "secret").with_refresh_tokens();
    let server = AuthorizationServer::builder().client_with(client).build().unwrap();
    let (_, answer) = token(&server, "grant_type=client_credentials").await;
    assert_eq!(refresh(&server, text(&answer, "refresh_token"), "").await.0, 200);
}

#[tokio::test]
async fn what_becomes_of_a_used_refresh_token_can_change() {
    let server = scoped();
    let first = issued(&server);
    server.set_refresh_policy(RefreshPolicy::Repeat);
    assert_eq!(text(&refresh(&server, &first, "").await.1, "refresh_token"), first);
    server.set_refresh_policy(RefreshPolicy::Keep);
    assert_eq!(refresh(&server, &first, "").await.1.get("refresh_token"), None);
    server.set_refresh_policy(RefreshPolicy::Exhaust);
    let (status, answer) = refresh(&server, &first, "").await;
    assert_eq!((status, answer.get("refresh_token")), (200, None));
    server.set_refresh_policy(RefreshPolicy::Rotate);
    assert_eq!(text(&refresh(&server, &first, "").await.1, "error"), "invalid_grant");
}

#[tokio::test]
async fn reuse_is_forgiven_for_as_long_as_the_grace_lasts() {
    let time = TestClock::new();
    let server = server(|builder| builder.clock(time.clock()).reuse_grace(Duration::from_secs(10)));
    let first = issued(&server);
    let (_, answer) = refresh(&server, &first, "").await;
    time.advance(Duration::from_secs(9)).await;
    let (status, again) = refresh(&server, &first, "").await;
    assert_eq!(status, 200);
    assert_ne!(text(&again, "refresh_token"), text(&answer, "refresh_token"));
    time.advance(Duration::from_secs(1)).await;
    for spent in [first.as_str(), text(&again, "refresh_token")] {
        assert_eq!(text(&refresh(&server, spent, "").await.1, "error"), "invalid_grant");
    }
}

#[tokio::test]
async fn presentations_are_counted_when_they_have_an_effect() {
    let server = scoped();
    let (first, other) = (issued(&server), issued(&server));
    let secret = |text: &str| Secret::from(text);
    assert_eq!((server.presentations(&secret(&first)), server.max_presentations()), (0, 0));
    server.fault(Endpoint::Token, Fault::status(http::StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(refresh(&server, &first, "").await.0, 503);
    assert_eq!(server.max_presentations(), 0);

    // The answer is lost: the token is spent, and its second use is seen.
    server.fault(Endpoint::Token, Fault::lost_answer());
    let body = format!("grant_type=refresh_token&refresh_token={first}");
    let request = form(&server.token_url(), &basic("orders", "secret"), &body);
    assert!(server.http_client().send(request).await.is_err());
    assert_eq!(server.max_presentations(), 1);
    assert_eq!(text(&refresh(&server, &first, "").await.1, "error"), "invalid_grant");
    assert_eq!(refresh(&server, &other, "").await.0, 200);
    assert_eq!((server.presentations(&secret(&first)), server.presentations(&secret(&other))), (2, 1));
    assert_eq!((server.max_presentations(), server.presentations(&secret("unknown"))), (2, 0));
}
