use std::net::{IpAddr, SocketAddr};

/// Where a connection came from, in the extensions of its requests: the address at the other end of the socket, put
/// there by the server. Never what a header says.
///
/// ```
/// use std::net::SocketAddr;
/// use tower_auth_core::PeerAddress;
///
/// let accepted_from: SocketAddr = "10.0.0.7:50000".parse()?;
/// let mut request = http::Request::get("/").body(())?;
/// request.extensions_mut().insert(PeerAddress::from(accepted_from));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerAddress(SocketAddr);

impl PeerAddress {
    /// The address and port.
    #[must_use]
    pub fn socket_addr(&self) -> SocketAddr {
        self.0
    }

    /// The address: an IPv4 one also where the socket is an IPv6 one that takes both.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        self.0.ip().to_canonical()
    }
}

impl From<SocketAddr> for PeerAddress {
    fn from(address: SocketAddr) -> Self {
        Self(address)
    }
}
