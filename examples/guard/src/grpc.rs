//! The gRPC health service.

use std::future::Future;

use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Error, Server};
use tower_auth::core::Verifier;
use tower_auth_tonic::GrpcValidateLayer;

/// Serves the standard health service to callers that `verifier` accepts, until `end`; calls in flight are finished.
///
/// # Errors
/// When serving fails.
pub async fn serve(listener: TcpListener, verifier: Verifier, end: impl Future<Output = ()>) -> Result<(), Error> {
    let (_reporter, health) = tonic_health::server::health_reporter();
    Server::builder()
        .layer(GrpcValidateLayer::new(verifier))
        .add_service(health)
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), end)
        .await
}
