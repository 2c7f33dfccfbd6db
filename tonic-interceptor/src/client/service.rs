use std::fmt;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use tonic::body::Body;
use tower_auth::{Auth, ResponseFuture};
use tower_auth_core::{BoxError, Clock};
use tower_service::Service;

use super::GrpcAuthFuture;
use super::deadline::Deadline;
use super::transport::Transport;

/// The service of a [`GrpcAuthLayer`](super::GrpcAuthLayer): what a generated client is built on.
///
/// # Clone
/// A clone shares the cache and holds nothing of this one's readiness.
#[derive(Clone)]
pub struct GrpcAuth<S> {
    auth: Auth<Transport<S>>,
    clock: Clock,
}

impl<S> GrpcAuth<S> {
    pub(super) fn new(auth: Auth<Transport<S>>, clock: Clock) -> Self {
        Self { auth, clock }
    }
}

impl<S, R> Service<Request<Body>> for GrpcAuth<S>
where
    S: Service<Request<Body>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = GrpcAuthFuture<ResponseFuture<Transport<S>, Body>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.auth.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let deadline = Deadline::of(&request, &self.clock);
        if let Some(deadline) = &deadline {
            request.extensions_mut().insert(deadline.clone());
        }
        GrpcAuthFuture::new(self.auth.call(request), deadline, &self.clock)
    }
}

impl<S> fmt::Debug for GrpcAuth<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GrpcAuth").field(&self.auth).finish()
    }
}
