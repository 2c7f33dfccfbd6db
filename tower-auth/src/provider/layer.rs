use std::fmt;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tower_auth_core::{BaseUrl, ConfigError, Connection, ShardedArc};
use tower_layer::Layer;

use super::Provider;
use crate::auth::{fixed_base, in_bodies};
use crate::{AuthLayer, BodyRefusalLayer, ExistingCredential};

/// Calls the API of a provider that a file describes: an [`AuthLayer`] that knows where the API is, what goes on its requests, and what it
/// answers when a token is dead.
///
/// - A URI that is a path only (`/v1/me`) is put behind the base URL. An absolute URI stays as it is; one of another origin gets no credential.
/// - An address that the provider tells only with its tokens is awaited with the first one. From then on a credential goes to the origin that
///   came in the same answer, also when a refresh brings another: a second send of a path goes to the new address, one of an absolute URI
///   of the old address is not sent.
/// - Where the description says that a refusal stands in the body, the first 64 KiB of answers that may be one are read first.
/// - No more calls are under way than the description allows. They are counted together for all services of a layer and of its clones.
///
/// ```no_run
/// use bytes::Bytes;
/// use http::Request;
/// use http_body_util::Empty;
/// use tower::{Service, ServiceBuilder, ServiceExt};
/// use tower_auth::ProviderLayer;
/// use tower_auth::core::{BoxError, ProviderSpec, ProviderValues};
/// # use std::convert::Infallible;
/// # use http::Response;
/// # use tower_auth::ReplayBody;
///
/// # async fn run() -> Result<(), BoxError> {
/// # let https = tower::service_fn(|_: Request<ReplayBody<Empty<Bytes>>>| async { Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())) });
/// let spec = ProviderSpec::from_file("providers/hubspot.toml")?;
/// let connection = spec.fill(&ProviderValues::new())?.connect().build()?;
/// let mut client = ServiceBuilder::new().layer(ProviderLayer::new(&connection)?).service(https);
///
/// let me = Request::get("/crm/v3/owners").body(Empty::<Bytes>::new())?;
/// let response = client.ready().await?.call(me).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Where it belongs in a stack
/// Where an [`AuthLayer`] does. Its limit of concurrency holds a place from readiness to the head of the response, for both sends of a call.
///
/// # Security
/// A client certificate that the description names is used for token requests. For the API give it to the client below.
#[derive(Clone)]
pub struct ProviderLayer {
    auth: AuthLayer,
    site: ShardedArc<Site>,
}

/// What the services of a layer share.
pub(super) struct Site {
    /// `None`: it comes with the tokens.
    pub(super) base: Option<BaseUrl>,
    pub(super) places: Option<Arc<Semaphore>>,
    pub(super) connection: Connection,
    refusals: Option<BodyRefusalLayer>,
}

impl ProviderLayer {
    /// The layer for the API of `connection`. Waits for nothing and spawns nothing.
    ///
    /// # Errors
    /// When the connection has no base URL, and when its credential goes into bodies.
    pub fn new(connection: &Connection) -> Result<Self, ConfigError> {
        if connection.puts_credential_into_bodies() {
            return Err(in_bodies());
        }
        Self::of(connection)
    }

    pub(super) fn of(connection: &Connection) -> Result<Self, ConfigError> {
        let limit = connection.concurrency().map(|count| count.clamp(1, Semaphore::MAX_PERMITS));
        let site = Site {
            base: fixed_base(connection)?,
            places: limit.map(|count| Arc::new(Semaphore::new(count))),
            refusals: connection.looks_into_bodies().then(|| BodyRefusalLayer::of_connection(connection)),
            connection: connection.clone(),
        };
        Ok(Self { auth: AuthLayer::of_connection(connection)?, site: ShardedArc::new(site) })
    }

    pub(super) fn base(&self) -> Option<&BaseUrl> {
        self.site.base.as_ref()
    }

    /// As [`AuthLayer::existing_credential`].
    #[must_use]
    pub fn existing_credential(mut self, policy: ExistingCredential) -> Self {
        self.auth = self.auth.existing_credential(policy);
        self
    }

    /// As [`AuthLayer::refuse_other_origins`].
    #[must_use]
    pub fn refuse_other_origins(mut self) -> Self {
        self.auth = self.auth.refuse_other_origins();
        self
    }

    /// As [`AuthLayer::without_recovery`].
    #[must_use]
    pub fn without_recovery(mut self) -> Self {
        self.auth = self.auth.without_recovery();
        self
    }

    /// As [`AuthLayer::replay_limit`].
    #[must_use]
    pub fn replay_limit(mut self, bytes: usize) -> Self {
        self.auth = self.auth.replay_limit(bytes);
        self
    }

    /// The layer inside, if it is all there is to do.
    #[cfg(feature = "reqwest")]
    pub(crate) fn alone(&self) -> Option<&AuthLayer> {
        (self.site.refusals.is_none() && self.site.places.is_none()).then_some(&self.auth)
    }
}

impl<S> Layer<S> for ProviderLayer {
    type Service = Provider<S>;

    fn layer(&self, inner: S) -> Provider<S> {
        let inner = match &self.site.refusals {
            Some(refusals) => refusals.layer(inner),
            None => BodyRefusalLayer::none(inner),
        };
        Provider::new(self.auth.layer(inner), self.site.clone())
    }
}

impl fmt::Debug for ProviderLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderLayer").field("connection", &self.site.connection).field("auth", &self.auth).finish()
    }
}
