//! What the token endpoint grants, and what it refuses.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::json;
use tower_auth_core::ClientAuth;
use tower_auth_testing::{AuthorizationServer, Endpoint, TestClient, TokenFormat};

use support::{FORM, basic, form, send, send_raw, server, text, token};

const CC: &str = "grant_type=client_credentials";

#[tokio::test]
async fn a_client_gets_a_token_that_no_cache_keeps() {
    let server = server(|builder| builder);
    let response = send_raw(&server, form(&server.token_url(), &basic("orders", "secret"), CC)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers()["pragma"], "no-cache");
    let answer: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!((text(&answer, "token_type"), &answer["expires_in"]), ("Bearer", &json!(3600)));
    assert_eq!(text(&answer, "access_token").split('.').count(), 3);
    assert!(answer.get("refresh_token").is_none());
}

#[tokio::test]
async fn each_broken_request_is_refused_with_its_code() {
    let server = server(|builder| builder.client_with(TestClient::new("narrow", "secret").scopes(["a"])));
    let url = server.token_url();
    let pair = basic("orders", "secret");
    for (request, status, code) in [
        (form(&url, &pair, ""), 400, "invalid_request"),
        (form(&url, &pair, "grant_type="), 400, "invalid_request"),
        (form(&url, &pair, "grant_type=password"), 400, "unsupported_grant_type"),
        (form(&url, &pair, &format!("{CC}&{CC}")), 400, "invalid_request"),
        (form(&url, &pair, &format!("{CC}&scope=%zz")), 400, "invalid_request"),
        (form(&url, &pair, &format!("{CC}&scope=a b")), 400, "invalid_request"),
        (form(&url, &pair, &format!("{CC}&scope=a%22")), 400, "invalid_scope"),
        (form(&url, &basic("narrow", "secret"), &format!("{CC}&scope=a+b")), 400, "invalid_scope"),
        (form(&format!("{url}?x=1"), &pair, CC), 400, "invalid_request"),
        (form(&url, &basic("orders", "wrong"), CC), 401, "invalid_client"),
        (form(&url, &basic("nobody", "secret"), CC), 401, "invalid_client"),
        (form(&url, "Bearer abc", CC), 401, "invalid_client"),
        (form(&url, "", CC), 401, "invalid_client"),
        (form(&url, "", &format!("{CC}&client_id=orders")), 401, "invalid_client"),
        (form(&url, "", &format!("{CC}&client_id=orders&client_secret=wrong")), 401, "invalid_client"),
        (form(&url, &pair, &format!("{CC}&client_id=narrow")), 400, "invalid_request"),
    ] {
        let shown = format!("{request:?}");
        let (got, answer) = send(&server, request).await;
        assert_eq!((got.as_u16(), text(&answer, "error")), (status, code), "{shown}");
    }
}

