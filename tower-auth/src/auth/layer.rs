use std::fmt;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, StatusCode};
use tower_auth_core::{ConfigError, ConfigErrorKind, Origin, ShardedArc};
use tower_layer::Layer;

use super::refusal::Refusal;
use super::{Auth, Credentials, ExistingCredential};

/// Puts live credentials on outgoing requests, and recovers once from a refused one.
///
/// - A request to an allowed origin gets the current credential. With a usable token in the cache nothing waits; without one
///   the request waits for it, and is not sent if none can be had.
/// - A request to any other origin passes as it is.
/// - When the server answers that the token is dead, it is dropped from the cache, a new one is obtained, and the request is
///   sent a second time if its body can be. Any number of requests refused at once cost one refresh.
///
/// ```
/// use std::convert::Infallible;
///
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::Empty;
/// use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
/// use tower_auth::core::{StaticToken, Token, TokenCache};
/// use tower_auth::{AuthLayer, ReplayBody};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # runtime.block_on(async {
/// let api = service_fn(|request: Request<ReplayBody<Empty<Bytes>>>| async move {
///     let token = request.headers().get("authorization").cloned();
///     Ok::<_, Infallible>(Response::new(token))
/// });
/// let tokens = TokenCache::new(StaticToken::new(Token::new("abc")?));
/// let mut client = ServiceBuilder::new().layer(AuthLayer::new(tokens, ["https://api.example.com"])?).service(api);
///
/// let request = Request::get("https://api.example.com/orders").body(Empty::new())?;
/// let response = client.ready().await.map_err(|error| error.to_string())?.call(request).await.map_err(|error| error.to_string())?;
/// assert_eq!(response.into_body().unwrap(), "Bearer abc");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Where it belongs in a stack
/// Below timeouts, retries and concurrency limits, so that they see one call, and above tracing of single sends,
/// load balancing and the connection. A concurrency limit *below* this layer also limits the second send, which
/// takes a permit of its own. Below a follower of redirects every hop is judged by its own origin; above one the follower
/// sees the credential and must drop it on its way to another origin, which most do for `Authorization` only: use a client
/// that does not follow. With the feature `reqwest`, `AuthLayer::reqwest` makes one of that kind.
///
/// # Bodies
/// The inner service is called with a [`ReplayBody`](super::ReplayBody), which keeps what passes through it. A request is sent again only if its body was
/// read to its end, within the [limit](Self::replay_limit), by the time the refusal arrived.
///
/// # Security
/// Credentials go by `https`, or to a literal loopback address. A request by plain `http` to a host that is allowed by
/// `https` only is refused, not sent without a credential.
#[derive(Clone)]
pub struct AuthLayer {
    config: ShardedArc<Config>,
}

/// What the layer was told; shared by all its services.
#[derive(Clone)]
pub(super) struct Config {
    pub(super) choice: Choice,
    pub(super) existing: ExistingCredential,
    pub(super) recovery: bool,
    pub(super) replay_limit: usize,
    pub(super) refusal: Refusal,
    pub(super) refuse_foreign: bool,
}

/// Which credentials a request gets.
#[derive(Clone)]
pub(super) enum Choice {
    /// The usual case.
    One { origins: Box<[Origin]>, credentials: Credentials },
    /// By origin.
    Several(Vec<(Box<[Origin]>, Credentials)>),
    /// Where the API is comes with the credential.
    #[cfg(feature = "provider")]
    Bound { credentials: Credentials },
    /// By a function of the request.
    Selected { origins: Box<[Origin]>, select: Arc<Select> },
}

/// Knows the credentials for a request, or that there are none.
pub(super) type Select = dyn Fn(&Parts) -> Option<Credentials> + Send + Sync;

