use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use tower_auth::AuthLayer;
use tower_auth::core::{SourceRequest, Token, TokenCache, TokenResponse};
use tower_http::auth::AddAuthorizationLayer;
use tower_layer::Layer;
use tower_service::Service;

use crate::measure::{line, nanoseconds};

pub(crate) fn run() {
    let cache = warm_cache();
    let floor = || {
        let (mut request, value) = (request(), bearer());
        drop(value.clone());
        move || {
            black_box(request.headers_mut().insert(AUTHORIZATION, value.clone()));
        }
    };
    let one = nanoseconds(1, &floor);
    let floors = (one, one);
    println!("attach step, to the floor at one thread");
    line("  floor: clone a prebuilt value and insert it", floors, &floor);
    line("  long-lived reader", floors, &|| {
        let (mut request, mut reader) = (request(), cache.reader());
        move || {
            black_box(reader.attach(&mut request));
        }
    });
    let shared = cache.reader();
    let shared: &'static _ = Box::leak(Box::new(shared));
    line("  reader cloned per request", floors, &|| {
        let mut request = request();
        move || {
            black_box(shared.clone().attach(&mut request));
        }
    });

    println!("whole layer over a service that does nothing, to AddAuthorization at the same number of threads");
    let token = "t".repeat(700);
    let peer = AddAuthorizationLayer::bearer(&token).layer(NoOp);
    let peer: &'static _ = Box::leak(Box::new(peer));
    let add = || {
        let mut service = peer.clone();
        move || drive(&mut service)
    };
    let peers = (nanoseconds(1, &add), nanoseconds(2, &add));
    line("  tower-http AddAuthorization (static, no origin check)", peers, &add);
    for (name, layer) in [
        ("  AuthLayer, recovery off", layer(&cache).without_recovery()),
        ("  AuthLayer, recovery on, body of a known type", layer(&cache)),
    ] {
        let service: &'static _ = Box::leak(Box::new(layer.layer(NoOp)));
        line(name, peers, &|| {
            let mut service = service.clone();
            move || drive(&mut service)
        });
        line(&format!("{name}, cloned per request"), peers, &|| move || drive(&mut service.clone()));
    }
}

fn warm_cache() -> TokenCache {
    let cache = TokenCache::new(|_: SourceRequest| async {
        Ok(TokenResponse::new(Token::new("t".repeat(700)).unwrap()).expires_in(Duration::from_secs(86_400)))
    });
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(cache.ready()).unwrap();
    cache
}

fn layer(cache: &TokenCache) -> AuthLayer {
    AuthLayer::new(cache, ["https://api.example.com"]).unwrap()
}

fn bearer() -> HeaderValue {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", "t".repeat(700))).unwrap();
    value.set_sensitive(true);
    value
}

/// A request with five headers of which the first is replaced.
fn request() -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::from(Bytes::from_static(b"body")));
    *request.uri_mut() = http::Uri::from_static("https://api.example.com/orders");
    let headers = request.headers_mut();
    headers.insert(AUTHORIZATION, bearer());
    for name in ["accept", "user-agent", "content-type", "x-request-id"] {
        headers.insert(name, HeaderValue::from_static("value"));
    }
    request
}

thread_local! {
    static REQUEST: std::cell::RefCell<Option<http::request::Parts>> = const { std::cell::RefCell::new(None) };
}

/// Sends one request through `service`. Its head is made once for each thread and handed back by [`NoOp`].
fn drive<S, R, E>(service: &mut S)
where
    S: Service<Request<Full<Bytes>>, Response = R, Error = E>,
    E: std::fmt::Debug,
{
    let mut parts = REQUEST.take().unwrap_or_else(|| request().into_parts().0);
    parts.headers.remove(AUTHORIZATION);
    let request = Request::from_parts(parts, Full::from(Bytes::from_static(b"body")));
    let mut future = pin!(service.call(request));
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(response) => drop(black_box(response.unwrap())),
        Poll::Pending => unreachable!("the inner service is ready"),
    }
}

/// Puts the request's head aside and answers.
#[derive(Clone)]
struct NoOp;

impl<B> Service<Request<B>> for NoOp {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (parts, body) = request.into_parts();
        drop(body);
        REQUEST.set(Some(parts));
        ready(Ok(Response::new(())))
    }
}
