use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_auth_core::{BoxError, Current, Generation, ShardedArc, TokenCache, TokenError};
use tower_service::Service;

use super::body::{Kept, ReplayBody};
use super::demand::explain_demand;
use super::extension::NotRecovered;
use super::layer::Config;
use super::policy::Aside;
use super::resend::{Next, Resend};
use super::signed::SignedFuture;
use super::{AuthError, telemetry};

pin_project! {
    /// The future of [`Auth`](super::Auth).
    ///
    /// # Cancel safety
    /// Dropping it cancels the request, never a token refresh.
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<ReplayBody<B>>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<ReplayBody<B>>>,
    {
        /// Not sent, and not going to be.
        Refused { error: Option<AuthError> },
        /// Waiting for the first token.
        Waiting { token: CurrentFuture, held: Option<Box<Held<S, B>>> },
        /// Sent the first time.
        Sent { #[pin] response: S::Future, resend: Option<Box<Resend<S>>> },
        /// Waiting for a newer token, with the refusal at hand.
        Renewing { token: CurrentFuture, refused: Option<Box<Refused<S, S::Response>>> },
        /// Waiting until the service is ready for the second time.
        Ready { again: Option<Box<Again<S, B>>> },
        /// Sent the second time.
        SentAgain { #[pin] response: S::Future, sent: Box<Retried> },
        /// With a credential that is made of the request.
        Signed { call: Pin<Box<SignedFuture<S, B>>> },
    }
}

pub(super) type CurrentFuture = Pin<Box<dyn Future<Output = Result<Current, TokenError>> + Send>>;

/// A request that waits for a token, with the service that is ready for it.
pub(super) struct Held<S, B> {
    pub(super) service: S,
    pub(super) request: Request<ReplayBody<B>>,
    pub(super) cache: TokenCache,
    pub(super) config: ShardedArc<Config>,
}

/// A refused request that waits for a newer token.
struct Refused<S, R> {
    response: R,
    resend: Box<Resend<S>>,
    kept: Kept,
}

/// A request that goes out a second time.
struct Again<S, B> {
    service: S,
    request: Request<ReplayBody<B>>,
    retried: Box<Retried>,
}

/// The credential of the second try, and what judges the answer.
struct Retried {
    cache: TokenCache,
    generation: Generation,
    config: ShardedArc<Config>,
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<ReplayBody<B>>>,
{
    pub(super) fn sent(response: S::Future, resend: Option<Box<Resend<S>>>) -> Self {
        Self { state: State::Sent { response, resend } }
    }

    pub(super) fn refused(error: AuthError) -> Self {
        Self { state: State::Refused { error: Some(error) } }
    }

    pub(super) fn signed(call: SignedFuture<S, B>) -> Self {
        Self { state: State::Signed { call: Box::pin(call) } }
    }

    pub(super) fn waiting(held: Held<S, B>) -> Self {
        let token = Box::pin(held.cache.current());
        Self { state: State::Waiting { token, held: Some(Box::new(held)) } }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
    B: Body + 'static,
{
    type Output = Result<Response<R>, BoxError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Refused { error } => return Poll::Ready(Err(take(error).into())),
                StateProjection::Waiting { token, held } => match ready!(token.as_mut().poll(context)) {
                    Ok(current) => take(held).send(&current),
                    Err(error) => return Poll::Ready(Err(AuthError::no_token(error).into())),
                },
                StateProjection::Sent { response, resend } => {
                    if resend.is_none() {
                        return response.poll(context).map_err(Into::into);
                    }
                    let response = ready!(response.poll(context)).map_err(Into::into)?;
                    let resend = take(resend);
                    match resend.judge(&response) {
                        Next::Return => return Poll::Ready(Ok(explain_demand(response))),
                        Next::Explain(reason) => return Poll::Ready(Ok(explain(response, reason))),
                        Next::Renew(kept) => State::Renewing {
                            token: Box::pin(resend.cache.current()),
                            refused: Some(Box::new(Refused { response, resend, kept })),
                        },
                    }
                }
                StateProjection::Renewing { token, refused } => {
                    let renewed = ready!(token.as_mut().poll(context));
                    match take(refused).renewed(renewed) {
                        Ok(next) => next,
                        Err(response) => return Poll::Ready(Ok(response)),
                    }
                }
                StateProjection::Ready { again } => {
                    if let Some(again) = again {
                        ready!(again.service.poll_ready(context)).map_err(Into::into)?;
                    }
                    let Again { mut service, request, retried } = *take(again);
                    State::SentAgain { response: service.call(request), sent: retried }
                }
                StateProjection::SentAgain { response, sent } => {
                    let response = ready!(response.poll(context)).map_err(Into::into)?;
                    if sent.config.refusal.is_refused(&response) {
                        sent.cache.ignore_refusals(sent.generation);
                        return Poll::Ready(Ok(explain(response, NotRecovered::RefusedAgain)));
                    }
                    telemetry::recovered();
                    return Poll::Ready(Ok(explain_demand(response)));
                }
                StateProjection::Signed { call } => return call.as_mut().poll(context),
            };
            state.set(next);
        }
    }
}

impl<S, B, R> Held<S, B>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone,
    B: Body + 'static,
{
    /// Sends the request with the token that it waited for.
    fn send(self, current: &Current) -> State<S, B> {
        let Self { mut service, mut request, cache, config } = self;
        let (credential, generation) = (&current.credential, current.generation);
        let attached = if credential.is_signer() {
            match config.judge(&mut request, credential) {
                Ok(()) => {
                    let cached = Some((cache, generation));
                    return match SignedFuture::begin(service, config, credential.clone(), cached, request) {
                        Ok(call) => State::Signed { call: Box::pin(call) },
                        Err(error) => State::Refused { error: Some(error) },
                    };
                }
                Err(aside) => Err(aside),
            }
        } else {
            let cache = config.recovery.then_some(cache);
            Resend::attach(&mut request, &service, &config, cache, credential, generation)
        };
        match attached {
            Ok(resend) => State::Sent { response: service.call(request), resend },
            Err(Aside::Refuse(error)) => State::Refused { error: Some(error) },
            Err(Aside::Keep | Aside::Sign(..)) => State::Sent { response: service.call(request), resend: None },
        }
    }
}

impl<S, R> Refused<S, Response<R>> {
    /// The request to be sent again if there is a newer token, else the refusal with the reason.
    fn renewed<B>(self, renewed: Result<Current, TokenError>) -> Result<State<S, B>, Response<R>>
    where
        S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone,
        B: Body + 'static,
    {
        let Self { response, resend, kept } = self;
        match renewed {
            Ok(current) if current.generation > resend.generation => {
                // The connection may be needed for the second try.
                drop(response);
                if current.credential.is_signer() {
                    let call = SignedFuture::renewed(*resend, kept, &current);
                    return Ok(State::Signed { call: Box::pin(call) });
                }
                let retried = Retried {
                    cache: resend.cache.clone(),
                    generation: current.generation,
                    config: resend.config.clone(),
                };
                Ok(match resend.into_request(kept, &current) {
                    Ok((service, request)) => {
                        let again = Again { service, request, retried: Box::new(retried) };
                        State::Ready { again: Some(Box::new(again)) }
                    }
                    Err(error) => State::Refused { error: Some(AuthError::not_signed(error)) },
                })
            }
            Ok(_) => {
                resend.cache.ignore_refusals(resend.generation);
                Err(explain(response, NotRecovered::Unchanged))
            }
            Err(error) => Err(explain(response, NotRecovered::RefreshFailed(error))),
        }
    }
}

pub(super) fn explain<R>(mut response: Response<R>, reason: NotRecovered) -> Response<R> {
    telemetry::not_recovered(&reason);
    response.extensions_mut().insert(reason);
    response
}

/// What a state holds until it is left.
pub(super) fn take<T>(slot: &mut Option<T>) -> T {
    slot.take().expect("a future is not polled after it is done, and a state not after it was left")
}

impl<S, B> fmt::Debug for ResponseFuture<S, B>
where
    S: Service<Request<ReplayBody<B>>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Refused { .. } => "refused",
            State::Waiting { .. } => "waiting for a token",
            State::Sent { .. } => "sent",
            State::Renewing { .. } => "waiting for a newer token",
            State::Ready { .. } => "waiting for the service",
            State::SentAgain { .. } => "sent again",
            State::Signed { .. } => "signed",
        };
        write!(f, "ResponseFuture({state})")
    }
}
