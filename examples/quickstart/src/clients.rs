//! The outgoing side: clients with `AuthLayer` in their stack.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::WWW_AUTHENTICATE;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient as GrpcHealthClient;
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt};
use tower_auth::core::{BoxError, TokenCache};
use tower_auth::{AuthLayer, Credentials};
use tower_auth_tonic::{GrpcAuth, GrpcAuthLayer};

use crate::services::Services;

/// A client of the axum API.
pub(crate) struct ApiClient {
    service: BoxCloneSyncService<Request<Empty<Bytes>>, Response<Incoming>, BoxError>,
    url: String,
    sends: Arc<AtomicU32>,
}

/// What the API answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) challenge: String,
    pub(crate) body: String,
    pub(crate) took: Duration,
    /// How often the request went out.
    pub(crate) sends: u32,
}

impl ApiClient {
    /// A client that sends the given credentials.
    pub(crate) fn new(services: &Services, credentials: impl Into<Credentials>) -> Result<Self, BoxError> {
        let sends = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&sends);
        let service = ServiceBuilder::new()
            .layer(AuthLayer::new(credentials, [services.http.as_str()])?)
            .map_request(move |request| {
                count.fetch_add(1, Ordering::Relaxed);
                request
            })
            .service(hyper_client());
        Ok(Self { service: BoxCloneSyncService::new(service), url: format!("{}/me", services.http), sends })
    }

    /// A client without credentials.
    pub(crate) fn anonymous(services: &Services) -> Self {
        let service = hyper_client().map_err(BoxError::from);
        Self { service: BoxCloneSyncService::new(service), url: format!("{}/me", services.http), sends: Arc::default() }
    }

    #[allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "measures what a user would feel")]
    pub(crate) async fn me(&self) -> Result<Answer, BoxError> {
        let before = self.sends.load(Ordering::Relaxed);
        let start = Instant::now();
        let response = self.service.clone().oneshot(Request::get(&self.url).body(Empty::new())?).await?;
        let took = start.elapsed();
        let status = response.status();
        let challenge =
            response.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
        let body = String::from_utf8_lossy(&response.into_body().collect().await?.to_bytes()).into_owned();
        Ok(Answer { status, challenge, body, took, sends: self.sends.load(Ordering::Relaxed) - before })
    }
}

/// A client of the gRPC health service.
pub(crate) struct HealthClient(GrpcHealthClient<GrpcAuth<Channel>>);

impl HealthClient {
    pub(crate) async fn new(services: &Services, tokens: &TokenCache) -> Result<Self, BoxError> {
        let channel = Endpoint::from_shared(services.grpc.clone())?.connect().await?;
        let channel = ServiceBuilder::new().layer(GrpcAuthLayer::new(tokens, services.grpc.as_str())?).service(channel);
        Ok(Self(GrpcHealthClient::new(channel)))
    }

    /// The status of the whole server.
    pub(crate) async fn check(&self) -> Result<&'static str, BoxError> {
        let response = self.0.clone().check(HealthCheckRequest::default()).await?;
        Ok(match response.into_inner().status() {
            ServingStatus::Serving => "SERVING",
            _ => "not serving",
        })
    }
}

fn hyper_client<B>() -> Client<HttpConnector, B>
where
    B: http_body::Body + Send,
    B::Data: Send,
{
    Client::builder(TokioExecutor::new()).build_http()
}
