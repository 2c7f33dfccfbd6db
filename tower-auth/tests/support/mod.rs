//! An API in memory that accepts some tokens and writes down what it gets, and a source that numbers its tokens.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test binary uses a part of it")]

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use tower::{Service, ServiceExt};
use tower_auth::core::{
    BoxError, SourceRequest, Token, TokenCache, TokenError, TokenErrorKind, TokenResponse, TokenSource,
};
use tower_auth_testing::TestClock;

/// What the API got.
#[derive(Clone, Debug)]
pub struct Seen {
    pub uri: String,
    pub authorization: Vec<String>,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub trailers: Option<HeaderMap>,
}

/// Accepts a request if the predicate likes its `Authorization`; else answers 401 with the challenge.
#[derive(Clone)]
pub struct Api {
    pub seen: Arc<Mutex<Vec<Seen>>>,
    accepts: Arc<Mutex<Accepts>>,
    challenge: &'static str,
    reads_body: bool,
}

type Accepts = Box<dyn FnMut(&str) -> bool + Send>;

impl Api {
    pub fn accepting(accepts: impl FnMut(&str) -> bool + Send + 'static) -> Self {
        Self {
            seen: Arc::default(),
            accepts: Arc::new(Mutex::new(Box::new(accepts))),
            challenge: "Bearer error=\"invalid_token\"",
            reads_body: true,
        }
    }

    pub fn challenge(mut self, challenge: &'static str) -> Self {
        self.challenge = challenge;
        self
    }

    /// Answers without reading the request's body.
    pub fn answers_early(mut self) -> Self {
        self.reads_body = false;
        self
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The `Authorization` values, in order of arrival; `-` for none.
    pub fn tokens(&self) -> Vec<String> {
        self.seen().iter().map(|seen| seen.authorization.first().cloned().unwrap_or_else(|| "-".into())).collect()
    }
}

impl<B> Service<Request<B>> for Api
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: std::fmt::Debug + Send,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Full<Bytes>>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let api = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let (body, trailers) = if api.reads_body {
                let collected = body.collect().await.unwrap();
                let trailers = collected.trailers().cloned();
                (collected.to_bytes(), trailers)
            } else {
                (Bytes::new(), None)
            };
            let authorization: Vec<String> =
                parts.headers.get_all(AUTHORIZATION).iter().map(|value| value.to_str().unwrap().to_owned()).collect();
            let fine = (api.accepts.lock().unwrap())(authorization.first().map_or("", String::as_str));
            api.seen.lock().unwrap().push(Seen {
                uri: parts.uri.to_string(),
                authorization,
                headers: parts.headers,
                body,
                trailers,
            });
            let response = Response::builder();
            let response = if fine {
                response
            } else {
                response.status(StatusCode::UNAUTHORIZED).header(WWW_AUTHENTICATE, api.challenge)
            };
            Ok(response.body(Full::from("answer")).unwrap())
        })
    }
}

/// Answers `token-1`, `token-2`, … of an hour's life; or what the test says.
#[derive(Clone, Default)]
pub struct Numbered(Arc<NumberedInner>);

#[derive(Default)]
struct NumberedInner {
    calls: AtomicUsize,
    fails_from: AtomicUsize,
    same: std::sync::atomic::AtomicBool,
}

impl Numbered {
    pub fn calls(&self) -> usize {
        self.0.calls.load(Ordering::SeqCst)
    }

    /// Every call from this one on fails.
    pub fn fails_from(self, call: usize) -> Self {
        self.0.fails_from.store(call, Ordering::SeqCst);
        self
    }

    /// Every call answers the same token.
    pub fn same(self) -> Self {
        self.0.same.store(true, Ordering::SeqCst);
        self
    }

    pub fn cache(&self, time: &TestClock) -> TokenCache {
        TokenCache::builder(self.clone()).clock(time.clock()).build().unwrap()
    }
}

impl TokenSource for Numbered {
    async fn fetch(&self, _: SourceRequest) -> Result<TokenResponse, TokenError> {
        let call = self.0.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let fails_from = self.0.fails_from.load(Ordering::SeqCst);
        if fails_from != 0 && call >= fails_from {
            return Err(TokenError::new(TokenErrorKind::ServerError, "the token endpoint answered 500"));
        }
        let number = if self.0.same.load(Ordering::SeqCst) { 1 } else { call };
        let token = Token::new(format!("token-{number}")).unwrap();
        Ok(TokenResponse::new(token).expires_in(Duration::from_secs(3_600)))
    }
}

/// A body in several frames, with trailers, that says when it is polled. It ends only if it is told to.
pub struct Stream {
    frames: std::vec::IntoIter<Frame<Bytes>>,
    ends: bool,
}

impl Stream {
    pub fn of(chunks: &[&'static str]) -> Self {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-check", "sum".parse().unwrap());
        let mut frames: Vec<_> = chunks.iter().map(|chunk| Frame::data(Bytes::from_static(chunk.as_bytes()))).collect();
        frames.push(Frame::trailers(trailers));
        Self { frames: frames.into_iter(), ends: true }
    }

    pub fn endless(mut self) -> Self {
        self.ends = false;
        self
    }
}

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.frames.next() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None if self.ends => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

pub fn full(text: &'static str) -> Full<Bytes> {
    Full::from(text)
}

pub fn request<B>(uri: &str, body: B) -> Request<B> {
    Request::post(uri).header("x-own", "kept").body(body).unwrap()
}

pub async fn call<S, B>(service: &mut S, request: Request<B>) -> Result<S::Response, BoxError>
where
    S: Service<Request<B>, Error = BoxError>,
{
    service.ready().await?.call(request).await
}
