use std::any::Any;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
        /// Passed through, and perhaps kept. Small, since it is moved with each request.
        Passed { #[pin] body: B, recording: Option<Arc<Recording>> },
        /// Sent again.
        Replay { again: Box<Again> },
    }
}

/// How the body of one request can be sent again.
pub(super) enum Replay {
    /// It is of a known type whose clone is the whole body.
    Known(Kept),
    /// It is being kept.
    Recorded(Arc<Recording>),
}

/// A body that is kept while it is read. The body holds one end and lets go of it when there is nothing more to keep.
pub(super) struct Recording(Mutex<Progress>);

struct Progress {
    kept: Kept,
    /// How many bytes more are kept.
    left: usize,
    /// Whether all of it is there.
    is_whole: bool,
}

/// A kept body on its way.
struct Again {
    kept: Kept,
    /// Its bytes that are still to come.
    left: u64,
}

/// A whole body: most are one chunk.
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

impl<B> ReplayBody<B> {
    /// A body that is only passed through so far.
    #[inline]
    pub(super) fn new(body: B) -> Self {
        Self { inner: Inner::Passed { body, recording: None } }
    }

    /// A body that was kept, to be sent again.
    pub(super) fn again(kept: Kept) -> Self {
        let left = kept.chunks().map(|chunk| chunk.len() as u64).sum();
        Self { inner: Inner::Replay { again: Box::new(Again { kept, left }) } }
    }
}

impl<B: Body + 'static> ReplayBody<B> {
    /// Keeps the body while it is read, up to `limit` bytes. To be called before it is.
    pub(super) fn record(&mut self, limit: usize) -> Replay {
        match &mut self.inner {
            Inner::Passed { body, recording } => {
                let known = known(body).or_else(|| body.is_end_stream().then(Kept::default));
                if let Some(kept) = known {
                    return Replay::Known(kept);
                }
                let new = Arc::new(Recording::new(limit));
                *recording = Some(Arc::clone(&new));
                Replay::Recorded(new)
            }
            Inner::Replay { again } => Replay::Known(again.kept.clone()),
        }
    }

    /// The whole body, if it is known before it is read.
    pub(super) fn known(&self) -> Option<Kept> {
        match &self.inner {
            Inner::Passed { body, .. } => known(body),
            Inner::Replay { again } => Some(again.kept.clone()),
        }
    }
}

