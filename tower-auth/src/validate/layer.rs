use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::sync::Arc;

use tower_auth_core::{ConfigError, IncomingRequest, Policy, ScopeSet, ShardedArc, Verifier};
use tower_layer::Layer;

use super::{EmptyBodies, Validate, WrittenBodies};

/// Lets only requests pass whose credential a [`Verifier`] accepts, and puts its verdict, a
/// [`Verified<Principal>`](tower_auth_core::Verified), into their extensions.
///
/// ```
/// use std::convert::Infallible;
///
/// use http::{Request, Response};
/// use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
/// use tower_auth::ValidateLayer;
/// use tower_auth::core::{Basic, BasicVerifier, Verified};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let hello = service_fn(|request: Request<()>| async move {
///     let user = request.extensions().get::<Verified>().expect("the layer put it there");
///     Ok::<_, Infallible>(Response::new(format!("hello {}", user.subject())))
/// });
/// let verifier = BasicVerifier::new().user("batch", "s3cret").build()?;
/// let mut service = ServiceBuilder::new().layer(ValidateLayer::new(verifier)).service(hello);
///
/// let pair = Basic::new("batch", "s3cret")?.header_text();
/// let request = Request::get("/").header("authorization", pair.expose_secret()).body(())?;
/// assert_eq!(service.ready().await?.call(request).await?.into_body(), "hello batch");
///
/// let anonymous = Request::get("/").body(())?;
/// assert_eq!(service.ready().await?.call(anonymous).await?.status(), 401);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # What happens to a request, in this order
/// 1. A verdict that another verifier left in the extensions is removed. One of the *same* verifier is used as it is.
/// 2. The verifier looks for exactly one credential and checks it. Usually that is done at once; for keys that must be
///    fetched first the request waits, and does not reach the inner service meanwhile.
/// 3. The caller must have what the layer [requires](Self::require), and what it requires of this request
///    ([`require_by`](Self::require_by)).
/// 4. The verdict goes into the extensions, and the request to the inner service.
///
/// A refused request is answered by the layer: with the status, the challenges and `Cache-Control: no-store` of the
/// [`Rejection`](tower_auth_core::Rejection) and an empty body (see [`write_bodies`](Self::write_bodies)), or, if its content
/// type is `application/grpc…`, with status 200 and a `grpc-status`.
///
/// # Where it belongs in a stack
/// Below tracing, so that refusals are seen, and below limits that protect the process from floods; above everything
/// that costs more than a signature. With axum use `route_layer`, so that unknown paths are answered 404 and not 401.
///
/// Below a layer for CORS: a preflight request never has a credential (the browser's rules forbid it), so that the layer for
/// CORS must have answered it before. Name `Authorization` (and `DPoP`) among its allowed headers, and expose
/// `WWW-Authenticate` (and `DPoP-Nonce`) to scripts that shall see why they were refused.
///
/// # How a deployment can weaken it
/// [`allow_missing`](Self::allow_missing) leaves the decision to the service. A service that trusts identity *headers*
/// must remove them from requests itself: the verdict is never in a header.
pub struct ValidateLayer<A = EmptyBodies> {
    config: ShardedArc<Config>,
    bodies: PhantomData<fn() -> A>,
}

/// What the layer was told; shared by all its services.
#[derive(Clone)]
pub(super) struct Config {
    pub(super) verifier: Verifier,
    pub(super) policy: Policy,
    pub(super) choose: Option<Arc<Choose>>,
    pub(super) allow_missing: bool,
    pub(super) strip: bool,
}

