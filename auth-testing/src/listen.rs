use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::body::TestBody;
use crate::fault::ConnectionLost;

/// A test server on a loopback port, HTTP/1.1 and HTTP/2 without TLS.
///
/// Dropping it stops it gracefully: no new connection is taken, requests under way are answered as long as the runtime lives.
#[must_use = "the server stops when this is dropped"]
pub struct ListeningServer {
    address: SocketAddr,
    accepting: JoinHandle<Infallible>,
    /// Shared with the accepting task alone. Once both are gone the connections are told to end.
    connections: Arc<GracefulShutdown>,
}

/// A free loopback port to serve on.
pub(crate) async fn bind() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

impl ListeningServer {
    /// Serves each request of `listener` by `answer`, on the current runtime.
    pub(crate) fn serve<F, R>(listener: TcpListener, address: SocketAddr, answer: F) -> Self
    where
        F: Fn(Request<Incoming>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Response<TestBody>, ConnectionLost>> + Send + 'static,
    {
        let connections = Arc::new(GracefulShutdown::new());
        let watcher = Arc::clone(&connections);
        let answer = Arc::new(answer);
        let accepting = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    // One connection is lost, or the process has no descriptors left: no hot loop for that.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                };
                let answer = Arc::clone(&answer);
                let service = service_fn(move |request| answer(request));
                let builder = auto::Builder::new(TokioExecutor::new());
                let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
                let connection = watcher.watch(connection);
                tokio::spawn(async move {
                    // How a connection ended is the client's business.
                    let _ = connection.await;
                });
            }
        });
        Self { address, accepting, connections }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:port` followed by `path`, which begins with a slash or is empty.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Takes no new connection, and waits until the requests under way are answered.
    ///
    /// # Cancel safety
    /// Dropping the future stops the wait, not the shutdown.
    pub async fn shutdown(mut self) {
        self.accepting.abort();
        // It ends by the abortion only; with it the other half of `connections` is gone.
        let _ = (&mut self.accepting).await;
        let connections = std::mem::take(&mut self.connections);
        if let Some(connections) = Arc::into_inner(connections) {
            connections.shutdown().await;
        }
    }
}

impl Drop for ListeningServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl fmt::Debug for ListeningServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListeningServer").field("address", &self.address).finish_non_exhaustive()
    }
}
