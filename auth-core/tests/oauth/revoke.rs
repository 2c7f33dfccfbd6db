//! Tokens that are ended at the server (RFC 7009).

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{Method, Request, Response};
use tower_auth_core::{
    ClientAuth, ConfigErrorKind, OAuthClient, OAuthClientBuilder, Secret, Token, TokenErrorKind, TokenResponse,
    TokenTypeHint, TransportError, TransportErrorKind,
};
use tower_auth_testing::{AuthorizationServer, Quirk, TestClient, TestClock};

use super::endpoint::{Endpoint, URL, basic, form, response};

const REVOKE: &str = "https://login.example.com/revoke?v=1";

fn described(endpoint: &Endpoint) -> OAuthClientBuilder {
    let client = OAuthClient::builder("orders").token_endpoint(URL).revocation_endpoint(REVOKE);
    client.http_client(endpoint.http.clone())
}

fn with_secret(endpoint: &Endpoint) -> OAuthClient {
    described(endpoint).secret("client-sentinel").build().unwrap()
}

fn tokens() -> TokenResponse {
    TokenResponse::new(Token::new("access-sentinel").unwrap()).with_refresh_token("refresh-sentinel")
}

// R7009-2a
#[test]
fn the_endpoint_is_https_and_comes_from_the_configuration() {
    let endpoint = Endpoint::granting();
    let at = |url: &str| described(&endpoint).secret("s3cret").revocation_endpoint(url).build();
    assert_eq!(at("http://login.example.com/revoke").unwrap_err().kind(), ConfigErrorKind::InsecureUrl);
    assert_eq!(at("http://127.0.0.1/revoke").unwrap_err().kind(), ConfigErrorKind::InsecureUrl);
    assert_eq!(at("https://login.example.com/revoke#x").unwrap_err().kind(), ConfigErrorKind::InvalidUrl);
    assert!(at("https://login.example.com/revoke").is_ok());
}

// R7009-2a
#[tokio::test]
async fn without_an_endpoint_nothing_is_sent() {
    let endpoint = Endpoint::granting();
    let client = OAuthClient::builder("orders").token_endpoint(URL).secret("s3cret").http_client(endpoint.http.clone());
    let error = client.build().unwrap().revoke(&Secret::from("t"), None).await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Misconfigured);
    assert!(error.to_string().contains("the revocation endpoint is not known"), "{error}");
    assert!(endpoint.seen().is_empty());
}

// R7009-2.1a
#[tokio::test]
async fn a_form_holds_the_token_and_a_hint_and_the_client_proves_itself() {
    for (method, in_header, in_body) in [
        (ClientAuth::Basic, true, false),
        (ClientAuth::BasicRaw, true, false),
        (ClientAuth::Body, false, true),
        (ClientAuth::Both, true, true),
    ] {
        let endpoint = Endpoint::json(200, "");
        let client = described(&endpoint).secret("client-sentinel").client_auth(method).build().unwrap();
        client.revoke(&Secret::from("t+k"), Some(TokenTypeHint::RefreshToken)).await.unwrap();
        let request = endpoint.only_request();
        assert_eq!((request.method(), request.uri().to_string().as_str()), (&Method::POST, REVOKE));
        assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
        let form = form(&request);
        assert_eq!((form["token"].as_str(), form["token_type_hint"].as_str()), ("t+k", "refresh_token"));
        assert!(!form.contains_key("grant_type"));
        assert_eq!((basic(&request).is_some(), form.contains_key("client_secret")), (in_header, in_body), "{method:?}");
    }
    let endpoint = Endpoint::json(200, "");
    let public = described(&endpoint).client_auth(ClientAuth::None).build().unwrap();
    public.revoke(&Secret::from("t"), None).await.unwrap();
    let sent = form(&endpoint.only_request());
    assert_eq!(
        sent.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
        ["client_id=orders", "token=t"]
    );
}

