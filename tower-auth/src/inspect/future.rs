use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http::response::Parts;
use http_body::Body;
use pin_project_lite::pin_project;
use tower_auth_core::ShardedArc;

use super::InspectedBody;
use super::body::Read;
use super::layer::Rules;
use crate::TokenRefused;

pin_project! {
    /// The future of [`BodyRefusal`](super::BodyRefusal).
    ///
    /// # Cancel safety
    /// Dropping it cancels the request.
    pub struct BodyRefusalFuture<F, R>
    where
        R: Body<Data = Bytes>,
    {
        #[pin]
        response: F,
        reading: Option<Box<Reading<R>>>,
        rules: Option<ShardedArc<Rules>>,
    }
}

/// A response whose start is being read.
struct Reading<R>
where
    R: Body<Data = Bytes>,
{
    parts: Parts,
    start: Vec<u8>,
    read: Read<R>,
}

impl<F, R: Body<Data = Bytes>> BodyRefusalFuture<F, R> {
    pub(super) fn new(response: F, rules: Option<ShardedArc<Rules>>) -> Self {
        Self { response, reading: None, rules }
    }
}

impl<F, R, E> Future for BodyRefusalFuture<F, R>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body<Data = Bytes>,
{
    type Output = Result<Response<InspectedBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.reading.is_none() {
            let response = ready!(this.response.poll(context))?;
            let concerned =
                this.rules.as_ref().is_some_and(|rules| rules.concern(response.status(), response.headers()));
            if !concerned {
                return Poll::Ready(Ok(response.map(InspectedBody::plain)));
            }
            let (parts, body) = response.into_parts();
            let read = Read { frames: VecDeque::new(), rest: Some(Box::pin(body)) };
            *this.reading = Some(Box::new(Reading { parts, start: Vec::new(), read }));
        }
        let (Some(reading), Some(rules)) = (&mut *this.reading, &*this.rules) else { return Poll::Pending };
        ready!(reading.poll(rules.limit, context));
        let Some(reading) = this.reading.take() else { return Poll::Pending };
        let Reading { parts, start, read } = *reading;
        let mut response = Response::from_parts(parts, InspectedBody::read(read));
        if (rules.body)(response.status(), response.headers(), &start) {
            response.extensions_mut().insert(TokenRefused);
        }
        Poll::Ready(Ok(response))
    }
}

impl<R: Body<Data = Bytes>> Reading<R> {
    /// Reads up to the limit, the end, or an error, which is handed on in its turn.
    fn poll(&mut self, limit: usize, context: &mut Context<'_>) -> Poll<()> {
        while self.start.len() < limit {
            let Some(rest) = &mut self.read.rest else { break };
            let frame = ready!(rest.as_mut().poll_frame(context));
            let goes_on = matches!(&frame, Some(Ok(_)));
            if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
                let room = limit - self.start.len();
                self.start.extend_from_slice(&data[..data.len().min(room)]);
            }
            self.read.frames.extend(frame);
            if !goes_on {
                self.read.rest = None;
            }
        }
        Poll::Ready(())
    }
}

impl<F, R: Body<Data = Bytes>> fmt::Debug for BodyRefusalFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BodyRefusalFuture")
    }
}
