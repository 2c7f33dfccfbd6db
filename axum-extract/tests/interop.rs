//! The extractors before tokens of a certified authorization server that others wrote.
#![cfg(all(feature = "http", feature = "oauth", feature = "jwt"))]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it skips")]

#[path = "../../auth-core/tests/interop/provider.rs"]
mod provider;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Request, StatusCode};
use tower::ServiceExt;
use tower_auth_axum::Bearer;
use tower_auth_axum::core;

use self::provider::Provider;

async fn me(user: Bearer) -> String {
    user.subject().to_owned()
}

// R9068-2.1a, R9068-4b, R9068-4c
#[tokio::test]
async fn its_tokens_of_every_algorithm_open_the_route_of_their_audience_only() {
    let Some(server) = Provider::start() else { return };
    for algorithm in ["rs256", "ps256", "es256", "es384", "eddsa"] {
        let audience = format!("urn:api:{algorithm}");
        let current = server.grant("cc-basic").resource(&audience).cached().unwrap().current().await.unwrap();
        for (audience, status) in [(audience.as_str(), StatusCode::OK), ("urn:api:other", StatusCode::UNAUTHORIZED)] {
            let verifier = server.verifier(audience).build().unwrap();
            let app: Router = Router::new().route("/me", get(me)).with_state(verifier);
            let mut request = Request::get("/me").body(Body::empty()).unwrap();
            current.credential.apply(&mut request).unwrap();
            assert_eq!(app.oneshot(request).await.unwrap().status(), status, "{algorithm} for {audience}");
        }
    }
}
