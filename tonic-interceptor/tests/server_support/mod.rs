//! An issuer, and a gRPC server that knows its callers.
#![allow(dead_code, reason = "no test uses all of it")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::TcpListener;
use tonic::codegen::BoxStream;
use tonic::codegen::tokio_stream::once;
use tonic::service::Routes;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tower_auth_testing::{AuthorizationServer, Mint, TestClock};
use tower_auth_tonic::core::{JwtVerifier, Verifier};
use tower_auth_tonic::{GrpcValidateLayer, principal};

pub(crate) const CHECK: &str = "/grpc.health.v1.Health/Check";
pub(crate) const HEALTH: &str = "grpc.health.v1.Health";

/// An issuer of tokens in memory, and the clock that everybody goes by.
pub(crate) struct Issuer {
    pub(crate) server: AuthorizationServer,
    pub(crate) time: TestClock,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        let time = TestClock::new();
        Self { server: AuthorizationServer::builder().clock(time.clock()).build().unwrap(), time }
    }

    /// A verifier that has no keys yet.
    pub(crate) fn verifier(&self) -> Verifier {
        JwtVerifier::issuer(self.server.issuer())
            .unwrap()
            .audience("health")
            .realm("health")
            .clock(self.time.clock())
            .http_client(self.server.http_client())
            .build()
            .unwrap()
    }

    /// A good token, unless something is done to it.
    pub(crate) fn token(&self) -> Mint {
        self.server.mint().audience("health").subject("alice").scopes(["health:read"])
    }

    pub(crate) fn bearer(&self) -> String {
        bearer(self.token())
    }
}

pub(crate) fn bearer(token: Mint) -> String {
    format!("Bearer {}", token.sign())
}

/// The health service, asking who calls: it counts whom it serves, and sends the subject back as metadata.
#[derive(Clone, Default)]
pub(crate) struct Desk {
    pub(crate) served: Arc<AtomicUsize>,
    pub(crate) serves_anyone: bool,
}

impl Desk {
    pub(crate) fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }

    fn serve<T, R>(&self, request: &Request<T>, message: R) -> Result<Response<R>, Status> {
        let subject = match principal(request) {
            Ok(caller) => caller.subject().to_owned(),
            Err(_) if self.serves_anyone => "nobody".to_owned(),
            Err(status) => return Err(status),
        };
        self.served.fetch_add(1, Ordering::SeqCst);
        let mut response = Response::new(message);
        let has_credential = request.metadata().contains_key("authorization");
        response.metadata_mut().insert("subject", subject.parse().unwrap());
        response.metadata_mut().insert("credential", has_credential.to_string().parse().unwrap());
        Ok(response)
    }
}

const SERVING: HealthCheckResponse = HealthCheckResponse { status: ServingStatus::Serving as i32 };

#[tonic::async_trait]
impl Health for Desk {
    type WatchStream = BoxStream<HealthCheckResponse>;

    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        self.serve(&request, SERVING)
    }

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        self.serve(&request, Box::pin(once(Ok(SERVING))) as Self::WatchStream)
    }
}

/// Serves `desk` on a free loopback port, all of it under `layer`.
pub(crate) async fn serve(layer: GrpcValidateLayer, desk: &Desk) -> SocketAddr {
    let (incoming, address) = bind().await;
    let server = Server::builder().layer(layer).add_service(HealthServer::new(desk.clone()));
    tokio::spawn(server.serve_with_incoming(incoming));
    address
}

/// Serves services that have their guards around them already.
pub(crate) async fn serve_routes(routes: Routes) -> SocketAddr {
    let (incoming, address) = bind().await;
    tokio::spawn(Server::builder().add_routes(routes).serve_with_incoming(incoming));
    address
}

async fn bind() -> (TcpIncoming, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (TcpIncoming::from(listener), address)
}

type Lines = Vec<(&'static str, String)>;
pub(crate) type Client = HealthClient<InterceptedService<Channel, SendLines>>;

/// Sets metadata on each call.
#[derive(Clone)]
pub(crate) struct SendLines(Lines);

impl tonic::service::Interceptor for SendLines {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        for (name, value) in &self.0 {
            request.metadata_mut().append(*name, value.parse().unwrap());
        }
        Ok(request)
    }
}

/// A client that sends these `authorization` values.
pub(crate) async fn client<const N: usize>(address: SocketAddr, authorization: [String; N]) -> Client {
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    let lines = authorization.into_iter().map(|value| ("authorization", value)).collect();
    HealthClient::with_interceptor(channel, SendLines(lines))
}

pub(crate) async fn check<const N: usize>(
    address: SocketAddr,
    authorization: [String; N],
) -> Result<Response<HealthCheckResponse>, Status> {
    client(address, authorization).await.check(HealthCheckRequest::default()).await
}

pub(crate) fn metadata<'a>(status: &'a Status, name: &str) -> Option<&'a str> {
    status.metadata().get(name).map(|value| value.to_str().unwrap())
}
