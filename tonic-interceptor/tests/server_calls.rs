//! Calls to a guarded gRPC server: who gets in, and what the others are told.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod server_support;

use std::net::SocketAddr;

use http::StatusCode;
use tonic::Code;
use tonic::service::Routes;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_server::HealthServer;
use tower::Layer;
use tower_auth_testing::{Endpoint, Fault, Flaw};
use tower_auth_tonic::GrpcValidateLayer;
use tower_auth_tonic::core::BasicVerifier;

use self::server_support::{CHECK, Desk, HEALTH, Issuer, bearer, check, client, metadata, serve, serve_routes};

// GRPC-3, THREAT-V16
#[tokio::test]
async fn a_known_caller_reaches_the_handler_which_knows_who_it_is() {
    let (issuer, desk) = (Issuer::new(), Desk::default());
    let layer = GrpcValidateLayer::new(issuer.verifier());
    let address = serve(layer.clone(), &desk).await;
    let response = check(address, [issuer.bearer()]).await.unwrap();
    assert_eq!(response.metadata().get("subject").unwrap(), "alice");
    assert_eq!(response.metadata().get("credential").unwrap(), "true");
    assert_eq!(issuer.server.request_count(Endpoint::Jwks), 1, "the call waited for the keys");
    let address = serve(layer.strip_authorization(), &desk).await;
    let response = check(address, [issuer.bearer()]).await.unwrap();
    assert_eq!(response.metadata().get("credential").unwrap(), "false");
}

