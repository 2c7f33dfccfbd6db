//! The service: what a program of your own would have. It is written against the code that tonic generated for the health protocol,
//! so that nothing has to be generated here.

use tokio_stream::{Once, once};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tower_auth_tonic::core::{BoxError, ConfigError, JwtVerifier, Verifier};
use tower_auth_tonic::{GrpcValidateLayer, principal};

/// What this service is called in the `aud` of its tokens.
pub(crate) const AUDIENCE: &str = "health";

/// Accepts the access tokens that `issuer` makes for this service.
pub(crate) fn verifier(issuer: String) -> Result<Verifier, ConfigError> {
    // A real issuer speaks https, and needs no `allow_loopback_http`.
    JwtVerifier::issuer(issuer)?.audience(AUDIENCE).realm(AUDIENCE).allow_loopback_http().build()
}

/// Serves on a free port: where, and until when. Probes may be sent by everybody, watching needs a scope.
pub(crate) fn start(verifier: Verifier) -> Result<(String, impl Future<Output = Result<(), BoxError>>), BoxError> {
    let validate = GrpcValidateLayer::new(verifier)
        .allow_anonymous("/grpc.health.v1.Health/Check")?
        .method("/grpc.health.v1.Health/Watch", "health:watch")?;
    let server = Server::builder().layer(validate).add_service(HealthServer::new(Always));

    let incoming = TcpIncoming::bind("127.0.0.1:0".parse()?)?;
    let origin = format!("http://{}", incoming.local_addr()?);
    Ok((origin, async move { Ok(server.serve_with_incoming(incoming).await?) }))
}

/// A service that is always in good health.
struct Always;

#[tonic::async_trait]
impl Health for Always {
    type WatchStream = Once<Result<HealthCheckResponse, Status>>;

    async fn check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        Ok(Response::new(serving()))
    }

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        // The layer has let the caller in; this is who it was.
        println!("{} watches", principal(&request)?.subject());
        Ok(Response::new(once(Ok(serving()))))
    }
}

fn serving() -> HealthCheckResponse {
    HealthCheckResponse { status: 1 }
}
