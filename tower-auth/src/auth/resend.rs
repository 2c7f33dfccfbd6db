use http::{Request, Response};
use http_body::Body;
use tower_auth_core::{Credential, Current, Generation, Invalidation, ShardedArc, SigningError, TokenCache};

use super::body::{Kept, Replay, ReplayBody};
use super::extension::NotRecovered;
use super::head::Head;
use super::layer::Config;
use super::policy::{Aside, put};

/// What is needed to send a request a second time.
pub(super) struct Resend<S> {
    /// A clone of the service, not polled ready.
    pub(super) service: S,
    pub(super) head: Head,
    replay: Replay,
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
    /// Puts `credential`, the one of `generation`, on `request`. With its `cache` at hand the request, its body included, is kept from now on, to be sent again by a
    /// clone of `service`.
    #[inline]
    pub(super) fn attach<B>(
        request: &mut Request<ReplayBody<B>>,
        service: &S,
        config: &ShardedArc<Config>,
        cache: Option<TokenCache>,
        credential: &Credential,
        generation: Generation,
    ) -> Result<Option<Box<Self>>, Aside>
    where
        S: Clone,
        B: Body + 'static,
    {
        // Nothing is kept of a request with a credential of its own, and nothing of ours of the others.
        config.judge(request, credential)?;
        let resend = cache.map(|cache| {
            Box::new(Self {
                service: service.clone(),
                head: Head::of(request),
                replay: request.body_mut().record(config.replay_limit),
                cache,
                generation,
                config: config.clone(),
            })
        });
        put(request, credential)?;
        Ok(resend)
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
