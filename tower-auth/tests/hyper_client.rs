//! The layer over hyper-util's client and real sockets.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;
mod wire;

use std::convert::Infallible;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tower::{Layer, ServiceBuilder, ServiceExt};
use tower_auth::core::{Credential, TokenCache};
use tower_auth::{AuthLayer, NotRecovered, ReplayBody};
use tower_auth_testing::TestClock;
use tower_http::follow_redirect::FollowRedirectLayer;
use tower_http::follow_redirect::policy::{FilterCredentials, Limited, PolicyExt};

use self::support::*;
use self::wire::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Protocol {
    Http1,
    H2c,
}

const PROTOCOLS: [Protocol; 2] = [Protocol::Http1, Protocol::H2c];

fn client<B>(protocol: Protocol) -> Client<HttpConnector, B>
where
    B: Body + Send,
    B::Data: Send,
{
    Client::builder(TokioExecutor::new()).http2_only(protocol == Protocol::H2c).build_http()
}

fn layer(cache: &TokenCache, api: &Wire) -> AuthLayer {
    AuthLayer::new(cache, [&*api.origin]).unwrap()
}

fn api_key() -> Credential {
    Credential::api_key(HeaderName::from_static("x-api-key"), "k3y").unwrap()
}

fn reason<R>(response: &Response<R>) -> Option<&'static str> {
    response.extensions().get::<NotRecovered>().map(NotRecovered::as_str)
}

// R9110-15.5.2a, SYS-L5, SYS-L6
#[tokio::test]
async fn a_refused_request_is_sent_again_over_both_protocols() {
    for protocol in PROTOCOLS {
        let (time, source) = (TestClock::new(), Numbered::default());
        let api = Api::accepting(|token| token == "Bearer token-2");
        let server = Wire::serve(api.clone()).await;
        let hyper: Client<_, ReplayBody<Full<Bytes>>> = client(protocol);
        let mut service = ServiceBuilder::new().layer(layer(&source.cache(&time), &server)).service(hyper);

        let response = call(&mut service, request(&server.url("/x?y=z"), full("body"))).await.unwrap();
        assert_eq!((response.status(), reason(&response)), (StatusCode::OK, None), "{protocol:?}");
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "answer");
        assert_eq!(api.tokens(), ["Bearer token-1", "Bearer token-2"]);
        for seen in api.seen() {
            assert_eq!((&seen.body[..], &seen.headers["x-own"]), (&b"body"[..], &"kept".parse().unwrap()));
            // The size is known to the transport, as it would be without the layer.
            assert_eq!(seen.headers["content-length"], "4");
            assert!(!seen.headers.contains_key("transfer-encoding"));
            assert!(seen.uri.ends_with("/x?y=z"));
        }
    }
}

// SYS-L6, R9110-15.5.2a
#[tokio::test]
async fn a_large_upload_that_the_server_refuses_early_is_never_sent_again() {
    for protocol in PROTOCOLS {
        let (time, source) = (TestClock::new(), Numbered::default());
        let api = Api::accepting(|token| token == "Bearer token-2").answers_early();
        let server = Wire::serve(api.clone()).await;
        let service = layer(&source.cache(&time), &server).layer(client::<ReplayBody<Upload>>(protocol));

        let (upload, unsent) = Upload::of(400);
        let response = service.clone().oneshot(request(&server.url("/"), upload)).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(reason(&response), Some("body_not_replayable"), "{protocol:?}");
        assert_eq!(api.tokens(), ["Bearer token-1"]);

        // The next upload has the new token from its first byte on.
        TestClock::settle().await;
        let (upload, _) = Upload::of(2);
        let response = service.oneshot(request(&server.url("/"), upload)).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(api.tokens(), ["Bearer token-1", "Bearer token-2"]);
        assert!(unsent.load(Ordering::SeqCst) > 0, "the answer came before the end of the upload");
    }
}

// SYS-L6
#[tokio::test]
async fn a_stream_that_was_read_to_its_end_is_sent_again_and_one_above_the_limit_is_not() {
    for (protocol, pieces, sends) in
        [(Protocol::Http1, 2, 2), (Protocol::Http1, 3, 1), (Protocol::H2c, 2, 2), (Protocol::H2c, 3, 1)]
    {
        let (time, source) = (TestClock::new(), Numbered::default());
        let api = Api::accepting(|token| token == "Bearer token-2");
        let server = Wire::serve(api.clone()).await;
        let service = layer(&source.cache(&time), &server).layer(client::<ReplayBody<Upload>>(protocol));
        service.oneshot(request(&server.url("/"), Upload::of(pieces).0)).await.unwrap();
        let lengths: Vec<_> = api.seen().iter().map(|seen| seen.body.len()).collect();
        assert_eq!(lengths, vec![pieces * 32 * 1024; sends], "{protocol:?}");
    }
}

