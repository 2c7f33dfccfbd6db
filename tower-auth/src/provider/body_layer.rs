use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_auth_core::{BoxError, ConfigError, ConfigErrorKind, Connection};
use tower_layer::Layer;
use tower_service::Service;

use super::body_future::{BodyCredentialFuture, Filling};
use super::{Provider, ProviderLayer};
use crate::{InspectedBody, ReplayBody, SkipAuth};

/// A [`ProviderLayer`] for providers that want a key in the body of each request (`placement = [{ body = "auth.key" }]`): in a JSON object, or in a form.
///
/// The body is read as a whole, up to a limit, and goes on as `B::from(Bytes)` with the key in it and with the right `Content-Length`. What stands where the key goes is
/// replaced. A body of another kind, and a request that has none by its method (GET, HEAD), is an error and is not sent. A request to another origin,
/// and one with [`SkipAuth`], passes as it is.
///
/// ```no_run
/// use bytes::Bytes;
/// use http::Request;
/// use http_body_util::Full;
/// use tower::{Service, ServiceBuilder, ServiceExt};
/// use tower_auth::BodyCredentialLayer;
/// use tower_auth::core::{BoxError, ProviderSpec, ProviderValues};
/// # use std::convert::Infallible;
/// # use http::Response;
/// # use tower_auth::ReplayBody;
///
/// # async fn run() -> Result<(), BoxError> {
/// # let https = tower::service_fn(|_: Request<ReplayBody<Full<Bytes>>>| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) });
/// let connection = ProviderSpec::from_file("providers/mandrill.toml")?.fill(&ProviderValues::new())?.connect().build()?;
/// let mut client = ServiceBuilder::new().layer(BodyCredentialLayer::new(&connection)?).service(https);
///
/// let ping = Request::post("/users/ping2").header("content-type", "application/json").body(Full::from("{}"))?;
/// let response = client.ready().await?.call(ping).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct BodyCredentialLayer {
    provider: ProviderLayer,
    filling: Arc<Filling>,
}

impl BodyCredentialLayer {
    /// The layer for the API of `connection`, whether or not it puts anything into bodies.
    ///
    /// # Errors
    /// As [`ProviderLayer::new`], except for what goes into bodies; and when that is a token, which a second send would have to replace.
    pub fn new(connection: &Connection) -> Result<Self, ConfigError> {
        if connection.puts_credential_into_bodies() && connection.tokens().is_some() {
            return Err(ConfigError::new(
                ConfigErrorKind::InvalidOption,
                "only a key that never changes can be put into bodies: give the description another placement for its token",
            ));
        }
        let provider = ProviderLayer::of(connection)?;
        let filling = Filling { connection: connection.clone(), base: provider.base().cloned(), limit: 1024 * 1024 };
        Ok(Self { provider, filling: Arc::new(filling) })
    }

    /// Changes the layer inside: its own options.
    #[must_use]
    pub fn provider(mut self, change: impl FnOnce(ProviderLayer) -> ProviderLayer) -> Self {
        self.provider = change(self.provider);
        self
    }

    /// Sets how many bytes a body may have; 1 MiB if not set.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        let Filling { connection, base, .. } = &*self.filling;
        self.filling = Arc::new(Filling { connection: connection.clone(), base: base.clone(), limit: bytes });
        self
    }
}

impl<S> Layer<S> for BodyCredentialLayer {
    type Service = BodyCredential<S>;

    fn layer(&self, inner: S) -> BodyCredential<S> {
        BodyCredential { provider: self.provider.layer(inner), filling: Arc::clone(&self.filling) }
    }
}

impl fmt::Debug for BodyCredentialLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyCredentialLayer").field("provider", &self.provider).finish_non_exhaustive()
    }
}

/// The service of a [`BodyCredentialLayer`].
#[derive(Clone)]
pub struct BodyCredential<S> {
    provider: Provider<S>,
    filling: Arc<Filling>,
}

impl<S, B, R> Service<Request<B>> for BodyCredential<S>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
    B: Body + From<Bytes> + 'static,
    B::Error: Into<BoxError>,
    R: Body<Data = Bytes>,
{
    type Response = Response<InspectedBody<R>>;
    type Error = BoxError;
    type Future = BodyCredentialFuture<S, B, R>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Service::<Request<B>>::poll_ready(&mut self.provider, context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let passes = request.extensions().get::<SkipAuth>().is_some() || !self.filling.concerns(request.uri());
        if passes {
            return BodyCredentialFuture::sent(self.provider.call(request));
        }
        // The service that was polled ready goes along; the clone stays to be polled again.
        let spare = self.provider.clone();
        let ready = std::mem::replace(&mut self.provider, spare);
        BodyCredentialFuture::reading(ready, request, Arc::clone(&self.filling))
    }
}

impl<S> fmt::Debug for BodyCredential<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyCredential").field("provider", &self.provider).finish_non_exhaustive()
    }
}
