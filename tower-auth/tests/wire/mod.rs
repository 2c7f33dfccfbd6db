//! Services on loopback sockets, HTTP/1.1 and HTTP/2 without TLS.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test binary uses a part of it")]

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Sleep, sleep};
use tower::Service;

/// A service on a free port. It takes no more connections when this is dropped.
pub struct Wire {
    /// `http://127.0.0.1:port`.
    pub origin: String,
    connections: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Wire {
    pub async fn serve<S, B>(service: S) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send,
        B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let service = TowerToHyperService::new(service.clone());
                tokio::spawn(async move {
                    let builder = auto::Builder::new(TokioExecutor::new());
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { origin, connections, accepting }
    }

    /// How many connections it took.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// What a redirecting server got.
#[derive(Clone, Default)]
pub struct Redirected(Arc<std::sync::Mutex<Vec<HeaderMap>>>);

impl Redirected {
    pub fn headers(&self) -> Vec<HeaderMap> {
        self.0.lock().unwrap().clone()
    }

    /// Serves a redirection to `to`, with `status`.
    pub async fn serve(&self, status: u16, to: String) -> Wire {
        let seen = self.0.clone();
        Wire::serve(tower::service_fn(move |request: Request<Incoming>| {
            seen.lock().unwrap().push(request.headers().clone());
            let response = Response::builder().status(status).header("location", &to);
            async { Ok::<_, Infallible>(response.body(Full::<Bytes>::default()).unwrap()) }
        }))
        .await
    }
}

/// An upload that goes on while the server answers: `left` pieces of 32 KiB, one in 2 ms.
pub struct Upload {
    left: usize,
    pause: Pin<Box<Sleep>>,
    dropped: Arc<AtomicUsize>,
}

impl Upload {
    /// The counter says how many pieces were not sent when the body was dropped.
    pub fn of(pieces: usize) -> (Self, Arc<AtomicUsize>) {
        let dropped = Arc::new(AtomicUsize::new(0));
        let body = Self { left: pieces, pause: Box::pin(sleep(Duration::ZERO)), dropped: Arc::clone(&dropped) };
        (body, dropped)
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        std::task::ready!(self.pause.as_mut().poll(cx));
        self.left -= 1;
        self.pause = Box::pin(sleep(Duration::from_millis(2)));
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b'x'; 32 * 1024])))))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.dropped.store(self.left, Ordering::SeqCst);
    }
}
