//! The guarded side: an axum API and a tonic service, each on a loopback port.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tower_auth::core::{BoxError, Credential, JwtVerifier, Verifier};
use tower_auth_axum::Bearer;
use tower_auth_testing::AuthorizationServer;
use tower_auth_tonic::GrpcValidateLayer;

use crate::clients::ApiClient;

/// Where the services listen.
pub(crate) struct Services {
    pub(crate) http: String,
    pub(crate) grpc: String,
}

/// How soon the verifier looks for keys again when it meets an unknown one; 30 seconds if not set.
pub(crate) const COOLDOWN: Duration = Duration::from_millis(200);

impl Services {
    /// Starts both, guarded by tokens of `issuer`.
    pub(crate) async fn start(issuer: String) -> Result<Self, BoxError> {
        let verifier = JwtVerifier::issuer(issuer)?
            .audience("orders")
            .realm("orders")
            .allow_loopback_http()
            .jwks_cooldown(COOLDOWN)
            .build()?;
        Ok(Self { http: start_http(verifier.clone()).await?, grpc: start_grpc(verifier).await? })
    }
}

async fn me(user: Bearer) -> String {
    format!("hello {}", user.subject())
}

async fn start_http(verifier: Verifier) -> Result<String, BoxError> {
    let app = Router::new().route("/me", get(me)).with_state(verifier);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(format!("http://{address}"))
}

async fn start_grpc(verifier: Verifier) -> Result<String, BoxError> {
    let (_, health) = tonic_health::server::health_reporter();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = Server::builder().layer(GrpcValidateLayer::new(verifier)).add_service(health);
    tokio::spawn(async move { server.serve_with_incoming(TcpListenerStream::new(listener)).await });
    Ok(format!("http://{address}"))
}

impl Services {
    /// Calls the API with a token that was signed by the newest key, as any other client would sooner or later. The verifier fetches the
    /// key set, in which the old key is no longer.
    pub(crate) async fn meet_the_new_key(&self, server: &AuthorizationServer) -> Result<(), BoxError> {
        let token = server.mint().audience("orders").sign();
        let credential = Credential::bearer(token)?;
        let answer = ApiClient::new(self, credential)?.me().await?;
        if answer.status.is_success() {
            Ok(())
        } else {
            Err(format!("the new key is not accepted: {}", answer.status).into())
        }
    }
}
