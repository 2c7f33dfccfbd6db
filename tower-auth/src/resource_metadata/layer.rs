use tower_auth_core::ResourceMetadata;
use tower_layer::Layer;

use super::ServeResourceMetadata;

/// Answers requests for the metadata of the protected resource (RFC 9728) and passes all others on.
///
/// ```
/// use std::convert::Infallible;
///
/// use http::{Request, Response};
/// use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
/// use tower_auth::core::{BasicVerifier, ResourceMetadata};
/// use tower_auth::{ResourceMetadataLayer, ValidateLayer};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let metadata = ResourceMetadata::new("https://api.example.com")?.authorization_server("https://login.example.com")?;
/// # let verifier = BasicVerifier::new().user("batch", "s3cret").build()?;
/// // `verifier` accepts tokens for the audience `metadata.resource()`.
/// let verifier = verifier.with_resource_metadata(metadata.url())?;
/// let inner = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(String::new())) });
/// let mut service = ServiceBuilder::new()
///     .layer(ResourceMetadataLayer::new(metadata))
///     .layer(ValidateLayer::new(verifier))
///     .service(inner);
///
/// let request = Request::get("/.well-known/oauth-protected-resource").body(())?;
/// assert_eq!(service.ready().await?.call(request).await?.headers()["content-type"], "application/json");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// It answers `GET`, `HEAD` and the preflight requests of browsers, to anybody: see
/// [`ResourceMetadata::answer`].
///
/// # Where it belongs in a stack
/// Above what refuses: the document is for clients that have no token yet. And where paths are still those that clients
/// write, above routers that take a prefix off.
#[derive(Clone, Debug)]
pub struct ResourceMetadataLayer {
    metadata: ResourceMetadata,
}

impl ResourceMetadataLayer {
    /// Serves this document at its place.
    #[must_use]
    pub fn new(metadata: ResourceMetadata) -> Self {
        Self { metadata }
    }
}

impl<S> Layer<S> for ResourceMetadataLayer {
    type Service = ServeResourceMetadata<S>;

    fn layer(&self, inner: S) -> ServeResourceMetadata<S> {
        ServeResourceMetadata::new(inner, self.metadata.clone())
    }
}
