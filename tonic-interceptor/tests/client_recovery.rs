//! What the client layer does about refusals, over a real channel to a real server.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{StreamExt, empty, once, pending};
use tonic::Code;
use tonic::body::Body;
use tonic::transport::Channel;
use tonic_health::pb::health_client::HealthClient;
use tower::{ServiceBuilder, service_fn};
use tower_auth_tonic::core::Credential;
use tower_auth_tonic::{Credentials, GrpcAuth, GrpcAuthLayer};

use crate::support::echo::chat;
use crate::support::gate::{Gate, Verdict};
use crate::support::tokens::Numbered;
use crate::support::{channel, health, origin, serve};

const INVALID: &str = "Bearer error=\"invalid_token\"";

async fn guarded(gate: &Gate, credentials: impl Into<Credentials>) -> GrpcAuth<Channel> {
    configured(gate, credentials, |layer| layer).await
}

async fn configured(
    gate: &Gate,
    credentials: impl Into<Credentials>,
    options: impl FnOnce(GrpcAuthLayer) -> GrpcAuthLayer,
) -> GrpcAuth<Channel> {
    let address = serve(gate).await;
    let layer = options(GrpcAuthLayer::new(credentials, origin(address)).unwrap());
    ServiceBuilder::new().layer(layer).service(channel(address).await)
}

// GRPC-1, GRPC-9
#[tokio::test]
async fn a_call_refused_in_headers_is_sent_again_once_with_a_new_token() {
    let gate = Gate::refusing_the_first_token(Verdict::InHeaders(16, INVALID));
    let source = Numbered::default();
    let mut client = HealthClient::new(guarded(&gate, source.cache()).await);

    let response = client.check(health()).await.unwrap();
    assert_eq!(response.into_inner().status, 1);
    assert_eq!(gate.tokens(), ["Bearer token-1", "Bearer token-2"]);

    client.check(health()).await.unwrap();
    assert_eq!(gate.tokens().len(), 3);
    assert_eq!(source.calls(), 2);
}

// GRPC-9
#[tokio::test]
async fn a_call_refused_in_trailers_before_any_message_is_sent_again() {
    let gate = Gate::refusing_the_first_token(Verdict::InTrailers(16));
    let mut client = HealthClient::new(guarded(&gate, Numbered::default().cache()).await);
    client.check(health()).await.unwrap();
    assert_eq!(gate.tokens(), ["Bearer token-1", "Bearer token-2"]);

    let gate = Gate::refusing_the_first_token(Verdict::InTrailers(16));
    let mut client = HealthClient::new(guarded(&gate, Numbered::default().cache()).await);
    let mut watch = client.watch(health()).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, 1);

    // A frame without data is no message. Without a connection between, which would drop it.
    let gate = Gate::refusing_the_first_token(Verdict::AfterNothing(16));
    let layer = GrpcAuthLayer::new(Numbered::default().cache(), "https://api.example.com").unwrap();
    let (_, server) = tonic_health::server::health_reporter();
    let mut client = HealthClient::new(ServiceBuilder::new().layer(layer).layer(gate.clone()).service(server));
    client.check(health()).await.unwrap();
    assert_eq!(gate.tokens(), ["Bearer token-1", "Bearer token-2"]);
}

// GRPC-9
#[tokio::test]
async fn a_unary_call_refused_by_its_head_alone_is_sent_again() {
    let tokens = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&tokens);
    // It answers before anybody has asked for the body.
    let hasty = service_fn(move |request: Request<Body>| {
        let token = request.headers()["authorization"].to_str().unwrap().to_owned();
        let status = if token == "Bearer token-1" { "16" } else { "5" };
        seen.lock().unwrap().push(token);
        async move { Ok::<_, Infallible>(Response::builder().header("grpc-status", status).body(Body::empty()).unwrap()) }
    });
    let layer = GrpcAuthLayer::new(Numbered::default().cache(), "https://api.example.com").unwrap();
    let service = ServiceBuilder::new().layer(layer).service(hasty);
    assert_eq!(HealthClient::new(service.clone()).check(health()).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(*tokens.lock().unwrap(), ["Bearer token-1", "Bearer token-2"]);
}

// GRPC-9
#[tokio::test]
async fn a_call_refused_after_a_message_is_not_sent_again() {
    let gate = Gate::refusing_the_first_token(Verdict::AfterMessage(16));
    let mut client = HealthClient::new(guarded(&gate, Numbered::default().cache()).await);

    let mut watch = client.watch(health()).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, 1);
    let status = watch.message().await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unauthenticated, "in trailers"));
    assert_eq!(status.metadata().get("x-trailer").unwrap(), "kept");
    assert_eq!(gate.tokens(), ["Bearer token-1"]);
}

