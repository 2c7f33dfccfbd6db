use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::{Service, ServiceExt};
use tower_auth::core::{BoxError, PeerAddress, PeerCertificate};

/// How long a client may take to shake hands, or to send the head of a request.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where connections come in, HTTP/1.1 and HTTP/2 alike.
///
/// Each request has a [`PeerAddress`] in its extensions and, if the client showed a certificate, a [`PeerCertificate`].
pub struct Listener {
    tcp: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl Listener {
    /// Listens at `address`; with TLS if there is a configuration for it.
    ///
    /// # Errors
    /// When that cannot be: a port in use, say.
    pub async fn bind(address: SocketAddr, tls: Option<Arc<ServerConfig>>) -> io::Result<Self> {
        let tcp = TcpListener::bind(address)
            .await
            .map_err(|error| io::Error::new(error.kind(), format!("cannot listen at {address}: {error}")))?;
        Ok(Self { tcp, tls: tls.map(TlsAcceptor::from) })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not know.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Serves until `end`. No new connection is taken then, and requests in flight have `grace` to finish.
    pub async fn serve<S, B>(self, service: S, end: impl Future<Output = ()>, grace: Duration)
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let connections = GracefulShutdown::new();
        let (closing, closed) = watch::channel(());
        tokio::pin!(end);
        loop {
            let accepted = tokio::select! {
                accepted = self.tcp.accept() => accepted,
                () = &mut end => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let (tls, service, watcher) = (self.tls.clone(), service.clone(), connections.watcher());
                    let mut closed = closed.clone();
                    tokio::spawn(async move {
                        // Who has not said anything yet is not waited for at the end.
                        let ready = tokio::select! {
                            ready = timeout(PATIENCE, begin(stream, tls)) => ready.ok().flatten(),
                            _ = closed.changed() => None,
                        };
                        match ready {
                            Some(Begun::Plain(stream)) => requests(stream, peer, None, service, watcher).await,
                            Some(Begun::Tls(stream)) => {
                                let certificates = stream.get_ref().1.peer_certificates();
                                let certificate = certificates.and_then(<[_]>::first).map(PeerCertificate::from_der);
                                requests(*stream, peer, certificate, service, watcher).await;
                            }
                            None => {}
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    // Out of file descriptors, most likely: others must end first.
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
        drop((self.tcp, closing));
        if timeout(grace, connections.shutdown()).await.is_err() {
            tracing::warn!("requests were cut off, since they were not done in time");
        }
    }
}

/// A connection on which something came.
enum Begun {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Waits for the first byte of a request, or for the end of the handshake.
async fn begin(stream: TcpStream, tls: Option<TlsAcceptor>) -> Option<Begun> {
    // An answer of several small parts is not held back for acknowledgements.
    let _ = stream.set_nodelay(true);
    match tls {
        None => stream.peek(&mut [0]).await.is_ok_and(|len| len > 0).then_some(Begun::Plain(stream)),
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => Some(Begun::Tls(Box::new(stream))),
            Err(error) => {
                tracing::debug!(%error, "a TLS handshake failed");
                None
            }
        },
    }
}

async fn requests<I, S, B>(
    stream: I,
    peer: SocketAddr,
    certificate: Option<PeerCertificate>,
    service: S,
    watcher: Watcher,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let was_asked = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&was_asked);
    let service = service_fn(move |mut request: Request<Incoming>| {
        asked.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(PeerAddress::from(peer));
        if let Some(certificate) = &certificate {
            request.extensions_mut().insert(certificate.clone());
        }
        service.clone().oneshot(request)
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(PATIENCE).keep_alive_timeout(PATIENCE);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
    tokio::select! {
        ended = watcher.watch(connection) => if let Err(error) = ended {
            tracing::debug!(error = %error, "a connection ended early");
        },
        () = silence(&was_asked) => tracing::debug!("a client sent no request in time"),
    }
}

/// Ends when no request has come in time. Later ones are watched by the timers of the protocols.
async fn silence(was_asked: &AtomicBool) {
    sleep(PATIENCE).await;
    if was_asked.load(Ordering::Relaxed) {
        std::future::pending().await
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("tcp", &self.tcp).field("tls", &self.tls.is_some()).finish()
    }
}
