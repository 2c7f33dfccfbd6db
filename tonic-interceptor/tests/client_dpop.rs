//! DPoP tokens on gRPC calls.
#![cfg(feature = "dpop")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tonic::Code;
use tonic::body::Body;
use tonic::service::Interceptor;
use tonic_health::pb::health_client::HealthClient;
use tower::{ServiceBuilder, service_fn};
use tower_auth_tonic::core::jose::{Algorithm, Jws, MAX_TOKEN_LEN, SigningKey, VerifyingKey};
use tower_auth_tonic::core::{DpopKey, SourceRequest, Token, TokenCache, TokenKind, TokenResponse};
use tower_auth_tonic::{GrpcAuthLayer, TokenInterceptor};

use crate::support::health;

const ORIGIN: &str = "https://api.example.com";

/// Where a refusal stands.
#[derive(Clone, Copy, Debug)]
enum Where {
    Headers,
    Trailers,
    Http401,
}

fn key() -> (DpopKey, VerifyingKey) {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let verifying = key.verifying_key(None).unwrap();
    (DpopKey::new(key).unwrap(), verifying)
}

/// Tokens `token-1`, `token-2`, … that are bound to `key`.
fn cache(key: &DpopKey) -> TokenCache {
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let source = move |_: SourceRequest| {
        let call = calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
        let token = Token::new(format!("token-{call}")).unwrap().with_kind(TokenKind::Dpop);
        async move { Ok(TokenResponse::new(token).expires_in(Duration::from_secs(3_600))) }
    };
    TokenCache::builder(source).dpop(key.clone()).build().unwrap()
}

fn refusal(place: Where, error: &str, nonce: usize) -> Response<Body> {
    let mut marks = HeaderMap::new();
    marks.insert("www-authenticate", format!("DPoP error=\"{error}\"").parse().unwrap());
    marks.insert("dpop-nonce", format!("nonce-{nonce}").parse().unwrap());
    let mut response = Response::new(Body::empty());
    match place {
        Where::Http401 => *response.status_mut() = StatusCode::UNAUTHORIZED,
        Where::Headers | Where::Trailers => {
            marks.insert("grpc-status", "16".parse().unwrap());
            response.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
        }
    }
    if let Where::Trailers = place {
        let frames = [Ok::<_, Infallible>(Frame::<Bytes>::trailers(marks))];
        return response.map(|_| Body::new(StreamBody::new(tokio_stream::iter(frames))));
    }
    response.headers_mut().extend(marks);
    response
}

/// What one call to an API costs that refuses by `script` and then answers NOT_FOUND: the code, and the token and the claims of each send.
async fn call(place: Where, script: &'static [&'static str]) -> (Code, Vec<(String, serde_json::Value)>) {
    let (key, verifying) = key();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&seen);
    let api = service_fn(move |request: Request<Body>| {
        let (keep, verifying) = (Arc::clone(&keep), verifying.clone());
        async move {
            let headers = request.headers().clone();
            request.into_body().collect().await.unwrap();
            let mut buffer = Vec::new();
            let jws = Jws::parse(headers["dpop"].to_str().unwrap(), MAX_TOKEN_LEN, &mut buffer).unwrap();
            jws.verify(&verifying).unwrap();
            let token = headers["authorization"].to_str().unwrap().to_owned();
            let mut seen = keep.lock().unwrap();
            seen.push((token, serde_json::from_slice(jws.payload()).unwrap()));
            Ok::<_, Infallible>(match script.get(seen.len() - 1).or(script.last()) {
                Some(&"") | None => Response::builder().header("grpc-status", "5").body(Body::empty()).unwrap(),
                Some(error) => refusal(place, error, seen.len()),
            })
        }
    });
    let layer = GrpcAuthLayer::new(cache(&key), ORIGIN).unwrap();
    let status = HealthClient::new(ServiceBuilder::new().layer(layer).service(api)).check(health()).await.unwrap_err();
    let seen = seen.lock().unwrap().clone();
    (status.code(), seen)
}

// R9449-7.1a, R9449-8a, R9449-4.2b, THREAT-C7
#[tokio::test]
async fn a_nonce_is_taken_from_wherever_the_refusal_stands_and_costs_one_more_send() {
    for place in [Where::Headers, Where::Trailers, Where::Http401] {
        let (code, seen) = call(place, &["use_dpop_nonce", ""]).await;
        assert_eq!((code, seen.len()), (Code::NotFound, 2), "{place:?}");
        assert!(seen[0].1.get("nonce").is_none());
        assert_eq!(seen[1].1["nonce"], "nonce-1");
        assert_ne!(seen[0].1["jti"], seen[1].1["jti"]);
        for (token, claims) in &seen {
            assert_eq!(token, "DPoP token-1");
            assert_eq!(claims["htu"], "https://api.example.com/grpc.health.v1.Health/Check");
            assert_eq!(claims["htm"], "POST");
        }
    }
}

// R9449-8a, THREAT-C7
#[tokio::test]
async fn a_call_is_never_sent_more_than_three_times() {
    for place in [Where::Headers, Where::Trailers, Where::Http401] {
        let (code, seen) = call(place, &["use_dpop_nonce"]).await;
        assert_eq!((code, seen.len()), (Code::Unauthenticated, 2), "{place:?}");
        let (code, seen) = call(place, &["use_dpop_nonce", "invalid_token", "use_dpop_nonce"]).await;
        assert_eq!((code, seen.len()), (Code::Unauthenticated, 3), "{place:?}");
        let (code, seen) = call(place, &["invalid_token", "use_dpop_nonce", ""]).await;
        assert_eq!((code, seen.len()), (Code::NotFound, 3), "{place:?}");
        assert_eq!(seen[2].0, "DPoP token-2");
        let (code, seen) = call(place, &["insufficient_user_authentication"]).await;
        assert_eq!((code, seen.len()), (Code::Unauthenticated, 1), "{place:?}");
    }
}

#[tokio::test]
async fn an_interceptor_names_the_layer() {
    let (key, _) = key();
    let tokens = cache(&key);
    tokens.ready().await.unwrap();
    let mut interceptor = TokenInterceptor::new(&tokens, ORIGIN).unwrap();
    let status = interceptor.call(tonic::Request::new(())).unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert!(status.message().contains("GrpcAuthLayer"), "{}", status.message());
}