type Choose = dyn Fn(&IncomingRequest<'_>) -> Policy + Send + Sync;

impl ValidateLayer {
    /// Lets pass what `verifier` accepts.
    #[must_use]
    pub fn new(verifier: Verifier) -> Self {
        let config = Config { verifier, policy: Policy::new(), choose: None, allow_missing: false, strip: false };
        Self { config: ShardedArc::new(config), bodies: PhantomData }
    }

    /// Answers refusals with a body, for services whose bodies can be made of a text: of the kind that the verifier was told
    /// ([`Verifier::with_rejection_body`]), a short text by default.
    ///
    /// ```
    /// use tower_auth::ValidateLayer;
    /// use tower_auth::core::{BasicVerifier, RejectionBody};
    ///
    /// let verifier = BasicVerifier::new().user("batch", "s3cret").build()?.with_rejection_body(RejectionBody::Problem);
    /// let layer = ValidateLayer::new(verifier).write_bodies();
    /// # Ok::<(), tower_auth::core::ConfigError>(())
    /// ```
    #[must_use]
    pub fn write_bodies(self) -> ValidateLayer<WrittenBodies> {
        ValidateLayer { config: self.config, bodies: PhantomData }
    }
}

impl<A> ValidateLayer<A> {
    /// Requires what `policy` demands, beside what was required before.
    ///
    /// ```
    /// use tower_auth::ValidateLayer;
    /// use tower_auth::core::{BasicVerifier, Policy};
    ///
    /// let verifier = BasicVerifier::new().user("batch", "s3cret").build()?;
    /// let layer = ValidateLayer::new(verifier).require(Policy::new().any_role(["manager", "auditor"]))?;
    /// # Ok::<(), tower_auth::core::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// When the policy has a mistake.
    pub fn require(self, policy: Policy) -> Result<Self, ConfigError> {
        policy.check()?;
        Ok(self.with(|config| {
            let before = mem::take(&mut config.policy);
            config.policy = if before.is_empty() { policy } else { before.and(policy) };
        }))
    }

    /// Requires these scopes, parted by spaces, beside what was required before. A caller that lacks one is answered 403.
    ///
    /// # Errors
    /// When one of them has a character that scopes must not have.
    pub fn require_scope(self, scope: &str) -> Result<Self, ConfigError> {
        self.require(scope.parse::<ScopeSet>()?.into())
    }

    /// Requires of each request what `choose` says, beside what is required of all. An empty policy demands nothing more.
    ///
    /// ```
    /// use http::Method;
    /// use tower_auth::ValidateLayer;
    /// use tower_auth::core::{BasicVerifier, Policy};
    ///
    /// let verifier = BasicVerifier::new().user("batch", "s3cret").build()?;
    /// let (read, write) = (Policy::new().role("reader"), Policy::new().role("writer"));
    /// let layer = ValidateLayer::new(verifier).require_by(move |request| match request.method() {
    ///     Some(&Method::GET | &Method::HEAD) => read.clone(),
    ///     _ => write.clone(),
    /// });
    /// # Ok::<(), tower_auth::core::ConfigError>(())
    /// ```
    ///
    /// A second call takes the place of the first.
    ///
    /// # Security
    /// Let what is not listed fall to the strict case, as here. A path is as its sender wrote it: `//admin`, `/%61dmin` and
    /// `/admin/` may all lead to one route. Where a router decides, ask what it has decided (axum's `MatchedPath` is in the
    /// extensions below `route_layer`), or give each route a layer of its own.
    #[must_use]
    pub fn require_by(self, choose: impl Fn(&IncomingRequest<'_>) -> Policy + Send + Sync + 'static) -> Self {
        self.with(|config| config.choose = Some(Arc::new(choose)))
    }

    /// Lets requests *without* a credential pass too, without a verdict in their extensions: those that have nothing at the
    /// places where the verifier looks. Whatever is there and is not accepted is refused all the same, a scheme that the
    /// verifier does not know as well; and so is a request without a credential of which anything is required.
    ///
    /// # Security
    /// Whoever serves such a request decides what nobody may do.
    #[must_use]
    pub fn allow_missing(self) -> Self {
        self.with(|config| config.allow_missing = true)
    }

    /// Takes the credential out of the request before the inner service sees it: the `Authorization` field whatever is
    /// in it, and the field of API keys. By default they stay (RFC 9110 section 11.6.2).
    #[must_use]
    pub fn strip_authorization(self) -> Self {
        self.with(|config| config.strip = true)
    }

    fn with(mut self, change: impl FnOnce(&mut Config)) -> Self {
        self.config.update(change);
        self
    }
}

impl<A> Clone for ValidateLayer<A> {
    fn clone(&self) -> Self {
        Self { config: self.config.clone(), bodies: PhantomData }
    }
}

impl<S, A> Layer<S> for ValidateLayer<A> {
    type Service = Validate<S, A>;

    fn layer(&self, inner: S) -> Validate<S, A> {
        Validate::new(inner, self.config.clone())
    }
}

impl<A> fmt::Debug for ValidateLayer<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValidateLayer")
            .field("verifier", &self.config.verifier)
            .field("policy", &self.config.policy)
            .field("allow_missing", &self.config.allow_missing)
            .finish_non_exhaustive()
    }
}
