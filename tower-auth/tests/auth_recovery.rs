//! What happens when a credential is refused.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Empty, Full};
use tower::{Layer, ServiceExt};
use tower_auth::core::{Credential, TokenErrorKind};
use tower_auth::{Auth, AuthLayer, NotRecovered};
use tower_auth_testing::TestClock;

use self::support::*;

const API: &str = "https://api.example.com";

fn client(source: &Numbered, time: &TestClock, api: &Api) -> Auth<Api> {
    AuthLayer::new(source.cache(time), [API]).unwrap().layer(api.clone())
}

fn reason<R>(response: &Response<R>) -> Option<&'static str> {
    response.extensions().get::<NotRecovered>().map(NotRecovered::as_str)
}

// R9110-15.5.2a, THREAT-C7, SYS-L6, SYS-V5
#[tokio::test]
async fn a_refused_request_is_sent_again_once_with_a_new_token_and_otherwise_unchanged() {
    let (time, source) = (TestClock::new(), Numbered::default());
    let api = Api::accepting(|token| token == "Bearer token-2");
    let mut client = client(&source, &time, &api);
    let response = call(&mut client, request("https://api.example.com/x?y", full("body"))).await.unwrap();
    assert_eq!((response.status(), reason(&response)), (StatusCode::OK, None));
    let seen = api.seen();
    assert_eq!(api.tokens(), ["Bearer token-1", "Bearer token-2"]);
    assert_eq!(seen[0].uri, seen[1].uri);
    assert_eq!((&seen[0].body, &seen[1].body), (&Bytes::from("body"), &Bytes::from("body")));
    assert_eq!(seen[1].headers["x-own"], "kept");
    assert_eq!(seen[1].authorization.len(), 1);
    assert_eq!(source.calls(), 2);
}

// THREAT-C7, THREAT-C8
#[tokio::test]
async fn a_thousand_refusals_of_one_token_cost_one_refresh_and_one_resend_each() {
    let (time, source) = (TestClock::new(), Numbered::default());
    let api = Api::accepting(|token| token == "Bearer token-2");
    let client = client(&source, &time, &api);
    let tasks: Vec<_> = (0..1_000).map(|_| tokio::spawn(client.clone().oneshot(request(API, full("body"))))).collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap().status(), StatusCode::OK);
    }
    assert_eq!(source.calls(), 2);
    let tokens = api.tokens();
    assert_eq!(tokens.iter().filter(|token| *token == "Bearer token-2").count(), 1_000);
    assert!(tokens.len() <= 2_000);
}

// THREAT-C7, THREAT-C8
#[tokio::test]
async fn a_server_that_refuses_everything_sees_the_first_request_twice_and_the_others_at_most_twice() {
    let (time, source) = (TestClock::new(), Numbered::default());
    let api = Api::accepting(|_| false);
    let mut client = client(&source, &time, &api);
    let response = call(&mut client, request(API, full(""))).await.unwrap();
    assert_eq!((response.status(), reason(&response)), (StatusCode::UNAUTHORIZED, Some("refused_again")));
    assert_eq!(api.seen().len(), 2);
    for _ in 0..100 {
        let before = api.seen().len();
        let response = call(&mut client, request(API, full(""))).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert!(api.seen().len() - before <= 2);
    }
    assert_eq!(source.calls(), 2, "renewing was shown not to help");
    time.advance(Duration::from_secs(600)).await;
    for _ in 0..100 {
        call(&mut client, request(API, full(""))).await.unwrap();
    }
    assert_eq!(source.calls(), 3);
}

// THREAT-C7
#[tokio::test]
async fn a_refresh_that_changes_nothing_is_not_followed_by_a_resend() {
    let (time, source) = (TestClock::new(), Numbered::default().same());
    let api = Api::accepting(|_| false);
    let mut client = client(&source, &time, &api);
    let response = call(&mut client, request(API, full(""))).await.unwrap();
    assert_eq!(reason(&response), Some("unchanged"));
    let response = call(&mut client, request(API, full(""))).await.unwrap();
    assert_eq!(reason(&response), Some("throttled"));
    assert_eq!((api.seen().len(), source.calls()), (2, 2));
}

