//! The rules of tower: readiness, errors, clones.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tokio_test::{assert_pending, assert_ready};
use tower::{Layer, Service, ServiceExt};
use tower_auth::core::Credential;
use tower_auth::{AuthLayer, ReplayBody};
use tower_auth_testing::TestClock;
use tower_test::mock::{self, Handle, Mock};

use self::support::*;

const API: &str = "https://api.example.com";

type Sent = Request<ReplayBody<Full<Bytes>>>;
type Inner = Mock<Sent, Response<()>>;

fn spawn(layer: &AuthLayer) -> (mock::Spawn<tower_auth::Auth<Inner>>, Handle<Sent, Response<()>>) {
    let (inner, handle) = mock::pair();
    (mock::Spawn::new(layer.layer(inner)), handle)
}

fn authorization(request: &Sent) -> &str {
    request.headers()["authorization"].to_str().unwrap()
}

fn refusal() -> Response<()> {
    Response::builder().status(StatusCode::UNAUTHORIZED).body(()).unwrap()
}

#[tokio::test]
async fn readiness_is_that_of_the_inner_service() {
    let layer = AuthLayer::new(Credential::bearer("abc").unwrap(), [API]).unwrap();
    let (mut service, mut handle) = spawn(&layer);
    handle.allow(0);
    assert_pending!(service.poll_ready());
    handle.allow(1);
    assert!(service.is_woken());
    assert_ready!(service.poll_ready()).unwrap();
    let response = tokio::spawn(service.call(request(API, full(""))));
    let (sent, answer) = handle.next_request().await.unwrap();
    assert_eq!(authorization(&sent), "Bearer abc");
    answer.send_response(Response::new(()));
    response.await.unwrap().unwrap();
}

#[tokio::test]
async fn errors_of_the_inner_service_come_through() {
    let layer = AuthLayer::new(Credential::bearer("abc").unwrap(), [API]).unwrap();
    let (mut service, mut handle) = spawn(&layer);
    assert_ready!(service.poll_ready()).unwrap();
    let response = tokio::spawn(service.call(request(API, full(""))));
    handle.next_request().await.unwrap().1.send_error("inner failure");
    assert_eq!(response.await.unwrap().unwrap_err().to_string(), "inner failure");
    handle.send_error("gone");
    assert_eq!(assert_ready!(service.poll_ready()).unwrap_err().to_string(), "gone");
}

#[tokio::test]
async fn a_miss_waits_with_the_service_that_was_ready_and_a_clone_waits_for_readiness_of_its_own() {
    let (time, source) = (TestClock::new(), Numbered::default());
    let layer = AuthLayer::new(source.cache(&time), [API]).unwrap();
    let (mut service, mut handle) = spawn(&layer);
    handle.allow(1);
    assert_ready!(service.poll_ready()).unwrap();
    // The mock panics if a service is called that was not polled ready.
    let response = tokio::spawn(service.call(request(API, full(""))));
    TestClock::settle().await;
    assert_pending!(service.poll_ready());
    let mut clone = service.clone();
    assert_pending!(clone.poll_ready());
    let (sent, answer) = handle.next_request().await.unwrap();
    assert_eq!(authorization(&sent), "Bearer token-1");
    answer.send_response(Response::new(()));
    response.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_second_send_waits_until_the_service_is_ready_again() {
    let (time, source) = (TestClock::new(), Numbered::default());
    let layer = AuthLayer::new(source.cache(&time), [API]).unwrap();
    let (mut service, mut handle) = spawn(&layer);
    handle.allow(1);
    assert_ready!(service.poll_ready()).unwrap();
    let response = tokio::spawn(service.call(request(API, full("x"))));
    handle.next_request().await.unwrap().1.send_response(refusal());
    TestClock::settle().await;
    assert_eq!(source.calls(), 2, "the new token is there");
    assert!(!response.is_finished());
    handle.allow(1);
    let (sent, answer) = handle.next_request().await.unwrap();
    assert_eq!(authorization(&sent), "Bearer token-2");
    answer.send_response(Response::new(()));
    assert_eq!(response.await.unwrap().unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_refused_request_leaves_the_service_ready() {
    let layer = AuthLayer::new(Credential::bearer("abc").unwrap(), [API]).unwrap();
    let (mut service, mut handle) = spawn(&layer);
    handle.allow(1);
    assert_ready!(service.poll_ready()).unwrap();
    service.call(request("http://api.example.com/", full(""))).await.unwrap_err();
    assert_ready!(service.poll_ready()).unwrap();
    let response = tokio::spawn(service.call(request(API, full(""))));
    handle.next_request().await.unwrap().1.send_response(Response::new(()));
    response.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_readiness_error_before_the_second_send_reaches_the_caller() {
    let (time, source) = (TestClock::new(), Numbered::default());
    let layer = AuthLayer::new(source.cache(&time), [API]).unwrap();
    let (mut service, mut handle) = spawn(&layer);
    handle.allow(1);
    assert_ready!(service.poll_ready()).unwrap();
    let response = tokio::spawn(service.call(request(API, full("x"))));
    let (_, answer) = handle.next_request().await.unwrap();
    handle.send_error("no more connections");
    answer.send_response(refusal());
    assert_eq!(response.await.unwrap().unwrap_err().to_string(), "no more connections");
}

#[test]
fn the_service_and_its_future_can_cross_threads() {
    fn assert<T: Send>(_: &T) {}
    fn assert_both<T: Send + Sync>(_: &T) {}
    let layer = AuthLayer::new(Credential::bearer("abc").unwrap(), [API]).unwrap();
    assert_both(&layer);
    let mut service = layer.layer(Api::accepting(|_| true));
    assert_both(&service);
    assert(&service.call(request(API, full(""))));
    assert(&service.clone().oneshot(request(API, full(""))));
}
