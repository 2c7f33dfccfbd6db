//! Keys that a described provider wants in bodies.
#![cfg(feature = "provider")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod described;
mod support;
mod wire;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio_test::assert_pending;
use tower::{Layer, ServiceExt};
use tower_auth::core::{Connection, SigningErrorKind};
use tower_auth::{AuthError, BodyCredentialLayer, ReplayBody, SkipAuth};
use tower_test::mock;

use self::described::*;
use self::support::*;
use self::wire::*;

const METHOD: &str = "kind = \"api_key\"\nplacement = [{ body = \"auth.key\" }, { body = \"client\", value = \"{client}\" }, { header = \"x-client\", value = \"{client}\" }]\n\
    [[auth.fields]]\nname = \"client\"";

fn connect(base: &str) -> Connection {
    Endpoint::default().connect(METHOD, &[("api_key", "k3y\"}"), ("client", "c1"), ("base_url", base)])
}

fn json(uri: &str, body: &'static str) -> Request<Full<Bytes>> {
    Request::post(uri)
        .header("content-type", "application/json")
        .header("content-length", body.len())
        .body(full(body))
        .unwrap()
}

#[tokio::test]
async fn a_key_goes_into_a_json_object_with_the_right_length() {
    for http2 in [false, true] {
        let api = Api::accepting(|_| true);
        let server = Wire::serve(api.clone()).await;
        let hyper: Client<_, ReplayBody<Full<Bytes>>> =
            Client::builder(TokioExecutor::new()).http2_only(http2).build_http();
        let service = BodyCredentialLayer::new(&connect(&server.url("/v1/"))).unwrap().layer(hyper);
        let response = service.oneshot(json("/ping", r#"{"x":1.50}"#)).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let seen = api.seen().remove(0);
        assert!(seen.uri.ends_with("/v1/ping"), "{}", seen.uri);
        assert_eq!(seen.body, r#"{"auth":{"key":"k3y\"}"},"client":"c1","x":1.50}"#);
        assert_eq!(
            (seen.headers["content-length"].clone(), &seen.headers["x-client"]),
            (seen.body.len().into(), &"c1".parse().unwrap())
        );
    }
}

// THREAT-T1
#[tokio::test]
async fn another_origin_and_a_request_that_wants_none_get_no_key() {
    let api = Api::accepting(|_| true);
    let mut service = BodyCredentialLayer::new(&connect("https://api.acme.test")).unwrap().layer(api.clone());
    call(&mut service, json("https://elsewhere.test/", "{}")).await.unwrap();
    let mut skipped = json("/x", "{}");
    skipped.extensions_mut().insert(SkipAuth);
    call(&mut service, skipped).await.unwrap();
    assert!(api.seen().iter().all(|seen| seen.body == "{}" && !seen.headers.contains_key("x-client")));
    // Plain http to the host is refused before anything is sent.
    assert!(call(&mut service, json("http://api.acme.test/", "{}")).await.is_err());
    assert_eq!(api.seen().len(), 2);
}

#[tokio::test]
async fn what_cannot_hold_a_key_is_not_sent() {
    let api = Api::accepting(|_| true);
    let layer = BodyCredentialLayer::new(&connect("https://api.acme.test")).unwrap();
    let mut service = layer.clone().layer(api.clone());
    let xml = Request::post("/").header("content-type", "text/xml").body(full("<a/>")).unwrap();
    let form =
        Request::post("/").header("content-type", "application/x-www-form-urlencoded").body(full("a=b")).unwrap();
    for request in [xml, form, json("/", "[]"), Request::get("/").body(full("")).unwrap()] {
        let error = call(&mut service, request).await.unwrap_err();
        let error = error.downcast_ref::<AuthError>().unwrap().signing_error().unwrap();
        assert_eq!(error.kind(), SigningErrorKind::Body);
        assert!(!error.to_string().contains("k3y"), "{error}");
    }
    let error = call(&mut layer.limit(3).layer(api.clone()), json("/", "{  }")).await.unwrap_err();
    assert!(format!("{:?}", error).contains("limit"), "{error:?}");
    assert!(api.seen().is_empty());
    // Nothing at all is an empty object.
    call(&mut service, Request::post("/").body(full("")).unwrap()).await.unwrap();
    assert_eq!(api.seen()[0].headers["content-type"], "application/json");
    assert!(api.seen()[0].body.starts_with(br#"{"auth""#));
}

#[tokio::test]
async fn the_service_that_was_ready_goes_with_the_request() {
    let (inner, mut handle) = mock::pair::<Request<ReplayBody<Full<Bytes>>>, http::Response<Full<Bytes>>>();
    let mut service =
        mock::Spawn::new(BodyCredentialLayer::new(&connect("https://api.acme.test")).unwrap().layer(inner));
    handle.allow(1);
    tokio_test::assert_ready!(service.poll_ready()).unwrap();
    let response = tokio::spawn(service.call(json("/", "{}")));
    tower_auth_testing::TestClock::settle().await;
    assert_pending!(service.poll_ready());
    handle.next_request().await.unwrap().1.send_response(http::Response::new(full("")));
    response.await.unwrap().unwrap();
}

#[test]
fn a_token_in_bodies_is_refused_when_the_layer_is_made() {
    let method = format!("{CLIENT}\nplacement = [{{ body = \"token\" }}]");
    let connection = Endpoint::default().connect(&method, &[("base_url", "https://api.acme.test")]);
    let error = BodyCredentialLayer::new(&connection).unwrap_err().to_string();
    assert!(error.contains("another placement"), "{error}");
}
