use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::any;

use crate::core::ResourceMetadata;

/// The route of the metadata of the protected resource (RFC 9728), to be merged into the outermost router: for clients that
/// know nothing but the URL of the service, such as those of the Model Context Protocol.
///
/// ```
/// use axum::{Router, routing::post};
/// use tower_auth_axum::core::{ConfigError, JwtVerifier, ResourceMetadata};
/// use tower_auth_axum::{Bearer, resource_metadata_routes};
///
/// # #[cfg(feature = "http")]
/// fn app() -> Result<Router, ConfigError> {
///     let metadata = ResourceMetadata::new("https://api.example.com/mcp")?
///         .authorization_server("https://login.example.com")?
///         .scopes(["notes:read"]);
///     let verifier = JwtVerifier::issuer("https://login.example.com")?
///         .audience(metadata.resource())
///         .build()?
///         .with_resource_metadata(metadata.url())?;
///     Ok(Router::new()
///         .route("/mcp", post(|caller: Bearer| async move { caller.subject().to_owned() }))
///         .with_state(verifier)
///         .merge(resource_metadata_routes(metadata)))
/// }
/// # #[cfg(feature = "http")]
/// # app().unwrap();
/// ```
///
/// Every 401 of the verifier then announces the document. It is served to anybody, with the header that lets scripts of any
/// origin read it: see [`ResourceMetadata::answer`]. Merge it *after* `route_layer`s that guard, so that it is not guarded,
/// and do not nest it: its place is below the root of the host.
///
/// # Panics
/// Merging panics, as axum does, when the router has a route of the same path.
pub fn resource_metadata_routes<S>(metadata: ResourceMetadata) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    // What is in braces would be a parameter to axum.
    let path = metadata.path().replace('{', "{{").replace('}', "}}");
    let handler = move |request: Request| async move { answer(&metadata, &request) };
    Router::new().route(&path, any(handler))
}

fn answer(metadata: &ResourceMetadata, request: &Request) -> Response {
    metadata.answer::<Body>(request).unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())
}
