use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use tower_service::Service;

use crate::error::BoxError;

/// A handle over any HTTP client: a tower service from `Request<Bytes>` to `Response<Bytes>`, its type erased.
///
/// Timeouts, retries, tracing, an API key for a gateway, are tower layers that the user stacks; the handle is a
/// service itself, so layers go over another handle too:
///
/// ```
/// # #[cfg(feature = "http")] {
/// use http::{HeaderValue, Request};
/// use bytes::Bytes;
/// use tower::{ServiceBuilder, ServiceExt};
/// use tower_auth_core::HttpClient;
///
/// let gateway = ServiceBuilder::new()
///     .map_request(|mut request: Request<Bytes>| {
///         request.headers_mut().insert("x-gateway-client", HeaderValue::from_static("orders"));
///         request
///     })
///     .service(HttpClient::default());
/// let client = HttpClient::new(gateway);
/// # }
/// ```
///
/// # Clone
/// Clones share the service that was given to [`new`](Self::new), and with it its connections.
///
/// # Security
/// What the service does with a request is its own affair: one that follows redirects, or unpacks compressed bodies,
/// takes protection away that `HttpTransport` gives. A service must not log bodies or headers: they
/// hold client secrets and tokens.
#[derive(Clone)]
pub struct HttpClient(Arc<dyn Erased>);

impl HttpClient {
    /// Wraps `service`. Each request is sent by a clone of it.
    pub fn new<S>(service: S) -> Self
    where
        S: Service<Request<Bytes>, Response = Response<Bytes>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
    {
        Self(Arc::new(service))
    }

    /// Sends one request: waits until a clone of the service is ready, then calls that clone.
    ///
    /// # Errors
    /// The service's own error; of the default transport, a [`TransportError`](crate::TransportError).
    ///
    /// # Cancel safety
    /// Dropping the future gives the request up. It may have reached the server by then.
    pub fn send(&self, request: Request<Bytes>) -> HttpResponseFuture {
        HttpResponseFuture(self.0.send(request))
    }
}

impl Service<Request<Bytes>> for HttpClient {
    type Response = Response<Bytes>;
    type Error = BoxError;
    type Future = HttpResponseFuture;

    /// Always ready: the readiness of the wrapped service is awaited by the future, with the clone that is then called.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> HttpResponseFuture {
        self.send(request)
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").finish_non_exhaustive()
    }
}

/// The response to come of an [`HttpClient`].
#[must_use = "futures do nothing unless polled"]
pub struct HttpResponseFuture(BoxFuture);

type BoxFuture = Pin<Box<dyn Future<Output = Result<Response<Bytes>, BoxError>> + Send>>;

impl Future for HttpResponseFuture {
    type Output = Result<Response<Bytes>, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for HttpResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponseFuture").finish_non_exhaustive()
    }
}

/// A service without its type.
trait Erased: Send + Sync {
    fn send(&self, request: Request<Bytes>) -> BoxFuture;
}

impl<S> Erased for S
where
    S: Service<Request<Bytes>, Response = Response<Bytes>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    fn send(&self, request: Request<Bytes>) -> BoxFuture {
        let mut service = self.clone();
        Box::pin(async move {
            poll_fn(|cx| service.poll_ready(cx)).await.map_err(Into::into)?;
            service.call(request).await.map_err(Into::into)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Not ready at first, and after each clone; panics when it is called un-ready.
    struct Strict {
        ready: bool,
        asked: bool,
        calls: Arc<AtomicUsize>,
    }

    impl Clone for Strict {
        fn clone(&self) -> Self {
            Self { ready: false, asked: false, calls: Arc::clone(&self.calls) }
        }
    }

    impl Service<Request<Bytes>> for Strict {
        type Response = Response<Bytes>;
        type Error = std::io::Error;
        type Future = std::future::Ready<Result<Response<Bytes>, std::io::Error>>;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), std::io::Error>> {
            if !self.asked {
                self.asked = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.ready = true;
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<Bytes>) -> Self::Future {
            assert!(std::mem::take(&mut self.ready), "called un-ready");
            self.calls.fetch_add(1, Ordering::Relaxed);
            std::future::ready(match request.uri().path() {
                "/fail" => Err(std::io::Error::other("scripted")),
                _ => Ok(Response::new(request.into_body())),
            })
        }
    }

    fn request(uri: &str) -> Request<Bytes> {
        Request::post(uri).body(Bytes::from_static(b"body")).unwrap()
    }

    #[tokio::test]
    async fn a_clone_is_driven_to_readiness_before_each_call() {
        let calls = Arc::new(AtomicUsize::new(0));
        let client = HttpClient::new(Strict { ready: false, asked: false, calls: Arc::clone(&calls) });
        for _ in 0..2 {
            assert_eq!(client.send(request("https://a/")).await.unwrap().into_body(), "body");
        }
        // As a service below another handle.
        let mut stacked = HttpClient::new(client);
        poll_fn(|cx| stacked.poll_ready(cx)).await.unwrap();
        assert_eq!(stacked.call(request("https://a/")).await.unwrap().into_body(), "body");
        assert_eq!(calls.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn the_services_own_error_comes_through() {
        let client = HttpClient::new(Strict { ready: false, asked: false, calls: Arc::default() });
        let error = client.send(request("https://a/fail")).await.unwrap_err();
        assert!(error.downcast_ref::<std::io::Error>().is_some());
    }

    #[test]
    fn handles_and_futures_can_cross_threads() {
        fn assert<T: Send>() {}
        fn assert_sync<T: Send + Sync + Unpin>() {}
        assert::<HttpResponseFuture>();
        assert_sync::<HttpClient>();
    }
}
