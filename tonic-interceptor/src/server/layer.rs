use std::fmt;
use std::time::Duration;

use tower_auth_core::{Clock, ConfigError, ConfigErrorKind, Policy, ScopeSet, ShardedArc, Verifier};
use tower_layer::Layer;

use super::GrpcValidate;
use super::policies::Policies;

/// Lets only calls reach a gRPC server whose credential a [`Verifier`] accepts, by the method that is called, and puts
/// the verdict, a [`Verified<Principal>`](tower_auth_core::Verified), where [`principal`](super::principal()) finds it.
///
/// ```
/// use tonic::transport::Server;
/// use tower_auth_tonic::GrpcValidateLayer;
/// use tower_auth_tonic::core::BasicVerifier;
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # let _guard = runtime.enter();
/// let verifier = BasicVerifier::new().user("batch", "s3cret").build()?;
/// let validate = GrpcValidateLayer::new(verifier)
///     .method("/orders.v1.Orders/Delete", "orders:admin")?
///     .service("orders.v1.Orders", "orders:read")?
///     .allow_anonymous("/grpc.health.v1.Health/Check")?;
///
/// let (_, health) = tonic_health::server::health_reporter();
/// let server = Server::builder().layer(validate).add_service(health);
/// # drop(server);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What happens to a call, in this order
/// 1. Its path must be `/package.Service/Method`, letter by letter as routing compares it, without a query. Anything
///    else is answered `UNIMPLEMENTED`, whoever calls and whatever the rules: nothing is decoded or tidied up, so no
///    spelling can reach a method past its rule.
/// 2. The most specific rule is chosen: that of the method, else that of its service, else the standard one, which
///    demands authentication. A method that nobody named is never open.
/// 3. The credential and the scopes are checked as [`ValidateLayer`](tower_auth::ValidateLayer) does. A call whose
///    credential needs keys that must be fetched first waits for them.
///
/// # Answers
/// A refused call is answered with HTTP status 200 and a `grpc-status` in the headers ("trailers-only"), and no body:
///
/// | | |
/// |---|---|
/// | `UNAUTHENTICATED` | the credential is missing, doubled or not valid; `www-authenticate` says what is wanted |
/// | `PERMISSION_DENIED` | the caller is known and lacks a scope |
/// | `UNAVAILABLE` | the keys cannot be had, so nothing can be said of the credential |
/// | `UNIMPLEMENTED` | the path is none of a method |
///
/// A request whose content type is not `application/grpc…` is refused too, as plain HTTP: 401, 400, 403, 503, or 404 for the
/// path.
///
/// # Certificates of clients
/// With the feature `connect-info` the layer tells its verifier what tonic's server knows of the connection: the address, and
/// over mutual TLS the certificate, so that tokens which are bound to one are good with that one only (RFC 8705). Serve over
/// `ServerTlsConfig` with a `client_ca_root`. Where a proxy ends TLS see `Verifier::with_certificate_header`.
///
/// # Where it belongs in a stack
/// Around a whole server by `Server::builder().layer(…)`, or around one service: the result is still a
/// [`NamedService`](tonic::server::NamedService). Below tracing, so that refusals are seen, and below limits that protect
/// the process from floods; above everything that costs more than a signature.
///
/// # How a deployment can weaken it
/// [`allow_anonymous`](Self::allow_anonymous) leaves the decision to the handler. A rule for a name that no service has
/// is not noticed: only its grammar is checked. The credential is checked when a call begins, and a stream may outlive it unless
/// [`end_at_expiry`](Self::end_at_expiry) or [`recheck`](Self::recheck) say otherwise.
#[derive(Clone)]
pub struct GrpcValidateLayer {
    policies: ShardedArc<Policies>,
    verifier: Verifier,
}

impl GrpcValidateLayer {
    /// Lets pass what `verifier` accepts, whatever the method.
    #[must_use]
    pub fn new(verifier: Verifier) -> Self {
        Self { policies: ShardedArc::new(Policies::new(verifier.clone())), verifier }
    }

    /// Requires these scopes, parted by spaces, of all callers but of methods that are anonymous: beside those required
    /// before, and beside those of each rule.
    ///
    /// # Errors
    /// When one of them has a character that scopes must not have.
    pub fn require_scope(self, scope: &str) -> Result<Self, ConfigError> {
        self.require(scopes(scope)?)
    }

    /// Requires what `policy` demands of all callers but of methods that are anonymous: beside what was required before, and
    /// beside what each rule demands.
    ///
    /// # Errors
    /// When the policy has a mistake; see [`Policy::check`].
    pub fn require(self, policy: Policy) -> Result<Self, ConfigError> {
        self.with(|policies| policies.require(&policy))
    }

    /// Requires these scopes, parted by spaces, of callers of the method at `path`, `/package.Service/Method`. The rule
    /// of its service does not count for it. With no scopes authentication is enough.
    ///
    /// # Errors
    /// When `path` has another form or a rule already, or a scope has a character that scopes must not have.
    pub fn method(self, path: &str, scope: &str) -> Result<Self, ConfigError> {
        self.method_policy(path, scopes(scope)?)
    }

    /// As [`method`](Self::method), for whatever a policy can demand: one of several scopes, roles, claims, a recent login.
    ///
    /// ```
    /// use tower_auth_tonic::GrpcValidateLayer;
    /// use tower_auth_tonic::core::{BasicVerifier, Policy};
    ///
    /// let verifier = BasicVerifier::new().user("batch", "s3cret").build()?;
    /// let layer = GrpcValidateLayer::new(verifier)
    ///     .method_policy("/orders.v1.Orders/Refund", Policy::new().any_role(["manager", "auditor"]))?;
    /// # Ok::<(), tower_auth_tonic::core::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// When `path` has another form or a rule already, or the policy has a mistake.
    pub fn method_policy(self, path: &str, policy: Policy) -> Result<Self, ConfigError> {
        self.with(|policies| policies.add_method(path, policy))
    }