#[tokio::test]
async fn two_methods_of_authentication_are_refused() {
    let server = server(|builder| builder.client_with(TestClient::new("both", "s").auth([ClientAuth::Both])));
    let url = server.token_url();
    let body = format!("{CC}&client_id=orders&client_secret=secret");
    let (status, answer) = send(&server, form(&url, &basic("orders", "secret"), &body)).await;
    assert_eq!((status.as_u16(), text(&answer, "error")), (400, "invalid_request"));

    let mut twice = form(&url, &basic("orders", "secret"), CC);
    twice.headers_mut().append("authorization", basic("orders", "secret").parse().unwrap());
    assert_eq!(text(&send(&server, twice).await.1, "error"), "invalid_request");

    // A client that is described so may, if both say the same.
    let both = |secret: &str| format!("{CC}&client_id=both&client_secret={secret}");
    assert_eq!(send(&server, form(&url, &basic("both", "s"), &both("s"))).await.0, StatusCode::OK);
    assert_eq!(send(&server, form(&url, &basic("both", "s"), &both("t"))).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(send(&server, form(&url, &basic("both", "s"), CC)).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_basic_pair_is_form_encoded_unless_the_client_sends_it_raw() {
    let server = AuthorizationServer::builder()
        .client_with(TestClient::new("book", "p+s %").auth([ClientAuth::Basic]))
        .client_with(TestClient::new("raw", "p+s %").auth([ClientAuth::BasicRaw]))
        .build()
        .unwrap();
    for (id, secret, status) in
        [("book", "p%2Bs+%25", 200), ("book", "p+s %", 401), ("raw", "p+s %", 200), ("raw", "p%2Bs+%25", 401)]
    {
        let (got, _) = send(&server, form(&server.token_url(), &basic(id, secret), CC)).await;
        assert_eq!(got.as_u16(), status, "{id} {secret}");
    }
}

#[tokio::test]
async fn a_client_may_only_use_its_own_methods() {
    let server = AuthorizationServer::builder()
        .client_with(TestClient::new("in-header", "s").auth([ClientAuth::Basic]))
        .client_with(TestClient::new("in-body", "s").auth([ClientAuth::Body]))
        .client_with(TestClient::public("public"))
        .build()
        .unwrap();
    let url = server.token_url();
    let body = |id: &str| format!("{CC}&client_id={id}&client_secret=s");
    for (request, status, code) in [
        (form(&url, &basic("in-header", "s"), CC), 200, ""),
        (form(&url, "", &body("in-header")), 401, "invalid_client"),
        (form(&url, "", &body("in-body")), 200, ""),
        (form(&url, &basic("in-body", "s"), CC), 401, "invalid_client"),
        (form(&url, "", &format!("{CC}&client_id=public")), 400, "unauthorized_client"),
    ] {
        let (got, answer) = send(&server, request).await;
        assert_eq!((got.as_u16(), text(&answer, "error")), (status, code));
    }
}

#[tokio::test]
async fn a_failed_header_gets_a_challenge() {
    let server = server(|builder| builder);
    let failed = send_raw(&server, form(&server.token_url(), &basic("orders", "wrong"), CC)).await;
    assert!(failed.headers()["www-authenticate"].to_str().unwrap().starts_with("Basic "));
    let failed = send_raw(&server, form(&server.token_url(), "", CC)).await;
    assert!(!failed.headers().contains_key("www-authenticate"));
}

#[tokio::test]
async fn only_forms_are_read_unless_the_builder_says_otherwise() {
    let json = r#"{"grant_type":"client_credentials","client_id":"orders","client_secret":"secret"}"#;
    let with_type = |server: &AuthorizationServer, content_type: &str, body: &str| {
        let request = Request::post(server.token_url()).header("content-type", content_type);
        request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap()
    };
    let in_query = |server: &AuthorizationServer| {
        let url = format!("{}?{CC}&client_id=orders&client_secret=secret", server.token_url());
        Request::post(url).body(Bytes::new()).unwrap()
    };
    let strict = server(|builder| builder);
    for request in
        [with_type(&strict, "application/json", json), with_type(&strict, "text/plain", CC), in_query(&strict)]
    {
        assert_eq!(text(&send(&strict, request).await.1, "error"), "invalid_request");
    }
    let method = Request::get(strict.token_url()).body(Bytes::new()).unwrap();
    assert_eq!(send(&strict, method).await.0, StatusCode::METHOD_NOT_ALLOWED);

    let lenient = server(|builder| builder.accept_json_bodies().accept_query_params());
    assert_eq!(send(&lenient, with_type(&lenient, "application/json", json)).await.0, StatusCode::OK);
    assert_eq!(send(&lenient, in_query(&lenient)).await.0, StatusCode::OK);
    let twice = json.replacen('{', r#"{"grant_type":"client_credentials","#, 1);
    assert_eq!(send(&lenient, with_type(&lenient, "application/json", &twice)).await.0, StatusCode::BAD_REQUEST);
    let charset =
        with_type(&strict, &format!("{FORM}; charset=UTF-8"), &format!("{CC}&client_id=orders&client_secret=secret"));
    assert_eq!(send(&strict, charset).await.0, StatusCode::OK);
}

#[tokio::test]
async fn resources_choose_the_audience_and_the_format() {
    let open = server(|builder| builder);
    let (_, answer) = token(&open, &format!("{CC}&resource=https://a.test&resource=https://b.test")).await;
    assert!(text(&answer, "access_token").contains('.'));
    assert_eq!(
        support::introspect(&open, text(&answer, "access_token")).await["aud"],
        json!(["https://a.test", "https://b.test"])
    );

    let client = TestClient::new("orders", "secret").audience("orders-api");
    let described = AuthorizationServer::builder().client_with(client).build().unwrap();
    let (_, answer) = token(&described, CC).await;
    assert_eq!(support::introspect(&described, text(&answer, "access_token")).await["aud"], json!(["orders-api"]));

    let closed = server(|builder| {
        builder.resource("https://jwt.test", TokenFormat::Jwt).resource("https://opaque.test", TokenFormat::Opaque)
    });
    for (resource, parts) in [("https://jwt.test", 3), ("https://opaque.test", 1)] {
        let (_, answer) = token(&closed, &format!("{CC}&resource={resource}")).await;
        assert_eq!(text(&answer, "access_token").split('.').count(), parts, "{resource}");
    }
    let (status, answer) = token(&closed, &format!("{CC}&resource=https://other.test")).await;
    assert_eq!((status.as_u16(), text(&answer, "error")), (400, "invalid_target"));
}

#[tokio::test]
async fn scopes_are_the_clients_or_those_it_asks_for() {
    let client = TestClient::new("orders", "secret").scopes(["read", "write"]);
    let server = AuthorizationServer::builder().client_with(client).build().unwrap();
    assert_eq!(text(&token(&server, CC).await.1, "scope"), "read write");
    assert_eq!(text(&token(&server, &format!("{CC}&scope=write")).await.1, "scope"), "write");
}

#[tokio::test]
async fn members_of_the_answer_are_written_as_they_are() {
    let client = TestClient::new("orders", "secret")
        .lifetime(Duration::from_secs(60))
        .answer("expires_in", "1e400")
        .answer("scope", r#"["a","b"]"#)
        .omit("token_type");
    let server = AuthorizationServer::builder().client_with(client).build().unwrap();
    let response = send_raw(&server, form(&server.token_url(), &basic("orders", "secret"), CC)).await;
    let body = std::str::from_utf8(response.body()).unwrap();
    assert!(body.contains(r#""expires_in":1e400"#) && body.contains(r#""scope":["a","b"]"#), "{body}");
    assert!(!body.contains("token_type"), "{body}");
}

#[test]
fn mistakes_of_the_description_are_found_by_build() {
    let client = |change: fn(TestClient) -> TestClient| {
        AuthorizationServer::builder().client_with(change(TestClient::new("a", "b"))).build().is_err()
    };
    assert!(client(|client| client.answer("expires_in", "soon")));
    assert!(client(|client| client.scopes(["a b"])));
    assert!(client(|client| client.algorithm(tower_auth_core::jose::Algorithm::Rs256)));
    assert!(!client(|client| client));
    assert!(AuthorizationServer::builder().client("a", "b").client("a", "c").build().is_err());
    for issuer in ["", "login.test", "/a", "https://a.test/?b", "https://a.test/#b"] {
        assert!(AuthorizationServer::builder().issuer(issuer).build().is_err(), "{issuer}");
    }
    assert!(AuthorizationServer::builder().metadata("issuer", "x").build().is_err());
}

// THREAT-L1
#[tokio::test]
async fn requests_are_recorded_and_shown_without_secrets() {
    let server = server(|builder| builder);
    token(&server, &format!("{CC}&scope=a&extra=sentinel")).await;
    let requests = server.requests();
    let request = &requests[0];
    assert_eq!((server.token_requests(), server.request_count(Endpoint::Jwks)), (1, 0));
    assert_eq!((request.endpoint(), request.path(), request.client_id()), (Endpoint::Token, "/token", Some("orders")));
    assert_eq!((request.param("scope"), request.param("extra")), (Some("a"), Some("sentinel")));
    assert_eq!(request.status(), Some(StatusCode::OK));
    let shown = format!("{server:?} {request:?}");
    assert!(!shown.contains("sentinel") && !shown.contains(&basic("orders", "secret")), "{shown}");
    server.clear_requests();
    assert_eq!((server.token_requests(), server.requests().len()), (0, 0));
}
