//! The service in the middle: who calls it is known by a token for *it*, and it calls on with a token for the next one.

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::routing::get;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::{ServiceBuilder, ServiceExt};
use tower_auth::AuthLayer;
use tower_auth::core::{BoxError, JwtVerifier, OnBehalfOf, TokenCache, TokenExchange, Verifier};
use tower_auth_axum::SubjectToken;
use tower_auth_testing::AuthorizationServer;
use tower_auth_tonic::GrpcAuthLayer;

use crate::stock::{self, Stock};

/// What this service is called in the `aud` of its tokens.
pub(crate) const AUDIENCE: &str = "orders";

#[derive(Clone)]
struct App {
    verifier: Verifier,
    /// Tokens for the stock, one cache for each caller.
    on_behalf: OnBehalfOf,
    stock: Stock,
}

impl FromRef<App> for Verifier {
    fn from_ref(app: &App) -> Self {
        app.verifier.clone()
    }
}

/// Serves on a free port: where.
pub(crate) async fn start(login: &AuthorizationServer, stock: Stock) -> Result<String, BoxError> {
    // A real server speaks https, and needs no `allow_loopback_http`.
    let verifier =
        JwtVerifier::issuer(login.issuer())?.audience(AUDIENCE).keep_subject_token().allow_loopback_http().build()?;
    let on_behalf = TokenExchange::new(login.token_url(), "orders", "s3cret")
        .audience(stock::AUDIENCE)
        .allow_loopback_http()
        .on_behalf_of()?;
    let app = Router::new().route("/order", get(order)).with_state(App { verifier, on_behalf, stock });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(format!("http://{address}"))
}

/// Asks both services of the stock, as the caller.
async fn order(State(app): State<App>, caller: SubjectToken) -> Result<String, (StatusCode, String)> {
    // What went wrong behind us is not the caller's affair; a service of your own would log it.
    let failed = |_: BoxError| (StatusCode::BAD_GATEWAY, "the stock cannot be asked\n".to_owned());
    let tokens = app.on_behalf.tokens_for(caller.token()).map_err(|error| failed(error.into()))?;
    let level = level(&tokens, &app.stock.http).await.map_err(failed)?;
    let desk = desk(&tokens, &app.stock.grpc).await.map_err(failed)?;
    Ok(format!("HTTP says {level:?}; gRPC served {desk}"))
}

async fn level(tokens: &TokenCache, origin: &str) -> Result<String, BoxError> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let service = ServiceBuilder::new().layer(AuthLayer::new(tokens, [origin])?).service(client);
    let response = service.oneshot(Request::get(format!("{origin}/level")).body(Empty::<Bytes>::new())?).await?;
    if !response.status().is_success() {
        return Err(format!("the stock answered {}", response.status()).into());
    }
    Ok(String::from_utf8_lossy(&response.into_body().collect().await?.to_bytes()).into_owned())
}

async fn desk(tokens: &TokenCache, origin: &str) -> Result<String, BoxError> {
    let channel = Endpoint::from_shared(origin.to_owned())?.connect().await?;
    let channel = ServiceBuilder::new().layer(GrpcAuthLayer::new(tokens, origin)?).service(channel);
    let response = HealthClient::new(channel).check(HealthCheckRequest::default()).await?;
    let subject = response.metadata().get("subject").and_then(|subject| subject.to_str().ok());
    Ok(subject.unwrap_or("nobody").to_owned())
}