// R7009-2.1a
#[cfg(feature = "jwt")]
#[tokio::test]
async fn an_assertion_proves_the_client_too() {
    use tower_auth_core::jose::{Algorithm, SigningKey};
    let endpoint = Endpoint::json(200, "");
    let described = || described(&endpoint).issuer("https://login.example.com");
    let by_key = described().private_key(SigningKey::generate(Algorithm::Es256).unwrap()).build().unwrap();
    let by_secret = described().secret("s".repeat(32)).client_auth(ClientAuth::SecretJwt).build().unwrap();
    for client in [by_key, by_secret] {
        client.revoke(&Secret::from("t"), Some(TokenTypeHint::AccessToken)).await.unwrap();
        let sent = form(&endpoint.only_request());
        assert_eq!(sent["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        assert!(sent["client_assertion"].split('.').count() == 3 && !sent.contains_key("client_secret"));
    }
}

// R7009-2.1a
#[tokio::test]
async fn a_client_that_is_refused_ended_nothing() {
    let time = TestClock::new();
    let server = server(&time);
    let response = server.client_credentials("orders").build().unwrap().request_token().await.unwrap();
    let error = client(&server, "wrong").revoke_response(&response).await.unwrap_err();
    assert_eq!((error.code(), error.is_transient()), ("token.misconfigured", false));
    assert_eq!(error.access_token().unwrap().oauth_error(), Some("invalid_client"));
    assert!(is_active(&server, &response).await);
}

// R7009-2.2a
#[tokio::test]
async fn a_success_is_one_whatever_its_body_says_and_whoever_knows_the_token() {
    for body in ["", "<html>", r#"{"error":"invalid_token"}"#, "\u{0}"] {
        with_secret(&Endpoint::json(200, body)).revoke(&Secret::from("t"), None).await.unwrap();
    }
    let time = TestClock::new();
    let server = server(&time);
    let client = client(&server, "orders-secret");
    client.revoke(&Secret::from("never-issued"), Some(TokenTypeHint::AccessToken)).await.unwrap();
    let response = server.client_credentials("orders").build().unwrap().request_token().await.unwrap();
    assert!(is_active(&server, &response).await);
    for _ in 0..2 {
        client.revoke(response.token().secret(), None).await.unwrap();
        assert!(!is_active(&server, &response).await);
    }
}

// R7009-2.2b
#[tokio::test]
async fn a_server_that_cannot_now_says_when_to_try_again() {
    let endpoint =
        Endpoint::new(|| Ok(Response::builder().status(503).header(RETRY_AFTER, "120").body(Bytes::new()).unwrap()));
    let client = with_secret(&endpoint);
    let error = client.revoke(&Secret::from("token-sentinel"), None).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (TokenErrorKind::ServerError, Some(Duration::from_secs(120))));
    assert!(error.is_transient() && !format!("{error} {error:?}").contains("sentinel"));
    assert_eq!(endpoint.seen().len(), 1, "not at once");
    let error = client.revoke_response(&tokens()).await.unwrap_err();
    assert!(error.is_transient() && error.refresh_token().is_some() && error.access_token().is_some());
    let lost = Endpoint::new(|| Err(TransportError::new(TransportErrorKind::Protocol, "x").into()));
    assert!(with_secret(&lost).revoke(&Secret::from("t"), None).await.unwrap_err().is_transient());
}

// R7009-2.2c
#[tokio::test]
async fn a_kind_of_token_that_is_not_supported_is_an_error() {
    let time = TestClock::new();
    let server = server(&time);
    let response = server.client_credentials("orders").build().unwrap().request_token().await.unwrap();
    server.set_quirk(Quirk::KeepsAccessTokens, true);
    let error = client(&server, "orders-secret").revoke(response.token().secret(), None).await.unwrap_err();
    let expected = (TokenErrorKind::Misconfigured, Some("unsupported_token_type"));
    assert_eq!((error.kind(), error.oauth_error()), expected);
    assert!(!error.is_transient() && is_active(&server, &response).await);
    let error = client(&server, "orders-secret").revoke_response(&response).await.unwrap_err();
    assert!(!error.access_token_lives_on(), "nothing was ended");
}

// R7009-2.2c, R7009-2.1a
#[tokio::test]
async fn the_refresh_token_ends_first_and_what_remains_is_told() {
    // What becomes of the refresh token and of the access token.
    for (refresh, access, code, text, lives_on) in [
        (200, 200, "", "", false),
        (503, 200, "token.server_error", "the refresh token was not revoked, the access token was", false),
        (200, 503, "token.server_error", "the access token was not revoked, the refresh token was", false),
        (200, 400, "token.misconfigured", "the access token was not revoked, the refresh token was", true),
        (400, 200, "token.misconfigured", "the refresh token was not revoked, the access token was", false),
        (503, 400, "token.server_error", "the refresh token and the access token were not revoked", false),
    ] {
        let order = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&order);
        let endpoint = Endpoint::judging(move |request| {
            let hint = form(request)["token_type_hint"].clone();
            let status = if hint == "refresh_token" { refresh } else { access };
            log.lock().unwrap().push((hint, form(request)["token"].clone()));
            response(status, "application/json", r#"{"error":"unsupported_token_type"}"#)
        });
        let result = with_secret(&endpoint).revoke_response(&tokens()).await;
        let expected = [("refresh_token", "refresh-sentinel"), ("access_token", "access-sentinel")];
        assert_eq!(*order.lock().unwrap(), expected.map(|(hint, token)| (hint.to_owned(), token.to_owned())));
        let Err(error) = result else {
            assert!(code.is_empty(), "{refresh} {access}");
            continue;
        };
        assert_eq!((error.refresh_token().is_some(), error.access_token().is_some()), (refresh != 200, access != 200));
        assert_eq!((error.code(), error.access_token_lives_on()), (code, lives_on), "{refresh} {access}");
        assert_eq!(error.is_transient(), refresh == 503 || access == 503);
        assert_eq!(error.to_string(), format!("{text} [{code}]"));
        assert!(error.source().is_some() && !format!("{error} {error:?}").contains("sentinel"));
    }
}

fn server(time: &TestClock) -> AuthorizationServer {
    let builder = AuthorizationServer::builder().client_with(TestClient::new("orders", "orders-secret"));
    builder.clock(time.clock()).build().unwrap()
}

fn client(server: &AuthorizationServer, secret: &str) -> OAuthClient {
    let client = OAuthClient::builder("orders").token_endpoint(server.token_url()).secret(secret);
    client.revocation_endpoint(server.revocation_url()).http_client(server.http_client()).build().unwrap()
}

/// What the server says of the access token when it is asked (RFC 7662).
async fn is_active(server: &AuthorizationServer, response: &TokenResponse) -> bool {
    let token = response.token().secret().expose_secret();
    let request = Request::post(server.introspection_url())
        .header("authorization", format!("Basic {}", STANDARD.encode("orders:orders-secret")))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from(format!("token={token}")))
        .unwrap();
    let answer = server.http_client().send(request).await.unwrap();
    std::str::from_utf8(answer.body()).unwrap().contains("\"active\":true")
}
