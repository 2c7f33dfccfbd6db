use std::fmt;
use std::sync::Arc;

use tower_auth_core::{ConfigError, ScopeSet, Verifier};
use tower_layer::Layer;

use super::Validate;

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
/// 3. The scopes that the layer requires must have been granted.
/// 4. The verdict goes into the extensions, and the request to the inner service.
///
/// A refused request is answered by the layer: with the status and the challenges of the
/// [`Rejection`](tower_auth_core::Rejection) and an empty body, or, if its content type is `application/grpc…`, with
/// status 200 and a `grpc-status`.
///
/// # Where it belongs in a stack
/// Below tracing, so that refusals are seen, and below limits that protect the process from floods; above everything
/// that costs more than a signature. With axum use `route_layer`, so that unknown paths are answered 404 and not 401.
///
/// # How a deployment can weaken it
/// [`allow_missing`](Self::allow_missing) leaves the decision to the service. A service that trusts identity *headers*
/// must remove them from requests itself: the verdict is never in a header.
#[derive(Clone)]
pub struct ValidateLayer {
    config: Arc<Config>,
}

/// What the layer was told; shared by all its services.
#[derive(Clone)]
pub(super) struct Config {
    pub(super) verifier: Verifier,
    pub(super) scopes: ScopeSet,
    pub(super) allow_missing: bool,
    pub(super) strip: bool,
}

impl ValidateLayer {
    /// Lets pass what `verifier` accepts.
    #[must_use]
    pub fn new(verifier: Verifier) -> Self {
        let config = Config { verifier, scopes: ScopeSet::default(), allow_missing: false, strip: false };
        Self { config: Arc::new(config) }
    }

    /// Requires these scopes, parted by spaces, beside those required before. A caller that lacks one is answered 403.
    ///
    /// # Errors
    /// When one of them has a character that scopes must not have.
    pub fn require_scope(self, scope: &str) -> Result<Self, ConfigError> {
        let scopes = ScopeSet::new(self.config.scopes.iter().chain(scope.split(' ').filter(|one| !one.is_empty())))?;
        Ok(self.with(|config| config.scopes = scopes))
    }

    /// Lets requests *without* a credential pass too, without a verdict in their extensions. A credential that is there
    /// and is not accepted is refused all the same; and so is a request without one where a scope is required.
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
        change(Arc::make_mut(&mut self.config));
        self
    }
}

impl<S> Layer<S> for ValidateLayer {
    type Service = Validate<S>;

    fn layer(&self, inner: S) -> Validate<S> {
        Validate::new(inner, Arc::clone(&self.config))
    }
}

impl fmt::Debug for ValidateLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValidateLayer")
            .field("verifier", &self.config.verifier)
            .field("scopes", &self.config.scopes)
            .field("allow_missing", &self.config.allow_missing)
            .finish_non_exhaustive()
    }
}
