use http::{Request, Response};
use http_body::Body;
use tower_auth_core::{Current, Generation, Invalidation, ShardedArc, SigningError, TokenCache};
use tower_service::Service;

use super::body::{Kept, Replay, ReplayBody};
use super::extension::NotRecovered;
use super::head::Head;
use super::layer::Config;

/// What is needed to send a request a second time.
pub(super) struct Resend<S> {
    /// A clone of the service, not polled ready.
    pub(super) service: S,
    pub(super) head: Head,
    pub(super) replay: Replay,
    pub(super) cache: TokenCache,
    /// The credential that was sent.
    pub(super) generation: Generation,
    pub(super) config: ShardedArc<Config>,
}

/// What follows from a response.
pub(super) enum Next {
    /// It goes to the caller.
    Return,
    /// It says that the token is dead, and the caller learns why nothing more was done.
    Explain(NotRecovered),
    /// It says that the token is dead, and another can be tried.
    Renew(Kept),
}

impl<S> Resend<S> {
    /// What `request` needs, which has no credential yet, and is going to get the one of `generation`.
    pub(super) fn of<B>(
        request: &Request<B>,
        service: &S,
        cache: TokenCache,
        generation: Generation,
        config: &ShardedArc<Config>,
    ) -> Box<Self>
    where
        S: Clone,
    {
        Box::new(Self {
            service: service.clone(),
            head: Head::of(request),
            replay: Replay::default(),
            cache,
            generation,
            config: config.clone(),
        })
    }

    /// Sends the request for the first time.
    pub(super) fn send<B>(&mut self, service: &mut S, mut request: Request<ReplayBody<B>>) -> S::Future
    where
        S: Service<Request<ReplayBody<B>>>,
        B: Body + 'static,
    {
        self.replay = request.body_mut().record(self.config.replay_limit);
        service.call(request)
    }

    /// Judges a response, and drops the token from the cache if it says that the token is dead.
    pub(super) fn judge<R>(&self, response: &Response<R>) -> Next {
        if !self.config.refusal.is_refused(response) {
            return Next::Return;
        }
        if self.cache.invalidate(self.generation) == Invalidation::Throttled {
            return Next::Explain(NotRecovered::Throttled);
        }
        match self.replay.kept() {
            Some(kept) => Next::Renew(kept),
            None => {
                self.cache.prefetch();
                Next::Explain(NotRecovered::BodyNotReplayable)
            }
        }
    }

    /// The request again, with a newer credential, and the service that is to be polled ready for it.
    pub(super) fn into_request<B>(
        self,
        kept: Kept,
        current: &Current,
    ) -> Result<(S, Request<ReplayBody<B>>), SigningError> {
        let mut request = self.head.into_request(ReplayBody::again(kept));
        current.credential.apply(&mut request)?;
        Ok((self.service, request))
    }
}
