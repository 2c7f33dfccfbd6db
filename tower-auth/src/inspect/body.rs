use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// A response body whose start may have been looked at. It yields what it would have yielded otherwise.
    pub struct InspectedBody<R>
    where
        R: Body<Data = Bytes>,
    {
        #[pin]
        inner: Inner<R>,
    }
}

pin_project! {
    #[project = InnerProjection]
    enum Inner<R>
    where
        R: Body<Data = Bytes>,
    {
        Plain { #[pin] body: R },
        Read { read: Read<R> },
    }
}

/// What was read of a body, and the rest of it.
pub(super) struct Read<R>
where
    R: Body<Data = Bytes>,
{
    pub(super) frames: VecDeque<Result<Frame<Bytes>, R::Error>>,
    /// `None` once it has ended.
    pub(super) rest: Option<Pin<Box<R>>>,
}

impl<R: Body<Data = Bytes>> InspectedBody<R> {
    pub(super) fn plain(body: R) -> Self {
        Self { inner: Inner::Plain { body } }
    }

    pub(super) fn read(read: Read<R>) -> Self {
        Self { inner: Inner::Read { read } }
    }
}

impl<R: Body<Data = Bytes>> Body for InspectedBody<R> {
    type Data = Bytes;
    type Error = R::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, R::Error>>> {
        match self.project().inner.project() {
            InnerProjection::Plain { body } => body.poll_frame(context),
            InnerProjection::Read { read } => match (read.frames.pop_front(), &mut read.rest) {
                (Some(frame), _) => Poll::Ready(Some(frame)),
                (None, Some(rest)) => rest.as_mut().poll_frame(context),
                (None, None) => Poll::Ready(None),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Plain { body } => body.is_end_stream(),
            Inner::Read { read } => {
                read.frames.is_empty() && read.rest.as_ref().is_none_or(|rest| rest.is_end_stream())
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        let read = match &self.inner {
            Inner::Plain { body } => return body.size_hint(),
            Inner::Read { read } => read,
        };
        let ahead = read.frames.iter().flatten().filter_map(Frame::data_ref).map(|data| data.len() as u64).sum();
        let rest = read.rest.as_ref().map_or_else(|| SizeHint::with_exact(0), |rest| rest.size_hint());
        let mut sum = SizeHint::new();
        sum.set_lower(rest.lower().saturating_add(ahead));
        if let Some(upper) = rest.upper() {
            sum.set_upper(upper.saturating_add(ahead));
        }
        sum
    }
}

impl<R: Body<Data = Bytes>> fmt::Debug for InspectedBody<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InspectedBody")
    }
}
