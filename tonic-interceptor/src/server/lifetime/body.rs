use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::watch::Watch;

pin_project! {
    /// A response that ends with its caller's credential, where [`GrpcValidateLayer`](crate::GrpcValidateLayer) was told to
    /// see to that; else the body as it is.
    ///
    /// It ends as gRPC ends a call: with trailers that hold the status. The service's own stream is dropped then.
    pub struct LifetimeBody<B> {
        #[pin]
        inner: Option<B>,
        watch: Option<Box<Watch>>,
    }
}

impl<B> LifetimeBody<B> {
    pub(super) fn new(inner: B, watch: Option<Box<Watch>>) -> Self {
        Self { inner: Some(inner), watch }
    }
}

impl<B: Body> Body for LifetimeBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        // The credential first: a stream that always has something to say ends too.
        if let Some(Poll::Ready(answer)) = this.watch.as_mut().map(|watch| watch.poll_end(context)) {
            this.inner.set(None);
            *this.watch = None;
            return Poll::Ready(Some(Ok(Frame::trailers(trailers(answer)))));
        }
        inner.poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Some(inner) if self.watch.is_none() => inner.size_hint(),
            // It may be cut short.
            Some(_) => SizeHint::default(),
            None => SizeHint::with_exact(0),
        }
    }
}

/// What the header of a refusal says, when that was sent long ago.
fn trailers(answer: Response<()>) -> HeaderMap {
    let mut trailers = answer.into_parts().0.headers;
    trailers.remove(CONTENT_TYPE);
    trailers
}

impl<B> Default for LifetimeBody<B> {
    /// An empty body.
    fn default() -> Self {
        Self { inner: None, watch: None }
    }
}

impl<B> fmt::Debug for LifetimeBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LifetimeBody").field("is_watched", &self.watch.is_some()).finish_non_exhaustive()
    }
}
