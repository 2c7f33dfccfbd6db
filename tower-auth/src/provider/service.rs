use std::fmt;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_auth_core::{BaseUrl, BoxError, ShardedArc};
use tower_service::Service;

use super::ProviderFuture;
use super::layer::Site;
use super::slot::Slot;
use crate::{Auth, BodyRefusal, InspectedBody, ReplayBody, SkipAuth};

/// The service of a [`ProviderLayer`](super::ProviderLayer).
///
/// # Clone
/// A clone shares the tokens and holds nothing of this one's readiness.
pub struct Provider<S> {
    auth: Auth<BodyRefusal<S>>,
    site: ShardedArc<Site>,
    slot: Slot,
}

impl<S> Provider<S> {
    pub(super) fn new(auth: Auth<BodyRefusal<S>>, site: ShardedArc<Site>) -> Self {
        Self { auth, site, slot: Slot::default() }
    }
}

impl Site {
    /// Writes the base URL in front of a path.
    #[inline]
    fn complete<B>(&self, request: &mut Request<B>) {
        if request.uri().authority().is_some() {
            return;
        }
        match &self.base {
            Some(base) => put(base, request),
            // The credential brings the address along, to a request that gets one.
            None if request.extensions().get::<SkipAuth>().is_some() => {
                if let Some(Ok(base)) = self.connection.base_url().map(|url| url.parse()) {
                    put(&base, request);
                }
            }
            None => {}
        }
    }
}

fn put<B>(base: &BaseUrl, request: &mut Request<B>) {
    if let Some(uri) = base.resolve(request.uri()) {
        *request.uri_mut() = uri;
    }
}

impl<S, B, R> Service<Request<B>> for Provider<S>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
    B: Body + 'static,
    R: Body<Data = Bytes>,
{
    type Response = Response<InspectedBody<R>>;
    type Error = BoxError;
    type Future = ProviderFuture<S, B, R>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if let Some(places) = &self.site.places {
            ready!(self.slot.poll(places, context));
        }
        Service::<Request<B>>::poll_ready(&mut self.auth, context)
    }

    #[inline]
    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let permit = self.slot.take();
        self.site.complete(&mut request);
        ProviderFuture::new(self.auth.call(request), permit)
    }
}

impl<S: Clone> Clone for Provider<S> {
    fn clone(&self) -> Self {
        Self { auth: self.auth.clone(), site: self.site.clone(), slot: Slot::default() }
    }
}

impl<S> fmt::Debug for Provider<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("auth", &self.auth).finish_non_exhaustive()
    }
}
