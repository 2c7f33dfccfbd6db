//! Callers whose tokens are looked up at their authorization server.
#![cfg(feature = "introspection")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::{Router, routing};
use tower_auth_axum::Bearer;
use tower_auth_axum::core::{IntrospectionVerifier, OAuthClient};
use tower_auth_testing::{AuthorizationServer, Endpoint, Fault, TestClient, TestClock, TokenFormat};

use self::support::get;

async fn set_up() -> (AuthorizationServer, Router, String) {
    let time = TestClock::new();
    let web = TestClient::new("web", "web-secret").format(TokenFormat::Opaque);
    let server = AuthorizationServer::builder().client_with(web).client("orders", "s3cret").clock(time.clock());
    let server = server.build().unwrap();
    let client = OAuthClient::builder("orders").secret("s3cret").introspection_endpoint(server.introspection_url());
    let verifier = IntrospectionVerifier::over(client)
        .http_client(server.http_client())
        .audience("test-audience")
        .realm("orders")
        .clock(time.clock())
        .build()
        .unwrap();
    let app = Router::new()
        .route("/bearer", routing::get(|caller: Bearer| async move { caller.subject().to_owned() }))
        .route(
            "/maybe",
            routing::get(|caller: Option<Bearer>| async move {
                caller.map_or_else(|| "nobody".to_owned(), |caller| caller.subject().to_owned())
            }),
        )
        .with_state(verifier);
    let token = server.client_credentials("web").build().unwrap().request_token().await.unwrap();
    (server, app, format!("Bearer {}", token.token().secret().expose_secret()))
}

// R7662-2.2a, R7662-2.3a, R9068-4c
#[tokio::test]
async fn an_active_token_is_let_in_and_an_inactive_one_gets_a_challenge() {
    let (_, app, token) = set_up().await;
    let answer = get(&app, "/bearer", Some(&token)).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "web"));
    for path in ["/bearer", "/maybe"] {
        let answer = get(&app, path, Some("Bearer never-issued")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        let challenge =
            r#"Bearer realm="orders", error="invalid_token", error_description="The access token is not valid""#;
        assert_eq!(answer.challenges(), [challenge]);
    }
    assert_eq!(get(&app, "/maybe", None).await.body, "nobody");
}

// R7662-2.3a, THREAT-V16
#[tokio::test]
async fn an_endpoint_that_cannot_tell_is_503_and_never_anonymous() {
    let (server, app, token) = set_up().await;
    for fault in [
        Fault::status(StatusCode::UNAUTHORIZED),
        Fault::status(StatusCode::SERVICE_UNAVAILABLE),
        Fault::html(),
        Fault::disconnect(),
    ] {
        for path in ["/bearer", "/maybe"] {
            server.fault(Endpoint::Introspection, fault.clone());
            let answer = get(&app, path, Some(&token)).await;
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path} {fault:?}");
            assert_eq!(answer.headers[RETRY_AFTER], "1");
            assert!(answer.challenges().is_empty());
            assert_eq!(get(&app, path, Some(&token)).await.status, StatusCode::OK);
        }
    }
}
