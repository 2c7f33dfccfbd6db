use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Empty, Full};
use pin_project_lite::pin_project;

pin_project! {
    /// A request body that can be sent again once it was read to its end.
    ///
    /// It copies nothing ahead: what passes is kept as it passes, data and trailers, up to a limit. Buffers of [`Bytes`] are
    /// shared, others are copied once.
    pub struct ReplayBody<B> {
        #[pin]
        inner: Inner<B>,
    }
}

pin_project! {
    #[project = InnerProjection]
    enum Inner<B> {
        /// Passed through.
        Plain { #[pin] body: B },
        /// Passed through and kept.
        Recording { #[pin] body: B, recorder: Recorder },
        /// Sent again.
        Replay { frames: std::vec::IntoIter<Bytes>, trailers: Option<HeaderMap>, left: u64 },
    }
}

/// How the body of one request can be sent again.
pub(super) enum Replay {
    /// It is of a known type whose clone is the whole body.
    Known(Kept),
    /// It is being kept. Filled at the end of the body, if that was within the limit.
    Recorded(Arc<OnceLock<Kept>>),
}

/// A whole body.
#[derive(Clone, Default)]
pub(super) struct Kept {
    chunks: Vec<Bytes>,
    trailers: Option<HeaderMap>,
}

struct Recorder {
    kept: Kept,
    left: usize,
    /// `None` once the limit was passed, and once the body was handed over.
    done: Option<Arc<OnceLock<Kept>>>,
}

impl<B> ReplayBody<B> {
    /// A body that is only passed through.
    #[inline]
    pub(super) fn plain(body: B) -> Self {
        Self { inner: Inner::Plain { body } }
    }

    /// A body that was kept, to be sent again.
    pub(super) fn again(kept: Kept) -> Self {
        let left = kept.chunks.iter().map(|chunk| chunk.len() as u64).sum();
        Self { inner: Inner::Replay { frames: kept.chunks.into_iter(), trailers: kept.trailers, left } }
    }
}

impl<B: Body + 'static> ReplayBody<B> {
    /// A body that is kept while it is read, up to `limit` bytes, and the means to send it again.
    pub(super) fn replayable(body: B, limit: usize) -> (Self, Replay) {
        if let Some(kept) = known(&body) {
            return (Self::plain(body), Replay::Known(kept));
        }
        let done = Arc::new(OnceLock::new());
        let mut recorder = Recorder { kept: Kept::default(), left: limit, done: Some(Arc::clone(&done)) };
        if body.is_end_stream() {
            recorder.finish();
        }
        (Self { inner: Inner::Recording { body, recorder } }, Replay::Recorded(done))
    }
}

impl Replay {
    /// The whole body, if it is known by now.
    pub(super) fn kept(&self) -> Option<Kept> {
        match self {
            Self::Known(kept) => Some(kept.clone()),
            Self::Recorded(done) => done.get().cloned(),
        }
    }
}

/// The content of bodies that hold all of it in one shared buffer.
pub(super) fn known<B: Body + 'static>(body: &B) -> Option<Kept> {
    let body: &dyn Any = body;
    if body.is::<Empty<Bytes>>() {
        return Some(Kept::default());
    }
    let full = body.downcast_ref::<Full<Bytes>>()?;
    // A clone of the body yields its one buffer without waiting.
    let mut clone = full.clone();
    let mut context = Context::from_waker(std::task::Waker::noop());
    let chunks = match Pin::new(&mut clone).poll_frame(&mut context) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().into_iter().collect(),
        _ => Vec::new(),
    };
    Some(Kept { chunks, trailers: None })
}

impl Kept {
    /// Keeps one frame more, if it is within what is `left` of the limit.
    pub(super) fn push(&mut self, frame: &Frame<Bytes>, left: &mut usize) -> bool {
        if let Some(data) = frame.data_ref() {
            if data.len() > *left {
                return false;
            }
            *left -= data.len();
            self.chunks.push(data.clone());
        } else if let Some(trailers) = frame.trailers_ref() {
            self.trailers = Some(trailers.clone());
        }
        true
    }

    /// The data in one piece.
    pub(super) fn bytes(&self) -> Cow<'_, [u8]> {
        match &self.chunks[..] {
            [] => Cow::Borrowed(&[]),
            [one] => Cow::Borrowed(one),
            several => Cow::Owned(several.concat()),
        }
    }
}

impl Recorder {
    fn record(&mut self, frame: &Frame<Bytes>) {
        if self.done.is_some() && !self.kept.push(frame, &mut self.left) {
            self.done = None;
            self.kept = Kept::default();
        }
    }

    fn finish(&mut self) {
        if let Some(done) = self.done.take() {
            // Nobody else fills it.
            let _ = done.set(std::mem::take(&mut self.kept));
        }
    }
}

impl<B> Body for ReplayBody<B>
where
    B: Body,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().inner.project() {
            InnerProjection::Plain { body } => {
                let frame = ready!(body.poll_frame(context));
                Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(shared))))
            }
            InnerProjection::Recording { mut body, recorder } => {
                let frame =
                    ready!(body.as_mut().poll_frame(context)).map(|frame| frame.map(|frame| frame.map_data(shared)));
                match &frame {
                    Some(Ok(frame)) => {
                        recorder.record(frame);
                        // A transport that knows the end does not poll for it; nothing follows trailers (RFC 9110 section 6.5).
                        if frame.is_trailers() || body.is_end_stream() {
                            recorder.finish();
                        }
                    }
                    Some(Err(_)) => recorder.done = None,
                    None => recorder.finish(),
                }
                Poll::Ready(frame)
            }
            InnerProjection::Replay { frames, trailers, left } => {
                let frame = match frames.next() {
                    Some(chunk) => {
                        *left -= chunk.len() as u64;
                        Some(Frame::data(chunk))
                    }
                    None => trailers.take().map(Frame::trailers),
                };
                Poll::Ready(frame.map(Ok))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Plain { body } | Inner::Recording { body, .. } => body.is_end_stream(),
            Inner::Replay { frames, trailers, .. } => frames.as_slice().is_empty() && trailers.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Plain { body } | Inner::Recording { body, .. } => body.size_hint(),
            Inner::Replay { left, .. } => SizeHint::with_exact(*left),
        }
    }
}

/// Data in one buffer, which for [`Bytes`] is the one it came in.
pub(super) fn shared<D: Buf>(mut data: D) -> Bytes {
    data.copy_to_bytes(data.remaining())
}

impl<B: Default> Default for ReplayBody<B> {
    fn default() -> Self {
        Self::plain(B::default())
    }
}

impl<B> fmt::Debug for ReplayBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.inner {
            Inner::Plain { .. } => "ReplayBody(plain)",
            Inner::Recording { .. } => "ReplayBody(recording)",
            Inner::Replay { .. } => "ReplayBody(replay)",
        })
    }
}