#[tokio::test]
async fn if_no_new_token_can_be_had_the_refusal_goes_to_the_caller_with_the_reason() {
    let (time, source) = (TestClock::new(), Numbered::default().fails_from(2));
    let api = Api::accepting(|_| false);
    let mut client = client(&source, &time, &api);
    let response = call(&mut client, request(API, full(""))).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    match response.extensions().get::<NotRecovered>() {
        Some(NotRecovered::RefreshFailed(error)) => assert_eq!(error.kind(), TokenErrorKind::ServerError),
        other => panic!("{other:?}"),
    }
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "answer");
    assert_eq!(api.seen().len(), 1);
}

// R9110-11.4b, THREAT-C7
#[tokio::test]
async fn other_refusals_never_refresh() {
    for challenge in ["Bearer error=\"insufficient_scope\"", "Bearer error=\"insufficient_user_authentication\""] {
        let (time, source) = (TestClock::new(), Numbered::default());
        let api = Api::accepting(|_| false).challenge(challenge);
        let response = call(&mut client(&source, &time, &api), request(API, full(""))).await.unwrap();
        assert_eq!((response.status(), reason(&response)), (StatusCode::UNAUTHORIZED, None));
        assert_eq!((api.seen().len(), source.calls()), (1, 1));
    }
}

