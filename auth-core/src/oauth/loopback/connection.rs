use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::page;
use crate::Clock;
use crate::clock::within;
use crate::oauth::AuthorizationCallback;

/// How long one connection may take, from its start to the last byte of the page.
const MAX_TIME: Duration = Duration::from_secs(10);

/// The largest head of a request, in bytes. A browser sends one to two thousand, and a long code.
const MAX_HEAD: usize = 24 * 1024;

/// What the one right request looks like.
pub(super) struct Expected {
    authority: String,
    path: String,
    /// Reads a URI; `None` if it is not the one that is waited for.
    read: Box<dyn Fn(&str) -> Option<AuthorizationCallback> + Send + Sync>,
}

impl Expected {
    pub(super) fn new(
        authority: &str,
        path: &str,
        read: impl Fn(&str) -> Option<AuthorizationCallback> + Send + Sync + 'static,
    ) -> Self {
        Self { authority: authority.to_owned(), path: path.to_owned(), read: Box::new(read) }
    }

    /// The callback that `request` brings, if it is the one.
    fn callback<B>(&self, request: &Request<B>) -> Option<AuthorizationCallback> {
        let mut hosts = request.headers().get_all(HOST).iter();
        // A page that has its own name resolve to this machine sends that name (DNS rebinding).
        let host = hosts.next().is_some_and(|host| host.as_bytes() == self.authority.as_bytes());
        let uri = request.uri();
        let plain = uri.authority().is_none() && hosts.next().is_none();
        if request.method() != Method::GET || !host || !plain || uri.path() != self.path {
            return None;
        }
        let uri = format!("http://{}{}", self.authority, uri.path_and_query()?);
        (self.read)(&uri)
    }
}

/// Answers the one request of a connection; gives its callback, if it brought the right one, when the page is sent.
pub(super) async fn serve(stream: TcpStream, expected: Arc<Expected>, clock: &Clock) -> Option<AuthorizationCallback> {
    let found = Mutex::new(None);
    let service = service_fn(|request: Request<Incoming>| {
        let response = match expected.callback(&request) {
            Some(callback) => {
                let refused = callback.param("error").is_some();
                *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(callback);
                page::received(refused)
            }
            None => page::not_found(),
        };
        std::future::ready(Ok::<Response<Full<Bytes>>, Infallible>(response))
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .header_read_timeout(None)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    // Whether it was served to its end does not matter: the answer has arrived.
    let _ = within(clock, MAX_TIME, connection).await;
    found.into_inner().unwrap_or_else(PoisonError::into_inner)
}
