//! Described providers over real clients and sockets.
#![cfg(feature = "provider")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod described;
mod support;
mod wire;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tower::Layer;
use tower_auth::{NotRecovered, ProviderLayer, ReplayBody};

use self::described::*;
use self::support::*;
use self::wire::*;

/// An API that likes the second token only, its server, and the layer for it.
async fn renewed(method: &str) -> (Api, Wire, ProviderLayer) {
    let api = Api::accepting(|token| token == "Bearer token-2");
    let server = Wire::serve(api.clone()).await;
    let connection = Endpoint::default().connect(method, &[("base_url", &server.url("/v1"))]);
    (api, server, ProviderLayer::new(&connection).unwrap())
}

#[tokio::test]
async fn hyper_gets_whole_uris_and_both_sends_over_both_protocols() {
    for http2 in [false, true] {
        let (api, _server, layer) = renewed(CLIENT).await;
        let hyper: Client<HttpConnector, ReplayBody<Full<Bytes>>> =
            Client::builder(TokioExecutor::new()).http2_only(http2).build_http();
        let mut service = layer.layer(hyper);
        let response = call(&mut service, request("/me?x=1", full("body"))).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "answer");
        assert_eq!(api.tokens(), ["Bearer token-1", "Bearer token-2"]);
        assert!(api.seen().iter().all(|seen| seen.uri.ends_with("/v1/me?x=1") && seen.body == "body"));
    }
}

#[tokio::test]
async fn a_followed_stream_is_passed_through() {
    let (_api, server, layer) = renewed(CLIENT).await;
    let hyper: Client<HttpConnector, ReplayBody<Upload>> = Client::builder(TokioExecutor::new()).build_http();
    let mut service = layer.layer(hyper);
    let response =
        call(&mut service, Request::post(server.url("/v1/up")).body(Upload::of(400).0).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(matches!(response.extensions().get(), Some(NotRecovered::BodyNotReplayable)));
}

#[cfg(feature = "reqwest")]
#[tokio::test]
async fn reqwest_is_the_same_with_and_without_a_look_into_bodies() {
    let by_body =
        format!("{CLIENT}\nexpired_signal = {{ status = 401, body = {{ path = \"\", equals = \"answer\" }} }}");
    let limited = format!("{CLIENT}\nlimits = {{ concurrency = 1 }}");
    for method in [CLIENT, &by_body, &limited] {
        let (api, server, layer) = renewed(method).await;
        let client = layer.reqwest(reqwest::Client::builder().no_proxy()).unwrap();
        let request = || client.post(server.url("/v1/me")).header("x-own", "kept").body("body").send();
        let (first, second) = tokio::join!(request(), request());
        for response in [first.unwrap(), second.unwrap()] {
            assert_eq!(response.url().as_str(), server.url("/v1/me"));
            assert!(response.extensions().get::<NotRecovered>().is_none());
            assert_eq!(
                (response.status(), response.headers()["content-length"].to_str().unwrap()),
                (StatusCode::OK, "6")
            );
            assert!(response.remote_addr().is_some());
            assert_eq!(response.text().await.unwrap(), "answer");
        }
        assert!(api.seen().iter().all(|seen| seen.body == "body" && seen.headers["x-own"] == "kept"), "{method}");
        assert_eq!(api.tokens().iter().filter(|token| *token == "Bearer token-2").count(), 2, "{method}");
        // A stream, a body of another type.
        let chunks = Frames(vec!["a", "b"]);
        let response = client.post(server.url("/v1/me")).body(reqwest::Body::wrap(chunks)).send().await.unwrap();
        assert_eq!((response.status(), &*api.seen().pop().unwrap().body), (StatusCode::OK, &b"ab"[..]));
        // Elsewhere nothing of ours goes.
        let other = Wire::serve(api.clone()).await;
        client.get(other.url("/")).send().await.unwrap();
        assert_eq!(api.tokens().pop().unwrap(), "-");
    }
}

#[cfg(feature = "reqwest")]
struct Frames(Vec<&'static str>);

#[cfg(feature = "reqwest")]
impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        let next = (!self.0.is_empty()).then(|| self.0.remove(0));
        std::task::Poll::Ready(next.map(|chunk| Ok(http_body::Frame::data(Bytes::from_static(chunk.as_bytes())))))
    }
}
