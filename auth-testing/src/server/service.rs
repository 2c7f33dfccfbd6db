use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tower_auth_core::BoxError;
use tower_service::Service;

use super::answer::bare;
use super::authenticate::claimed_id;
use super::received::Received;
use super::shared::Shared;
use crate::Endpoint;
use crate::body::TestBody;
use crate::fault::{ConnectionLost, Reply, play};
use crate::record::RecordedRequest;

impl Shared {
    /// Records a request and answers it, or does what a fault says.
    async fn respond(&self, request: Request<Bytes>) -> Result<Reply, ConnectionLost> {
        let received = Received::new(request);
        let endpoint = self.endpoint(received.head.uri.path());
        let (head, params, body) = (&received.head, received.params.clone(), received.body.clone());
        let record = RecordedRequest::new(endpoint, head, params, body, claimed_id(&received));
        self.recorder.add(record.clone());
        if let Some(token) = refreshed(endpoint, &received) {
            self.grants().ledger.arrive(token);
        }
        let reply = play(self.faults.take(endpoint), self.clock(), || self.answer(endpoint, &received)).await?;
        record.set_status(reply.response.status());
        Ok(reply)
    }

    fn answer(&self, endpoint: Endpoint, request: &Received) -> Response<Bytes> {
        match endpoint {
            Endpoint::Token => self.token(request),
            Endpoint::Jwks => self.jwks(request),
            Endpoint::OAuthMetadata => self.metadata(request, false),
            Endpoint::OpenIdMetadata => self.metadata(request, true),
            Endpoint::Introspection => self.introspection(request),
            Endpoint::Revocation => self.revocation(request),
            Endpoint::Authorization => self.authorization(request),
            Endpoint::PushedAuthorization => self.pushed_authorization(request),
            Endpoint::DeviceAuthorization => self.device_authorization(request),
            Endpoint::Activation => self.activation(request),
            Endpoint::Registration => self.registration(request),
            Endpoint::Resource => self.account_api(request),
            Endpoint::ResourceMetadata | Endpoint::Unknown => bare(StatusCode::NOT_FOUND, String::new()),
        }
    }

    /// A request that came over a socket.
    pub(super) async fn respond_over_socket(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<TestBody>, ConnectionLost> {
        let (head, body) = request.into_parts();
        // A client that broke off hears nothing.
        let body = body.collect().await.map_err(|_| ConnectionLost)?.to_bytes();
        Ok(self.respond(Request::from_parts(head, body)).await?.streamed(self.clock()))
    }
}

/// The refresh token that a request is to exchange.
fn refreshed(endpoint: Endpoint, request: &Received) -> Option<&str> {
    let is_refresh = endpoint == Endpoint::Token && request.param("grant_type") == Some("refresh_token");
    request.param("refresh_token").filter(|_| is_refresh)
}

/// The server in memory, as a tower service.
#[derive(Clone)]
pub(super) struct InMemory(pub(super) Arc<Shared>);

impl Service<Request<Bytes>> for InMemory {
    type Response = Response<Bytes>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Bytes>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let shared = Arc::clone(&self.0);
        Box::pin(async move {
            if !shared.is_own(request.uri()) {
                let error = io::Error::new(io::ErrorKind::NotFound, "the test server is not at this origin");
                return Err(error.into());
            }
            let reply = shared.respond(request).await?;
            Ok(reply.whole(shared.clock()).await)
        })
    }
}
