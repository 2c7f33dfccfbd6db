use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_auth_core::{Clock, Principal};

pin_project! {
    /// A body that ends when a credential expires, if it has not ended before.
    ///
    /// An [`EndAtExpiryLayer`](super::EndAtExpiryLayer) makes them; [`ending_with`](Self::ending_with) does so by hand.
    pub struct ExpiringBody<B> {
        // Dropped at the end, with what it reads from.
        #[pin]
        inner: Option<B>,
        expiry: Option<Expiry>,
    }
}

/// How long a response may take whose caller came when its credential had just expired.
const LATE: Duration = Duration::from_secs(60);

type Expiry = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<B> ExpiringBody<B> {
    /// The body, until the credential of `caller` expires. One that has expired already was let in by the leeway of its verifier,
    /// and has a minute.
    pub fn ending_with(body: B, caller: &Principal, clock: &Clock) -> Self {
        let is_late = caller.expires_at().is_some_and(|end| end <= clock.wall());
        let (expiry, clock) = (caller.expiry(clock), clock.clone());
        let expiry = async move {
            expiry.await;
            if is_late {
                clock.sleep(LATE).await;
            }
        };
        Self { inner: Some(body), expiry: Some(Box::pin(expiry)) }
    }

    pub(super) fn lasting(body: B) -> Self {
        Self { inner: Some(body), expiry: None }
    }
}

impl<B: Body> Body for ExpiringBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        // Before the body, which may always have something: else it would never end.
        let expired = this.expiry.as_mut().is_some_and(|expiry| expiry.as_mut().poll(context).is_ready());
        if expired {
            this.inner.set(None);
            *this.expiry = None;
            return Poll::Ready(None);
        }
        inner.poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let Some(inner) = &self.inner else { return SizeHint::with_exact(0) };
        let mut hint = inner.size_hint();
        if self.expiry.is_some() {
            // It may end at any time.
            let upper = hint.upper();
            hint = SizeHint::new();
            if let Some(upper) = upper {
                hint.set_upper(upper);
            }
        }
        hint
    }
}

/// So that layers around can answer for themselves.
impl<B: Default> Default for ExpiringBody<B> {
    fn default() -> Self {
        Self::lasting(B::default())
    }
}

impl<B: From<String>> From<String> for ExpiringBody<B> {
    fn from(text: String) -> Self {
        Self::lasting(text.into())
    }
}

impl<B> fmt::Debug for ExpiringBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExpiringBody").field("expires", &self.expiry.is_some()).finish_non_exhaustive()
    }
}
