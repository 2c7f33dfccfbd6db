use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, Uri};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_auth_core::{BaseUrl, BoxError, Connection, SigningError, SigningErrorKind};
use tower_service::Service;

use super::{Provider, ProviderFuture};
use crate::{AuthError, InspectedBody, ReplayBody};

/// What goes into bodies, and into which.
pub(super) struct Filling {
    pub(super) connection: Connection,
    /// The only origin that it goes to.
    pub(super) base: Option<BaseUrl>,
    pub(super) limit: usize,
}

impl Filling {
    /// Whether the body of a request to `uri` is filled.
    pub(super) fn concerns(&self, uri: &Uri) -> bool {
        self.connection.puts_credential_into_bodies()
            && self.base.as_ref().is_some_and(|base| base.resolve(uri).is_some())
    }

    fn fill<B: From<Bytes>>(&self, mut parts: Parts, body: &[u8]) -> Result<Request<B>, SigningError> {
        let filled = self.connection.fill_body(&parts.headers, body)?;
        let body = filled.map_or_else(
            || Bytes::copy_from_slice(body),
            |filled| Bytes::copy_from_slice(filled.expose_secret().as_bytes()),
        );
        if !parts.headers.contains_key(CONTENT_TYPE) {
            parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        parts.headers.remove(TRANSFER_ENCODING);
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        Ok(Request::from_parts(parts, B::from(body)))
    }
}

pin_project! {
    /// The future of a [`BodyCredential`](super::BodyCredential).
    ///
    /// # Cancel safety
    /// Dropping it cancels the request, never a token refresh.
    pub struct BodyCredentialFuture<S, B, R>
    where
        S: Service<Request<ReplayBody<B>>, Response = Response<R>>,
        R: Body<Data = Bytes>,
    {
        #[pin]
        state: State<S, B, R>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B, R>
    where
        S: Service<Request<ReplayBody<B>>, Response = Response<R>>,
        R: Body<Data = Bytes>,
    {
        Reading { #[pin] body: B, read: Vec<u8>, held: Option<Box<Held<S>>> },
        Sent { #[pin] response: ProviderFuture<S, B, R> },
    }
}

/// A request whose body is being read, with the service that is ready for it.
struct Held<S> {
    service: Provider<S>,
    parts: Parts,
    filling: Arc<Filling>,
}

impl<S, B, R> BodyCredentialFuture<S, B, R>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>>,
    R: Body<Data = Bytes>,
{
    pub(super) fn sent(response: ProviderFuture<S, B, R>) -> Self {
        Self { state: State::Sent { response } }
    }

    pub(super) fn reading(service: Provider<S>, request: Request<B>, filling: Arc<Filling>) -> Self {
        let (parts, body) = request.into_parts();
        Self {
            state: State::Reading { body, read: Vec::new(), held: Some(Box::new(Held { service, parts, filling })) },
        }
    }
}

impl<S, B, R> Future for BodyCredentialFuture<S, B, R>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
    B: Body + From<Bytes> + 'static,
    B::Error: Into<BoxError>,
    R: Body<Data = Bytes>,
{
    type Output = Result<Response<InspectedBody<R>>, BoxError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Sent { response } => return response.poll(context),
                StateProjection::Reading { mut body, read, held } => {
                    let limit = held.as_ref().map_or(0, |held| held.filling.limit);
                    while let Some(frame) = ready!(body.as_mut().poll_frame(context)) {
                        let frame = frame.map_err(|error| refused(unread().with_source(error)))?;
                        // Trailers of a body that is replaced by another are dropped.
                        let Ok(mut data) = frame.into_data() else { continue };
                        if data.remaining() > limit - read.len() {
                            return Poll::Ready(Err(refused(oversized())));
                        }
                        read.extend_from_slice(&data.copy_to_bytes(data.remaining()));
                    }
                    let held = held.take().expect("a future is not polled after it is done");
                    let Held { mut service, parts, filling } = *held;
                    if read.is_empty() && matches!(parts.method, Method::GET | Method::HEAD) {
                        return Poll::Ready(Err(refused(bodiless())));
                    }
                    let request = filling.fill::<B>(parts, read).map_err(refused)?;
                    State::Sent { response: service.call(request) }
                }
            };
            state.set(next);
        }
    }
}

fn refused(error: SigningError) -> BoxError {
    AuthError::not_signed(error).into()
}

fn oversized() -> SigningError {
    SigningError::new(
        SigningErrorKind::Body,
        "the credential goes into the body, which is longer than the limit of `BodyCredentialLayer`",
    )
}

fn unread() -> SigningError {
    SigningError::new(SigningErrorKind::Body, "the credential goes into the body, which failed while it was read")
}

fn bodiless() -> SigningError {
    SigningError::new(SigningErrorKind::Body, "the credential goes into the body, and this request has none: use POST")
}

impl<S, B, R> fmt::Debug for BodyCredentialFuture<S, B, R>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>>,
    R: Body<Data = Bytes>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BodyCredentialFuture")
    }
}
