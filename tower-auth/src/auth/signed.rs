use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::request::Parts;
use http::{Request, Response, Uri};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_auth_core::{
    BoxError, Credential, Current, Generation, Invalidation, ShardedArc, SigningError, SigningErrorKind, TokenCache,
    TokenError,
};
use tower_service::Service;

use super::body::{Kept, Replay, ReplayBody};
use super::demand::explain_demand;
use super::extension::NotRecovered;
use super::future::{CurrentFuture, explain, take};
use super::head::Head;
use super::layer::Config;
use super::resend::Resend;
use super::{AuthError, telemetry};

pin_project! {
    /// A call whose credential is made of each request. It is signed anew for every send: one, one more if the signer asks for it
    /// (a nonce), one more with a newer token.
    pub(super) struct SignedFuture<S, B>
    where
        S: Service<Request<ReplayBody<B>>>,
    {
        #[pin]
        step: Step<S, B>,
        call: Call<S>,
    }
}

pin_project! {
    #[project = StepProjection]
    enum Step<S, B>
    where
        S: Service<Request<ReplayBody<B>>>,
    {
        /// Reading the body, which the signature covers.
        Reading { #[pin] body: ReplayBody<B>, kept: Kept, left: usize, parts: Option<Box<Parts>> },
        /// Waiting for a response.
        Sent { #[pin] response: S::Future },
        /// Waiting for a newer token, with the refusal at hand.
        Renewing { token: CurrentFuture, refused: Option<S::Response> },
        /// Waiting until the service is ready for another send.
        Ready,
    }
}

/// What belongs to a call through all its sends.
struct Call<S> {
    /// The next send's. Polled ready before the first one.
    service: S,
    config: ShardedArc<Config>,
    target: Uri,
    credential: Credential,
    /// Where the credential is from, if it can be renewed.
    cached: Option<(TokenCache, Generation)>,
    /// `None` if the request is not to be sent again.
    again: Option<(Head, Replay)>,
    /// Whether it may still be sent again with the same credential.
    may_repeat: bool,
    /// Whether it may still be sent again with a newer one.
    may_renew: bool,
}

/// What follows from a response.
enum Next {
    Return,
    Explain(NotRecovered),
    Repeat,
    Renew(TokenCache),
}

impl<S, B, R> SignedFuture<S, B>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone,
    B: Body + 'static,
{
    /// Sends `request` by `service`, which was polled ready.
    pub(super) fn begin(
        service: S,
        config: ShardedArc<Config>,
        credential: Credential,
        cached: Option<(TokenCache, Generation)>,
        mut request: Request<ReplayBody<B>>,
    ) -> Result<Self, AuthError> {
        let needs_body = credential.needs_body();
        let mut call = Call {
            service,
            target: config.target(request.uri()),
            credential,
            cached,
            again: None,
            may_repeat: true,
            may_renew: true,
            config,
        };
        let limit = call.config.replay_limit;
        let step = match request.body().known() {
            None if needs_body && !request.body().is_end_stream() => {
                let (parts, body) = request.into_parts();
                Step::Reading { body, kept: Kept::default(), left: limit, parts: Some(Box::new(parts)) }
            }
            known => {
                let whole = known.or_else(|| needs_body.then(Kept::default));
                let replay = call.config.recovery.then(|| match &whole {
                    Some(kept) => Replay::Known(kept.clone()),
                    None => request.body_mut().record(limit),
                });
                Step::Sent { response: call.first(request, replay, whole.as_ref())? }
            }
        };
        Ok(Self { step, call })
    }

    /// Goes on with a call that was sent with an older credential, which needed no signature.
    pub(super) fn renewed(resend: Resend<S>, kept: Kept, current: &Current) -> Self {
        let Resend { service, head, cache, config, .. } = resend;
        let target = config.target(head.uri());
        let call = Call {
            service,
            config,
            target,
            credential: current.credential.clone(),
            cached: Some((cache, current.generation)),
            again: Some((head, Replay::Known(kept))),
            may_repeat: true,
            may_renew: false,
        };
        Self { step: Step::Ready, call }
    }
}

impl<S> Call<S> {
    /// The first send. `body` is there if it is whole.
    fn first<B>(
        &mut self,
        mut request: Request<ReplayBody<B>>,
        replay: Option<Replay>,
        body: Option<&Kept>,
    ) -> Result<S::Future, AuthError>
    where
        S: Service<Request<ReplayBody<B>>> + Clone,
    {
        self.again = replay.map(|replay| (Head::of(&request), replay));
        self.sign(&mut request, body)?;
        Ok(self.send(request))
    }

    /// Another send, by the service that was just polled ready.
    fn another<B>(&mut self) -> Result<S::Future, AuthError>
    where
        S: Service<Request<ReplayBody<B>>> + Clone,
    {
        let again = self.again.as_ref().and_then(|(head, replay)| Some((head, replay.kept()?)));
        let Some((head, kept)) = again else { return Err(AuthError::not_signed(unreadable())) };
        let mut request = head.request(ReplayBody::again(kept.clone()));
        self.sign(&mut request, Some(&kept))?;
        Ok(self.send(request))
    }

    fn sign<B>(&mut self, request: &mut Request<B>, body: Option<&Kept>) -> Result<(), AuthError> {
        let body = body.filter(|_| self.credential.needs_body()).map(Kept::bytes);
        self.credential.sign(request, &self.target, body.as_deref()).map_err(AuthError::not_signed)?;
        // A credential that knows the API's address has completed a path.
        if request.uri().authority().is_some() {
            self.target = request.uri().clone();
        }
        Ok(())
    }

    fn send<B>(&mut self, request: Request<ReplayBody<B>>) -> S::Future
    where
        S: Service<Request<ReplayBody<B>>> + Clone,
    {
        let spare = self.service.clone();
        mem::replace(&mut self.service, spare).call(request)
    }

    /// Judges a response, and drops the token from the cache if it says that the token is dead.
    fn judge<R>(&mut self, response: &Response<R>) -> Next {
        let asks_again = self.credential.observe(&self.target, response.status(), response.headers());
        let Some((_, replay)) = &self.again else { return Next::Return };
        if asks_again {
            return match replay.kept() {
                _ if !mem::take(&mut self.may_repeat) => Next::Explain(NotRecovered::SignatureRefused),
                Some(_) => Next::Repeat,
                None => Next::Explain(NotRecovered::BodyNotReplayable),
            };
        }
        let Some((cache, generation)) = &self.cached else { return Next::Return };
        if !self.config.refusal.is_refused(response) {
            if !self.may_renew {
                telemetry::recovered();
            }
            return Next::Return;
        }
        if !mem::take(&mut self.may_renew) {
            cache.ignore_refusals(*generation);
            return Next::Explain(NotRecovered::RefusedAgain);
        }
        if cache.invalidate(*generation) == Invalidation::Throttled {
            return Next::Explain(NotRecovered::Throttled);
        }
        if replay.kept().is_none() {
            cache.prefetch();
            return Next::Explain(NotRecovered::BodyNotReplayable);
        }
        Next::Renew(cache.clone())
    }

    /// Takes a newer token, or says why there is none.
    fn renew(&mut self, renewed: Result<Current, TokenError>) -> Result<(), NotRecovered> {
        let Some((cache, generation)) = &mut self.cached else { return Err(NotRecovered::Unchanged) };
        let current = renewed.map_err(NotRecovered::RefreshFailed)?;
        if current.generation <= *generation {
            cache.ignore_refusals(*generation);
            return Err(NotRecovered::Unchanged);
        }
        *generation = current.generation;
        self.credential = current.credential;
        Ok(())
    }
}

impl<S, B, R> Future for SignedFuture<S, B>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
    B: Body + 'static,
{
    type Output = Result<Response<R>, BoxError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let call = this.call;
        loop {
            let next = match this.step.as_mut().project() {
                StepProjection::Reading { mut body, kept, left, parts } => {
                    while let Some(frame) = ready!(body.as_mut().poll_frame(context)) {
                        let Ok(frame) = frame else {
                            return Poll::Ready(Err(AuthError::not_signed(unreadable()).into()));
                        };
                        if !kept.push(&frame, left) {
                            return Poll::Ready(Err(AuthError::not_signed(oversized()).into()));
                        }
                    }
                    let whole = mem::take(kept);
                    let request = Request::from_parts(*take(parts), ReplayBody::again(whole.clone()));
                    let replay = call.config.recovery.then(|| Replay::Known(whole.clone()));
                    Step::Sent { response: call.first(request, replay, Some(&whole))? }
                }
                StepProjection::Sent { response } => {
                    let response = ready!(response.poll(context)).map_err(Into::into)?;
                    match call.judge(&response) {
                        Next::Return => return Poll::Ready(Ok(explain_demand(response))),
                        Next::Explain(reason) => return Poll::Ready(Ok(explain(response, reason))),
                        Next::Repeat => Step::Ready,
                        Next::Renew(cache) => {
                            Step::Renewing { token: Box::pin(cache.current()), refused: Some(response) }
                        }
                    }
                }
                StepProjection::Renewing { token, refused } => {
                    let renewed = ready!(token.as_mut().poll(context));
                    if let Err(reason) = call.renew(renewed) {
                        return Poll::Ready(Ok(explain(take(refused), reason)));
                    }
                    // The connection may be needed for the next send.
                    drop(refused.take());
                    Step::Ready
                }
                StepProjection::Ready => {
                    ready!(call.service.poll_ready(context)).map_err(Into::into)?;
                    Step::Sent { response: call.another()? }
                }
            };
            this.step.set(next);
        }
    }
}

fn oversized() -> SigningError {
    SigningError::new(
        SigningErrorKind::Body,
        "the signature covers the body, which is longer than the layer's `replay_limit`",
    )
}

fn unreadable() -> SigningError {
    SigningError::new(SigningErrorKind::Body, "the signature covers the body, which failed while it was read")
}
