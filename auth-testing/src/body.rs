use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tower_auth_core::Clock;

use crate::delivery::Delivery;

/// The body of an answer: there at once, or in pieces with pauses if a [`Fault::drip`](crate::Fault::drip) says so.
pub struct TestBody {
    rest: Bytes,
    drip: Option<Drip>,
    /// To be told when the last piece is out.
    delivery: Option<Arc<Delivery>>,
}

/// How a body comes in pieces.
struct Drip {
    piece: usize,
    pause: Duration,
    clock: Clock,
    sleep: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl TestBody {
    pub(crate) fn whole(content: Bytes) -> Self {
        Self { rest: content, drip: None, delivery: None }
    }

    /// `piece` bytes after each `pause`.
    pub(crate) fn dripping(content: Bytes, piece: usize, pause: Duration, clock: Clock) -> Self {
        Self { rest: content, drip: Some(Drip { piece: piece.max(1), pause, clock, sleep: None }), delivery: None }
    }

    /// With somebody to be told when the last piece is out.
    pub(crate) fn reported_by(self, delivery: Option<Arc<Delivery>>) -> Self {
        Self { delivery, ..self }
    }
}

impl Body for TestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        if this.rest.is_empty() {
            return Poll::Ready(None);
        }
        let piece = match &mut this.drip {
            None => this.rest.len(),
            Some(drip) => {
                let sleep = drip.sleep.get_or_insert_with(|| {
                    let (clock, pause) = (drip.clock.clone(), drip.pause);
                    Box::pin(async move { clock.sleep(pause).await })
                });
                ready!(sleep.as_mut().poll(cx));
                drip.sleep = None;
                drip.piece.min(this.rest.len())
            }
        };
        let piece = this.rest.split_to(piece);
        if this.rest.is_empty() {
            if let Some(delivery) = this.delivery.take() {
                delivery.sent();
            }
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        u64::try_from(self.rest.len()).map_or_else(|_| SizeHint::default(), SizeHint::with_exact)
    }
}

impl fmt::Debug for TestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the content, which may be a token.
        f.debug_struct("TestBody").field("left", &self.rest.len()).field("drips", &self.drip.is_some()).finish()
    }
}
