//! Services that do nothing, and what drives them.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower_service::Service;

use crate::{at_once, request};

thread_local! {
    static HEAD: RefCell<Option<http::request::Parts>> = const { RefCell::new(None) };
}

/// Sends one request with a small body through `service`, which does not fail. Its head is made once for each thread: the service hands it back.
#[inline]
pub fn drive<S>(service: &mut S)
where
    S: Service<Request<Full<Bytes>>, Response = Response<()>>,
{
    drive_as(Full::new(Bytes::from_static(b"body")), |request| at_once(service.call(request)));
}

/// Sends one request with `body` by `send`.
///
/// # Panics
/// When that fails.
#[inline]
pub fn drive_as<B, E>(body: B, send: impl FnOnce(Request<B>) -> Result<Response<()>, E>) {
    let mut parts = HEAD.take().unwrap_or_else(|| request().into_parts().0);
    parts.headers.remove(AUTHORIZATION);
    match send(Request::from_parts(parts, body)) {
        Ok(response) => drop(black_box(response)),
        Err(_) => panic!("what is measured here does not fail"),
    }
}

/// Puts the request's head aside and answers.
#[derive(Clone, Debug)]
pub struct NoOp;

/// The same, and reads the body to its end first.
#[derive(Clone, Debug)]
pub struct Reading;

impl<B> Service<Request<B>> for NoOp {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        HEAD.set(Some(request.into_parts().0));
        ready(Ok(Response::new(())))
    }
}

impl<B: Body> Service<Request<B>> for Reading {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (parts, body) = request.into_parts();
        read(body);
        HEAD.set(Some(parts));
        ready(Ok(Response::new(())))
    }
}

/// [`NoOp`] behind a box, as the futures of hyper-util are.
#[derive(Clone, Debug)]
pub struct BoxedNoOp;

impl<B> Service<Request<B>> for BoxedNoOp {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<()>, Infallible>> + Send>>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        Box::pin(NoOp.call(request))
    }
}

fn read<B: Body>(body: B) {
    let mut body = pin!(body);
    while let Poll::Ready(Some(Ok(frame))) = body.as_mut().poll_frame(&mut Context::from_waker(Waker::noop())) {
        black_box(frame.data_ref().is_some());
    }
}