impl Replay {
    /// The whole body, if it is known by now.
    pub(super) fn kept(&self) -> Option<Kept> {
        match self {
            Self::Known(kept) => Some(kept.clone()),
            Self::Recorded(recording) => recording.whole(),
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
            // Chunks of nothing cost the limit nothing, and are not kept.
            if self.first.is_empty() {
                self.first = data.clone();
            } else if !data.is_empty() {
                self.rest.get_or_insert_default().chunks.push_back(data.clone());
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

impl Recording {
    fn new(limit: usize) -> Self {
        Self(Mutex::new(Progress { kept: Kept::default(), left: limit, is_whole: false }))
    }

    /// Keeps what was read last; `None` is the end. Returns whether there may be more to keep.
    fn push<E>(&self, frame: Option<&Result<Frame<Bytes>, E>>, is_last: bool) -> bool {
        let mut progress = self.progress();
        let Progress { kept, left, is_whole } = &mut *progress;
        match frame {
            Some(Ok(frame)) if kept.push(frame, left) => *is_whole = is_last,
            Some(_) => {
                *kept = Kept::default();
                return false;
            }
            None => *is_whole = true,
        }
        !*is_whole
    }

    fn whole(&self) -> Option<Kept> {
        let progress = self.progress();
        progress.is_whole.then(|| progress.kept.clone())
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
            InnerProjection::Passed { mut body, recording } => {
                let frame =
                    ready!(body.as_mut().poll_frame(context)).map(|frame| frame.map(|frame| frame.map_data(shared)));
                if let Some(held) = recording {
                    // A transport that knows the end does not poll for it; nothing follows trailers (RFC 9110 section 6.5).
                    let is_last = matches!(&frame, Some(Ok(frame)) if frame.is_trailers()) || body.is_end_stream();
                    // Nobody waits for it once the request was answered.
                    let is_wanted = Arc::strong_count(held) > 1;
                    if !is_wanted || !held.push(frame.as_ref(), is_last) {
                        *recording = None;
                    }
                }
                Poll::Ready(frame)
            }
            InnerProjection::Replay { again } => {
                let frame = again.kept.next();
                again.left -= frame.as_ref().and_then(Frame::data_ref).map_or(0, |chunk| chunk.len() as u64);
                Poll::Ready(frame.map(Ok))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Passed { body, .. } => body.is_end_stream(),
            Inner::Replay { again } => again.kept.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Passed { body, .. } => body.size_hint(),
            Inner::Replay { again } => SizeHint::with_exact(again.left),
        }
    }
}

/// Data in one buffer, which for [`Bytes`] is the one it came in.
fn shared<D: Buf>(mut data: D) -> Bytes {
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
            Inner::Passed { recording: None, .. } => "ReplayBody(passed)",
            Inner::Passed { recording: Some(_), .. } => "ReplayBody(recorded)",
            Inner::Replay { .. } => "ReplayBody(replay)",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// A body of these frames, of a type that nobody knows.
    struct Frames(VecDeque<Frame<Bytes>>);

    impl Body for Frames {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(Ok))
        }
    }

    fn body(frames: &[&'static str]) -> ReplayBody<Frames> {
        let frame = |text: &&'static str| match text.strip_prefix("trailer:") {
            Some(value) => Frame::trailers(HeaderMap::from_iter([(http::header::ETAG, value.parse().unwrap())])),
            None => Frame::data(Bytes::from_static(text.as_bytes())),
        };
        ReplayBody::new(Frames(frames.iter().map(frame).collect()))
    }

    /// Reads to the end: the frames, each with whether that was the end, and what was left before it.
    fn read(body: &mut ReplayBody<Frames>) -> Vec<(String, u64, bool)> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut seen = Vec::new();
        loop {
            let left = body.size_hint().lower();
            let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(&mut context) else { panic!("it waits") };
            let Some(frame) = frame else { return seen };
            let frame = frame.unwrap();
            let text = match frame.trailers_ref() {
                Some(trailers) => format!("trailer:{}", trailers[http::header::ETAG].to_str().unwrap()),
                None => String::from_utf8(frame.data_ref().unwrap().to_vec()).unwrap(),
            };
            seen.push((text, left, body.is_end_stream()));
        }
    }

    fn replayed(frames: &[&'static str], limit: usize) -> Option<Vec<(String, u64, bool)>> {
        let mut first = body(frames);
        let replay = first.record(limit);
        assert!(replay.kept().is_none(), "before it was read");
        read(&mut first);
        Some(read(&mut ReplayBody::again(replay.kept()?)))
    }

    fn frames(expected: &[(&str, u64, bool)]) -> Option<Vec<(String, u64, bool)>> {
        Some(expected.iter().map(|(text, left, is_end)| ((*text).to_owned(), *left, *is_end)).collect())
    }

    #[test]
    fn frames_come_again_in_their_order_without_those_of_nothing() {
        assert_eq!(replayed(&["ab"], 9), frames(&[("ab", 2, true)]));
        assert_eq!(replayed(&["", "ab", "", "c"], 9), frames(&[("ab", 3, false), ("c", 1, true)]));
        let with_trailers = frames(&[("ab", 3, false), ("c", 1, false), ("trailer:t", 0, true)]);
        assert_eq!(replayed(&["ab", "c", "trailer:t"], 9), with_trailers);
        assert_eq!(replayed(&["trailer:t"], 9), frames(&[("trailer:t", 0, true)]));
        assert_eq!(replayed(&[""], 9), frames(&[]));
        assert_eq!(replayed(&[], 0), frames(&[]));
    }

    #[test]
    fn a_body_past_the_limit_is_not_kept() {
        assert_eq!(replayed(&["abc", "de"], 5), frames(&[("abc", 5, false), ("de", 2, true)]));
        assert_eq!(replayed(&["abc", "de"], 4), None);
    }

    #[test]
    fn nothing_is_kept_for_nobody() {
        let mut unwanted = body(&["ab", "c"]);
        drop(unwanted.record(9));
        assert_eq!(read(&mut unwanted).len(), 2);
        assert!(matches!(&unwanted.inner, Inner::Passed { recording: None, .. }));
    }

    #[test]
    fn a_body_that_failed_is_not_kept() {
        let recording = Recording::new(9);
        assert!(recording.push::<()>(Some(&Ok(Frame::data(Bytes::from_static(b"ab")))), false));
        assert!(!recording.push(Some(&Err(())), false));
        assert!(recording.whole().is_none() && recording.progress().kept.is_empty());
    }

    /// A transport that is told of the end with the last frame does not poll again.
    #[test]
    fn a_body_is_whole_with_its_last_frame_and_not_before() {
        let mut body = ReplayBody::new(http_body_util::Limited::new(Full::new(Bytes::from_static(b"ab")), 9));
        let replay = body.record(9);
        assert!(replay.kept().is_none());
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(Pin::new(&mut body).poll_frame(&mut context).is_ready() && body.is_end_stream());
        assert_eq!(&*replay.kept().unwrap().bytes(), b"ab");

        let mut half = self::body(&["ab", "c"]);
        let replay = half.record(9);
        assert!(Pin::new(&mut half).poll_frame(&mut context).is_ready());
        drop(half);
        assert!(replay.kept().is_none(), "half of it was read");
    }

    #[test]
    fn a_body_grows_little() {
        assert!(size_of::<ReplayBody<Full<Bytes>>>() <= size_of::<Full<Bytes>>() + 16);
    }

    #[test]
    fn the_data_is_one_piece_however_it_came() {
        for frames in [&["abc"][..], &["a", "", "bc"], &["a", "b", "c", "trailer:t"]] {
            let mut body = body(frames);
            let replay = body.record(9);
            read(&mut body);
            assert_eq!(&*replay.kept().unwrap().bytes(), b"abc");
        }
    }
}
