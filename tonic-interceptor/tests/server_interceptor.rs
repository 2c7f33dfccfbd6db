//! The synchronous interceptor of servers: it authenticates, and never waits.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod server_support;

use std::time::Duration;

use tonic::service::{Interceptor, Routes};
use tonic::{Code, Request};
use tonic_health::pb::health_server::HealthServer;
use tower_auth_testing::{Endpoint, Flaw};
use tower_auth_tonic::core::{Basic, BasicVerifier, JwtVerifier, Verifier};
use tower_auth_tonic::{VerifyInterceptor, subject_token};

use self::server_support::{Desk, Issuer, bearer, check, metadata, serve_routes};

// GRPC-3, GRPC-10, THREAT-V16
#[tokio::test]
async fn with_keys_at_hand_it_authenticates() {
    let (issuer, desk) = (Issuer::new(), Desk::default());
    let verifier = issuer.verifier();
    verifier.ready().await.unwrap();
    let interceptor = VerifyInterceptor::new(verifier);
    let address = serve_routes(Routes::new(HealthServer::with_interceptor(desk.clone(), interceptor))).await;
    let response = check(address, [issuer.bearer()]).await.unwrap();
    assert_eq!(response.metadata().get("subject").unwrap(), "alice");
    let missing = check(address, []).await.unwrap_err();
    assert_eq!(missing.code(), Code::Unauthenticated);
    assert_eq!(metadata(&missing, "www-authenticate"), Some(r#"Bearer realm="health""#));
    let doubled = check(address, [issuer.bearer(), issuer.bearer()]).await.unwrap_err();
    assert_eq!(doubled.code(), Code::Unauthenticated);
    let expired = check(address, [bearer(issuer.token().flaw(Flaw::Expired))]).await.unwrap_err();
    assert_eq!(expired.code(), Code::Unauthenticated);
    assert_eq!(desk.served(), 1);
}

// SYS-A12
#[tokio::test]
async fn a_service_takes_a_pair_and_a_token_alike() {
    let (issuer, desk) = (Issuer::new(), Desk::default());
    let token = issuer.verifier();
    token.ready().await.unwrap();
    let pair = BasicVerifier::new().user("workflow-token", "s3cr+et/%:").realm("health").build().unwrap();
    let interceptor = VerifyInterceptor::new(Verifier::any_of([token, pair]).unwrap());
    let address = serve_routes(Routes::new(HealthServer::with_interceptor(desk.clone(), interceptor))).await;
    let basic = |pair: &Basic| pair.header_text().expose_secret().to_owned();
    let good = basic(&Basic::new("workflow-token", "s3cr+et/%:").unwrap());
    for (credential, subject) in [(good, "workflow-token"), (issuer.bearer(), "alice")] {
        let response = check(address, [credential]).await.unwrap();
        assert_eq!(response.metadata().get("subject").unwrap(), subject);
    }
    let wrong = basic(&Basic::new("workflow-token", "s3cr et").unwrap());
    assert_eq!(check(address, [wrong]).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(desk.served(), 2);
}

// GRPC-7
#[tokio::test]
async fn without_keys_it_starts_their_fetch_and_is_unavailable_meanwhile() {
    let (issuer, desk) = (Issuer::new(), Desk::default());
    let verifier = issuer.verifier();
    let interceptor = VerifyInterceptor::new(verifier.clone());
    let address = serve_routes(Routes::new(HealthServer::with_interceptor(desk.clone(), interceptor))).await;
    let early = check(address, [issuer.bearer()]).await.unwrap_err();
    assert_eq!(early.code(), Code::Unavailable);
    verifier.ready().await.unwrap();
    assert_eq!(issuer.server.request_count(Endpoint::Jwks), 1, "the fetch that the call started");
    check(address, [issuer.bearer()]).await.unwrap();
}

// GRPC-7, THREAT-A2
#[tokio::test]
async fn an_unknown_key_is_unavailable_only_while_it_may_be_asked_for() {
    let (issuer, desk) = (Issuer::new(), Desk::default());
    let verifier = issuer.verifier();
    verifier.ready().await.unwrap();
    let interceptor = VerifyInterceptor::new(verifier);
    let address = serve_routes(Routes::new(HealthServer::with_interceptor(desk.clone(), interceptor))).await;
    issuer.time.advance(Duration::from_secs(31)).await;
    issuer.server.rotate_keys(true);
    let early = check(address, [issuer.bearer()]).await.unwrap_err();
    assert_eq!(early.code(), Code::Unavailable);
    let mut tries = 0;
    while check(address, [issuer.bearer()]).await.is_err() {
        tries += 1;
        assert!(tries < 200, "the new key comes");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let fetches = issuer.server.request_count(Endpoint::Jwks);
    let unknown = check(address, [bearer(issuer.token().flaw(Flaw::UnknownKey))]).await.unwrap_err();
    assert_eq!(unknown.code(), Code::Unauthenticated, "the cooldown allows no other fetch");
    assert_eq!(issuer.server.request_count(Endpoint::Jwks), fetches);
}

// THREAT-L1
#[tokio::test]
async fn the_callers_token_is_there_for_who_asked_the_verifier_to_keep_it() {
    let issuer = Issuer::new();
    let described = JwtVerifier::issuer(issuer.server.issuer())
        .unwrap()
        .audience("health")
        .clock(issuer.time.clock())
        .http_client(issuer.server.http_client())
        .keep_subject_token();
    let bearer = issuer.bearer();
    for (verifier, keeps) in [(described.build().unwrap(), true), (issuer.verifier(), false)] {
        verifier.ready().await.unwrap();
        let mut request = Request::new(());
        request.metadata_mut().insert("authorization", bearer.parse().unwrap());
        let request = VerifyInterceptor::new(verifier).call(request).unwrap();
        match subject_token(&request) {
            Ok(token) => {
                assert_eq!((format!("Bearer {}", token.secret().expose_secret()), keeps), (bearer.clone(), true))
            }
            Err(status) => assert_eq!((status.code(), keeps), (Code::Internal, false)),
        }
    }
    assert_eq!(subject_token(&Request::new(())).unwrap_err().code(), Code::Internal);
}
