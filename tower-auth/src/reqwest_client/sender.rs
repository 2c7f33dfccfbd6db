use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Extensions, Request, Response};
use http_body::Body;
use http_body_util::Full;
use reqwest::{ResponseBuilderExt, Url};
use reqwest_middleware::{Error, Next};
use tower_service::Service;

use super::exchange::split;
use crate::ReplayBody;

/// Sends requests of one call by the middlewares below and the client.
#[derive(Clone)]
pub(super) struct Sender<'a> {
    next: Next<'a>,
    /// Where the caller wanted the request to go.
    target: Arc<Url>,
    extensions: SharedExtensions,
}

/// The extensions of a call, handed from one send to the next. Sends follow each other, so that nobody waits for the lock.
#[derive(Clone)]
pub(super) struct SharedExtensions(Arc<Mutex<Extensions>>);

type Sent<'a> = Pin<Box<dyn Future<Output = Result<Response<reqwest::Response>, Error>> + Send + 'a>>;

impl<'a> Sender<'a> {
    pub(super) fn new(next: Next<'a>, target: Url, extensions: Extensions) -> Self {
        Self { next, target: Arc::new(target), extensions: SharedExtensions(Arc::new(Mutex::new(extensions))) }
    }

    pub(super) fn extensions(&self) -> SharedExtensions {
        self.extensions.clone()
    }

    fn send(&self, request: Request<reqwest::Body>) -> Sent<'a> {
        Box::pin(self.clone().run(request))
    }

    async fn run(self, request: Request<reqwest::Body>) -> Result<Response<reqwest::Response>, Error> {
        let Self { next, target, extensions } = self;
        let mut request = reqwest::Request::try_from(request)?;
        // The one part that a URI does not have.
        request.url_mut().set_fragment(target.fragment());
        // A credential in the query must not be seen in what comes back.
        let hides_url = *request.url() != *target;

        let mut own = extensions.take();
        let answer = next.run(request, &mut own).await;
        extensions.put(own);
        match answer {
            Ok(response) if hides_url => Ok(split(at(response, &target))),
            Ok(response) => Ok(split(response)),
            Err(error) if hides_url && error.url().is_some() => Err(error.with_url(Url::clone(&target))),
            Err(error) => Err(error),
        }
    }
}

impl SharedExtensions {
    pub(super) fn take(&self) -> Extensions {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, extensions: Extensions) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = extensions;
    }
}

/// A body that was whole stays so, and reqwest can go on retrying it by its own rules.
impl<'a> Service<Request<ReplayBody<Full<Bytes>>>> for Sender<'a> {
    type Response = Response<reqwest::Response>;
    type Error = Error;
    type Future = Sent<'a>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<ReplayBody<Full<Bytes>>>) -> Sent<'a> {
        self.send(request.map(|body| at_once(body).into()))
    }
}

impl<'a> Service<Request<ReplayBody<reqwest::Body>>> for Sender<'a> {
    type Response = Response<reqwest::Response>;
    type Error = Error;
    type Future = Sent<'a>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<ReplayBody<reqwest::Body>>) -> Sent<'a> {
        self.send(request.map(reqwest::Body::wrap))
    }
}

/// The content of a body that holds all of it in one buffer, which it yields at the first poll.
pub(super) fn at_once<B>(mut body: B) -> Bytes
where
    B: Body<Data = Bytes> + Unpin,
{
    match Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        _ => Bytes::new(),
    }
}

/// The response as one from `url`.
fn at(response: reqwest::Response, url: &Url) -> reqwest::Response {
    let (parts, body) = Response::<reqwest::Body>::from(response).into_parts();
    let addressed = Response::builder().url(url.clone()).body(()).map(|response| response.into_parts().0.extensions);
    let mut response = Response::from_parts(parts, body);
    response.extensions_mut().extend(addressed.unwrap_or_default());
    response.into()
}
