//! What a call carries, how it ends when no token can be had, and its deadline.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use http::{Request, Response, Uri};
use tonic::Code;
use tonic::body::Body;
use tonic_health::pb::health_client::HealthClient;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_auth_testing::TestClock;
use tower_auth_tonic::core::{
    BoxError, ConfigErrorKind, Credential, SourceRequest, Token, TokenCache, TokenError, TokenErrorKind, TokenResponse,
};
use tower_auth_tonic::{
    AuthError, AuthErrorKind, Credentials, ExistingCredential, GrpcAuthLayer, NotRecovered, RequestCredentials,
    SkipAuth,
};

use crate::support::gate::{Gate, Verdict};
use crate::support::tokens::{Numbered, failing};
use crate::support::{channel, health, origin, serve};

fn bearer(token: &str) -> Credential {
    Credential::bearer(token).unwrap()
}

fn passing() -> Gate {
    Gate::new(|_| Verdict::Pass)
}

// GRPC-6
#[tokio::test]
async fn a_token_that_cannot_be_had_ends_the_call_by_what_the_failure_means() {
    let gate = passing();
    let address = serve(&gate).await;
    for (kind, code) in [
        (TokenErrorKind::Unreachable, Code::Unavailable),
        (TokenErrorKind::TimedOut, Code::Unavailable),
        (TokenErrorKind::Throttled, Code::Unavailable),
        (TokenErrorKind::ServerError, Code::Unavailable),
        (TokenErrorKind::Unparsable, Code::Unavailable),
        (TokenErrorKind::PersistFailed, Code::Unavailable),
        (TokenErrorKind::Refused, Code::Unauthenticated),
        (TokenErrorKind::Misconfigured, Code::Unauthenticated),
    ] {
        let layer = GrpcAuthLayer::new(failing(kind), origin(address)).unwrap();
        let mut client = HealthClient::new(ServiceBuilder::new().layer(layer).service(channel(address).await));
        let status = client.check(health()).await.unwrap_err();
        assert_eq!(status.code(), code, "{kind:?}");
        assert_eq!(status.message(), "the request was not sent because no token could be had [auth.no_token]");
        let cause = status.source().unwrap().downcast_ref::<AuthError>().unwrap();
        assert_eq!(cause.token_error().unwrap().kind(), kind);
    }
    assert!(gate.seen().is_empty());
}

// GRPC-6
#[tokio::test]
async fn a_refusal_stands_when_the_next_token_cannot_be_had() {
    let gate = Gate::refusing_the_first_token(Verdict::InTrailers(16));
    let address = serve(&gate).await;
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let tokens = TokenCache::new(move |_: SourceRequest| {
        let first = calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
        async move {
            match first {
                true => Ok(TokenResponse::new(Token::new("token-1").unwrap())),
                false => Err(TokenError::new(TokenErrorKind::Unreachable, "nobody there")),
            }
        }
    });
    let layer = GrpcAuthLayer::new(tokens, origin(address)).unwrap();
    let mut service = ServiceBuilder::new().layer(layer).service(channel(address).await);
    let mut client = HealthClient::new(service.clone());
    assert_eq!(client.check(health()).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(gate.tokens(), ["Bearer token-1"]);

    // A layer above sees the reason of a refusal that was not recovered from.
    let gate = Gate::new(|_| Verdict::InHeaders(16, "Bearer"));
    let address = serve(&gate).await;
    let layer = GrpcAuthLayer::new(Numbered::default().cache(), origin(address)).unwrap();
    service = ServiceBuilder::new().layer(layer).service(channel(address).await);
    let response = service.ready().await.unwrap().call(empty_call("/test.Echo/Chat")).await.unwrap();
    assert!(matches!(response.extensions().get(), Some(NotRecovered::RefusedAgain)));
}

// The status of a broken connection is what it is without the layer.
#[tokio::test]
async fn errors_of_the_channel_pass_as_they_are() {
    let endpoint = tonic::transport::Endpoint::from_static("http://127.0.0.1:1");
    let layer = GrpcAuthLayer::new(bearer("abc"), endpoint.uri().to_string()).unwrap();
    let mut plain = HealthClient::new(endpoint.connect_lazy());
    let mut guarded = HealthClient::new(ServiceBuilder::new().layer(layer).service(endpoint.connect_lazy()));
    let expected = plain.check(health()).await.unwrap_err();
    let status = guarded.check(health()).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (expected.code(), expected.message()));
    assert_eq!(status.code(), Code::Unavailable);
}

