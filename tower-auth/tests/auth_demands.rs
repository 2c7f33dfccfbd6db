//! Refusals that ask for more than a new token, and refusals that stand in a body.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt;
use tower::{Layer, ServiceBuilder, ServiceExt};
use tower_auth::core::BoxError;
use tower_auth::{AuthLayer, BodyRefusalLayer, InsufficientScope, NotRecovered, StepUpRequired};
use tower_auth_testing::{AuthorizationServer, ResourceServer, TestClock};

use self::support::*;

const API: &str = "https://api.test";

// THREAT-C7
#[tokio::test]
async fn a_step_up_is_told_to_the_caller_and_never_refreshes() {
    let time = TestClock::new();
    let issuer = AuthorizationServer::builder().client("app", "secret").clock(time.clock()).build().unwrap();
    let api = ResourceServer::builder().issuer(&issuer).step_up(["mfa", "hwk"], Some(Duration::from_secs(300))).build();
    for custom in [false, true] {
        let calls = Arc::new(AtomicUsize::new(0));
        let (count, issuer) = (Arc::clone(&calls), issuer.clone());
        let source = move |_: tower_auth::core::SourceRequest| {
            count.fetch_add(1, Ordering::SeqCst);
            let token = tower_auth::core::Token::new(issuer.mint().sign()).unwrap();
            async move { Ok(tower_auth::core::TokenResponse::new(token)) }
        };
        let layer = AuthLayer::new(tower_auth::core::TokenCache::new(source), [API]).unwrap();
        let layer = if custom { layer.refused_when(|status, _| status == StatusCode::UNAUTHORIZED) } else { layer };
        let sends = api.request_count();
        let response = layer.layer(api.clone()).oneshot(request(API, full(""))).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        let demand = response.extensions().get::<StepUpRequired>().unwrap();
        assert_eq!(demand.acr_values(), ["mfa", "hwk"]);
        assert_eq!((demand.max_age(), demand.scope()), (Some(Duration::from_secs(300)), None));
        assert!(response.extensions().get::<NotRecovered>().is_none());
        assert!(response.extensions().get::<InsufficientScope>().is_none());
        assert_eq!((api.request_count() - sends, calls.load(Ordering::SeqCst)), (1, 1));
    }
}

// THREAT-C7
#[tokio::test]
async fn too_little_scope_is_told_to_the_caller_and_never_refreshes() {
    let (time, source) = (TestClock::new(), Numbered::default());
    let issuer = AuthorizationServer::builder().client("app", "secret").clock(time.clock()).build().unwrap();
    let api = ResourceServer::builder().issuer(&issuer).scope("admin").build();
    let token = issuer.mint().sign();
    let own = tower_auth::core::StaticToken::new(tower_auth::core::Token::new(token).unwrap());
    let layer = AuthLayer::new(tower_auth::core::TokenCache::new(own), [API]).unwrap();
    let response = layer.layer(api.clone()).oneshot(request(API, full(""))).await.unwrap();
    assert_eq!(response.extensions().get::<InsufficientScope>().unwrap().scope(), Some("admin"));
    assert_eq!(api.request_count(), 1);

    let layer = AuthLayer::new(source.cache(&time), [API]).unwrap().refused_when(|status, _| status.as_u16() >= 400);
    let api = Api::accepting(|_| false).challenge("Bearer error=\"insufficient_scope\"");
    let response = layer.layer(api.clone()).oneshot(request(API, full(""))).await.unwrap();
    assert_eq!(response.extensions().get::<InsufficientScope>().unwrap().scope(), None);
    assert_eq!((api.seen().len(), source.calls()), (1, 1));
}

#[test]
fn a_demand_is_read_from_the_challenge_that_makes_it() {
    let parse = |challenge: &'static str| {
        StepUpRequired::from_headers(
            &[("www-authenticate".parse().unwrap(), challenge.parse().unwrap())].into_iter().collect(),
        )
    };
    let demand =
        parse("Basic realm=x, DPoP error=\"insufficient_user_authentication\", max_age=\"5\", scope=\"a b\"").unwrap();
    assert_eq!((demand.max_age(), demand.scope()), (Some(Duration::from_secs(5)), Some("a b")));
    assert!(demand.acr_values().is_empty());
    assert_eq!(parse("Bearer error=insufficient_user_authentication, max_age=-1").unwrap().max_age(), None);
    assert_eq!(parse("Bearer error=invalid_token"), None);
    assert_eq!(parse("Other error=insufficient_user_authentication"), None);
    assert_eq!(StepUpRequired::from_headers(&HeaderMap::new()), None);
}

