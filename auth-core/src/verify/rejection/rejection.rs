use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::challenges::Challenges;
use super::{Fault, RejectionBody, RejectionKind, Scheme};
use crate::ScopeSet;

/// Where a client is told the nonce for its next DPoP proof.
pub(in crate::verify) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// A refused request: what to answer over HTTP and over gRPC, and what to tell the operator.
///
/// The client sees [`status`](Self::status), the challenges and a [short message](Self::message) that is the same for
/// many causes. `Display` is for logs: it says what was wrong and what to do, and may quote issuers, audiences and
/// times of the token (cut to printable ASCII), never the credential. Do not send it to the client.
///
/// ```
/// use http::HeaderMap;
/// use tower_auth_core::{BasicVerifier, RejectionKind};
///
/// let verifier = BasicVerifier::new().user("batch", "s3cret").realm("orders").build()?;
/// let refusal = verifier.try_verify(&HeaderMap::new()).unwrap_err();
/// assert_eq!(refusal.kind(), RejectionKind::MissingCredential);
/// assert_eq!(refusal.grpc_code(), 16);
/// let response: http::Response<String> = refusal.to_response();
/// assert_eq!(response.status(), 401);
/// assert_eq!(response.headers()["www-authenticate"], r#"Basic realm="orders", charset="UTF-8""#);
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Rejection(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: RejectionKind,
    detail: Cow<'static, str>,
    retry_after: Option<Duration>,
    scope: Option<ScopeSet>,
    /// What else the challenge that was tried tells the client.
    told: Vec<(&'static str, String)>,
    nonce: Option<HeaderValue>,
    tried: Option<Scheme>,
    challenges: Arc<Challenges>,
    body: RejectionBody,
}

impl Rejection {
    /// A refusal without challenges, for mistakes of the service: an extractor that finds no verdict, say.
    /// `detail` is for the log and must not hold a secret.
    pub fn new(kind: RejectionKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::from_fault(Fault::new(kind, detail), None, &Arc::default())
    }

    pub(in crate::verify) fn from_fault(fault: Fault, tried: Option<Scheme>, challenges: &Arc<Challenges>) -> Self {
        Self(Box::new(Inner {
            kind: fault.kind,
            detail: fault.detail,
            retry_after: fault.retry_after,
            scope: None,
            told: Vec::new(),
            nonce: fault.nonce,
            tried,
            challenges: Arc::clone(challenges),
            body: RejectionBody::default(),
        }))
    }

    pub(in crate::verify) fn with_scope(mut self, needed: ScopeSet) -> Self {
        if !needed.is_empty() {
            self.0.told.push(("scope", needed.to_string()));
        }
        self.0.scope = Some(needed);
        self
    }

    /// Tells more in the challenge that was tried.
    pub(in crate::verify) fn telling(mut self, parameters: Vec<(&'static str, String)>) -> Self {
        self.0.told.extend(parameters);
        self
    }

    /// The same refusal with the challenges of these schemes alone.
    pub(in crate::verify) fn only_schemes(mut self, schemes: &[Scheme]) -> Self {
        self.0.challenges = Arc::new(self.0.challenges.among(schemes));
        self
    }

    /// The same refusal with the challenge of `scheme` alone, for a route that takes no other. Plain tokens and those with a
    /// proof are one in this.
    #[must_use]
    pub fn only_scheme(mut self, scheme: Scheme) -> Self {
        self.0.challenges = Arc::new(self.0.challenges.only(scheme));
        self
    }

    /// Why the request was refused.
    #[must_use]
    pub fn kind(&self) -> RejectionKind {
        self.0.kind
    }

    /// The stable code of the kind, as listed in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.kind.code()
    }

    /// The HTTP status: 400, 401, 403, 500 or 503.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.kind.status()
    }

    /// The gRPC status code; see [`RejectionKind::grpc_code`].
    #[must_use]
    pub fn grpc_code(&self) -> i32 {
        self.0.kind.grpc_code()
    }

    /// What the client is told.
    #[must_use]
    pub fn message(&self) -> &'static str {
        self.0.kind.message()
    }

    /// The kind of credential that was refused; `None` if there was none, or nobody could tell.
    #[must_use]
    pub fn tried(&self) -> Option<Scheme> {
        self.0.tried
    }

    /// The scopes that the request needed, if it lacked one.
    #[must_use]
    pub fn needed_scope(&self) -> Option<&ScopeSet> {
        self.0.scope.as_ref()
    }

    /// When to try again, if nothing could be said now.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// What went wrong and what to do, for the operator's log.
    #[must_use]
    pub fn explain(&self) -> &str {
        &self.0.detail
    }

    /// The values of `WWW-Authenticate`: one for each scheme that is accepted; none where no credential would help
    /// (500, 503).
    #[must_use]
    pub fn challenges(&self) -> Vec<HeaderValue> {
        if self.status().is_server_error() {
            return Vec::new();
        }
        self.0.challenges.values(self.0.kind, self.0.tried, &self.0.told)
    }

    /// The header fields of the answer: the challenges, `Retry-After` with a 503, `DPoP-Nonce` with a challenge that asks for
    /// one, and `Cache-Control: no-store`, since what is refused to one caller must not be served to the next.
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for challenge in self.challenges() {
            headers.append(WWW_AUTHENTICATE, challenge);
        }
        if let Some(wait) = self.0.retry_after {
            // Rounded up, so that nobody comes too early.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(nonce) = &self.0.nonce {
            headers.insert(DPOP_NONCE, nonce.clone());
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers
    }

    /// What the challenge tells the client beside the error, such as `scope`, `acr_values` and `max_age`: what a next request
    /// needs.
    pub fn told(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.told.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// The answer over HTTP, with an empty body. The refusal itself is in its extensions, for layers that log or count.
    #[must_use]
    pub fn to_response<B: Default>(&self) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = self.status();
        *response.headers_mut() = self.headers();
        response.extensions_mut().insert(self.clone());
        response
    }

    /// The answer over HTTP with the body that its verifier was told of (`Verifier::with_rejection_body`): a short text,
    /// if nothing else was said.
    #[must_use]
    pub fn to_full_response<B: Default + From<String>>(&self) -> Response<B> {
        let mut response = self.to_response::<B>();
        if let Some((content_type, text)) = self.0.body.write(self.0.kind, &self.0.told) {
            response.headers_mut().insert(CONTENT_TYPE, content_type);
            *response.body_mut() = text.into_owned().into();
        }
        response
    }

    /// The same refusal with another kind of body.
    #[must_use]
    pub fn with_body(mut self, body: RejectionBody) -> Self {
        self.0.body = body;
        self
    }

    /// The answer over gRPC: status 200 with the outcome in the headers, and no body ("trailers-only"). The refusal itself is
    /// in its extensions.
    #[must_use]
    pub fn to_grpc_response<B: Default>(&self) -> Response<B> {
        const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
        const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
        let mut response = Response::new(B::default());
        let headers = response.headers_mut();
        *headers = self.headers();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(GRPC_STATUS, HeaderValue::from(self.grpc_code()));
        // No message has a character that would have to be percent-encoded.
        headers.insert(GRPC_MESSAGE, HeaderValue::from_static(self.message()));
        response.extensions_mut().insert(self.clone());
        response
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.0.detail, self.code())
    }
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejection")
            .field("kind", &self.0.kind)
            .field("detail", &self.0.detail)
            .field("scope", &self.0.scope)
            .field("retry_after", &self.0.retry_after)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Rejection {}
