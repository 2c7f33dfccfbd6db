use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body as HttpBody, Frame};
use tonic::body::Body;
use tower::{Layer, Service};
use tower_auth_tonic::core::BoxError;

/// What the gate does with a call.
#[derive(Clone, Debug)]
pub enum Verdict {
    Pass,
    /// Refuses with a status in the headers, and this challenge.
    InHeaders(u16, &'static str),
    /// Refuses with a status in trailers, with no message before it.
    InTrailers(u16),
    /// The same, with an empty piece of data before it.
    AfterNothing(u16),
    /// Answers one message, then the status.
    AfterMessage(u16),
    /// Answers a head of a success and then nothing more.
    Silence,
    /// Never answers.
    Hang,
    /// Answers what something that is not a gRPC server would.
    Http(u16, &'static str),
    /// Answers an HTTP status in the name of gRPC and nothing else.
    Bare(u16),
    /// Answers an HTTP status and a status of gRPC.
    Both(u16, u16),
}

/// Judges calls by their `authorization`, and writes down what it saw.
#[derive(Clone)]
pub struct Gate {
    judge: Arc<Judge>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

type Judge = dyn Fn(&str) -> Verdict + Send + Sync;

#[derive(Clone, Debug)]
pub struct Seen {
    pub path: String,
    pub authorization: String,
    pub headers: HeaderMap,
}

impl Gate {
    pub fn new(judge: impl Fn(&str) -> Verdict + Send + Sync + 'static) -> Self {
        Self { judge: Arc::new(judge), seen: Arc::default() }
    }

    /// Lets everything through but the first token.
    pub fn refusing_the_first_token(refusal: Verdict) -> Self {
        Self::new(move |token| if token == "Bearer token-1" { refusal.clone() } else { Verdict::Pass })
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The `authorization` of each call in order; `-` for none.
    pub fn tokens(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.authorization).collect()
    }
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated { inner, gate: self.clone() }
    }
}

#[derive(Clone)]
pub struct Gated<S> {
    inner: S,
    gate: Gate,
}

impl<S> Service<Request<Body>> for Gated<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let lines: Vec<_> =
            request.headers().get_all("authorization").iter().map(|value| value.to_str().unwrap()).collect();
        let authorization = if lines.is_empty() { "-".to_owned() } else { lines.join("; ") };
        let verdict = (self.gate.judge)(&authorization);
        self.gate.seen.lock().unwrap().push(Seen {
            path: request.uri().path().to_owned(),
            authorization,
            headers: request.headers().clone(),
        });
        if matches!(verdict, Verdict::Pass) {
            let response = self.inner.call(request);
            return Box::pin(async move { response.await.map_err(Into::into) });
        }
        Box::pin(async move {
            if matches!(verdict, Verdict::Hang) {
                std::future::pending::<()>().await;
            }
            // The request is read as far as it goes: a refusal is no reason to reset it.
            Ok(verdict.response(request.into_body()))
        })
    }
}

impl Verdict {
    fn response(self, request: Body) -> Response<Body> {
        let head = Response::builder().header(CONTENT_TYPE, "application/grpc");
        let message = Frame::data(Bytes::from_static(b"\0\0\0\0\x02\x08\x01"));
        let (head, frames, ends) = match self {
            Self::InHeaders(code, challenge) => {
                (head.header("grpc-status", code).header(WWW_AUTHENTICATE, challenge), vec![], true)
            }
            Self::InTrailers(code) => (head, vec![trailers(code)], true),
            Self::AfterNothing(code) => (head, vec![Frame::data(Bytes::new()), trailers(code)], true),
            Self::AfterMessage(code) => (head, vec![message, trailers(code)], true),
            Self::Silence => (head, vec![], false),
            Self::Http(status, body) => {
                let head =
                    Response::builder().status(StatusCode::from_u16(status).unwrap()).header(CONTENT_TYPE, "text/html");
                (head, vec![Frame::data(Bytes::from_static(body.as_bytes()))], true)
            }
            Self::Bare(status) => (head.status(status), vec![], true),
            Self::Both(status, code) => {
                let head =
                    Response::builder().status(StatusCode::from_u16(status).unwrap()).header("grpc-status", code);
                (head, vec![], true)
            }
            Self::Pass | Self::Hang => unreachable!("no answer of the gate"),
        };
        head.body(Body::new(Scripted { frames: frames.into_iter(), ends, _request: request })).unwrap()
    }
}

fn trailers(code: u16) -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", code.into());
    trailers.insert("grpc-message", "in%20trailers".parse().unwrap());
    trailers.insert("x-trailer", "kept".parse().unwrap());
    Frame::trailers(trailers)
}

struct Scripted {
    frames: std::vec::IntoIter<Frame<Bytes>>,
    ends: bool,
    /// Held until the answer is over.
    _request: Body,
}

impl HttpBody for Scripted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.frames.next() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None if self.ends => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ends && self.frames.as_slice().is_empty()
    }
}
