use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::sync::OwnedSemaphorePermit;
use tower_auth_core::BoxError;
use tower_service::Service;

use crate::{BodyRefusal, InspectedBody, ReplayBody, ResponseFuture};

pin_project! {
    /// The future of a [`Provider`](super::Provider).
    ///
    /// # Cancel safety
    /// Dropping it cancels the request, never a token refresh, and frees its place.
    pub struct ProviderFuture<S, B, R>
    where
        S: Service<Request<ReplayBody<B>>, Response = Response<R>>,
        R: Body<Data = Bytes>,
    {
        #[pin]
        response: ResponseFuture<BodyRefusal<S>, B>,
        permit: Option<OwnedSemaphorePermit>,
    }
}

impl<S, B, R> ProviderFuture<S, B, R>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>>,
    R: Body<Data = Bytes>,
{
    pub(super) fn new(response: ResponseFuture<BodyRefusal<S>, B>, permit: Option<OwnedSemaphorePermit>) -> Self {
        Self { response, permit }
    }
}

impl<S, B, R> Future for ProviderFuture<S, B, R>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
    B: Body + 'static,
    R: Body<Data = Bytes>,
{
    type Output = Result<Response<InspectedBody<R>>, BoxError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.response.poll(context));
        *this.permit = None;
        Poll::Ready(response)
    }
}

impl<S, B, R> fmt::Debug for ProviderFuture<S, B, R>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>>,
    R: Body<Data = Bytes>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProviderFuture")
    }
}