/// A JSON answer in pieces, with trailers, that says the token is dead to all but `token-2`.
fn answer(authorization: &str) -> Response<Stream> {
    let body = if authorization == "Bearer token-2" {
        Stream::of(&["{\"ok\":", "true}"])
    } else {
        Stream::of(&["{\"success\":false,\"co", "de\":\"602\"}", " "])
    };
    Response::builder().header("content-type", "application/json; charset=utf-8").body(body).unwrap()
}

type Sent = Result<Response<Stream>, BoxError>;

fn is_dead(start: &[u8]) -> bool {
    start.windows(12).any(|part| part == b"\"code\":\"602\"")
}

async fn respond<B>(request: Request<B>) -> Sent {
    Ok(answer(request.headers()["authorization"].to_str().unwrap()))
}

#[tokio::test]
async fn a_refusal_in_the_body_renews_the_token_and_bodies_come_whole() {
    let (time, source) = (TestClock::new(), Numbered::default());
    let client = ServiceBuilder::new()
        .layer(AuthLayer::new(source.cache(&time), [API]).unwrap())
        .layer(BodyRefusalLayer::new(is_dead))
        .service_fn(respond);
    let response = client.clone().oneshot(request(API, full("body"))).await.unwrap();
    assert_eq!(source.calls(), 2);
    let whole = response.into_body().collect().await.unwrap();
    assert_eq!(whole.trailers().unwrap()["x-check"], "sum");
    assert_eq!(whole.to_bytes(), "{\"ok\":true}");
}

#[tokio::test]
async fn what_lies_beyond_the_limit_is_not_looked_at_and_is_handed_on() {
    for (limit, refused) in [(32, true), (29, true), (28, false), (0, false)] {
        let layer = BodyRefusalLayer::new(is_dead).limit(limit);
        let request = Request::get(API).header("authorization", "Bearer token-1").body(()).unwrap();
        let response = layer.layer(tower::service_fn(respond)).oneshot(request).await.unwrap();
        assert_eq!(response.extensions().get::<tower_auth::TokenRefused>().is_some(), refused, "{limit}");
        let whole = response.into_body().collect().await.unwrap();
        assert_eq!(whole.trailers().unwrap()["x-check"], "sum");
        assert_eq!(whole.to_bytes(), "{\"success\":false,\"code\":\"602\"} ");
    }
}

#[tokio::test]
async fn a_head_that_does_not_match_is_handed_on_at_once() {
    let pending = |kind: &'static str| {
        tower::service_fn(move |_: Request<()>| async move {
            let body = Stream::of(&["\"code\":\"602\""]).endless();
            Ok::<_, BoxError>(Response::builder().header("content-type", kind).body(body).unwrap())
        })
    };
    let layer = BodyRefusalLayer::new(|_: &[u8]| true);
    for kind in ["text/event-stream", "text/html", "application/jsonx"] {
        let response = layer.layer(pending(kind)).oneshot(Request::new(())).await.unwrap();
        assert!(response.extensions().get::<tower_auth::TokenRefused>().is_none(), "{kind}");
    }
    let picky = layer.clone().when(|status, _| status == StatusCode::BAD_REQUEST);
    let response = picky.layer(pending("application/json")).oneshot(Request::new(())).await.unwrap();
    assert!(response.extensions().get::<tower_auth::TokenRefused>().is_none());
    assert_eq!(response.body().size_hint().lower(), 0);
    let mut held = tokio_test::task::spawn(layer.layer(pending("application/problem+json")).oneshot(Request::new(())));
    assert!(held.poll().is_pending());
}

/// A body that breaks off.
struct Broken(usize);

impl Body for Broken {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, std::io::Error>>> {
        self.0 += 1;
        Poll::Ready(match self.0 {
            1 => Some(Ok(http_body::Frame::data(Bytes::from("start")))),
            2 => Some(Err(std::io::Error::other("gone"))),
            _ => panic!("polled after its end"),
        })
    }
}

#[tokio::test]
async fn an_error_of_the_body_comes_where_it_stood() {
    let broken = tower::service_fn(|_: Request<()>| async {
        let response = Response::builder().header("content-type", "application/json");
        Ok::<_, BoxError>(response.body(Broken(0)).unwrap())
    });
    let response = BodyRefusalLayer::new(is_dead).layer(broken).oneshot(Request::new(())).await.unwrap();
    let mut body = std::pin::pin!(response.into_body());
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "start");
    assert_eq!(body.frame().await.unwrap().unwrap_err().to_string(), "gone");
    assert!(body.frame().await.is_none());
}