// SYS-L6
#[tokio::test]
async fn trailers_of_a_request_are_sent_again_too() {
    let (time, source) = (TestClock::new(), Numbered::default());
    let api = Api::accepting(|token| token == "Bearer token-2");
    let server = Wire::serve(api.clone()).await;
    let service = layer(&source.cache(&time), &server).layer(client::<ReplayBody<Stream>>(Protocol::H2c));
    let response = service.oneshot(request(&server.url("/"), Stream::of(&["one", "two"]))).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(api.seen().len(), 2);
    for seen in api.seen() {
        assert_eq!((&seen.body[..], &seen.trailers.unwrap()["x-check"]), (&b"onetwo"[..], &"sum".parse().unwrap()));
    }
}

/// An API that sends everybody to a second server, and the two of them.
async fn redirecting() -> (Redirected, Wire, Api, Wire) {
    let (other, first) = (Api::accepting(|_| true), Redirected::default());
    let second = Wire::serve(other.clone()).await;
    let server = first.serve(302, second.url("/stolen")).await;
    (first, server, other, second)
}

fn has_credential(headers: &HeaderMap) -> bool {
    headers.contains_key("authorization") || headers.contains_key("x-api-key")
}

// THREAT-T1, THREAT-T2
#[tokio::test]
async fn below_a_follower_of_redirects_every_hop_is_judged_by_its_own_origin() {
    for protocol in PROTOCOLS {
        let (time, source) = (TestClock::new(), Numbered::default());
        let (first, server, other, second) = redirecting().await;
        let cached = layer(&source.cache(&time), &server);
        let keyed = AuthLayer::new(api_key(), [&*server.origin]).unwrap();
        for layer in [cached, keyed] {
            let stack = ServiceBuilder::new().layer(FollowRedirectLayer::new()).layer(layer);
            let hyper: Client<_, ReplayBody<Full<Bytes>>> = client(protocol);
            let response = stack.service(hyper).oneshot(request(&server.url("/"), full(""))).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
        }
        assert!(first.headers().iter().all(has_credential), "the first server is meant to see it");
        assert_eq!((first.headers().len(), other.seen().len()), (2, 2));
        assert!(!other.seen().iter().any(|seen| has_credential(&seen.headers)));
        assert!(other.seen().iter().all(|seen| seen.uri.ends_with("/stolen")));
        drop(second);
    }
}

// THREAT-T2
#[tokio::test]
async fn a_redirect_back_to_the_api_gets_the_credential_again_below_a_follower() {
    let (time, source) = (TestClock::new(), Numbered::default());
    let api = Api::accepting(|_| true);
    let server = Wire::serve(api.clone()).await;
    let away = Redirected::default();
    let elsewhere = away.serve(302, server.url("/back")).await;
    let stack = ServiceBuilder::new().layer(FollowRedirectLayer::new()).layer(layer(&source.cache(&time), &server));
    let hyper: Client<_, ReplayBody<Full<Bytes>>> = client(Protocol::Http1);
    stack.service(hyper).oneshot(request(&elsewhere.url("/"), full(""))).await.unwrap();
    assert!(!away.headers().iter().any(has_credential));
    assert_eq!(api.tokens(), ["Bearer token-1"]);
}

// THREAT-T2
#[tokio::test]
async fn above_a_follower_of_redirects_its_own_rule_drops_authorization() {
    for protocol in PROTOCOLS {
        let (time, source) = (TestClock::new(), Numbered::default());
        let (first, server, other, second) = redirecting().await;
        let stack = ServiceBuilder::new().layer(layer(&source.cache(&time), &server)).layer(FollowRedirectLayer::new());
        let hyper: Client<_, ReplayBody<Full<Bytes>>> = client(protocol);
        let response = stack.service(hyper).oneshot(request(&server.url("/"), full(""))).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert!(has_credential(&first.headers()[0]));
        assert_eq!(other.tokens(), ["-"]);
        drop(second);
    }
}

