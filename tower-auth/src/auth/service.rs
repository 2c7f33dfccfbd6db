use std::fmt;
use std::mem;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_auth_core::{BoxError, Credential, Generation, ShardedArc, TokenCache, TokenReader};
use tower_service::Service;

use super::body::ReplayBody;
use super::choice::{Chosen, select};
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
    config: ShardedArc<Config>,
    /// In the usual case the reader, with its copy of the credential. Otherwise one is cloned per request.
    own: Option<Source>,
}

impl<S> Auth<S> {
    pub(super) fn new(inner: S, config: ShardedArc<Config>) -> Self {
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
    fn call(&mut self, request: Request<B>) -> ResponseFuture<S, B> {
        let Self { inner, config, own } = self;
        // To move a request costs as much as all the rest. So it gets its body here, and is only written to after this.
        let mut request = request.map(ReplayBody::new);
        match own {
            Some(Source::Cached(reader)) if config.is_usual(&request) => {
                if config.only_fills() {
                    match reader.with_current(|credential, _| credential.apply_if_absent(&mut request)) {
                        Some(true) => return ResponseFuture::sent(inner.call(request), None),
                        Some(false) => return unfilled(inner, config, reader, request),
                        None => {}
                    }
                }
                match attach(inner, config, reader, &mut request) {
                    Attached::Sent(resend) => ResponseFuture::sent(inner.call(request), resend),
                    other => go_on(inner, config, other, request),
                }
            }
            own => choose(inner, config, own.as_mut(), request),
        }
    }
}

/// What follows from the attempt to put a credential on a request.
enum Attached<S> {
    /// It is there.
    Sent(Option<Box<Resend<S>>>),
    /// It is not there.
    Not { aside: Aside, cache: Option<TokenCache> },
    /// There is none yet.
    Waits { cache: TokenCache },
}

/// Puts the current credential of `reader` on a request.
#[inline]
fn attach<S: Clone, B: Body + 'static>(
    inner: &S,
    config: &ShardedArc<Config>,
    reader: &mut TokenReader,
    request: &mut Request<ReplayBody<B>>,
) -> Attached<S> {
    let cache = config.recovery.then(|| reader.cache());
    let attached = reader.with_current(|credential, generation| {
        if credential.is_signer() {
            return Err(Aside::Sign(credential.clone(), generation));
        }
        Resend::attach(request, inner, config, cache, credential, generation)
    });
    match attached {
        Some(Ok(resend)) => Attached::Sent(resend),
        Some(Err(aside)) => {
            let cache = matches!(aside, Aside::Sign(..)).then(|| reader.cache());
            Attached::Not { aside, cache }
        }
        // Where it goes decides first, and that comes with the token.
        None => match config.conflict(!config.is_bound() && reader.is_present_in(request.headers())) {
            Some(aside) => Attached::Not { aside, cache: None },
            None => Attached::Waits { cache: reader.cache() },
        },
    }
}

/// Sends a request that `reader` had a credential for and that did not get it, or does not. Why is found out by another reader, since to the service's own
/// a request is one use; and out of line, since most do get it.
#[inline(never)]
fn unfilled<S, B, R>(
    inner: &mut S,
    config: &ShardedArc<Config>,
    reader: &TokenReader,
    mut request: Request<ReplayBody<B>>,
) -> ResponseFuture<S, B>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone,
    B: Body + 'static,
{
    let step = attach(inner, config, &mut reader.clone(), &mut request);
    go_on(inner, config, step, request)
}

/// Finds out which credential a request gets, and sends it.
fn choose<S, B, R>(
    inner: &mut S,
    config: &ShardedArc<Config>,
    own: Option<&mut Source>,
    mut request: Request<ReplayBody<B>>,
) -> ResponseFuture<S, B>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone,
    B: Body + 'static,
{
    let mut chosen = config.choose(&mut request);
    if let Chosen::By(function) = chosen {
        (request, chosen) = select(&*function, request);
    }
    let mut other;
    let source = match (chosen, own) {
        (Chosen::Own, Some(source)) => source,
        (Chosen::Other(source), _) => {
            other = source;
            &mut other
        }
        (Chosen::Refuse(error), _) => return ResponseFuture::refused(error),
        (Chosen::Nothing | Chosen::Own | Chosen::By(_), _) => return pass(inner, request),
    };
    let step = match source {
        Source::Cached(reader) => attach(inner, config, reader, &mut request),
        Source::Static(credential) if credential.is_signer() => {
            return sign(inner, config, credential.clone(), None, request);
        }
        Source::Static(credential) => match config.attach(&mut request, credential) {
            Ok(()) => Attached::Sent(None),
            Err(aside) => Attached::Not { aside, cache: None },
        },
    };
    go_on(inner, config, step, request)
}

/// Sends a request, or has it wait.
fn go_on<S, B, R>(
    inner: &mut S,
    config: &ShardedArc<Config>,
    step: Attached<S>,
    request: Request<ReplayBody<B>>,
) -> ResponseFuture<S, B>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone,
    B: Body + 'static,
{
    match step {
        Attached::Sent(resend) => ResponseFuture::sent(inner.call(request), resend),
        Attached::Not { aside: Aside::Keep, .. } => pass(inner, request),
        Attached::Not { aside: Aside::Refuse(error), .. } => ResponseFuture::refused(error),
        Attached::Not { aside: Aside::Sign(credential, generation), cache } => {
            sign(inner, config, credential, cache.map(|cache| (cache, generation)), request)
        }
        Attached::Waits { cache } => {
            // The service in `inner` is the one that was polled ready: it waits with the request, and the clone stays.
            let spare = inner.clone();
            let service = mem::replace(inner, spare);
            ResponseFuture::waiting(Held { service, request, cache, config: config.clone() })
        }
    }
}

#[inline]
fn pass<S, B>(inner: &mut S, request: Request<ReplayBody<B>>) -> ResponseFuture<S, B>
where
    S: Service<Request<ReplayBody<B>>>,
{
    ResponseFuture::sent(inner.call(request), None)
}

/// Sends a request with a credential that is made of it.
fn sign<S, B, R>(
    inner: &mut S,
    config: &ShardedArc<Config>,
    credential: Credential,
    cached: Option<(TokenCache, Generation)>,
    mut request: Request<ReplayBody<B>>,
) -> ResponseFuture<S, B>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone,
    B: Body + 'static,
{
    match config.judge(&mut request, &credential) {
        Ok(()) => {}
        Err(Aside::Refuse(error)) => return ResponseFuture::refused(error),
        Err(_) => return pass(inner, request),
    }
    // As for a request that waits: the service that was polled ready goes along.
    let spare = inner.clone();
    let service = mem::replace(inner, spare);
    match SignedFuture::begin(service, config.clone(), credential, cached, request) {
        Ok(signed) => ResponseFuture::signed(signed),
        Err(error) => ResponseFuture::refused(error),
    }
}

impl<S: Clone> Clone for Auth<S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), config: self.config.clone(), own: self.own.clone() }
    }
}

impl<S> fmt::Debug for Auth<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.config, f)
    }
}