#[tokio::test]
async fn a_credential_that_cannot_change_is_never_resent() {
    let api = Api::accepting(|_| false);
    let mut client = AuthLayer::new(Credential::bearer("fixed").unwrap(), [API]).unwrap().layer(api.clone());
    assert_eq!(call(&mut client, request(API, full(""))).await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(api.seen().len(), 1);
}

#[tokio::test]
async fn a_credential_of_the_callers_own_is_never_resent() {
    let (time, source) = (TestClock::new(), Numbered::default());
    let api = Api::accepting(|_| false);
    let mut client = client(&source, &time, &api);
    client.clone().oneshot(request(API, full(""))).await.unwrap();
    let calls = (api.seen().len(), source.calls());
    let own = Request::get(API).header("authorization", "Bearer own").body(full("")).unwrap();
    call(&mut client, own).await.unwrap();
    assert_eq!((api.seen().len(), source.calls()), (calls.0 + 1, calls.1));
}

#[tokio::test]
async fn a_stream_that_was_read_to_its_end_is_replayed_with_its_trailers() {
    let (time, source) = (TestClock::new(), Numbered::default());
    let api = Api::accepting(|token| token == "Bearer token-2");
    let client = client(&source, &time, &api);
    let response = client.oneshot(request(API, Stream::of(&["one", "two", ""]))).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    for seen in api.seen() {
        assert_eq!(seen.body, "onetwo");
        assert_eq!(seen.trailers.unwrap()["x-check"], "sum");
    }
    assert_eq!(api.seen().len(), 2);
}

#[tokio::test]
async fn a_body_that_is_still_open_is_never_resent_and_the_token_is_renewed_for_the_next() {
    let (time, source) = (TestClock::new(), Numbered::default());
    let api = Api::accepting(|token| token == "Bearer token-2").answers_early();
    let client = client(&source, &time, &api);
    let response = client.clone().oneshot(request(API, Stream::of(&["one"]).endless())).await.unwrap();
    assert_eq!(reason(&response), Some("body_not_replayable"));
    assert_eq!(api.seen().len(), 1);
    TestClock::settle().await;
    let response = client.oneshot(request(API, Stream::of(&["two"]).endless())).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(api.tokens(), ["Bearer token-1", "Bearer token-2"]);
}

#[tokio::test]
async fn a_body_is_resent_at_the_limit_and_not_above_it() {
    for (limit, sends) in [(6, 2), (5, 1), (0, 1)] {
        let (time, source) = (TestClock::new(), Numbered::default());
        let api = Api::accepting(|token| token == "Bearer token-2");
        let layer = AuthLayer::new(source.cache(&time), [API]).unwrap().replay_limit(limit);
        layer.layer(api.clone()).oneshot(request(API, Stream::of(&["abc", "def"]))).await.unwrap();
        assert_eq!(api.seen().len(), sends, "limit {limit}");
    }
}

#[tokio::test]
async fn bodies_of_known_types_are_resent_even_if_nobody_read_them() {
    let (time, source) = (TestClock::new(), Numbered::default());
    let api = Api::accepting(|token| token == "Bearer token-2").answers_early();
    let client = client(&source, &time, &api);
    assert_eq!(client.clone().oneshot(request(API, full("x"))).await.unwrap().status(), StatusCode::OK);
    let api = Api::accepting(|token| token == "Bearer token-2").answers_early();
    let cache = Numbered::default().cache(&time);
    let client = AuthLayer::new(cache, [API]).unwrap().layer(api);
    assert_eq!(client.oneshot(request(API, Empty::<Bytes>::new())).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn what_says_that_a_token_is_dead_is_a_matter_of_the_api() {
    let (time, source) = (TestClock::new(), Numbered::default());
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let api = tower::service_fn(move |_: Request<_>| {
        let call = count.fetch_add(1, Ordering::SeqCst);
        let status = if call == 0 { 403 } else { 200 };
        async move { Ok::<_, std::convert::Infallible>(Response::builder().status(status).body(()).unwrap()) }
    });
    let layer = AuthLayer::new(source.cache(&time), [API]).unwrap().refused_when(|status, _| status == 403);
    let response = layer.layer(api).oneshot(request(API, full(""))).await.unwrap();
    assert_eq!((response.status().as_u16(), source.calls()), (200, 2));
}

#[tokio::test]
async fn recovery_can_be_turned_off() {
    let (time, source) = (TestClock::new(), Numbered::default());
    let api = Api::accepting(|_| false);
    let layer = AuthLayer::new(source.cache(&time), [API]).unwrap().without_recovery();
    let response = layer.layer(api.clone()).oneshot(request(API, full(""))).await.unwrap();
    assert_eq!((response.status(), reason(&response)), (StatusCode::UNAUTHORIZED, None));
    assert_eq!((api.seen().len(), source.calls()), (1, 1));
}

#[tokio::test]
async fn cancelling_a_request_in_any_state_harms_nobody() {
    let (time, source) = (TestClock::new(), Numbered::default());
    let api = Api::accepting(|token| token == "Bearer token-2");
    let client = client(&source, &time, &api);
    for polls in 0..12 {
        let mut future = std::pin::pin!(client.clone().oneshot(request(API, full("x"))));
        for _ in 0..polls {
            let waker = std::task::Waker::noop();
            if future.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    let response = client.oneshot(request(API, full("x"))).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(source.calls(), 2);
}

#[tokio::test]
async fn size_hints_and_the_end_of_the_stream_pass_unchanged() {
    let (time, source) = (TestClock::new(), Numbered::default());
    let hints = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&hints);
    let api =
        tower::service_fn(move |request: Request<tower_auth::ReplayBody<http_body_util::Limited<Full<Bytes>>>>| {
            let body = request.into_body();
            seen.lock().unwrap().push((body.size_hint().exact(), body.is_end_stream()));
            async { Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("abc"))) }
        });
    let layer = AuthLayer::new(source.cache(&time), [API]).unwrap();
    let limited = || http_body_util::Limited::new(full("abc"), 9);
    let response = layer.layer(api).oneshot(request(API, limited())).await.unwrap();
    assert_eq!(response.body().size_hint().exact(), Some(3));
    assert_eq!(*hints.lock().unwrap(), [(Some(3), false)]);
}