// THREAT-T2
#[tokio::test]
async fn an_api_key_stays_at_home_if_the_client_does_not_follow_or_follows_without_any_header() {
    let (first, server, other, _second) = redirecting().await;
    let layer = AuthLayer::new(api_key(), [&*server.origin]).unwrap();
    let hyper: Client<_, ReplayBody<Full<Bytes>>> = client(Protocol::Http1);
    let response = layer.layer(hyper.clone()).oneshot(request(&server.url("/"), full(""))).await.unwrap();
    assert_eq!(response.status(), StatusCode::FOUND);
    assert!(other.seen().is_empty(), "nobody followed");

    let policy = Limited::default()
        .and::<_, ReplayBody<Full<Bytes>>, hyper_util::client::legacy::Error>(FilterCredentials::new().remove_all());
    let stack = ServiceBuilder::new().layer(layer).layer(FollowRedirectLayer::with_policy(policy));
    stack.service(hyper).oneshot(request(&server.url("/"), full(""))).await.unwrap();
    assert_eq!(other.seen().len(), 1);
    assert!(!has_credential(&other.seen()[0].headers));
    assert!(first.headers().iter().all(has_credential));
}

#[tokio::test]
async fn one_connection_carries_all_requests_and_the_second_send_too() {
    for protocol in PROTOCOLS {
        let (time, source) = (TestClock::new(), Numbered::default());
        let api = Api::accepting(|token| token == "Bearer token-2");
        let server = Wire::serve(api.clone()).await;
        let hyper: Client<_, ReplayBody<Full<Bytes>>> = client(protocol);
        let mut service = layer(&source.cache(&time), &server).layer(hyper);
        for _ in 0..20 {
            let response = call(&mut service, request(&server.url("/"), full("body"))).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            response.into_body().collect().await.unwrap();
        }
        assert_eq!((api.seen().len(), server.connections()), (21, 1), "{protocol:?}");
    }
}

// THREAT-C7, THREAT-C8, SYS-L7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_requests_refused_at_once_cost_one_refresh() {
    for protocol in PROTOCOLS {
        let (time, source) = (TestClock::new(), Numbered::default());
        let api = Api::accepting(|token| token == "Bearer token-2");
        let server = Wire::serve(api.clone()).await;
        let hyper: Client<_, ReplayBody<Full<Bytes>>> = client(protocol);
        let service = layer(&source.cache(&time), &server).layer(hyper);
        let tasks: Vec<_> =
            (0..100).map(|_| tokio::spawn(service.clone().oneshot(request(&server.url("/"), full("body"))))).collect();
        for task in tasks {
            assert_eq!(task.await.unwrap().unwrap().status(), StatusCode::OK);
        }
        assert_eq!(source.calls(), 2, "{protocol:?}: the first token and one more");
        let tokens = api.tokens();
        assert_eq!(tokens.iter().filter(|token| *token == "Bearer token-2").count(), 100);
        assert!(tokens.len() <= 200);
    }
}

/// Answers data and trailers, or `answer` of known size at `/sized`.
async fn trailing(request: Request<Incoming>) -> Result<Response<UnsyncBoxBody<Bytes, Infallible>>, Infallible> {
    let sized = request.uri().path() == "/sized";
    let body = if sized { full("answer").boxed_unsync() } else { Stream::of(&["ans", "wer"]).boxed_unsync() };
    Ok(Response::builder().header("trailer", "x-check").body(body).unwrap())
}

// The response's body has the client's own type, and so its trailers and size hints are those of the transport.
#[tokio::test]
async fn trailers_and_size_hints_of_a_response_are_those_of_the_transport() {
    for protocol in PROTOCOLS {
        let (time, source) = (TestClock::new(), Numbered::default());
        let server = Wire::serve(tower::service_fn(trailing)).await;
        let hyper: Client<_, ReplayBody<Full<Bytes>>> = client(protocol);
        let service = layer(&source.cache(&time), &server).layer(hyper);
        for (path, size) in [("/sized", Some(6)), ("/", None)] {
            let mut request = request(&server.url(path), full(""));
            request.headers_mut().insert("te", "trailers".parse().unwrap());
            let response: Response<Incoming> = service.clone().oneshot(request).await.unwrap();
            assert_eq!(response.body().size_hint().exact(), size, "{protocol:?}");
            let collected = response.into_body().collect().await.unwrap();
            let trailers = collected.trailers().cloned();
            assert_eq!(trailers.is_some_and(|trailers| trailers["x-check"] == "sum"), path == "/", "{protocol:?}");
            assert_eq!(collected.to_bytes(), "answer");
        }
    }
}
