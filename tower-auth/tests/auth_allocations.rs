//! What the layer allocates.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use tower::{Layer, Service};
use tower_auth::core::{SourceRequest, Token, TokenCache, TokenResponse};
use tower_auth::{AuthLayer, ReplayBody};

#[derive(Clone)]
struct NoOp;

impl Service<Request<ReplayBody<Full<Bytes>>>> for NoOp {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<ReplayBody<Full<Bytes>>>) -> Self::Future {
        assert!(request.headers().contains_key("authorization"));
        ready(Ok(Response::new(())))
    }
}

fn warm_layer() -> AuthLayer {
    let cache = TokenCache::new(|_: SourceRequest| async {
        Ok(TokenResponse::new(Token::new("t".repeat(700)).unwrap()).expires_in(Duration::from_secs(3_600)))
    });
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(cache.ready()).unwrap();
    AuthLayer::new(cache, ["https://api.example.com"]).unwrap()
}

/// How many allocations one call costs, once the service is warm.
fn allocations(layer: &AuthLayer) -> u64 {
    let mut service = layer.layer(NoOp);
    counted(None, |request| service.call(request))
}

/// How many allocations one call costs whose request has `own` credential.
fn counted<F: Future>(own: Option<&'static str>, mut call: impl FnMut(Request<Full<Bytes>>) -> F) -> u64 {
    let request = || {
        let mut request = Request::new(Full::from(Bytes::from_static(b"body")));
        *request.uri_mut() = http::Uri::from_static("https://api.example.com/x");
        request.headers_mut().reserve(8);
        request.headers_mut().insert("accept", HeaderValue::from_static("*/*"));
        if let Some(own) = own {
            request.headers_mut().insert("authorization", HeaderValue::from_static(own));
        }
        request
    };
    let mut count = 0;
    for _ in 0..4 {
        let request = request();
        let measured = allocation_counter::measure(|| {
            let mut future = std::pin::pin!(call(request));
            assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
        });
        count = measured.count_total;
    }
    count
}

#[test]
fn without_recovery_a_hit_allocates_nothing() {
    assert_eq!(allocations(&warm_layer().without_recovery()), 0);
}

#[test]
fn a_request_that_keeps_its_own_credential_allocates_nothing() {
    for layer in [warm_layer(), warm_layer().without_recovery()] {
        let service = layer.layer(NoOp);
        // Servers have a clone for each request.
        assert_eq!(counted(Some("Basic b3du"), |request| service.clone().call(request)), 0, "{layer:?}");
    }
}

#[test]
fn with_recovery_a_hit_keeps_the_text_of_its_headers_and_all_else_in_two_pieces() {
    assert_eq!(allocations(&warm_layer()), 2);
}
