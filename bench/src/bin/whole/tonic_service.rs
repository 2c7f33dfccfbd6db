use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tower_auth_bench::block_on;
use tower_auth_bench::incoming::Issuer;
use tower_auth_core::Verifier;
use tower_auth_core::jose::Algorithm;
use tower_auth_tonic::GrpcValidateLayer;

/// The first is the floor.
pub(crate) fn variants() -> Vec<&'static str> {
    vec!["floor: no auth", "ours: RS256, memo", "ours: RS256, no memo", "design: a layer that does nothing"]
}

/// Says where and with which token, and serves until it is killed.
pub(crate) fn serve(variant: &str) {
    let issuer = Issuer::new(Algorithm::Rs256);
    let token = issuer.token(1);
    block_on(async move {
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap().with_nodelay(Some(true));
        println!("http://{} {token}", incoming.local_addr().unwrap());
        let health = HealthServer::new(Always);
        match variant {
            "floor: no auth" => Server::builder().add_service(health).serve_with_incoming(incoming).await.unwrap(),
            "design: a layer that does nothing" => {
                let layer = tower::layer::util::Identity::new();
                let map = tower::ServiceBuilder::new().layer(layer).map_request(|request: http::Request<_>| request);
                Server::builder().layer(map).add_service(health).serve_with_incoming(incoming).await.unwrap();
            }
            _ => {
                let layer = GrpcValidateLayer::new(verifier(variant, &issuer));
                Server::builder().layer(layer).add_service(health).serve_with_incoming(incoming).await.unwrap();
            }
        }
    });
}

fn verifier(variant: &str, issuer: &Issuer) -> Verifier {
    std::thread::scope(|scope| {
        // The keys are fetched on a runtime of their own.
        let build = scope.spawn(|| match variant {
            "ours: RS256, memo" => issuer.remembering_verifier(),
            "ours: RS256, no memo" => issuer.verifier(),
            _ => panic!("an unknown variant: {variant}"),
        });
        build.join().unwrap()
    })
}

/// A service that is always in good health.
struct Always;

#[tonic::async_trait]
impl Health for Always {
    type WatchStream = tokio_stream::Empty<Result<HealthCheckResponse, Status>>;

    async fn check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        Ok(Response::new(HealthCheckResponse { status: 1 }))
    }

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("nobody watches"))
    }
}
