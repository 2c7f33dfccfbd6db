use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

/// Accepts TLS connections for [`axum::serve()`], so that tokens can be bound to the certificates of clients (RFC 8705).
///
/// ```no_run
/// use std::sync::Arc;
///
/// use axum::{Router, routing::get};
/// use tokio_rustls::rustls::ServerConfig;
/// use tower_auth_axum::core::Verifier;
/// use tower_auth_axum::{Bearer, TlsListener, TlsPeer};
///
/// async fn serve(config: ServerConfig, verifier: Verifier) -> std::io::Result<()> {
///     let tcp = tokio::net::TcpListener::bind("0.0.0.0:443").await?;
///     let app = Router::new()
///         .route("/orders", get(|caller: Bearer| async move { caller.subject().to_owned() }))
///         .with_state(verifier);
///     axum::serve(TlsListener::new(tcp, config), app.into_make_service_with_connect_info::<TlsPeer>()).await
/// }
/// ```
///
/// The extractors find the certificate by themselves, a layer by [`with_peer`](crate::with_peer). Whether clients are asked for
/// one, and which authority vouches for it, `config` says (`with_client_cert_verifier`); let it be optional where some
/// clients have none. `config` also names the protocols (`alpn_protocols`).
///
/// Behind a proxy that ends TLS this is not for you: see [`CertificateHeader`](crate::core::CertificateHeader).
///
/// # Limits
/// A handshake may take 10 seconds, and 1000 may be under way; then further connections wait. One that fails is dropped, and
/// harms no other.
pub struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
    handshakes: JoinSet<Option<Accepted>>,
}

type Accepted = (TlsStream<TcpStream>, SocketAddr);

const MAX_HANDSHAKES: usize = 1000;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

impl TlsListener {
    /// Accepts what comes to `tcp`.
    pub fn new(tcp: TcpListener, config: impl Into<Arc<ServerConfig>>) -> Self {
        Self { tcp, acceptor: TlsAcceptor::from(config.into()), handshakes: JoinSet::new() }
    }

    fn begin(&mut self, stream: TcpStream, address: SocketAddr) {
        let handshake = self.acceptor.accept(stream);
        self.handshakes.spawn(async move {
            let stream = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await.ok()?.ok()?;
            Some((stream, address))
        });
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> Accepted {
        loop {
            let has_room = self.handshakes.len() < MAX_HANDSHAKES;
            tokio::select! {
                // `None` when no handshake is under way: the other branch goes on alone.
                Some(done) = self.handshakes.join_next() => {
                    if let Ok(Some(accepted)) = done {
                        return accepted;
                    }
                }
                // Its errors are waited out there.
                (stream, address) = Listener::accept(&mut self.tcp), if has_room => self.begin(stream, address),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

impl fmt::Debug for TlsListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsListener").field("tcp", &self.tcp).field("handshakes", &self.handshakes.len()).finish()
    }
}
