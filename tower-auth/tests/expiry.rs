//! Responses that end with the credential of their caller.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_auth::core::jose::{Algorithm, JwkSet};
use tower_auth::core::{BasicVerifier, JwtVerifier, Verifier};
use tower_auth::{EndAtExpiryLayer, ExpiringBody, ValidateLayer};
use tower_auth_testing::{TestClock, TokenMinter};

/// A body that always has something.
#[derive(Default)]
struct Endless;

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"tick\n")))))
    }
}

/// A body that never has anything.
#[derive(Default)]
struct Silent;

impl Body for Silent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(1);
        hint.set_upper(9);
        hint
    }
}

struct Setting {
    minter: TokenMinter,
    time: TestClock,
}

impl Setting {
    fn new() -> Self {
        let time = TestClock::new();
        Self { minter: TokenMinter::with_keys("https://login.test", &[Algorithm::Es256], time.clock()).unwrap(), time }
    }

    fn verifier(&self) -> Verifier {
        JwtVerifier::issuer(self.minter.issuer())
            .unwrap()
            .audience("orders")
            .clock(self.time.clock())
            .jwks(JwkSet::parse(self.minter.jwks().as_bytes()).unwrap())
            .build()
            .unwrap()
    }

    /// What a caller with a token of one minute reads.
    async fn body<R: Body + Default + 'static>(&self, body: fn() -> R) -> ExpiringBody<R> {
        let token = self.minter.token().audience("orders").lifetime(Duration::from_secs(60)).sign();
        self.ask(self.verifier(), &format!("Bearer {token}"), body).await
    }

    async fn ask<R: Body + Default + 'static>(
        &self,
        verifier: Verifier,
        credential: &str,
        body: fn() -> R,
    ) -> ExpiringBody<R> {
        let service = ServiceBuilder::new()
            .layer(ValidateLayer::new(verifier))
            .layer(EndAtExpiryLayer::new().clock(self.time.clock()))
            .service(service_fn(move |_: Request<()>| async move { Ok::<_, Infallible>(Response::new(body())) }));
        let request = Request::get("/").header("authorization", credential).body(()).unwrap();
        let response = service.oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        response.into_body()
    }
}

#[tokio::test]
async fn a_stream_ends_when_the_credential_does_though_there_would_be_more() {
    let setting = Setting::new();
    let mut body = setting.body(|| Endless).await;
    assert!(body.frame().await.is_some() && !body.is_end_stream());
    setting.time.advance(Duration::from_secs(59)).await;
    assert!(body.frame().await.is_some());
    setting.time.advance(Duration::from_secs(1)).await;
    assert!(body.frame().await.is_none() && body.frame().await.is_none());
    assert!(body.is_end_stream());
    assert_eq!(body.size_hint().exact(), Some(0));
}

#[tokio::test]
async fn a_silent_stream_ends_by_itself() {
    let setting = Setting::new();
    let mut body = setting.body(|| Silent).await;
    assert_eq!((body.size_hint().lower(), body.size_hint().upper()), (0, Some(9)), "it may end before its first byte");
    let ended = tokio::spawn(async move { body.frame().await.is_none() });
    TestClock::settle().await;
    assert!(!ended.is_finished());
    for _ in 0..2 {
        setting.time.advance(Duration::from_secs(30)).await;
    }
    assert!(ended.await.unwrap());
}

#[tokio::test]
async fn bodies_of_known_length_and_of_callers_without_an_end_are_left_alone() {
    let setting = Setting::new();
    let known = setting.body(|| Full::new(Bytes::from_static(b"whole"))).await;
    setting.time.advance(Duration::from_secs(3600)).await;
    assert_eq!(known.size_hint().exact(), Some(5));
    assert_eq!(known.collect().await.unwrap().to_bytes(), "whole");

    let users = BasicVerifier::new().user("batch", "s3cret").build().unwrap();
    let mut endless = setting.ask(users, "Basic YmF0Y2g6czNjcmV0", || Endless).await;
    setting.time.advance(Duration::from_secs(1_000_000)).await;
    assert!(endless.frame().await.is_some());
}
