//! The services at the other end, one over HTTP and one over gRPC. They take tokens that were made for them, and say who called.

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_stream::{Once, once};
use tonic::transport::Server;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tower_auth::core::{BoxError, JwtVerifier, Verifier};
use tower_auth_axum::Bearer;
use tower_auth_tonic::{GrpcValidateLayer, principal};

/// What the services are called in the `aud` of their tokens.
pub(crate) const AUDIENCE: &str = "stock";

/// Where they listen.
#[derive(Clone)]
pub(crate) struct Stock {
    pub(crate) http: String,
    pub(crate) grpc: String,
}

impl Stock {
    /// Starts both, guarded by tokens of `issuer`.
    pub(crate) async fn start(issuer: String) -> Result<Self, BoxError> {
        let verifier = JwtVerifier::issuer(issuer)?.audience(AUDIENCE).allow_loopback_http().build()?;
        Ok(Self { http: start_http(verifier.clone()).await?, grpc: start_grpc(verifier).await? })
    }
}

/// The caller is the user; the client is the service that acts for the user.
async fn level(caller: Bearer) -> String {
    format!("3 pallets for {}, asked by {}", caller.subject(), caller.client_id().unwrap_or("nobody"))
}

async fn start_http(verifier: Verifier) -> Result<String, BoxError> {
    let app = Router::new().route("/level", get(level)).with_state(verifier);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(format!("http://{address}"))
}

async fn start_grpc(verifier: Verifier) -> Result<String, BoxError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = Server::builder().layer(GrpcValidateLayer::new(verifier)).add_service(HealthServer::new(Desk));
    tokio::spawn(async move { server.serve_with_incoming(TcpListenerStream::new(listener)).await });
    Ok(format!("http://{address}"))
}

/// The health protocol stands for a protocol of your own, so that nothing has to be generated.
struct Desk;

#[tonic::async_trait]
impl Health for Desk {
    type WatchStream = Once<Result<HealthCheckResponse, Status>>;

    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        let subject = principal(&request)?.subject().parse().map_err(|_| Status::internal("an odd subject"))?;
        let mut response = Response::new(HealthCheckResponse { status: 1 });
        response.metadata_mut().insert("subject", subject);
        Ok(response)
    }

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Ok(Response::new(once(Ok(HealthCheckResponse { status: 1 }))))
    }
}
