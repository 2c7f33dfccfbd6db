//! The gRPC guard before tokens of a certified authorization server that others wrote.
#![cfg(all(feature = "http", feature = "oauth", feature = "jwt"))]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it skips")]

#[path = "../../auth-core/tests/interop/provider.rs"]
mod provider;

use std::convert::Infallible;

use http::{Request, Response};
use tonic::body::Body;
use tower::{Layer, ServiceExt, service_fn};
use tower_auth_tonic::GrpcValidateLayer;
use tower_auth_tonic::core;

use self::provider::Provider;

// GRPC-3, GRPC-4, R9068-4b
#[tokio::test]
async fn its_tokens_of_every_algorithm_open_the_method_for_their_audience_only() {
    let Some(server) = Provider::start() else { return };
    for algorithm in ["rs256", "ps256", "es256", "es384", "eddsa"] {
        let audience = format!("urn:api:{algorithm}");
        let current = server.grant("cc-basic").resource(&audience).cached().unwrap().current().await.unwrap();
        for (audience, status) in [(audience.as_str(), None), ("urn:api:other", Some("16"))] {
            let verifier = server.verifier(audience).build().unwrap();
            let inner = service_fn(|_: Request<Body>| async { Ok::<_, Infallible>(Response::new(Body::empty())) });
            let service = GrpcValidateLayer::new(verifier).layer(inner);
            let mut request = Request::post("/grpc.health.v1.Health/Check")
                .header("content-type", "application/grpc")
                .body(Body::empty())
                .unwrap();
            current.credential.apply(&mut request).unwrap();
            let response = service.oneshot(request).await.unwrap();
            assert_eq!(response.status(), 200);
            let grpc_status = response.headers().get("grpc-status").map(|value| value.to_str().unwrap());
            assert_eq!(grpc_status, status, "{algorithm} for {audience}");
        }
    }
}
