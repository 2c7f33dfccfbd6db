use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use super::AddressPolicy;
use super::proxy::Path;
use super::resolve::{GuardedResolver, Lookup};
use crate::Clock;
use crate::clock::within;
use crate::error::BoxError;
use crate::http::error::{TransportError, TransportErrorKind};
use crate::http::plaintext::{ip_literal, site};

/// Opens connections: name, TCP, tunnel and TLS within one time limit.
#[derive(Clone)]
pub(super) struct Connector {
    https: HttpsConnector<Dial>,
    clock: Clock,
    limit: Duration,
}

/// Opens a TCP connection, or a tunnel through a proxy, to an address that the policy permits.
#[derive(Clone)]
pub(super) struct Dial {
    tcp: HttpConnector<GuardedResolver>,
    policy: Arc<AddressPolicy>,
    path: Arc<Path>,
}

type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

impl Connector {
    pub(super) fn new(dial: Dial, tls: rustls::ClientConfig, clock: Clock, limit: Duration) -> Self {
        Self { https: HttpsConnector::from((dial, tls)), clock, limit }
    }
}

impl Dial {
    pub(super) fn new(lookup: Lookup, policy: AddressPolicy, path: Path, limit: Duration) -> Self {
        let policy = Arc::new(policy);
        let mut tcp = HttpConnector::new_with_resolver(GuardedResolver::new(lookup, Arc::clone(&policy)));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // Shared out over the addresses of a name, so that a dead first one leaves time for the next.
        tcp.set_connect_timeout(Some(limit));
        Self { tcp, policy, path: Arc::new(path) }
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let Self { mut https, clock, limit } = self.clone();
        Box::pin(async move {
            let site = site(&target);
            let work = async {
                poll_fn(|cx| https.poll_ready(cx)).await?;
                https.call(target).await
            };
            within(&clock, limit, work).await.unwrap_or_else(|| {
                let message = format!("connecting to {site} took longer than {limit:?}");
                Err(TransportError::new(TransportErrorKind::TimedOut, message).unsent(true).into())
            })
        })
    }
}

impl Service<Uri> for Dial {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let Self { tcp, policy, path } = self.clone();
        Box::pin(async move {
            let host = target.host().unwrap_or_default();
            // A literal never gets to the resolver.
            if ip_literal(host).is_some_and(|address| !policy.permits(host, address)) {
                return Err(forbidden_address(host).into());
            }
            match path.hop(&target)? {
                Some(hop) => {
                    let mut tunnel = Tunnel::new(hop.uri, tcp);
                    if let Some(auth) = hop.auth {
                        tunnel = tunnel.with_auth(auth);
                    }
                    open(tunnel, target).await
                }
                None => open(tcp, target).await,
            }
        })
    }
}

/// The refusal to connect to `host`.
pub(super) fn forbidden_address(host: &str) -> TransportError {
    let message = format!(
        "{host} has no public address, and only public ones are allowed here; an allow-list in the address policy can open it"
    );
    TransportError::new(TransportErrorKind::Forbidden, message).unsent(true)
}

async fn open<S>(mut connector: S, target: Uri) -> Result<TokioIo<TcpStream>, BoxError>
where
    S: Service<Uri, Response = TokioIo<TcpStream>>,
    S::Error: Into<BoxError>,
{
    poll_fn(|cx| connector.poll_ready(cx)).await.map_err(Into::into)?;
    connector.call(target).await.map_err(Into::into)
}
