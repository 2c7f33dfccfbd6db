use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Error;
use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::sync::Notify;

use super::Cleaning;

/// A body on its way to the upstream. Its trailers are cleaned as headers are, since some servers take them for such; and
/// each part of it is a sign of life.
pub(super) struct SentBody {
    body: Body,
    cleaning: Arc<Cleaning>,
    progress: Arc<Notify>,
}

impl SentBody {
    pub(super) fn new(body: Body, cleaning: Arc<Cleaning>, progress: Arc<Notify>) -> Self {
        Self { body, cleaning, progress }
    }
}

impl HttpBody for SentBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let next = ready!(Pin::new(&mut self.body).poll_frame(context));
        self.progress.notify_one();
        Poll::Ready(next.map(|frame| {
            frame.map(|mut frame| {
                if let Some(trailers) = frame.trailers_mut() {
                    self.cleaning.clean(trailers);
                }
                frame
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