// GRPC-3, GRPC-4, GRPC-10
#[tokio::test]
async fn a_missing_or_doubled_credential_is_unauthenticated() {
    let (issuer, desk) = (Issuer::new(), Desk::default());
    let address = serve(GrpcValidateLayer::new(issuer.verifier()), &desk).await;
    let missing = check(address, []).await.unwrap_err();
    assert_eq!(missing.code(), Code::Unauthenticated);
    assert_eq!(missing.message(), "Authentication is required");
    assert_eq!(metadata(&missing, "www-authenticate"), Some(r#"Bearer realm="health""#));
    let doubled = check(address, [issuer.bearer(), issuer.bearer()]).await.unwrap_err();
    assert_eq!(doubled.code(), Code::Unauthenticated);
    assert!(metadata(&doubled, "www-authenticate").unwrap().contains("invalid_request"));
    assert_eq!(desk.served(), 0);
}

// GRPC-3, GRPC-10
#[tokio::test]
async fn every_flaw_of_a_token_is_unauthenticated_and_no_message_quotes_it() {
    let (issuer, desk) = (Issuer::new(), Desk::default());
    let layer = GrpcValidateLayer::new(issuer.verifier()).require_scope("nobody:has").unwrap();
    let address = serve(layer, &desk).await;
    for &flaw in Flaw::ALL {
        let token = issuer.token().flaw(flaw).sign();
        let refused = check(address, [format!("Bearer {token}")]).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{flaw:?}: never PERMISSION_DENIED for an unknown caller");
        assert!(refused.message().len() < 64 && refused.message().is_ascii(), "{flaw:?}");
        let told = format!("{:?} {:?}", refused.message(), refused.metadata());
        assert!(token.split('.').filter(|part| !part.is_empty()).all(|part| !told.contains(part)), "{flaw:?}");
    }
    let known = check(address, [issuer.bearer()]).await.unwrap_err();
    assert_eq!(known.code(), Code::PermissionDenied, "without a flaw it is known");
    assert_eq!(desk.served(), 0);
}

// GRPC-3
#[tokio::test]
async fn a_known_caller_without_the_scope_is_denied_permission() {
    let (issuer, desk) = (Issuer::new(), Desk::default());
    let layer = GrpcValidateLayer::new(issuer.verifier()).require_scope("health:admin").unwrap();
    let address = serve(layer, &desk).await;
    let refused = check(address, [issuer.bearer()]).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let challenge = metadata(&refused, "www-authenticate").unwrap();
    assert!(challenge.contains("insufficient_scope") && challenge.contains("health:admin"), "{challenge}");
    let admin = bearer(issuer.token().scopes(["health:admin"]));
    check(address, [admin]).await.unwrap();
    assert_eq!(desk.served(), 1);
}

// GRPC-7, THREAT-V16
#[tokio::test]
async fn what_cannot_be_told_is_unavailable_and_not_unauthenticated() {
    let (issuer, desk) = (Issuer::new(), Desk::default());
    issuer.server.fault(Endpoint::Jwks, Fault::status(StatusCode::SERVICE_UNAVAILABLE).always());
    let address = serve(GrpcValidateLayer::new(issuer.verifier()), &desk).await;
    let refused = check(address, [issuer.bearer()]).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert_eq!(metadata(&refused, "www-authenticate"), None, "no other credential would help");
    assert_eq!(check(address, []).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(desk.served(), 0);
}

// GRPC-3, GRPC-8
#[tokio::test]
async fn a_stream_is_guarded_like_any_call() {
    let (issuer, desk) = (Issuer::new(), Desk::default());
    let address = serve(GrpcValidateLayer::new(issuer.verifier()), &desk).await;
    let refused = client(address, []).await.watch(HealthCheckRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let mut client = client(address, [issuer.bearer()]).await;
    let mut stream = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    assert!(stream.message().await.unwrap().is_none(), "the end comes through");
}

/// How a watch begins.
async fn watch<const N: usize>(address: SocketAddr, authorization: [String; N]) -> Result<(), Code> {
    let mut client = client(address, authorization).await;
    client.watch(HealthCheckRequest::default()).await.map(drop).map_err(|status| status.code())
}

// GRPC-8
#[tokio::test]
async fn the_most_specific_rule_wins_and_what_nobody_named_is_guarded() {
    let (issuer, desk) = (Issuer::new(), Desk { serves_anyone: true, ..Desk::default() });
    let layer = GrpcValidateLayer::new(issuer.verifier());

    let exempt = serve(layer.clone().allow_anonymous(CHECK).unwrap(), &desk).await;
    let response = check(exempt, []).await.unwrap();
    assert_eq!(response.metadata().get("subject").unwrap(), "nobody");
    let response = check(exempt, [issuer.bearer()]).await.unwrap();
    assert_eq!(response.metadata().get("subject").unwrap(), "alice");
    let expired = bearer(issuer.token().flaw(Flaw::Expired));
    assert_eq!(check(exempt, [expired]).await.unwrap_err().code(), Code::Unauthenticated, "bad is not anonymous");
    assert_eq!(watch(exempt, []).await, Err(Code::Unauthenticated), "the other method");

    let open = layer.clone().allow_anonymous(HEALTH).unwrap().method(CHECK, "health:admin").unwrap();
    let open = serve(open, &desk).await;
    assert_eq!(watch(open, []).await, Ok(()));
    assert_eq!(check(open, []).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(check(open, [issuer.bearer()]).await.unwrap_err().code(), Code::PermissionDenied);

    let scoped = layer.clone().service(HEALTH, "health:admin").unwrap().method(CHECK, "").unwrap();
    let scoped = serve(scoped, &desk).await;
    check(scoped, [issuer.bearer()]).await.unwrap();
    assert_eq!(watch(scoped, [issuer.bearer()]).await, Err(Code::PermissionDenied));

    // What is required of all is required by the rules too, made before it or after it.
    let before = layer.clone().method(CHECK, "health:read").unwrap().require_scope("base").unwrap();
    let after = layer.require_scope("base").unwrap().method(CHECK, "health:read").unwrap();
    for layer in [before, after] {
        let address = serve(layer, &desk).await;
        assert_eq!(check(address, [issuer.bearer()]).await.unwrap_err().code(), Code::PermissionDenied);
        check(address, [bearer(issuer.token().scopes(["base", "health:read"]))]).await.unwrap();
    }
}

// GRPC-8, THREAT-V15
#[test]
fn a_misspelled_rule_is_found_when_the_layer_is_made() {
    let layer = || GrpcValidateLayer::new(BasicVerifier::new().user("batch", "s3cret").build().unwrap());
    for path in ["", "/", "a.Service", "Service/Method", "/Service", "/a.Service/", "/a.Service/Method/", "/a/%4D"] {
        let error = layer().method(path, "").unwrap_err();
        assert_eq!(error.code(), "config.invalid_option", "{path:?}");
    }
    for name in ["", "/a.Service/Method", "a.Service/Method", "a..Service", ".Service", "a.*", "*"] {
        assert!(layer().service(name, "").is_err(), "{name:?}");
    }
    for either in ["", "/", "/a.Service/*", "a.Service/Method", "*"] {
        assert!(layer().allow_anonymous(either).is_err(), "{either:?}");
    }
    let twice = layer().allow_anonymous(CHECK).unwrap().method(CHECK, "admin").unwrap_err();
    assert!(twice.to_string().contains("two rules"), "{twice}");
    assert_eq!(layer().method(CHECK, "a\"b").unwrap_err().code(), "config.invalid_scope");
}

// THREAT-V16, GRPC-3
#[tokio::test]
async fn a_single_service_is_guarded_under_its_own_name() {
    let (issuer, desk) = (Issuer::new(), Desk::default());
    let guarded = GrpcValidateLayer::new(issuer.verifier()).layer(HealthServer::new(desk.clone()));
    let address = serve_routes(Routes::new(guarded)).await;
    check(address, [issuer.bearer()]).await.unwrap();
    assert_eq!(check(address, []).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(desk.served(), 1);
}

// THREAT-V16
#[tokio::test]
async fn a_handler_without_a_layer_denies_everybody() {
    let (issuer, desk) = (Issuer::new(), Desk::default());
    let address = serve_routes(Routes::new(HealthServer::new(desk.clone()))).await;
    let refused = check(address, [issuer.bearer()]).await.unwrap_err();
    assert_eq!(refused.code(), Code::Internal);
    assert_eq!(refused.message(), "Authentication failed by a mistake of this service");
    assert_eq!(desk.served(), 0);
}