// GRPC-9
#[tokio::test]
async fn a_stream_of_requests_that_is_still_open_is_not_sent_again() {
    let gate = Gate::refusing_the_first_token(Verdict::InHeaders(16, INVALID));
    let service = guarded(&gate, Numbered::default().cache()).await;

    let open = once(Bytes::from_static(b"one")).chain(pending());
    let status = chat(service.clone(), open).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(gate.tokens(), ["Bearer token-1"]);

    // The refusal was believed all the same.
    HealthClient::new(service).check(health()).await.unwrap();
    assert_eq!(gate.tokens(), ["Bearer token-1", "Bearer token-2"]);
}

// GRPC-9
#[tokio::test]
async fn an_open_stream_refused_in_trailers_hands_the_refusal_to_the_caller() {
    let gate = Gate::refusing_the_first_token(Verdict::InTrailers(16));
    let service = guarded(&gate, Numbered::default().cache()).await;
    let mut answers = chat(service, pending()).await.unwrap().into_inner();
    assert_eq!(answers.message().await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(gate.tokens(), ["Bearer token-1"]);
}

// GRPC-9
#[tokio::test]
async fn a_stream_of_requests_that_has_ended_is_sent_again_whole() {
    let gate = Gate::refusing_the_first_token(Verdict::InTrailers(16));
    let service = guarded(&gate, Numbered::default().cache()).await;
    let messages = tokio_stream::iter(["one", "two"]).map(|text| Bytes::from_static(text.as_bytes()));
    let answers: Vec<_> = chat(service, messages).await.unwrap().into_inner().collect().await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, ["one", "two"]);
    assert_eq!(gate.tokens(), ["Bearer token-1", "Bearer token-2"]);

    let gate = Gate::refusing_the_first_token(Verdict::InTrailers(16));
    let service = guarded(&gate, Numbered::default().cache()).await;
    assert!(chat(service, empty()).await.unwrap().into_inner().message().await.unwrap().is_none());
    assert_eq!(gate.tokens(), ["Bearer token-1", "Bearer token-2"]);
}

#[tokio::test]
async fn a_conversation_is_not_held_up_before_its_first_message() {
    let gate = Gate::new(|_| Verdict::Pass);
    let service = guarded(&gate, Numbered::default().cache()).await;
    let (sender, messages) = mpsc::channel(1);
    // The head of the answer comes before there is anything to answer to.
    let mut answers = chat(service, ReceiverStream::new(messages)).await.unwrap().into_inner();
    for text in ["one", "two"] {
        sender.send(Bytes::from_static(text.as_bytes())).await.unwrap();
        assert_eq!(answers.message().await.unwrap().unwrap(), text);
    }
    drop(sender);
    assert!(answers.message().await.unwrap().is_none());
}

#[tokio::test]
async fn a_subscription_that_has_nothing_to_say_yet_is_handed_over() {
    let gate = Gate::new(|_| Verdict::Silence);
    let mut client = HealthClient::new(guarded(&gate, Numbered::default().cache()).await);
    let watch = tokio::time::timeout(Duration::from_secs(5), client.watch(health())).await.unwrap().unwrap();
    let mut watch = watch.into_inner();
    let message = tokio::time::timeout(Duration::from_millis(20), watch.message()).await;
    assert!(message.is_err(), "the stream is still open");
}

// GRPC-9
#[tokio::test]
async fn a_refusal_that_asks_for_something_else_goes_to_the_caller() {
    for (code, challenge) in [
        (16, "Bearer error=\"insufficient_scope\", scope=\"admin\""),
        (16, "Bearer error=\"insufficient_user_authentication\""),
        (7, INVALID),
        (14, INVALID),
    ] {
        let gate = Gate::new(move |_| Verdict::InHeaders(code, challenge));
        let source = Numbered::default();
        let mut client = HealthClient::new(guarded(&gate, source.cache()).await);
        let status = client.check(health()).await.unwrap_err();
        assert_eq!(status.code(), Code::from_i32(code.into()));
        assert_eq!((gate.tokens().len(), source.calls()), (1, 1), "{challenge}");
    }
}

// GRPC-9
#[tokio::test]
async fn a_call_that_is_refused_again_is_not_sent_a_third_time() {
    let gate = Gate::new(|_| Verdict::InTrailers(16));
    let source = Numbered::default();
    let mut client = HealthClient::new(guarded(&gate, source.cache()).await);
    for _ in 0..3 {
        let status = client.check(health()).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::Unauthenticated, "in trailers"));
        assert_eq!(status.metadata().get("x-trailer").unwrap(), "kept");
    }
    assert_eq!(gate.tokens(), ["Bearer token-1", "Bearer token-2", "Bearer token-2", "Bearer token-2"]);
    assert_eq!(source.calls(), 2);
}

