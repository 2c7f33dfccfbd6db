use std::net::SocketAddr;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;

use super::TlsListener;
use crate::core::PeerCertificate;

/// The other end of a TLS connection: `ConnectInfo<TlsPeer>` of a router that a [`TlsListener`] serves.
#[derive(Clone, Debug)]
pub struct TlsPeer {
    address: SocketAddr,
    certificate: Option<PeerCertificate>,
}

impl TlsPeer {
    /// Where the connection came from.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate that the client showed, if it was asked for one and had one.
    #[must_use]
    pub fn certificate(&self) -> Option<&PeerCertificate> {
        self.certificate.as_ref()
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for TlsPeer {
    /// Once for each connection.
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        let (_, session) = stream.io().get_ref();
        let shown = session.peer_certificates().and_then(<[_]>::first);
        Self { address: *stream.remote_addr(), certificate: shown.map(PeerCertificate::from_der) }
    }
}
