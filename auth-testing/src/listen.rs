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
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::body::TestBody;
use crate::certificate::PeerCertificate;
use crate::fault::ConnectionLost;

/// A test server on a loopback port, HTTP/1.1 and HTTP/2.
///
/// Dropping it stops it gracefully: no new connection is taken, requests under way are answered as long as the runtime lives.
#[must_use = "the server stops when this is dropped"]
pub struct ListeningServer {
    origin: String,
    address: SocketAddr,
    accepting: JoinHandle<Infallible>,
    /// Shared with the accepting task alone. Once both are gone the connections are told to end.
    connections: Arc<GracefulShutdown>,
}

/// A loopback port that is not served yet.
pub(crate) struct Port {
    listener: TcpListener,
    address: SocketAddr,
    wire: Wire,
}

/// What connections speak below HTTP.
#[derive(Clone)]
pub(crate) enum Wire {
    Plain,
    #[cfg(feature = "tls")]
    Tls(crate::acceptor::Acceptor),
}

impl Port {
    /// A free port.
    pub(crate) async fn bind(wire: Wire) -> io::Result<Self> {
        Self::bind_at(wire, 0).await
    }

    /// The port `port`, or a free one for 0.
    pub(crate) async fn bind_at(wire: Wire, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, wire })
    }

    /// Scheme, host and port.
    pub(crate) fn origin(&self) -> String {
        let scheme = match self.wire {
            Wire::Plain => "http",
            #[cfg(feature = "tls")]
            Wire::Tls(_) => "https",
        };
        format!("{scheme}://{}", self.address)
    }

    /// Serves each request by `answer`, on the current runtime.
    pub(crate) fn serve<F, R>(self, answer: F) -> ListeningServer
    where
        F: Fn(Request<Incoming>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Response<TestBody>, ConnectionLost>> + Send + 'static,
    {
        let (origin, address) = (self.origin(), self.address);
        let connections = Arc::new(GracefulShutdown::new());
        let graceful = Arc::clone(&connections);
        let answer = Arc::new(answer);
        let accepting = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = self.listener.accept().await else {
                    // One connection is lost, or the process has no descriptors left: no hot loop for that.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                };
                let (wire, answer, watcher) = (self.wire.clone(), Arc::clone(&answer), graceful.watcher());
                tokio::spawn(async move {
                    match wire {
                        Wire::Plain => drive(stream, answer, watcher, None).await,
                        #[cfg(feature = "tls")]
                        Wire::Tls(acceptor) => {
                            // A client that does not trust the certificate goes away by itself.
                            if let Ok((stream, shown)) = acceptor.accept(stream).await {
                                drive(stream, answer, watcher, shown).await;
                            }
                        }
                    }
                });
            }
        });
        ListeningServer { origin, address, accepting, connections }
    }
}

/// Answers the requests of one connection.
async fn drive<I, F, R>(stream: I, answer: Arc<F>, watcher: Watcher, shown: Option<PeerCertificate>)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(Request<Incoming>) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Response<TestBody>, ConnectionLost>> + Send + 'static,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        if let Some(shown) = shown.clone() {
            request.extensions_mut().insert(shown);
        }
        answer(request)
    });
    let connection =
        auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).into_owned();
    // How a connection ended is the client's business.
    let _ = watcher.watch(connection).await;
}

impl ListeningServer {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:port`, or the same with `https`, followed by `path`, which begins with a slash or is empty.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
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
