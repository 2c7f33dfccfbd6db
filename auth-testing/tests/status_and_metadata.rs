//! Introspection, revocation, key set and metadata.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use tower_auth_core::jose::{Algorithm, JwkSet};
use tower_auth_testing::{AuthorizationServer, Endpoint, Fault, Quirk, TestClient, TestClock, TokenFormat};

use support::{basic, form, get, introspect, send, send_raw, server, text, token};

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
async fn a_token_of_the_right_scope_introspects_others_while_it_lives() {
    let time = TestClock::new();
    let server = server(|builder| builder.clock(time.clock()).introspection_scope("introspect"));
    let issue =
        async |scope: &str| text(&token(&server, &format!("{CC}&scope={scope}")).await.1, "access_token").to_owned();
    let (allowed, other) = (issue("introspect").await, issue("a").await);
    let ask = async |by: &str| {
        let request = form(&server.introspection_url(), &format!("Bearer {by}"), &format!("token={other}"));
        let answer = send_raw(&server, request).await;
        (answer.status().as_u16(), answer.headers().contains_key("www-authenticate"))
    };
    assert_eq!(ask(&allowed).await, (200, false));
    for by in [other.as_str(), "unknown"] {
        assert_eq!(ask(by).await, (401, true), "{by}");
    }
    time.advance(Duration::from_secs(24 * 3600)).await;
    assert_eq!(ask(&allowed).await, (401, true));
}

#[tokio::test]
async fn a_terse_server_says_neither_about_whom_nor_for_whom() {
    let server = server(|builder| builder.quirk(Quirk::TerseIntrospection));
    let (_, answer) = token(&server, CC).await;
    let status = introspect(&server, text(&answer, "access_token")).await;
    assert_eq!(status.as_object().unwrap().keys().collect::<Vec<_>>(), ["active", "client_id", "exp"]);
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

#[tokio::test]
async fn metadata_can_change_while_the_server_runs() {
    let server = server(|builder| builder.omit_metadata("jwks_uri"));
    let url = "https://login.test/.well-known/oauth-authorization-server";
    server.set_metadata("issuer", Some("\"https://evil.test\""));
    server.set_metadata("token_endpoint", Some("\"http://169.254.169.254/token\""));
    server.set_metadata("scopes_supported", Some(r#"["a"]"#));
    server.set_metadata("revocation_endpoint", None);
    let (_, document) = get(&server, url).await;
    assert_eq!(text(&document, "issuer"), "https://evil.test");
    assert_eq!(text(&document, "token_endpoint"), "http://169.254.169.254/token");
    assert_eq!(document["scopes_supported"], json!(["a"]));
    assert!(document.get("revocation_endpoint").is_none() && document.get("jwks_uri").is_none());
}

#[tokio::test]
async fn metadata_offer_everything_that_there_is() {
    let server = server(|builder| builder);
    let (_, document) = get(&server, "https://login.test/.well-known/oauth-authorization-server").await;
    for (member, url) in [
        ("authorization_endpoint", server.authorization_url()),
        ("token_endpoint", server.token_url()),
        ("pushed_authorization_request_endpoint", server.pushed_authorization_url()),
        ("device_authorization_endpoint", server.device_authorization_url()),
        ("introspection_endpoint", server.introspection_url()),
        ("revocation_endpoint", server.revocation_url()),
        ("jwks_uri", server.jwks_url()),
    ] {
        assert_eq!(text(&document, member), url, "{member}");
    }
    for (member, expected) in [
        ("response_types_supported", json!(["code"])),
        ("code_challenge_methods_supported", json!(["S256"])),
        ("authorization_response_iss_parameter_supported", json!(true)),
        ("require_pushed_authorization_requests", json!(false)),
    ] {
        assert_eq!(document[member], expected, "{member}");
    }
    for grant in document["grant_types_supported"].as_array().unwrap() {
        let (_, answer) = token(&server, &format!("grant_type={}", grant.as_str().unwrap())).await;
        assert_ne!(text(&answer, "error"), "unsupported_grant_type", "{grant}");
    }
}

#[tokio::test]
async fn metadata_may_be_where_openid_puts_them_alone() {
    let server = AuthorizationServer::builder().issuer("https://login.test/tenant").build().unwrap();
    let places = [
        "https://login.test/.well-known/oauth-authorization-server/tenant",
        "https://login.test/tenant/.well-known/openid-configuration",
        "https://login.test/.well-known/openid-configuration/tenant",
    ];
    for (quirk, expected) in [
        (None, [200, 200, 404]),
        (Some(Quirk::OpenIdMetadataOnly), [404, 200, 404]),
        (Some(Quirk::InsertedOpenIdMetadataOnly), [404, 404, 200]),
    ] {
        quirk.into_iter().for_each(|quirk| server.set_quirk(quirk, true));
        for (place, status) in places.iter().zip(expected) {
            assert_eq!(get(&server, place).await.0.as_u16(), status, "{quirk:?} {place}");
        }
        quirk.into_iter().for_each(|quirk| server.set_quirk(quirk, false));
    }
}

#[tokio::test]
async fn revocation_can_be_refused_or_put_off() {
    let server = server(|builder| builder.quirk(Quirk::KeepsAccessTokens));
    let (_, answer) = token(&server, CC).await;
    let access = text(&answer, "access_token").to_owned();
    let refresh = server.issue_refresh_token("orders", "alice", "a".parse().unwrap());
    let revoke = |token: &str| form(&server.revocation_url(), &basic("orders", "secret"), &format!("token={token}"));
    let (status, refused) = send(&server, revoke(&access)).await;
    assert_eq!((status.as_u16(), text(&refused, "error")), (400, "unsupported_token_type"));
    assert_eq!(introspect(&server, &access).await["active"], json!(true));
    server.fault(Endpoint::Revocation, Fault::status(StatusCode::SERVICE_UNAVAILABLE).retry_after(30));
    let later = send_raw(&server, revoke(refresh.expose_secret())).await;
    assert_eq!((later.status().as_u16(), &later.headers()["retry-after"]), (503, &"30".parse().unwrap()));
    assert_eq!(introspect(&server, refresh.expose_secret()).await["active"], json!(true));
    assert_eq!(send(&server, revoke(refresh.expose_secret())).await.0, StatusCode::OK);
    assert_eq!(introspect(&server, refresh.expose_secret()).await["active"], json!(false));
}
