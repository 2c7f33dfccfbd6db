//! The route of the resource's metadata.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use axum::body::Body;
use axum::http::{Method, Request};
use axum::middleware::from_extractor_with_state;
use axum::{Router, routing};
use tower::ServiceExt;
use tower_auth_axum::core::{Challenge, ResourceMetadata};
use tower_auth_axum::{Bearer, resource_metadata_routes};

use self::support::{Issuer, get, send};

const PATH: &str = "/.well-known/oauth-protected-resource/mcp";

fn metadata() -> ResourceMetadata {
    ResourceMetadata::new("https://api.example.com/mcp")
        .unwrap()
        .authorization_server("https://login.test")
        .unwrap()
        .scopes(["orders:read"])
}

fn app(issuer: &Issuer) -> Router {
    let metadata = metadata();
    let verifier = issuer.verifier().with_resource_metadata(metadata.url()).unwrap();
    Router::new()
        .route("/mcp", routing::post(|caller: Bearer| async move { caller.subject().to_owned() }))
        .route("/other", routing::get(|| async {}))
        .route_layer(from_extractor_with_state::<Bearer, _>(verifier.clone()))
        .with_state(verifier)
        .merge(resource_metadata_routes(metadata))
}

// R9728-3a, R9728-3.2a, R9728-5.1a
#[tokio::test]
async fn a_refusal_leads_to_the_document_and_the_document_is_open() {
    let app = app(&Issuer::new());
    let refused = get(&app, "/other", None).await;
    assert_eq!(refused.status, 401);
    let challenge = Challenge::from_headers(&refused.headers).remove(0);
    assert_eq!(challenge.param("resource_metadata"), Some(&*format!("https://api.example.com{PATH}")));

    let document = get(&app, PATH, None).await;
    assert_eq!((document.status.as_u16(), &*document.body), (200, &*metadata().to_json()));
    assert_eq!(document.headers["content-type"], "application/json");
    assert_eq!(document.headers["access-control-allow-origin"], "*");
    assert_eq!(get(&app, "/.well-known/oauth-protected-resource", None).await.status, 404);
}

// R9728-5.1a, THREAT-T10
#[tokio::test]
async fn neither_host_nor_forwarding_headers_change_what_is_announced() {
    let app = app(&Issuer::new());
    let lines = [("host", "evil.example"), ("x-forwarded-host", "evil.example"), ("forwarded", "host=evil.example")];
    let refused = send(&app, "/other", &lines).await;
    assert!(refused.challenges()[0].contains("https://api.example.com/"), "{refused:?}");
    assert!(!refused.challenges()[0].contains("evil"), "{refused:?}");
    assert!(!send(&app, PATH, &lines).await.body.contains("evil"));
}

// R9728-3.2a
#[tokio::test]
async fn every_method_has_its_answer() {
    let app = app(&Issuer::new());
    for (method, status) in [(Method::HEAD, 200), (Method::OPTIONS, 204), (Method::POST, 405), (Method::PUT, 405)] {
        let request = Request::builder().method(&method).uri(PATH).body(Body::empty()).unwrap();
        assert_eq!(app.clone().oneshot(request).await.unwrap().status(), status, "{method}");
    }
}

// R9728-3a
#[tokio::test]
async fn a_path_that_axum_would_read_as_a_pattern_is_served_as_it_is() {
    let metadata = ResourceMetadata::new("https://api.example.com/a%7Bb%7D?tenant=1").unwrap();
    let app = Router::new().merge(resource_metadata_routes(metadata));
    let path = "/.well-known/oauth-protected-resource/a%7Bb%7D";
    assert_eq!(get(&app, &format!("{path}?tenant=1"), None).await.status, 200);
    assert_eq!(get(&app, &format!("{path}?tenant=2"), None).await.status, 404);
}