// GRPC-2, THREAT-T3
#[test]
fn plain_http_is_refused_at_construction_but_for_loopback_and_by_request() {
    for origin in ["http://api.example.com", "http://localhost:50051", "http://10.0.0.1"] {
        let error = GrpcAuthLayer::new(bearer("abc"), origin).unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::InsecureUrl, "{origin}");
        GrpcAuthLayer::insecure_plaintext(bearer("abc"), origin).unwrap();
    }
    for origin in ["https://api.example.com", "http://127.0.0.1:50051", "http://[::1]:50051/"] {
        GrpcAuthLayer::new(bearer("abc"), origin).unwrap();
    }
    for origin in ["api.example.com", "https://api.example.com/path", "ftp://api.example.com", ""] {
        let error = GrpcAuthLayer::new(bearer("abc"), origin).unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::InvalidOrigin, "{origin}");
    }
}

// GRPC-2, THREAT-T1, THREAT-T3
#[tokio::test]
async fn a_call_that_names_another_origin_is_not_sent() {
    let gate = passing();
    let address = serve(&gate).await;
    let layer = GrpcAuthLayer::new(bearer("abc"), "https://api.example.com").unwrap();
    let service = ServiceBuilder::new().layer(layer).service(channel(address).await);
    for (uri, kind) in [
        ("https://other.example.com", AuthErrorKind::ForeignOrigin),
        ("https://api.example.com:8443", AuthErrorKind::ForeignOrigin),
        ("https://api.example.com.evil", AuthErrorKind::ForeignOrigin),
        ("http://api.example.com", AuthErrorKind::InsecureScheme),
    ] {
        let mut client = HealthClient::with_origin(service.clone(), Uri::from_static(uri));
        let status = client.check(health()).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated);
        assert_eq!(status.source().unwrap().downcast_ref::<AuthError>().unwrap().kind(), kind, "{uri}");
    }
    assert!(gate.seen().is_empty());

    let mut client = HealthClient::with_origin(service, Uri::from_static("https://api.example.com"));
    client.check(health()).await.unwrap();
    assert_eq!(gate.tokens(), ["Bearer abc"]);
}

fn empty_call(path: &str) -> Request<Body> {
    Request::post(path).body(Body::empty()).unwrap()
}

/// The request as the channel would get it.
async fn sent(layer: GrpcAuthLayer, request: Request<Body>) -> Result<Request<Body>, BoxError> {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let inner = service_fn(move |request: Request<Body>| {
        sender.send(request).unwrap();
        async { Ok::<_, Infallible>(Response::builder().header("grpc-status", "0").body(Body::empty()).unwrap()) }
    });
    ServiceBuilder::new().layer(layer).service(inner).oneshot(request).await?;
    Ok(receiver.recv().await.unwrap())
}

// GRPC-1
#[tokio::test]
async fn the_credential_is_sensitive_metadata_and_stands_once() {
    let layer = GrpcAuthLayer::new(Numbered::default().cache(), "https://api.example.com").unwrap();
    let request = sent(layer, empty_call("/a.B/C")).await.unwrap();
    let values: Vec<_> = request.headers().get_all("authorization").iter().collect();
    assert_eq!(values, ["Bearer token-1"]);
    assert!(values[0].is_sensitive());
    assert!(!format!("{request:?}").contains("token-1"));
}

#[tokio::test]
async fn a_call_keeps_its_own_credential_or_gets_none_if_it_says_so() {
    let layer = || GrpcAuthLayer::new(bearer("layers"), "https://api.example.com").unwrap();
    let own = || {
        let mut request = empty_call("/a.B/C");
        request.headers_mut().insert("authorization", "Bearer own".parse().unwrap());
        request
    };
    assert_eq!(sent(layer(), own()).await.unwrap().headers()["authorization"], "Bearer own");
    let replacing = layer().existing_credential(ExistingCredential::Replace);
    assert_eq!(sent(replacing, own()).await.unwrap().headers()["authorization"], "Bearer layers");
    let refusing = layer().existing_credential(ExistingCredential::Refuse);
    let error = sent(refusing, own()).await.unwrap_err();
    assert_eq!(error.downcast::<tonic::Status>().unwrap().code(), Code::Unauthenticated);

    // Through a generated client, whose requests hand their extensions on.
    let gate = passing();
    let address = serve(&gate).await;
    let layer = GrpcAuthLayer::new(bearer("layers"), origin(address)).unwrap();
    let mut client = HealthClient::new(ServiceBuilder::new().layer(layer).service(channel(address).await));
    let mut request = tonic::Request::new(health());
    request.extensions_mut().insert(SkipAuth);
    client.check(request).await.unwrap();
    let mut request = tonic::Request::new(health());
    request.extensions_mut().insert(RequestCredentials(Credentials::from(bearer("users"))));
    client.check(request).await.unwrap();
    assert_eq!(gate.tokens(), ["-", "Bearer users"]);
}

