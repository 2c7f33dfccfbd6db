use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_auth_core::{BoxError, Credential, Generation, TokenCache, TokenReader};
use tower_service::Service;

use super::body::ReplayBody;
use super::choice::{Chosen, choose, select};
use super::credentials::Source;
use super::future::{Held, ResponseFuture};
use super::layer::{Choice, Config};
use super::policy::Aside;
use super::resend::Resend;
use super::signed::SignedFuture;

/// The service of an [`AuthLayer`](super::AuthLayer).
///
/// # Clone
/// A clone shares the cache and holds nothing of this one's readiness.
pub struct Auth<S> {
    inner: S,
    config: Arc<Config>,
    /// In the usual case the reader, with its copy of the credential. Otherwise one is cloned per request.
    own: Option<Source>,
}

impl<S> Auth<S> {
    pub(super) fn new(inner: S, config: Arc<Config>) -> Self {
        let own = match &config.choice {
            Choice::One { credentials, .. } => Some(credentials.0.clone()),
            #[cfg(feature = "provider")]
            Choice::Bound { credentials } => Some(credentials.0.clone()),
            Choice::Several(_) | Choice::Selected { .. } => None,
        };
        Self { inner, config, own }
    }
}

impl<S, B, R> Service<Request<B>> for Auth<S>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
    B: Body + 'static,
{
    type Response = Response<R>;
    type Error = BoxError;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    #[inline]
    fn call(&mut self, mut request: Request<B>) -> ResponseFuture<S, B> {
        let Self { inner, config, own } = self;
        let mut chosen = choose(config, &mut request);
        if let Chosen::By(function) = chosen {
            (request, chosen) = select(&*function, request);
        }
        match (chosen, own) {
            (Chosen::Own, Some(source)) => send(inner, config, source, request),
            (Chosen::Other(mut source), _) => send(inner, config, &mut source, request),
            (Chosen::Refuse(error), _) => ResponseFuture::refused(error),
            (Chosen::Nothing | Chosen::Own | Chosen::By(_), _) => pass(inner, request),
        }
    }
}

/// Puts the current credential on a request and sends it.
fn send<S, B, R>(
    inner: &mut S,
    config: &Arc<Config>,
    source: &mut Source,
    mut request: Request<B>,
) -> ResponseFuture<S, B>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone,
    B: Body + 'static,
{
    let reader = match source {
        Source::Cached(reader) => reader,
        Source::Static(credential) if credential.is_signer() => {
            return sign(inner, config, credential.clone(), None, request);
        }
        Source::Static(credential) => {
            return match config.attach(&mut request, credential, false) {
                Ok(_) => pass(inner, request),
                Err(aside) => put_aside(inner, config, aside, None, request),
            };
        }
    };
    let attached = reader.with_current(|credential, generation| {
        if credential.is_signer() {
            return Err(Aside::Sign(credential.clone(), generation));
        }
        config.attach(&mut request, credential, config.recovery).map(|head| head.map(|head| (head, generation)))
    });
    match attached {
        Some(Ok(None)) => pass(inner, request),
        Some(Ok(Some((head, generation)))) => {
            let (parts, body) = request.into_parts();
            let (body, replay) = ReplayBody::replayable(body, config.replay_limit);
            let resend = Resend {
                service: inner.clone(),
                head,
                replay,
                cache: reader.cache(),
                generation,
                config: Arc::clone(config),
            };
            ResponseFuture::sent(inner.call(Request::from_parts(parts, body)), Some(Box::new(resend)))
        }
        Some(Err(aside)) => put_aside(inner, config, aside, Some(reader), request),
        // Where it goes decides first, and that comes with the token.
        None => match config.conflict(!config.is_bound() && reader.is_present_in(request.headers())) {
            Some(aside) => put_aside(inner, config, aside, None, request),
            None => {
                // The service in `inner` is the one that was polled ready: it waits with the request, and the clone stays.
                let spare = inner.clone();
                let service = mem::replace(inner, spare);
                ResponseFuture::waiting(Held { service, request, cache: reader.cache(), config: Arc::clone(config) })
            }
        },
    }
}

fn pass<S, B>(inner: &mut S, request: Request<B>) -> ResponseFuture<S, B>
where
    S: Service<Request<ReplayBody<B>>>,
{
    ResponseFuture::sent(inner.call(request.map(ReplayBody::plain)), None)
}

#[cold]
fn put_aside<S, B, R>(
    inner: &mut S,
    config: &Arc<Config>,
    aside: Aside,
    reader: Option<&TokenReader>,
    request: Request<B>,
) -> ResponseFuture<S, B>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone,
    B: Body + 'static,
{
    match aside {
        Aside::Keep => pass(inner, request),
        Aside::Refuse(error) => ResponseFuture::refused(error),
        Aside::Sign(credential, generation) => {
            let cached = reader.map(|reader| (reader.cache(), generation));
            sign(inner, config, credential, cached, request)
        }
    }
}

/// Sends a request with a credential that is made of it.
fn sign<S, B, R>(
    inner: &mut S,
    config: &Arc<Config>,
    credential: Credential,
    cached: Option<(TokenCache, Generation)>,
    mut request: Request<B>,
) -> ResponseFuture<S, B>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone,
    B: Body + 'static,
{
    match config.elsewhere(request.uri(), &credential) {
        Some(Aside::Refuse(error)) => return ResponseFuture::refused(error),
        Some(_) => return pass(inner, request),
        None => {}
    }
    match config.conflict(credential.is_present_in(request.headers())) {
        Some(Aside::Refuse(error)) => ResponseFuture::refused(error),
        Some(_) => {
            config.complete(&mut request, &credential);
            pass(inner, request)
        }
        None => {
            // As for a request that waits: the service that was polled ready goes along.
            let spare = inner.clone();
            let service = mem::replace(inner, spare);
            match SignedFuture::begin(service, Arc::clone(config), credential, cached, request) {
                Ok(signed) => ResponseFuture::signed(signed),
                Err(error) => ResponseFuture::refused(error),
            }
        }
    }
}

impl<S: Clone> Clone for Auth<S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), config: Arc::clone(&self.config), own: self.own.clone() }
    }
}

impl<S> fmt::Debug for Auth<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.config, f)
    }
}