    /// Requires these scopes, parted by spaces, of callers of every method of the service `name`, `package.Service`, that
    /// has no rule of its own.
    ///
    /// # Errors
    /// When `name` has another form or a rule already, or a scope has a character that scopes must not have.
    pub fn service(self, name: &str, scope: &str) -> Result<Self, ConfigError> {
        self.service_policy(name, scopes(scope)?)
    }

    /// As [`service`](Self::service), for whatever a policy can demand.
    ///
    /// # Errors
    /// When `name` has another form or a rule already, or the policy has a mistake.
    pub fn service_policy(self, name: &str, policy: Policy) -> Result<Self, ConfigError> {
        self.with(|policies| policies.add_service(name, policy))
    }

    /// Lets calls *without* a credential pass too: of one method, `/package.Service/Method`, or of every method of a service,
    /// `package.Service`, that has no rule of its own. A credential that is there and is not accepted is refused all the same.
    ///
    /// # Errors
    /// When `method_or_service` has neither form, or has a rule already.
    ///
    /// # Security
    /// Whoever serves such a call decides what nobody may do. The verdict, if there is one, is in the extensions of
    /// the request.
    pub fn allow_anonymous(self, method_or_service: &str) -> Result<Self, ConfigError> {
        self.with(|policies| policies.add_anonymous(method_or_service))
    }

    /// Lets calls without a credential pass to the health service, as load balancers and orchestrators make them.
    ///
    /// # Errors
    /// When the service `grpc.health.v1.Health` has a rule already.
    pub fn allow_health(self) -> Result<Self, ConfigError> {
        self.allow_anonymous("grpc.health.v1.Health")
    }

    /// Lets calls without a credential pass to the reflection services, of both versions.
    ///
    /// # Errors
    /// When one of them has a rule already.
    ///
    /// # Security
    /// Anybody can then read the names of all services and messages.
    pub fn allow_reflection(self) -> Result<Self, ConfigError> {
        self.allow_anonymous("grpc.reflection.v1.ServerReflection")?
            .allow_anonymous("grpc.reflection.v1alpha.ServerReflection")
    }

    /// Takes the credential out of the metadata before the service sees it. By default it stays.
    #[must_use]
    pub fn strip_authorization(mut self) -> Self {
        self.policies.update(|policies| policies.strip_authorization());
        self
    }

    /// Ends a call when the credential that it began with expires: with `UNAUTHENTICATED` in the trailers, for the caller to
    /// begin anew with a new one. By default a stream may outlive its credential.
    ///
    /// A call that is not answered by then is ended as well: nothing tells a long unary call from a stream of the client. The
    /// leeway of the verifier does not count here. A credential without an end, such as a password, ends no call.
    #[must_use]
    pub fn end_at_expiry(mut self) -> Self {
        self.policies.update(|policies| policies.lifetime_mut().ends_at_expiry = true);
        self
    }

    /// Verifies the credential of a call again, as often as this while it lasts, and ends the call once it is refused: because
    /// it was revoked, by the word of an introspection, or the key that signed it withdrawn. That nothing can be said at the
    /// time ends no call.
    ///
    /// A DPoP proof is good for one request, so calls with one are not looked at again; see
    /// [`end_at_expiry`](Self::end_at_expiry) for those.
    ///
    /// # Errors
    /// When `every` is under a second.
    pub fn recheck(mut self, every: Duration) -> Result<Self, ConfigError> {
        if every < Duration::from_secs(1) {
            let message = "credentials are to be verified again more often than once a second";
            return Err(ConfigError::new(ConfigErrorKind::InvalidOption, message));
        }
        self.policies.update(|policies| policies.lifetime_mut().recheck = Some(every));
        Ok(self)
    }

    /// Adds details that programs can read to refusals (`grpc-status-details-bin`); see
    /// [`status_with_details`](super::status_with_details()). `domain` is the name of your service.
    #[cfg(feature = "error-details")]
    #[must_use]
    pub fn error_details(mut self, domain: &str) -> Self {
        self.policies.update(|policies| policies.refusals_mut().details = Some(domain.into()));
        self
    }

    /// Takes the time, for [`end_at_expiry`](Self::end_at_expiry) and [`recheck`](Self::recheck), from `clock`.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.policies.update(|policies| policies.lifetime_mut().clock = clock);
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Policies) -> Result<(), ConfigError>) -> Result<Self, ConfigError> {
        let mut outcome = Ok(());
        self.policies.update(|policies| outcome = change(policies));
        outcome.map(|()| self)
    }
}

/// No scopes demand nothing.
fn scopes(text: &str) -> Result<Policy, ConfigError> {
    Ok(text.parse::<ScopeSet>()?.into())
}

impl<S> Layer<S> for GrpcValidateLayer {
    type Service = GrpcValidate<S>;

    fn layer(&self, inner: S) -> GrpcValidate<S> {
        GrpcValidate::new(inner, self.policies.clone())
    }
}

impl fmt::Debug for GrpcValidateLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcValidateLayer")
            .field("verifier", &self.verifier)
            .field("rules", &self.policies.rules())
            .finish_non_exhaustive()
    }
}