#[tokio::test]
async fn a_deadline_covers_the_wait_for_a_token() {
    let gate = passing();
    let address = serve(&gate).await;
    let tokens = TokenCache::new(|_: SourceRequest| std::future::pending::<Result<TokenResponse, TokenError>>());
    let layer = GrpcAuthLayer::new(tokens, origin(address)).unwrap();
    let mut client = HealthClient::new(ServiceBuilder::new().layer(layer).service(channel(address).await));
    let mut request = tonic::Request::new(health());
    request.set_timeout(Duration::from_millis(50));
    let status = tokio::time::timeout(Duration::from_secs(5), client.check(request)).await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(gate.seen().is_empty());
}

#[tokio::test]
async fn a_deadline_that_passes_after_the_send_ends_the_call_as_it_does_without_the_layer() {
    let gate = Gate::new(|_| Verdict::Hang);
    let address = serve(&gate).await;
    let layer = GrpcAuthLayer::new(Numbered::default().cache(), origin(address)).unwrap();
    let channel = channel(address).await;
    let mut plain = HealthClient::new(channel.clone());
    let mut guarded = HealthClient::new(ServiceBuilder::new().layer(layer).service(channel));
    let request = || {
        let mut request = tonic::Request::new(health());
        request.set_timeout(Duration::from_millis(50));
        request
    };
    let expected = plain.check(request()).await.unwrap_err();
    let status = guarded.check(request()).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (expected.code(), expected.message()));
    assert_eq!(gate.seen().len(), 2);
}

#[tokio::test]
async fn what_is_sent_after_a_wait_carries_what_is_left_of_the_deadline() {
    let time = TestClock::new();
    let clock = time.clock();
    let slow = {
        let clock = clock.clone();
        move |_: SourceRequest| {
            let clock = clock.clone();
            async move {
                clock.sleep(Duration::from_secs(3)).await;
                Ok::<_, TokenError>(TokenResponse::new(Token::new("abc").unwrap()))
            }
        }
    };
    let tokens = TokenCache::builder(slow).clock(clock.clone()).build().unwrap();
    let layer = GrpcAuthLayer::new(&tokens, "https://api.example.com").unwrap().clock(clock);
    let call = |timeout: &str| {
        let request = Request::post("/a.B/C").header("grpc-timeout", timeout).body(Body::empty()).unwrap();
        tokio::spawn(sent(layer.clone(), request))
    };

    let waiting = call("10S");
    time.advance(Duration::from_secs(3)).await;
    let request = waiting.await.unwrap().unwrap();
    assert_eq!(request.headers()["grpc-timeout"], "7000000u");
    assert_eq!(request.headers()["authorization"], "Bearer abc");

    // With a token at hand the value is the caller's, to the letter.
    for timeout in ["10S", "00000010S", "nonsense"] {
        assert_eq!(call(timeout).await.unwrap().unwrap().headers()["grpc-timeout"], timeout);
    }
}

// THREAT-L1
#[tokio::test]
async fn nothing_that_can_be_printed_shows_the_token() {
    let tokens = TokenCache::new(|_: SourceRequest| async {
        Ok::<_, TokenError>(TokenResponse::new(Token::new("s3ntinel").unwrap()))
    });
    tokens.ready().await.unwrap();
    let layer = GrpcAuthLayer::new(tokens, "https://api.example.com").unwrap();
    let mut service = ServiceBuilder::new()
        .layer(layer.clone())
        .service(service_fn(|_: Request<Body>| async { Ok::<_, BoxError>(Response::new(Body::empty())) }));
    let future = service.call(empty_call("/a.B/C"));
    assert!(!format!("{layer:?} {service:?} {future:?}").contains("s3ntinel"));
}
