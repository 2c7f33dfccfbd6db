use http::Request;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};
use tower_auth_core::{PeerAddress, PeerCertificate};

/// Tells verifiers who is connected, as tonic's own server knows it. What an outer layer has told already stays.
pub(super) fn identify<B>(request: &mut Request<B>) {
    let tls = request.extensions().get::<TlsConnectInfo<TcpConnectInfo>>();
    let address = match tls {
        Some(tls) => tls.get_ref().remote_addr(),
        None => request.extensions().get::<TcpConnectInfo>().and_then(TcpConnectInfo::remote_addr),
    };
    let certificate = tls.and_then(TlsConnectInfo::peer_certs);
    if let Some(address) = address {
        request.extensions_mut().get_or_insert_with(|| PeerAddress::from(address));
    }
    // The first is the client's own, the others are those that vouch for it.
    if let Some(certificate) = certificate.as_ref().and_then(|chain| chain.first()) {
        request.extensions_mut().get_or_insert_with(|| PeerCertificate::from_der(certificate));
    }
}
