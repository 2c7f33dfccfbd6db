use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;
use tower_auth::ReplayBody;

/// A request body that says when it was read to its end, and that is read ahead where that costs no wait.
///
/// A server may refuse a call by its head alone, and the answer may be here before the transport has come round to the body. A
/// unary call could then not be sent again, by chance. Its body is there at once, so it is read before the head is sent.
pub(super) struct RequestBody {
    inner: ReplayBody<Body>,
    ahead: std::vec::IntoIter<Result<Frame<Bytes>, Status>>,
    ended: Ended,
}

/// Whether a request body was read to its end.
#[derive(Clone, Default)]
pub(super) struct Ended(Arc<AtomicBool>);

/// The message of a unary call, and the end behind it. A stream of messages is not drained.
const LOOK_AHEAD: usize = 2;

impl Ended {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn set(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl RequestBody {
    pub(super) fn new(inner: ReplayBody<Body>) -> (Self, Ended) {
        let ended = Ended::default();
        let mut body = Self { inner, ahead: Vec::new().into_iter(), ended: ended.clone() };
        if body.inner.is_end_stream() {
            ended.set();
        } else {
            body.look_ahead();
        }
        (body, ended)
    }

    /// Nobody has to be woken: whoever takes the body polls it again.
    fn look_ahead(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        let mut ahead = Vec::with_capacity(1);
        while ahead.len() < LOOK_AHEAD && !self.ended.is_set() {
            match self.poll_inner(&mut context) {
                Poll::Ready(Some(frame)) => ahead.push(frame),
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        self.ahead = ahead.into_iter();
    }

    fn poll_inner(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.ended.is_set() {
            return Poll::Ready(None);
        }
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        // A transport that knows the end does not poll for it.
        if frame.is_none() || self.inner.is_end_stream() {
            self.ended.set();
        }
        Poll::Ready(frame)
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.ahead.next() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => self.poll_inner(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.as_slice().is_empty() && (self.ended.is_set() || self.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let ahead = self.ahead.as_slice().iter().flatten().filter_map(Frame::data_ref).map(Bytes::len).sum();
        plus(&self.inner.size_hint(), ahead)
    }
}

/// The size hint of a body with `ahead` bytes in front of it.
pub(super) fn plus(hint: &SizeHint, ahead: usize) -> SizeHint {
    let ahead = u64::try_from(ahead).unwrap_or(u64::MAX);
    let mut sum = SizeHint::new();
    sum.set_lower(hint.lower().saturating_add(ahead));
    if let Some(upper) = hint.upper() {
        sum.set_upper(upper.saturating_add(ahead));
    }
    sum
}
