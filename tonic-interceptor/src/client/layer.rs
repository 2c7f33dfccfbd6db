use std::fmt;

use http::{HeaderMap, StatusCode};
use tower_auth::{AuthLayer, Credentials, ExistingCredential, asks_for_a_new_token};
use tower_auth_core::{Clock, ConfigError, Origin};
use tower_layer::Layer;

use super::GrpcAuth;
use super::status::is_unauthenticated;
use super::transport::Transport;

/// Puts live credentials on the calls of a gRPC client, and recovers once from a refused one.
///
/// It is [`AuthLayer`] in the terms of gRPC: refusals are status 16 (UNAUTHENTICATED), errors are a [`Status`](tonic::Status), and
/// the service that it makes can stand under every generated client.
///
/// ```
/// use tonic::transport::Endpoint;
/// use tower::ServiceBuilder;
/// use tower_auth_tonic::GrpcAuthLayer;
/// use tower_auth_tonic::core::{StaticToken, Token, TokenCache};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # let _guard = runtime.enter();
/// let tokens = TokenCache::new(StaticToken::new(Token::new("abc")?));
/// let endpoint = Endpoint::from_static("https://api.example.com");
/// let channel = ServiceBuilder::new()
///     .layer(GrpcAuthLayer::new(tokens, endpoint.uri().to_string())?)
///     .service(endpoint.connect_lazy());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Recovery
/// A call that is refused with status 16 gets a new token and is sent a second time if the request was sent to its end, within
/// the [limit](Self::replay_limit), and nothing came back before the refusal. Where the status arrives in trailers, without a message before it,
/// this layer has to look at the first frame of the response: it does so only for requests that were sent to their end, and
/// hands the response on after 100 ms without a frame, because a server that streams may have nothing to say yet. A stream
/// of requests that is still open is never sent again and never held up. A refusal whose `www-authenticate` metadata asks for
/// something else than a new token (`insufficient_scope`) goes to the caller.
///
/// An HTTP error without `grpc-status` comes from something that is not a gRPC server, such as a proxy. It is mapped by the table
/// of the protocol whatever its body; tonic itself does that only if the body is empty. A 401 of that kind is a refusal too.
///
/// # Errors of calls
/// When no token can be had nothing is sent, and the call ends with UNAVAILABLE if trying again may help, else with
/// UNAUTHENTICATED. The `source()` of that status is the [`AuthError`](crate::AuthError).
///
/// # Deadlines
/// The wait for a token counts against the call's `grpc-timeout`, and what is sent afterwards carries what is left of it.
///
/// # Where it belongs in a stack
/// Around the channel; below retries and concurrency limits, so that they see one call.
///
/// # Security
/// A channel takes requests without an origin and adds the one that it is connected to, so that this layer cannot see where a
/// call goes. It judges by the origin it was given: take that from the endpoint, as in the example. A call that names another
/// origin itself is refused.
#[derive(Clone)]
pub struct GrpcAuthLayer {
    auth: AuthLayer,
    options: Options,
}

#[derive(Clone)]
pub(super) struct Options {
    pub(super) recovery: bool,
    pub(super) clock: Clock,
}

impl GrpcAuthLayer {
    /// A layer that puts `credentials` on calls to `origin`, `scheme://host[:port]`.
    ///
    /// # Errors
    /// When `origin` is not one, or is plain `http` and not a literal loopback address.
    pub fn new<O>(credentials: impl Into<Credentials>, origin: O) -> Result<Self, ConfigError>
    where
        O: TryInto<Origin, Error: Into<ConfigError>>,
    {
        AuthLayer::new(credentials, [origin]).map(Self::of)
    }

    /// As [`new`](Self::new), but `origin` may be plain `http`: for a service mesh that encrypts below.
    ///
    /// # Security
    /// Without such a mesh everybody on the way can read the credential.
    ///
    /// # Errors
    /// When `origin` is not one.
    pub fn insecure_plaintext<O>(credentials: impl Into<Credentials>, origin: O) -> Result<Self, ConfigError>
    where
        O: TryInto<Origin, Error: Into<ConfigError>>,
    {
        AuthLayer::insecure_plaintext(credentials, [origin]).map(Self::of)
    }

    /// Sets what happens to a call that has a credential of its own; kept if not set.
    #[must_use]
    pub fn existing_credential(mut self, policy: ExistingCredential) -> Self {
        self.auth = self.auth.existing_credential(policy);
        self
    }

    /// Hands every response to the caller as it is. A refused token is used until it expires.
    #[must_use]
    pub fn without_recovery(mut self) -> Self {
        self.auth = self.auth.without_recovery();
        self.options.recovery = false;
        self
    }

    /// Sets how many bytes of a request are kept to send it again; 64 KiB if not set.
    #[must_use]
    pub fn replay_limit(mut self, bytes: usize) -> Self {
        self.auth = self.auth.replay_limit(bytes);
        self
    }

    /// Sets where the time comes from; the system if not set.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.options.clock = clock;
        self
    }

    fn of(auth: AuthLayer) -> Self {
        Self {
            auth: auth.refuse_other_origins().refused_when(is_refused),
            options: Options { recovery: true, clock: Clock::system() },
        }
    }
}

/// Status 16, in the headers or moved there, unless the challenge asks for something else than a new token.
fn is_refused(_: StatusCode, headers: &HeaderMap) -> bool {
    is_unauthenticated(headers) && asks_for_a_new_token(headers)
}

impl<S> Layer<S> for GrpcAuthLayer {
    type Service = GrpcAuth<S>;

    fn layer(&self, inner: S) -> GrpcAuth<S> {
        let transport = Transport::new(inner, self.options.clone());
        GrpcAuth::new(self.auth.layer(transport), self.options.clock.clone())
    }
}

impl fmt::Debug for GrpcAuthLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GrpcAuthLayer").field(&self.auth).finish()
    }
}
