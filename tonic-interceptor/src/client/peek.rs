use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;
use tonic::Status;
use tonic::body::Body;
use tower_auth_core::{BoxError, Clock};

use super::deadline::Sending;
use super::request_body::{Ended, plus};
use super::status::{GRPC_STATUS, is_unauthenticated, map_http_status};

/// How long a response is held up for its first frame. A refusal comes with the headers or right behind them; a stream that
/// was accepted may be silent for hours, and its caller may have to act before it speaks.
const PATIENCE: Duration = Duration::from_millis(100);

pin_project! {
    /// The future of one send. A refusal that comes in trailers, with no message before it, is moved into the headers.
    pub struct Peek<F> {
        #[pin]
        response: F,
        held: Option<Held>,
        // `None` if nobody would act on what a look at the first frame shows.
        ended: Option<Ended>,
        sending: Option<Sending>,
        clock: Clock,
    }
}

/// A response whose first frame is awaited.
struct Held {
    response: Response<Body>,
    patience: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl<F> Peek<F> {
    pub(super) fn new(response: F, ended: Option<Ended>, sending: Option<Sending>, clock: Clock) -> Self {
        Self { response, held: None, ended, sending, clock }
    }
}

impl<F, R, E> Future for Peek<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    E: Into<BoxError>,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Output = Result<Response<Body>, BoxError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let done = match this.held {
            Some(held) => ready!(held.poll(context, this.clock)),
            None => {
                let response = ready!(this.response.poll(context)).map_err(Into::into)?;
                let response = with_grpc_status(response.map(Body::new));
                if this.ended.as_ref().is_some_and(Ended::is_set) && has_more_to_say(&response) {
                    let held = this.held.insert(Held { response, patience: None });
                    ready!(held.poll(context, this.clock))
                } else {
                    response
                }
            }
        };
        // From here on the future holds nothing that is under way.
        *this.sending = None;
        Poll::Ready(Ok(done))
    }
}

/// The response; with a status of gRPC and no body if it is an error that no gRPC server has signed.
fn with_grpc_status(response: Response<Body>) -> Response<Body> {
    let signs_later = is_grpc(response.headers()) && !response.body().is_end_stream();
    if response.status() == StatusCode::OK || response.headers().contains_key(GRPC_STATUS) || signs_later {
        return response;
    }
    let mut response = response.map(|_| Body::empty());
    let status = response.status();
    response.headers_mut().remove(CONTENT_LENGTH);
    map_http_status(status, response.headers_mut());
    response
}

/// Whether the status of a response comes after its headers.
fn has_more_to_say(response: &Response<Body>) -> bool {
    !response.headers().contains_key(GRPC_STATUS) && !response.body().is_end_stream()
}

fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

impl Held {
    fn poll(&mut self, context: &mut Context<'_>, clock: &Clock) -> Poll<Response<Body>> {
        loop {
            match Pin::new(self.response.body_mut()).poll_frame(context) {
                // A buffer of nothing is no message.
                Poll::Ready(Some(Ok(frame))) if frame.data_ref().is_some_and(Bytes::is_empty) => {}
                Poll::Ready(Some(Ok(frame))) if frame.trailers_ref().is_some_and(is_unauthenticated) => {
                    return Poll::Ready(self.refused(&frame.into_trailers().unwrap_or_default()));
                }
                Poll::Ready(first) => return Poll::Ready(self.release(first)),
                Poll::Pending => break,
            }
        }
        let patience = self.patience.get_or_insert_with(|| {
            let clock = clock.clone();
            Box::pin(async move { clock.sleep(PATIENCE).await })
        });
        ready!(patience.as_mut().poll(context));
        Poll::Ready(std::mem::take(&mut self.response))
    }

    /// The refusal, in the form in which it has no body.
    fn refused(&mut self, trailers: &HeaderMap) -> Response<Body> {
        let mut response = std::mem::take(&mut self.response).map(|_| Body::empty());
        for (name, value) in trailers {
            response.headers_mut().append(name, value.clone());
        }
        response
    }

    /// The response as it was, with the frame that was looked at put back.
    fn release(&mut self, first: Option<Result<Frame<Bytes>, Status>>) -> Response<Body> {
        std::mem::take(&mut self.response).map(|rest| match first {
            Some(first) => Body::new(Peeked { first: Some(first), rest }),
            None => Body::empty(),
        })
    }
}

/// A body whose first frame was looked at.
struct Peeked {
    first: Option<Result<Frame<Bytes>, Status>>,
    rest: Body,
}

impl HttpBody for Peeked {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(first)),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let ahead = self.first.as_ref().and_then(|first| first.as_ref().ok()?.data_ref()).map_or(0, Bytes::len);
        plus(&self.rest.size_hint(), ahead)
    }
}
