use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request};
use axum::http::Extensions;

use crate::core::PeerAddress;

/// Tells a [`ValidateLayer`] where the connection of a request came from, for verifiers that trust some proxies
/// ([`Verifier::with_certificate_header`]). The extractors of this crate need no telling.
///
/// It takes what axum knows if the service is made by `into_make_service_with_connect_info::<SocketAddr>()`, and never what a
/// header says.
///
/// ```
/// use std::net::SocketAddr;
///
/// use axum::Router;
/// use axum::middleware::map_request;
/// use tower_auth_axum::peer_address;
///
/// let app: Router = Router::new(); // with a `ValidateLayer` around its routes
/// // Each layer goes around those before it, so this one runs first.
/// let app = app.layer(map_request(peer_address));
/// let service = app.into_make_service_with_connect_info::<SocketAddr>();
/// ```
///
/// [`ValidateLayer`]: https://docs.rs/tower-auth/latest/tower_auth/struct.ValidateLayer.html
/// [`Verifier::with_certificate_header`]: crate::core::Verifier::with_certificate_header
pub async fn peer_address(mut request: Request) -> Request {
    remember(request.extensions_mut());
    request
}

/// What a server of another kind has said stays.
pub(crate) fn remember(extensions: &mut Extensions) {
    if extensions.get::<PeerAddress>().is_some() {
        return;
    }
    if let Some(ConnectInfo(address)) = extensions.get::<ConnectInfo<SocketAddr>>() {
        let address = PeerAddress::from(*address);
        extensions.insert(address);
    }
}
