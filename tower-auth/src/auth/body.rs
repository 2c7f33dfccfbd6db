use std::any::Any;
use std::borrow::Cow;
use std::collections::VecDeque;
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
        /// Passed through, and perhaps kept.
        Passed { #[pin] body: B, recorder: Option<Recorder> },
        /// Sent again.
        Replay { kept: Kept, left: u64 },
    }
}

/// How the body of one request can be sent again.
pub(super) enum Replay {
    /// It is of a known type whose clone is the whole body.
    Known(Kept),
    /// It is being kept. Filled at the end of the body, if that was within the limit.
    Recorded(Arc<OnceLock<Kept>>),
}

/// A whole body. Small, since each request moves room for one: most bodies are one chunk.
#[derive(Clone, Default)]
pub(super) struct Kept {
    first: Bytes,
    rest: Option<Box<Rest>>,
}

#[derive(Clone, Default)]
struct Rest {
    chunks: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
}

struct Recorder {
    kept: Kept,
    left: usize,
    /// `None` once the limit was passed, and once the body was handed over.
    done: Option<Arc<OnceLock<Kept>>>,
}

impl<B> ReplayBody<B> {
    /// A body that is only passed through so far.
    #[inline]
    pub(super) fn new(body: B) -> Self {
        Self { inner: Inner::Passed { body, recorder: None } }
    }

    /// A body that was kept, to be sent again.
    pub(super) fn again(kept: Kept) -> Self {
        let left = kept.chunks().map(|chunk| chunk.len() as u64).sum();
        Self { inner: Inner::Replay { kept, left } }
    }
}

impl<B: Body + 'static> ReplayBody<B> {
    /// Keeps the body while it is read, up to `limit` bytes. To be called before it is.
    pub(super) fn record(&mut self, limit: usize) -> Replay {
        match &mut self.inner {
            Inner::Passed { body, recorder } => {
                if let Some(kept) = known(body) {
                    return Replay::Known(kept);
                }
                let done = Arc::new(OnceLock::new());
                let mut new = Recorder { kept: Kept::default(), left: limit, done: Some(Arc::clone(&done)) };
                if body.is_end_stream() {
                    new.finish();
                }
                *recorder = Some(new);
                Replay::Recorded(done)
            }
            Inner::Replay { kept, .. } => Replay::Known(kept.clone()),
        }
    }

    /// The whole body, if it is known before it is read.
    pub(super) fn known(&self) -> Option<Kept> {
        match &self.inner {
            Inner::Passed { body, .. } => known(body),
            Inner::Replay { kept, .. } => Some(kept.clone()),
        }
    }
}

impl Default for Replay {
    fn default() -> Self {
        Self::Known(Kept::default())
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
fn known<B: Body + 'static>(body: &B) -> Option<Kept> {
    let body: &dyn Any = body;
    if body.is::<Empty<Bytes>>() {
        return Some(Kept::default());
    }
    let full = body.downcast_ref::<Full<Bytes>>()?;
    // A clone of the body yields its one buffer without waiting.
    let mut clone = full.clone();
    let mut context = Context::from_waker(std::task::Waker::noop());
    let data = match Pin::new(&mut clone).poll_frame(&mut context) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().ok(),
        _ => None,
    };
    Some(Kept { first: data.unwrap_or_default(), rest: None })
}

impl Kept {
    /// Keeps one frame more, if it is within what is `left` of the limit.
    pub(super) fn push(&mut self, frame: &Frame<Bytes>, left: &mut usize) -> bool {
        if let Some(data) = frame.data_ref() {
            if data.len() > *left {
                return false;
            }
            *left -= data.len();
            match &mut self.rest {
                None if self.first.is_empty() => self.first = data.clone(),
                rest => rest.get_or_insert_default().chunks.push_back(data.clone()),
            }
        } else if let Some(trailers) = frame.trailers_ref() {
            self.rest.get_or_insert_default().trailers = Some(trailers.clone());
        }
        true
    }

    /// The data in one piece.
    pub(super) fn bytes(&self) -> Cow<'_, [u8]> {
        match &self.rest {
            Some(rest) if !rest.chunks.is_empty() => {
                Cow::Owned(self.chunks().map(|chunk| &chunk[..]).collect::<Vec<_>>().concat())
            }
            _ => Cow::Borrowed(&self.first),
        }
    }

    fn chunks(&self) -> impl Iterator<Item = &Bytes> {
        std::iter::once(&self.first).chain(self.rest.iter().flat_map(|rest| &rest.chunks))
    }

    /// Takes what comes next.
    fn next(&mut self) -> Option<Frame<Bytes>> {
        if !self.first.is_empty() {
            return Some(Frame::data(std::mem::take(&mut self.first)));
        }
        let rest = self.rest.as_mut()?;
        match rest.chunks.pop_front() {
            Some(chunk) => Some(Frame::data(chunk)),
            None => rest.trailers.take().map(Frame::trailers),
        }
    }

    fn is_empty(&self) -> bool {
        self.first.is_empty() && self.rest.as_ref().is_none_or(|rest| rest.chunks.is_empty() && rest.trailers.is_none())
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
            InnerProjection::Passed { mut body, recorder } => {
                let frame =
                    ready!(body.as_mut().poll_frame(context)).map(|frame| frame.map(|frame| frame.map_data(shared)));
                if let Some(recorder) = recorder {
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
                }
                Poll::Ready(frame)
            }
            InnerProjection::Replay { kept, left } => {
                let frame = kept.next();
                *left -= frame.as_ref().and_then(Frame::data_ref).map_or(0, |chunk| chunk.len() as u64);
                Poll::Ready(frame.map(Ok))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Passed { body, .. } => body.is_end_stream(),
            Inner::Replay { kept, .. } => kept.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Passed { body, .. } => body.size_hint(),
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
        Self::new(B::default())
    }
}

impl<B> fmt::Debug for ReplayBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.inner {
            Inner::Passed { recorder: None, .. } => "ReplayBody(passed)",
            Inner::Passed { recorder: Some(_), .. } => "ReplayBody(recorded)",
            Inner::Replay { .. } => "ReplayBody(replay)",
        })
    }
}
