//! Dynamic client registration.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};
use tower_auth_core::jose::{Algorithm, SigningKey, TokenHeader};
use tower_auth_testing::{AuthorizationServer, AuthorizationServerBuilder, TestClock};

use support::{VERIFIER, authorize_url, basic, form, get, now, send, send_raw, text, unique};

const CALLBACK: &str = "https://app.test/cb";

fn open() -> AuthorizationServer {
    AuthorizationServer::builder().open_registration().build().unwrap()
}

async fn register_with(server: &AuthorizationServer, authorization: &str, body: &str) -> Response<Bytes> {
    let request = Request::post(server.registration_url()).header("content-type", "application/json");
    let request = request.header("authorization", authorization);
    send_raw(server, request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap()).await
}

async fn register(server: &AuthorizationServer, body: &Value) -> (u16, Value) {
    let response = register_with(server, "", &body.to_string()).await;
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap())
}

#[tokio::test]
async fn a_registered_client_is_as_good_as_any() {
    let server = open();
    let asked = json!({ "redirect_uris": [CALLBACK], "client_name": "App", "scope": "a b", "grant_types": ["authorization_code", "refresh_token"] });
    let (status, client) = register(&server, &asked).await;
    assert_eq!((status, text(&client, "client_name")), (201, "App"));
    assert_eq!(
        (text(&client, "token_endpoint_auth_method"), &client["client_secret_expires_at"]),
        ("client_secret_basic", &json!(0))
    );
    assert_eq!((&client["response_types"], &client["redirect_uris"]), (&json!(["code"]), &json!([CALLBACK])));
    assert!(client["client_id_issued_at"].is_u64());
    let (id, secret) = (text(&client, "client_id"), text(&client, "client_secret"));
    let code = server.approve(&authorize_url(&server, id, "")).unwrap().code().unwrap().to_owned();
    let body = format!("grant_type=authorization_code&code={code}&code_verifier={VERIFIER}");
    let (status, answer) = send(&server, form(&server.token_url(), &basic(id, secret), &body)).await;
    assert_eq!((status, text(&answer, "scope")), (StatusCode::OK, "a b"));
    let other = send(&server, form(&server.token_url(), &basic(id, secret), "grant_type=client_credentials")).await;
    assert_eq!(text(&other.1, "error"), "unauthorized_client");
    let (_, second) = register(&server, &asked).await;
    assert_ne!(text(&second, "client_id"), id);
}

#[tokio::test]
async fn each_method_of_authentication_can_be_registered() {
    let time = TestClock::new();
    let server = AuthorizationServer::builder().open_registration().clock(time.clock()).build().unwrap();
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let jwk: Value = serde_json::from_str(&key.public_jwk(None).unwrap()).unwrap();
    for (method, has_secret) in [
        ("client_secret_basic", true),
        ("client_secret_post", true),
        ("client_secret_jwt", true),
        ("private_key_jwt", false),
        ("none", false),
    ] {
        let mut asked = json!({ "token_endpoint_auth_method": method, "grant_types": ["client_credentials"], "response_types": [] });
        if method == "private_key_jwt" {
            asked["jwks"] = json!({ "keys": [jwk] });
        }
        let (status, client) = register(&server, &asked).await;
        assert_eq!((status, client.get("client_secret").is_some()), (201, has_secret), "{method}");
        let (id, secret) = (text(&client, "client_id"), text(&client, "client_secret"));
        let grant = "grant_type=client_credentials";
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let assertion = |key: &SigningKey| {
            let claims =
                json!({ "iss": id, "sub": id, "aud": "https://login.test", "exp": now(&time) + 60, "jti": unique() });
            let text = key.sign(&TokenHeader::new(), &claims).unwrap();
            format!("{grant}&client_assertion_type={kind}&client_assertion={text}")
        };
        let (authorization, body) = match method {
            "client_secret_basic" => (basic(id, secret), grant.to_owned()),
            "client_secret_post" => (String::new(), format!("{grant}&client_id={id}&client_secret={secret}")),
            "client_secret_jwt" => {
                let key = SigningKey::from_hmac_secret(Algorithm::Hs256, secret.as_bytes()).unwrap();
                (String::new(), assertion(&key))
            }
            "private_key_jwt" => (String::new(), assertion(&key)),
            _ => (String::new(), format!("{grant}&client_id={id}")),
        };
        let (status, answer) = send(&server, form(&server.token_url(), &authorization, &body)).await;
        let expected = if method == "none" { (400, "unauthorized_client") } else { (200, "") };
        assert_eq!((status.as_u16(), text(&answer, "error")), expected, "{method}");
    }
}

