//! The synchronous interceptor, alone and under a generated client.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use tonic::Code;
use tonic::service::Interceptor;
use tonic_health::pb::health_client::HealthClient;
use tower_auth_tonic::core::{ConfigErrorKind, Placement, TokenCache, TokenErrorKind};
use tower_auth_tonic::{SkipAuth, TokenInterceptor};

use crate::support::gate::{Gate, Verdict};
use crate::support::tokens::{Numbered, failing};
use crate::support::{channel, health, origin, serve};

fn empty() -> tonic::Request<()> {
    tonic::Request::new(())
}

// GRPC-1
#[tokio::test]
async fn a_cold_cache_starts_the_fetch_and_names_what_to_await() {
    let source = Numbered::default();
    let tokens = source.cache();
    let gate = Gate::new(|_| Verdict::Pass);
    let address = serve(&gate).await;
    let interceptor = TokenInterceptor::new(&tokens, origin(address)).unwrap();
    let mut client = HealthClient::with_interceptor(channel(address).await, interceptor);

    let status = client.check(health()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("TokenCache::ready()"), "{}", status.message());
    assert!(gate.seen().is_empty());

    tokens.ready().await.unwrap();
    assert_eq!(source.calls(), 1, "`ready` joined the fetch that the call had started");
    client.check(health()).await.unwrap();
    assert_eq!(gate.tokens(), ["Bearer token-1"]);
}

// GRPC-1
#[tokio::test]
async fn the_metadata_is_sensitive() {
    let tokens = Numbered::default().cache();
    tokens.ready().await.unwrap();
    let mut interceptor = TokenInterceptor::new(&tokens, "https://api.example.com").unwrap();
    let request = interceptor.call(empty()).unwrap();
    let value = request.metadata().get("authorization").unwrap();
    assert_eq!(value, "Bearer token-1");
    assert!(value.is_sensitive());
    assert!(!format!("{request:?} {interceptor:?}").contains("token-1"));
}

// GRPC-6
#[tokio::test]
async fn a_failed_fetch_ends_calls_by_what_the_failure_means() {
    for (kind, code) in [
        (TokenErrorKind::Unreachable, Code::Unavailable),
        (TokenErrorKind::Refused, Code::Unauthenticated),
        (TokenErrorKind::Misconfigured, Code::Unauthenticated),
    ] {
        let tokens = failing(kind);
        tokens.ready().await.unwrap_err();
        let mut interceptor = TokenInterceptor::new(&tokens, "https://api.example.com").unwrap();
        let status = interceptor.call(empty()).unwrap_err();
        assert_eq!(status.code(), code);
        assert!(status.message().contains(kind.code()), "{}", status.message());
    }
}

// GRPC-2, THREAT-T3
#[test]
fn plain_http_is_refused_at_construction_but_for_loopback_and_by_request() {
    let tokens = Numbered::default().cache();
    for origin in ["http://api.example.com", "http://localhost:50051"] {
        let error = TokenInterceptor::new(&tokens, origin).unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::InsecureUrl, "{origin}");
        TokenInterceptor::insecure_plaintext(&tokens, origin).unwrap();
    }
    TokenInterceptor::new(&tokens, "http://127.0.0.1:50051").unwrap();
    TokenInterceptor::new(&tokens, "https://api.example.com").unwrap();
    assert_eq!(TokenInterceptor::new(&tokens, "api").unwrap_err().kind(), ConfigErrorKind::InvalidOrigin);
}

#[tokio::test]
async fn a_credential_that_is_more_than_metadata_names_the_layer() {
    let tokens = TokenCache::builder(Numbered::default())
        .placement(Placement::default().and(Placement::insecure_query("key").unwrap()))
        .build()
        .unwrap();
    tokens.ready().await.unwrap();
    let mut interceptor = TokenInterceptor::new(&tokens, "https://api.example.com").unwrap();
    let status = interceptor.call(empty()).unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert!(status.message().contains("GrpcAuthLayer"), "{}", status.message());
}

#[tokio::test]
async fn a_call_keeps_its_own_credential_or_gets_none_if_it_says_so() {
    let tokens = Numbered::default().cache();
    tokens.ready().await.unwrap();
    let mut interceptor = TokenInterceptor::new(&tokens, "https://api.example.com").unwrap();
    let mut request = empty();
    request.metadata_mut().insert("authorization", "Bearer own".parse().unwrap());
    assert_eq!(interceptor.call(request).unwrap().metadata().get("authorization").unwrap(), "Bearer own");
    let mut request = empty();
    request.extensions_mut().insert(SkipAuth);
    assert!(interceptor.call(request).unwrap().metadata().get("authorization").is_none());
}