// GRPC-9
#[tokio::test]
async fn a_request_beyond_the_limit_is_not_sent_again() {
    let long = Bytes::from(vec![b'x'; 100]);
    for (limit, sends) in [(105, 2), (104, 1)] {
        let gate = Gate::refusing_the_first_token(Verdict::InHeaders(16, INVALID));
        let service = configured(&gate, Numbered::default().cache(), |layer| layer.replay_limit(limit)).await;
        let outcome = chat(service, once(long.clone())).await;
        assert_eq!(outcome.is_ok(), sends == 2);
        assert_eq!(gate.tokens().len(), sends, "a message of 100 bytes and its prefix, limit {limit}");
    }
}

// GRPC-9
#[tokio::test]
async fn nothing_is_sent_again_without_recovery_or_with_a_credential_that_cannot_change() {
    let gate = Gate::refusing_the_first_token(Verdict::InTrailers(16));
    let source = Numbered::default();
    let service = configured(&gate, source.cache(), GrpcAuthLayer::without_recovery).await;
    assert_eq!(HealthClient::new(service).check(health()).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!((gate.tokens().len(), source.calls()), (1, 1));

    let gate = Gate::refusing_the_first_token(Verdict::InHeaders(16, INVALID));
    let service = guarded(&gate, Credential::bearer("token-1").unwrap()).await;
    assert_eq!(HealthClient::new(service).check(health()).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(gate.tokens(), ["Bearer token-1"]);
}

// GRPC-9
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_refusals_at_once_cost_one_refresh() {
    for refusal in [Verdict::InHeaders(16, INVALID), Verdict::InTrailers(16)] {
        let gate = Gate::refusing_the_first_token(refusal);
        let source = Numbered::default();
        let cache = source.cache();
        cache.ready().await.unwrap();
        let service = guarded(&gate, &cache).await;
        let calls: Vec<_> = (0..50)
            .map(|_| {
                let mut client = HealthClient::new(service.clone());
                tokio::spawn(async move { client.check(health()).await })
            })
            .collect();
        for call in calls {
            call.await.unwrap().unwrap();
        }
        assert_eq!(source.calls(), 2);
        assert!(gate.tokens().iter().all(|token| ["Bearer token-1", "Bearer token-2"].contains(&token.as_str())));
    }
}

// GRPC-5, GRPC-9
#[tokio::test]
async fn a_401_from_something_that_is_not_a_grpc_server_is_a_refusal() {
    for refusal in [Verdict::Http(401, "<html>Log in</html>"), Verdict::Http(401, ""), Verdict::Bare(401)] {
        let gate = Gate::refusing_the_first_token(refusal);
        let mut client = HealthClient::new(guarded(&gate, Numbered::default().cache()).await);
        client.check(health()).await.unwrap();
        assert_eq!(gate.tokens(), ["Bearer token-1", "Bearer token-2"]);
    }
}

// GRPC-5
#[tokio::test]
async fn an_http_status_without_a_status_of_grpc_is_mapped_by_the_table() {
    for (http, code) in [
        (400, Code::Internal),
        (401, Code::Unauthenticated),
        (403, Code::PermissionDenied),
        (404, Code::Unimplemented),
        (429, Code::Unavailable),
        (502, Code::Unavailable),
        (503, Code::Unavailable),
        (504, Code::Unavailable),
        (418, Code::Unknown),
        (500, Code::Unknown),
        (302, Code::Unknown),
    ] {
        for body in ["", "<html>An error of the proxy</html>"] {
            let gate = Gate::new(move |_| Verdict::Http(http, body));
            let mut client = HealthClient::new(guarded(&gate, Credential::bearer("abc").unwrap()).await);
            assert_eq!(client.check(health()).await.unwrap_err().code(), code, "{http} {body}");
        }
    }
}

// GRPC-5
#[tokio::test]
async fn a_status_of_grpc_wins_over_the_http_status() {
    for (http, code) in [(401, 5), (503, 13), (200, 8)] {
        let gate = Gate::new(move |_| Verdict::Both(http, code));
        let source = Numbered::default();
        let mut client = HealthClient::new(guarded(&gate, source.cache()).await);
        assert_eq!(client.check(health()).await.unwrap_err().code(), Code::from_i32(code.into()));
        assert_eq!(source.calls(), 1);
    }
}
