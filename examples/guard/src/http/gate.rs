use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use tower::{Layer, Service, ServiceExt};
use tower_auth::ValidateLayer;
use tower_auth::core::Verifier;

use super::{Answering, Rules, SentPath};

/// Lets requests pass by their path: with a credential and what the rules demand, or without where that is allowed.
#[derive(Clone, Debug)]
pub(crate) struct Gate<S> {
    inner: S,
    rules: Arc<Rules>,
    demanding: ValidateLayer,
    open: ValidateLayer,
}

/// In the extensions of a request that was let pass without a credential.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anonymous;

impl<S> Gate<S> {
    pub(crate) fn new(verifier: &Verifier, rules: Rules, inner: S) -> Self {
        let rules = Arc::new(rules);
        let asked = Arc::clone(&rules);
        let layer = ValidateLayer::new(verifier.clone());
        Self {
            inner,
            rules,
            demanding: layer.clone().require_by(move |request| asked.policy(request)),
            open: layer.allow_missing(),
        }
    }
}

impl<S> Service<Request<Body>> for Gate<S>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // TRACE would show what is told of the caller, and CONNECT has no path to decide by.
        if matches!(*request.method(), Method::TRACE | Method::CONNECT) {
            return answer(StatusCode::METHOD_NOT_ALLOWED, "this method is not served");
        }
        if let Err(why) = SentPath::check(request.uri().path()) {
            tracing::debug!(why, "a path is refused");
            return answer(StatusCode::BAD_REQUEST, "the path can be read in more ways than one");
        }
        let spare = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, spare);
        if self.rules.is_open(request.method(), request.uri().path()) {
            request.extensions_mut().insert(Anonymous);
            Box::pin(self.open.layer(inner).oneshot(request))
        } else {
            Box::pin(self.demanding.layer(inner).oneshot(request))
        }
    }
}

fn answer(status: StatusCode, text: &'static str) -> Answering {
    Box::pin(async move { Ok((status, text).into_response()) })
}