#[tokio::test]
async fn each_broken_description_is_refused() {
    let server = open();
    let private = json!({ "kty": "oct", "k": "AAAA" });
    let with = |member: &str, value: Value| {
        let mut asked = json!({ "redirect_uris": [CALLBACK] });
        asked[member] = value;
        asked
    };
    for (asked, error) in [
        (json!({}), "invalid_redirect_uri"),
        (with("redirect_uris", json!(["/cb"])), "invalid_redirect_uri"),
        (with("redirect_uris", json!(["https://app.test/#x"])), "invalid_redirect_uri"),
        (with("redirect_uris", json!(["http://app.test/cb"])), "invalid_redirect_uri"),
        (with("redirect_uris", json!(["http://localhost/cb"])), "invalid_redirect_uri"),
        (with("redirect_uris", json!(["http://127.0.0.1.evil.test/cb"])), "invalid_redirect_uri"),
        (with("redirect_uris", json!(["javascript:alert(1)"])), "invalid_redirect_uri"),
        (with("redirect_uris", json!(CALLBACK)), "invalid_client_metadata"),
        (with("token_endpoint_auth_method", json!("tls_client_auth")), "invalid_client_metadata"),
        (with("token_endpoint_auth_method", json!(1)), "invalid_client_metadata"),
        (with("token_endpoint_auth_method", json!("private_key_jwt")), "invalid_client_metadata"),
        (with("jwks_uri", json!("https://app.test/jwks")), "invalid_client_metadata"),
        (with("grant_types", json!(["implicit"])), "invalid_client_metadata"),
        (with("response_types", json!(["token"])), "invalid_client_metadata"),
        (with("response_types", json!([])), "invalid_client_metadata"),
        (with("scope", json!("a\"")), "invalid_client_metadata"),
        (with("dpop_bound_access_tokens", json!("yes")), "invalid_client_metadata"),
        (with("software_statement", json!("a.b.c")), "unapproved_software_statement"),
        (
            json!({ "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [private] } }),
            "invalid_client_metadata",
        ),
        (json!([]), "invalid_client_metadata"),
    ] {
        let (status, answer) = register(&server, &asked).await;
        assert_eq!((status, text(&answer, "error")), (400, error), "{asked}");
    }
    for uri in ["http://127.0.0.1/cb", "http://[::1]:8080/cb?a=b", "com.example.app:/cb", "https://app.test"] {
        assert_eq!(register(&server, &with("redirect_uris", json!([uri]))).await.0, 201, "{uri}");
    }
}

#[tokio::test]
async fn what_a_client_promises_of_itself_is_held_against_it() {
    let server = open();
    let asked = json!({
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "none",
        "dpop_bound_access_tokens": true,
        "require_pushed_authorization_requests": true,
    });
    let (_, client) = register(&server, &asked).await;
    let redirect = server.approve(&authorize_url(&server, text(&client, "client_id"), "")).unwrap();
    assert_eq!(redirect.error(), Some("invalid_request"));
    let body = format!("grant_type=authorization_code&code=x&client_id={}", text(&client, "client_id"));
    assert_eq!(text(&send(&server, form(&server.token_url(), "", &body)).await.1, "error"), "invalid_dpop_proof");
}

#[tokio::test]
async fn registration_is_for_those_whom_the_builder_names() {
    let body = json!({ "redirect_uris": [CALLBACK] }).to_string();
    let metadata = "https://login.test/.well-known/oauth-authorization-server";
    let server = |change: fn(AuthorizationServerBuilder) -> AuthorizationServerBuilder| {
        change(AuthorizationServer::builder()).build().unwrap()
    };
    let closed = server(|builder| builder);
    assert_eq!(register_with(&closed, "", &body).await.status(), StatusCode::NOT_FOUND);
    assert!(get(&closed, metadata).await.1.get("registration_endpoint").is_none());

    let held = server(|builder| builder.registration_token("initial"));
    for authorization in ["", "Bearer wrong", "Basic initial", "initial"] {
        let refused = register_with(&held, authorization, &body).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{authorization}");
        assert!(refused.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
    }
    assert_eq!(register_with(&held, "Bearer initial", &body).await.status(), StatusCode::CREATED);
    assert_eq!(text(&get(&held, metadata).await.1, "registration_endpoint"), held.registration_url());
    assert_eq!(get(&held, &held.registration_url()).await.0, StatusCode::METHOD_NOT_ALLOWED);
}
