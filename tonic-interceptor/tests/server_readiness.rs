//! The layer as a Tower citizen, driven by hand.
#![cfg(feature = "verify")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use http::{Request, Response};
use http_body_util::BodyExt;
use tokio_test::{assert_pending, assert_ready_ok};
use tonic::server::NamedService;
use tower::{Layer, Service};
use tower_auth_tonic::core::{Basic, BasicVerifier, Verified, Verifier};
use tower_auth_tonic::{GrpcValidate, GrpcValidateLayer};
use tower_test::mock::{self, Mock};

fn verifier() -> Verifier {
    BasicVerifier::new().user("batch", "s3cret").build().unwrap()
}

fn call(path: &str, password: &'static str) -> Request<()> {
    let pair = Basic::new("batch", password).unwrap().header_text();
    let request = Request::post(path).header("content-type", "application/grpc");
    request.header("authorization", pair.expose_secret()).body(()).unwrap()
}

// THREAT-V15, THREAT-V16
#[tokio::test]
async fn the_service_that_was_ready_gets_the_call_and_a_refused_one_costs_nothing() {
    let (inner, mut handle) = mock::pair::<Request<()>, Response<String>>();
    handle.allow(0);
    let layer = GrpcValidateLayer::new(verifier());
    let mut service = mock::Spawn::new(layer.layer(inner));
    assert_pending!(service.poll_ready());
    handle.allow(1);
    assert_ready_ok!(service.poll_ready());
    let refused = service.call(call("/a.Service//Method", "s3cret")).await.unwrap();
    assert_eq!(refused.headers()["grpc-status"], "12");

    // The mock panics when a clone is called that was not polled ready.
    assert_ready_ok!(service.poll_ready());
    let answer = tokio::spawn(service.call(call("/a.Service/Method", "s3cret")));
    let (request, respond) = handle.next_request().await.unwrap();
    assert_eq!(request.extensions().get::<Verified>().unwrap().subject(), "batch");
    respond.send_response(Response::new("done".to_owned()));
    let body = answer.await.unwrap().unwrap().into_body();
    assert_eq!(body.collect().await.unwrap().to_bytes(), "done");
    assert_pending!(service.poll_ready());
}

// THREAT-V16
#[tokio::test]
async fn a_verdict_of_another_verifier_is_none() {
    let (inner, mut handle) = mock::pair::<Request<()>, Response<String>>();
    let layer = GrpcValidateLayer::new(verifier()).allow_anonymous("a.Service").unwrap();
    let mut service = mock::Spawn::new(layer.layer(inner));
    let mut request = call("/a.Service/Method", "s3cret");
    let foreign = verifier().try_verify(request.headers()).unwrap();
    request.headers_mut().clear();
    request.extensions_mut().insert(foreign);
    assert_ready_ok!(service.poll_ready());
    let answer = tokio::spawn(service.call(request));
    let (request, respond) = handle.next_request().await.unwrap();
    assert!(request.extensions().get::<Verified>().is_none());
    respond.send_response(Response::default());
    answer.await.unwrap().unwrap();
}

// GRPC-3
#[tokio::test]
async fn errors_of_the_service_come_through_and_wrong_passwords_do_not() {
    let (inner, mut handle) = mock::pair::<Request<()>, Response<String>>();
    let mut service = mock::Spawn::new(GrpcValidateLayer::new(verifier()).layer(inner));
    assert_ready_ok!(service.poll_ready());
    let refused = service.call(call("/a.Service/Method", "wrong")).await.unwrap();
    assert_eq!(refused.headers()["grpc-status"], "16");
    assert_ready_ok!(service.poll_ready());
    let answer = tokio::spawn(service.call(call("/a.Service/Method", "s3cret")));
    let (_, respond) = handle.next_request().await.unwrap();
    respond.send_error("broken");
    assert_eq!(answer.await.unwrap().unwrap_err().to_string(), "broken");
}

#[test]
fn names_and_bounds_come_through() {
    #[derive(Clone)]
    struct Orders;
    impl NamedService for Orders {
        const NAME: &'static str = "orders.v1.Orders";
    }
    assert_eq!(<GrpcValidate<Orders> as NamedService>::NAME, "orders.v1.Orders");
    fn bounds<T: Send + Sync + Unpin>() {}
    bounds::<GrpcValidate<Orders>>();
    bounds::<GrpcValidateLayer>();
    fn sends<T: Send>() {}
    sends::<<GrpcValidate<Mock<Request<()>, Response<String>>> as Service<Request<()>>>::Future>();
}