impl AuthLayer {
    /// A layer that puts `credentials` on requests to `origins`.
    ///
    /// If there is exactly one origin, requests with a path only, as a gRPC client hands them to its layers, are taken to go there.
    ///
    /// # Errors
    /// When there is no origin, when one is not `scheme://host[:port]`, or when one is plain `http` and not a literal
    /// loopback address.
    pub fn new<I>(credentials: impl Into<Credentials>, origins: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator,
        I::Item: TryInto<Origin, Error: Into<ConfigError>>,
    {
        Ok(Self::of(Choice::One { origins: parse(origins, false)?, credentials: credentials.into() }))
    }

    /// As [`new`](Self::new), but `origins` may be plain `http`: for a service mesh that encrypts below. Each is logged.
    ///
    /// # Security
    /// Without such a mesh everybody on the way can read the credential.
    ///
    /// # Errors
    /// As [`new`](Self::new), for the other reasons.
    pub fn insecure_plaintext<I>(credentials: impl Into<Credentials>, origins: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator,
        I::Item: TryInto<Origin, Error: Into<ConfigError>>,
    {
        Ok(Self::of(Choice::One { origins: parse(origins, true)?, credentials: credentials.into() }))
    }

    /// A layer that asks `select` which credentials a request to `origins` gets: by tenant, by user, by path. When it
    /// answers `None` the request is not sent; there is no default.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn select<I>(
        select: impl Fn(&Parts) -> Option<Credentials> + Send + Sync + 'static,
        origins: I,
    ) -> Result<Self, ConfigError>
    where
        I: IntoIterator,
        I::Item: TryInto<Origin, Error: Into<ConfigError>>,
    {
        Ok(Self::of(Choice::Selected { origins: parse(origins, false)?, select: Arc::new(select) }))
    }

    /// Adds another API: requests to `origins` get `credentials`.
    ///
    /// # Errors
    /// As [`new`](Self::new); also when one of the origins is there already, or the layer [selects](Self::select).
    pub fn and<I>(self, credentials: impl Into<Credentials>, origins: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator,
        I::Item: TryInto<Origin, Error: Into<ConfigError>>,
    {
        let added = (parse(origins, false)?, credentials.into());
        let mut rules = match &self.config.choice {
            Choice::One { origins, credentials } => vec![(origins.clone(), credentials.clone())],
            Choice::Several(rules) => rules.clone(),
            #[cfg(feature = "provider")]
            Choice::Bound { .. } => {
                return Err(ConfigError::new(
                    ConfigErrorKind::InvalidOption,
                    "a layer whose provider says where its API is has no other credentials beside it",
                ));
            }
            Choice::Selected { .. } => {
                return Err(ConfigError::new(
                    ConfigErrorKind::InvalidOption,
                    "a layer that selects credentials by a function has no other credentials beside it",
                ));
            }
        };
        if let Some(twice) = added.0.iter().find(|own| rules.iter().any(|(origins, _)| origins.contains(own))) {
            return Err(ConfigError::new(ConfigErrorKind::InvalidOrigin, format!("{twice} has credentials already")));
        }
        rules.push(added);
        Ok(self.with(|config| config.choice = Choice::Several(rules)))
    }

    /// Sets what happens to a request that has a credential of its own; kept if not set.
    #[must_use]
    pub fn existing_credential(self, policy: ExistingCredential) -> Self {
        self.with(|config| config.existing = policy)
    }

    /// Refuses requests to other origins, which would otherwise pass without a credential.
    #[must_use]
    pub fn refuse_other_origins(self) -> Self {
        self.with(|config| config.refuse_foreign = true)
    }

    /// Hands every response to the caller as it is. A refused token is used until it expires.
    #[must_use]
    pub fn without_recovery(self) -> Self {
        self.with(|config| config.recovery = false)
    }

    /// Sets how many bytes of a body are kept to send it again; 64 KiB if not set.
    #[must_use]
    pub fn replay_limit(self, bytes: usize) -> Self {
        self.with(|config| config.replay_limit = bytes)
    }

    /// Sets what says that a token is dead, for APIs that do not answer 401. If not set: a 401 whose Bearer challenge names
    /// no error or `invalid_token`, or that has no Bearer challenge.
    ///
    /// An API that says so in the body needs [`BodyRefusalLayer`](crate::BodyRefusalLayer) below this layer. A challenge that asks for more than a new token
    /// (`insufficient_scope`, `insufficient_user_authentication`) is none whatever `predicate` says.
    #[must_use]
    pub fn refused_when(self, predicate: impl Fn(StatusCode, &HeaderMap) -> bool + Send + Sync + 'static) -> Self {
        self.with(|config| config.refusal = Refusal::Custom(Arc::new(predicate)))
    }

    fn with(self, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::clone(&self.config);
        change(&mut config);
        Self { config: ShardedArc::new(config) }
    }

    pub(super) fn of(choice: Choice) -> Self {
        Self {
            config: ShardedArc::new(Config {
                choice,
                existing: ExistingCredential::default(),
                recovery: true,
                replay_limit: 64 * 1024,
                refusal: Refusal::Standard,
                refuse_foreign: false,
            }),
        }
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = Auth<S>;

    fn layer(&self, inner: S) -> Auth<S> {
        Auth::new(inner, self.config.clone())
    }
}

impl fmt::Debug for AuthLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.config, f)
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("AuthLayer");
        match &self.choice {
            Choice::One { origins, credentials } => {
                debug.field("origins", origins).field("credentials", credentials);
            }
            Choice::Several(rules) => {
                debug.field("rules", rules);
            }
            #[cfg(feature = "provider")]
            Choice::Bound { credentials } => {
                debug.field("credentials", credentials);
            }
            Choice::Selected { origins, .. } => {
                debug.field("origins", origins);
            }
        }
        debug
            .field("existing", &self.existing)
            .field("recovery", &self.recovery)
            .field("refusal", &self.refusal)
            .finish_non_exhaustive()
    }
}

pub(super) fn parse<I>(origins: I, plaintext: bool) -> Result<Box<[Origin]>, ConfigError>
where
    I: IntoIterator,
    I::Item: TryInto<Origin, Error: Into<ConfigError>>,
{
    let mut parsed = Vec::new();
    for origin in origins {
        let origin: Origin = origin.try_into().map_err(Into::into)?;
        if !origin.is_https() && !origin.is_loopback() {
            if !plaintext {
                return Err(ConfigError::new(
                    ConfigErrorKind::InsecureUrl,
                    format!(
                        "credentials for {origin} would travel unencrypted; use https, or `AuthLayer::insecure_plaintext` \
                         where something below encrypts"
                    ),
                ));
            }
            tracing::warn!(%origin, "credentials for this origin travel by plain http");
        }
        parsed.push(origin);
    }
    if parsed.is_empty() {
        return Err(ConfigError::new(
            ConfigErrorKind::InvalidOrigin,
            "the layer was given no origin, so that no request would get a credential",
        ));
    }
    Ok(parsed.into())
}
