//! Callers whose tokens are looked up at their authorization server.
#![cfg(feature = "introspection")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod server_support;

use http::StatusCode;
use tonic::Code;
use tower_auth_testing::{AuthorizationServer, Endpoint, Fault, TestClient, TestClock, TokenFormat};
use tower_auth_tonic::GrpcValidateLayer;
use tower_auth_tonic::core::{IntrospectionVerifier, OAuthClient};

use self::server_support::{Desk, check, metadata, serve};

// GRPC-7, GRPC-3, R7662-2.3a, THREAT-V16
#[tokio::test]
async fn an_endpoint_that_cannot_tell_is_unavailable_and_an_inactive_token_unauthenticated() {
    let time = TestClock::new();
    let web = TestClient::new("web", "web-secret").format(TokenFormat::Opaque);
    let server = AuthorizationServer::builder().client_with(web).client("health", "s3cret").clock(time.clock());
    let server = server.build().unwrap();
    let client = OAuthClient::builder("health").secret("s3cret").introspection_endpoint(server.introspection_url());
    let verifier = IntrospectionVerifier::over(client)
        .http_client(server.http_client())
        .audience("test-audience")
        .clock(time.clock())
        .build()
        .unwrap();
    let desk = Desk::default();
    let address = serve(GrpcValidateLayer::new(verifier), &desk).await;
    let token = server.client_credentials("web").build().unwrap().request_token().await.unwrap();
    let bearer = || format!("Bearer {}", token.token().secret().expose_secret());

    let answer = check(address, [bearer()]).await.unwrap();
    assert_eq!(answer.metadata().get("subject").unwrap(), "web");
    for fault in [Fault::status(StatusCode::UNAUTHORIZED), Fault::status(StatusCode::BAD_GATEWAY), Fault::html()] {
        server.fault(Endpoint::Introspection, fault);
        let refused = check(address, [bearer()]).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable);
        assert_eq!(metadata(&refused, "www-authenticate"), None, "no other credential would help");
        assert!(check(address, [bearer()]).await.is_ok());
    }
    assert!(server.revoke(token.token().secret()));
    assert_eq!(check(address, [bearer()]).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(desk.served(), 4);
}
