use std::net::SocketAddr;

use axum::extract::connect_info::MockConnectInfo;
use axum::extract::{ConnectInfo, Request};
use axum::http::Extensions;

use crate::core::PeerAddress;

/// Puts what the server knows of the other end of the connection where verifiers look for it: the [`PeerAddress`], and with a
/// [`TlsListener`](crate::TlsListener) the [`PeerCertificate`](crate::core::PeerCertificate) too. For
/// [`axum::middleware::map_request`], around a layer that verifies.
///
/// The extractors of this crate need no such layer: they do it by themselves. In both cases the router is served with
/// `into_make_service_with_connect_info::<SocketAddr>()` (or `::<TlsPeer>()`): without it nothing is known of the peer, and what a
/// trusted proxy says of its clients is not believed.
///
/// ```
/// use std::net::SocketAddr;
///
/// use axum::{Router, middleware::map_request, routing::get};
/// use tower_auth::ValidateLayer;
/// use tower_auth_axum::core::Verifier;
/// use tower_auth_axum::with_peer;
///
/// async fn serve(listener: tokio::net::TcpListener, verifier: Verifier) -> std::io::Result<()> {
///     let app = Router::new()
///         .route("/orders", get(|| async { "none" }))
///         .route_layer(ValidateLayer::new(verifier))
///         // Each layer goes around those before it, so this one runs first.
///         .route_layer(map_request(with_peer));
///     axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await
/// }
/// ```
pub async fn with_peer(mut request: Request) -> Request {
    remember_peer(request.extensions_mut());
    request
}

/// What is there already stays: whoever put it there knows better.
pub(crate) fn remember_peer(extensions: &mut Extensions) {
    #[cfg(feature = "tls")]
    if let Some(ConnectInfo(peer)) = extensions.get::<ConnectInfo<crate::TlsPeer>>().cloned() {
        if let Some(certificate) = peer.certificate() {
            extensions.get_or_insert_with(|| certificate.clone());
        }
        extensions.get_or_insert_with(|| PeerAddress::from(peer.address()));
    }
    let connected = extensions.get().map(|ConnectInfo(address): &ConnectInfo<SocketAddr>| *address);
    // What a service's own tests have in its place.
    let address = connected.or_else(|| extensions.get().map(|MockConnectInfo(address)| *address));
    if let Some(address) = address {
        extensions.get_or_insert_with(|| PeerAddress::from(address));
    }
}
