//! The metadata of a protected resource, as clients find it from a refusal on.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::convert::Infallible;

use bytes::Bytes;
use http::{Method, Request, Response};
use tokio_test::{assert_pending, assert_ready};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_auth::core::jose::{Algorithm, JwkSet};
use tower_auth::core::{Challenge, HttpClient, JwtVerifier, ProtectedResourceMetadata, ResourceMetadata};
use tower_auth::{ResourceMetadataLayer, ValidateLayer};
use tower_auth_testing::{TestClock, TokenMinter};
use tower_test::mock;

const RESOURCE: &str = "https://api.example.com/mcp";

fn metadata() -> ResourceMetadata {
    ResourceMetadata::new(RESOURCE)
        .unwrap()
        .authorization_server("https://login.example.com")
        .unwrap()
        .scopes(["notes:read"])
        .name("Notes")
}

/// A guarded service that says where its metadata is.
fn api()
-> impl Service<Request<Bytes>, Response = Response<Bytes>, Error = Infallible, Future: Send> + Clone + Send + Sync {
    let minter =
        TokenMinter::with_keys("https://login.example.com", &[Algorithm::Es256], TestClock::new().clock()).unwrap();
    let metadata = metadata();
    let verifier = JwtVerifier::issuer(minter.issuer())
        .unwrap()
        .audience(metadata.resource())
        .jwks(JwkSet::parse(minter.jwks().as_bytes()).unwrap())
        .build()
        .unwrap()
        .with_resource_metadata(metadata.url())
        .unwrap();
    ServiceBuilder::new()
        .layer(ResourceMetadataLayer::new(metadata))
        .layer(ValidateLayer::new(verifier))
        .service(service_fn(|_: Request<Bytes>| async { Ok::<_, Infallible>(Response::new(Bytes::new())) }))
}

// R9728-5.1a, R9728-3a, R9728-3.2a, R9728-3.3b
#[tokio::test]
async fn a_client_finds_the_authorization_server_by_the_challenge_it_is_refused_with() {
    let refused = api().oneshot(Request::post(RESOURCE).body(Bytes::new()).unwrap()).await.unwrap();
    assert_eq!(refused.status(), 401);
    let challenge = Challenge::from_headers(refused.headers()).remove(0);
    let announced = challenge.param("resource_metadata").unwrap();
    assert_eq!(announced, "https://api.example.com/.well-known/oauth-protected-resource/mcp");

    for request in [
        ProtectedResourceMetadata::request(RESOURCE).announced_at(announced),
        ProtectedResourceMetadata::request(RESOURCE),
    ] {
        let found = request.http_client(HttpClient::new(api())).fetch().await.unwrap();
        assert_eq!(found.resource(), RESOURCE);
        assert_eq!(found.authorization_servers(), ["https://login.example.com"]);
        assert_eq!(found.scopes(), Some(&["notes:read".to_owned()][..]));
        assert_eq!(found.bearer_methods(), Some(&["header".to_owned()][..]));
        assert_eq!(found.raw_member("resource_name"), Some("\"Notes\""));
        assert_eq!((found.dpop_signing_algs(), found.requires_dpop()), (None, false));
    }
    let other = ProtectedResourceMetadata::request("https://api.example.com/").http_client(HttpClient::new(api()));
    assert!(other.fetch().await.is_err(), "nothing is there for the whole host");
}

// R9728-5.1a, THREAT-T10
#[tokio::test]
async fn what_a_request_says_of_the_host_is_not_announced() {
    let request = Request::post("https://evil.example/mcp")
        .header("host", "evil.example")
        .header("forwarded", "host=evil.example;proto=http")
        .header("x-forwarded-host", "evil.example")
        .header("x-forwarded-prefix", "/evil")
        .body(Bytes::new())
        .unwrap();
    let refused = api().oneshot(request).await.unwrap();
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains("https://api.example.com/.well-known/") && !challenge.contains("evil"), "{challenge}");
}

// R9728-3.2a
#[tokio::test]
async fn a_browser_may_read_the_document_from_any_origin() {
    let ask = |method: Method| {
        Request::builder()
            .method(method)
            .uri(metadata().url())
            .header("origin", "https://client.example")
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "mcp-protocol-version")
            .body(Bytes::new())
            .unwrap()
    };
    let preflight = api().oneshot(ask(Method::OPTIONS)).await.unwrap();
    assert_eq!(preflight.status(), 204);
    assert_eq!(preflight.headers()["access-control-allow-origin"], "*");
    assert_eq!(preflight.headers()["access-control-allow-headers"], "*");
    let document = api().oneshot(ask(Method::GET)).await.unwrap();
    assert_eq!(document.headers()["access-control-allow-origin"], "*");
    assert_eq!(document.headers()["content-type"], "application/json");
    assert_eq!(api().oneshot(ask(Method::DELETE)).await.unwrap().status(), 405);
}

#[tokio::test]
async fn readiness_is_that_of_the_inner_service_and_an_answer_leaves_it_ready() {
    let (inner, mut handle) = mock::pair::<Request<()>, Response<String>>();
    let mut service = mock::Spawn::new(ResourceMetadataLayer::new(metadata()).layer(inner));
    handle.allow(0);
    assert_pending!(service.poll_ready());
    handle.allow(1);
    assert_ready!(service.poll_ready()).unwrap();
    let request = Request::get(metadata().path()).body(()).unwrap();
    assert_eq!(service.call(request).await.unwrap().status(), 200);
    assert_ready!(service.poll_ready()).unwrap();
    let passed = tokio::spawn(service.call(Request::get("/").body(()).unwrap()));
    handle.next_request().await.unwrap().1.send_response(Response::new("inner".to_owned()));
    assert_eq!(passed.await.unwrap().unwrap().into_body(), "inner");
}
