//! Introspection, revocation, key set and metadata.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use tower_auth_core::jose::{Algorithm, JwkSet};
use tower_auth_testing::{AuthorizationServer, TestClient, TestClock, TokenFormat};

use support::{basic, form, get, introspect, send, server, text, token};

const CC: &str = "grant_type=client_credentials";

#[tokio::test]
async fn introspection_tells_active_from_expired_revoked_and_unknown() {
    let time = TestClock::new();
    let client = TestClient::new("orders", "secret").format(TokenFormat::Opaque).lifetime(Duration::from_secs(60));
    let server = AuthorizationServer::builder().client_with(client).clock(time.clock()).build().unwrap();
    let (_, answer) = token(&server, &format!("{CC}&scope=a&resource=https://api.test")).await;
    let opaque = text(&answer, "access_token").to_owned();
    let status = introspect(&server, &opaque).await;
    for (member, expected) in [
        ("active", json!(true)),
        ("client_id", json!("orders")),
        ("scope", json!("a")),
        ("aud", json!(["https://api.test"])),
        ("exp", json!(1_767_225_660)),
    ] {
        assert_eq!(status[member], expected, "{member}");
    }
    time.advance(Duration::from_secs(59)).await;
    assert_eq!(introspect(&server, &opaque).await["active"], json!(true));
    time.advance(Duration::from_secs(1)).await;
    assert_eq!(introspect(&server, &opaque).await, json!({ "active": false }));
    assert_eq!(introspect(&server, "unknown").await, json!({ "active": false }));
    let asked_by_nobody = form(&server.introspection_url(), "", "token=x");
    assert_eq!(send(&server, asked_by_nobody).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_client_revokes_its_own_tokens_only() {
    let server = server(|builder| builder.client("other", "secret"));
    let (_, answer) = token(&server, CC).await;
    let access = text(&answer, "access_token").to_owned();
    let revoke = |id: &str, token: &str| {
        let request = form(&server.revocation_url(), &basic(id, "secret"), &format!("token={token}"));
        let server = server.clone();
        async move { send(&server, request).await.0.as_u16() }
    };
    assert_eq!(revoke("other", &access).await, 400);
    assert_eq!(introspect(&server, &access).await["active"], json!(true));
    assert_eq!(revoke("orders", &access).await, 200);
    assert_eq!(introspect(&server, &access).await["active"], json!(false));
    assert_eq!(revoke("orders", "unknown").await, 200);
    assert_eq!(revoke("orders", "").await, 400);
}

#[tokio::test]
async fn the_key_set_follows_rotation() {
    let algorithms = [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa];
    let server = AuthorizationServer::builder().algorithms(algorithms).build().unwrap();
    let kids = |answer: &serde_json::Value| -> Vec<String> {
        answer["keys"].as_array().unwrap().iter().map(|key| text(key, "kid").to_owned()).collect()
    };
    let url = server.jwks_url();
    let (_, set) = get(&server, &url).await;
    assert_eq!(kids(&set), ["key-1", "key-2", "key-3", "key-4"]);
    assert_eq!(JwkSet::parse(set.to_string().as_bytes()).unwrap().keys().len(), 4);
    server.rotate_keys(true);
    assert_eq!(kids(&get(&server, &url).await.1).len(), 8);
    assert!(server.retire_key("key-1"));
    assert_eq!(kids(&get(&server, &url).await.1)[0], "key-2");
    server.rotate_keys(false);
    assert_eq!(kids(&get(&server, &url).await.1), ["key-9", "key-10", "key-11", "key-12"]);
}

#[tokio::test]
async fn both_metadata_documents_are_where_their_standards_put_them() {
    let server = AuthorizationServer::builder().issuer("https://login.test/tenant").client("a", "b").build().unwrap();
    for url in [
        "https://login.test/.well-known/oauth-authorization-server/tenant",
        "https://login.test/tenant/.well-known/openid-configuration",
    ] {
        let (status, document) = get(&server, url).await;
        assert_eq!(status, StatusCode::OK, "{url}");
        assert_eq!(text(&document, "issuer"), "https://login.test/tenant");
        assert_eq!(text(&document, "token_endpoint"), server.token_url());
        assert_eq!(text(&document, "jwks_uri"), "https://login.test/tenant/jwks");
        let methods = json!(["client_secret_basic", "client_secret_post"]);
        assert_eq!(document["token_endpoint_auth_methods_supported"], methods);
    }
    for url in ["https://login.test/.well-known/openid-configuration", "https://login.test/token"] {
        assert_eq!(get(&server, url).await.0, StatusCode::NOT_FOUND, "{url}");
    }
}

#[tokio::test]
async fn metadata_can_lie() {
    let server = server(|builder| builder.metadata("issuer", "\"https://evil.test\"").omit_metadata("jwks_uri"));
    let (_, document) = get(&server, "https://login.test/.well-known/openid-configuration").await;
    assert_eq!(text(&document, "issuer"), "https://evil.test");
    assert!(document.get("jwks_uri").is_none());
}

#[tokio::test]
async fn another_origin_is_out_of_reach() {
    let server = server(|builder| builder);
    for url in ["https://other.test/token", "http://login.test/token", "https://login.test:8443/token"] {
        let error = server.http_client().send(form(url, "", "")).await.unwrap_err();
        assert!(error.to_string().contains("not at this origin"), "{url}");
    }
    assert_eq!(server.requests().len(), 0);
}
