//! Refresh tokens: rotation, reuse, revocation.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use serde_json::json;
use tower_auth_core::Secret;
use tower_auth_testing::{AuthorizationServer, TestClient};

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
