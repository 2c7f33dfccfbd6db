//! The program runs to its end; and what the server refuses, seen from outside.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::process::Command;

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use mcp_server::{app, metadata, verifier};
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_auth_axum::core::Challenge;
use tower_auth_testing::{AuthorizationServer, ListeningServer, Mint};

const RESOURCE: &str = "http://127.0.0.1:1/mcp";

// R9728-5.1a, R9728-3.3b, R8707-2a, R6750-3.1a
#[test]
fn a_client_that_knows_only_the_url_gets_in_and_steps_up() {
    let output = Command::new(env!("CARGO_BIN_EXE_mcp-server")).output().expect("the program starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    for part in [
        "connected to \"notes\"",
        "write: \"1 written\"",
        "read:  \"buy milk\"",
        "erase: \"1 erased\"",
        "401 Bearer realm=\"notes\", resource_metadata=\"http://127.0.0.1:",
        "/.well-known/oauth-protected-resource/mcp\", scope=\"notes:read\"",
        "403 Bearer realm=\"notes\"",
        "error=\"insufficient_scope\"",
        "error=\"insufficient_user_authentication\"",
        "acr_values=\"phr\", max_age=\"300\"",
        "for {\"notes:read\", \"notes:write\"}",
        "Done.",
    ] {
        assert!(text.contains(part), "{part:?} is missing:\n{text}");
    }
    assert_eq!(text.matches("logged in").count(), 3, "{text}");
}

async fn setting() -> (AuthorizationServer, ListeningServer, Router) {
    let login = AuthorizationServer::builder().build().unwrap();
    let listening = login.listen().await.unwrap();
    let metadata = metadata(RESOURCE, &login.issuer()).unwrap();
    let app = app(metadata.clone(), verifier(&metadata, &login.issuer()).unwrap());
    (login, listening, app)
}

async fn call(app: &Router, tool: &str, token: Option<Mint>) -> (StatusCode, Option<Challenge>, String) {
    let call = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": tool, "arguments": {}}});
    let mut request = Request::post("/mcp").header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {}", token.sign()));
    }
    let response = app.clone().oneshot(request.body(Body::from(call.to_string())).unwrap()).await.unwrap();
    let challenge = Challenge::from_headers(response.headers()).into_iter().next();
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap();
    (status, challenge, String::from_utf8(body.to_vec()).unwrap())
}

// R9728-5.1a, R9700-2.3a, THREAT-V8, THREAT-V16
#[tokio::test]
async fn each_tool_has_its_policy_and_tokens_for_others_are_refused() {
    let (login, _listening, app) = setting().await;
    let token = || login.mint().audience(RESOURCE).scopes(["notes:read"]);
    let (status, challenge, _) = call(&app, "read_notes", None).await;
    assert_eq!(status, 401);
    let challenge = challenge.unwrap();
    assert_eq!((challenge.param("scope"), challenge.param("error")), (Some("notes:read"), None));
    assert_eq!(
        challenge.param("resource_metadata"),
        Some("http://127.0.0.1:1/.well-known/oauth-protected-resource/mcp")
    );

    let (status, _, body) = call(&app, "read_notes", Some(token())).await;
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &answer["id"], &answer["result"]["content"][0]["text"]),
        (StatusCode::OK, &json!(7), &json!(""))
    );

    for audience in ["http://127.0.0.1:1", "http://127.0.0.1:1/", "http://127.0.0.1:1/mcp/", "http://127.0.0.1:2/mcp"] {
        let (status, challenge, _) = call(&app, "read_notes", Some(token().audience(audience))).await;
        assert_eq!((status.as_u16(), challenge.unwrap().param("error")), (401, Some("invalid_token")), "{audience}");
    }
    let (status, challenge, _) = call(&app, "write_note", Some(token())).await;
    assert_eq!((status.as_u16(), challenge.unwrap().param("scope")), (403, Some("notes:read notes:write")));

    let writer = || token().scopes(["notes:read", "notes:write"]);
    assert_eq!(call(&app, "write_note", Some(writer())).await.0, 200);
    let (status, challenge, _) = call(&app, "erase_notes", Some(writer())).await;
    let challenge = challenge.unwrap();
    assert_eq!((status.as_u16(), challenge.param("error")), (401, Some("insufficient_user_authentication")));
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let strong = |age: u64| writer().claim("acr", "phr").claim("auth_time", &(now - age));
    assert_eq!(call(&app, "erase_notes", Some(strong(301))).await.0, 401);
    assert_eq!(call(&app, "erase_notes", Some(strong(10))).await.0, 200);
    let (status, _, body) = call(&app, "no_such_tool", Some(token())).await;
    assert!(status.is_success() && body.contains("-32602"), "{body}");
}

// R9728-3a, R9728-3.2a
#[tokio::test]
async fn the_metadata_is_where_clients_look_for_it() {
    let (login, _listening, app) = setting().await;
    let request = Request::get("/.well-known/oauth-protected-resource/mcp").body(Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap();
    let document: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(document["resource"], RESOURCE);
    assert_eq!(document["authorization_servers"], json!([login.issuer()]));
    assert_eq!(document["scopes_supported"], json!(["notes:read", "notes:write"]));
}
