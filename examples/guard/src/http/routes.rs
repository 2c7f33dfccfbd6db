use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::body::Incoming;
use tower::util::{BoxCloneService, BoxCloneSyncService};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_auth::core::{BoxError, Verified};
use tower_auth::{EndAtExpiryLayer, ResourceMetadataLayer, ValidateLayer};
use tower_auth_axum::{Auth, Identity};

use super::{Gate, Rules, describe, health};
use crate::config::Config;
use crate::proxy::Proxy;

/// What HTTP requests are served by.
pub type HttpService = BoxCloneService<Request<Incoming>, Response, Infallible>;

/// The program's own paths: `/open` for everybody, `/me` for callers with a good credential, `/scoped` for those who were
/// granted `server.scope` too, `/ready` and `/status` if they have no address of their own. All others go to the upstream,
/// or, without one, those that a rule is about answer who calls.
///
/// # Errors
/// When the scope has a character that scopes must not have, or the roots of the upstream are none.
pub fn routes(config: &Config) -> Result<HttpService, BoxError> {
    let verifier = &config.verifier;
    let scoped = ValidateLayer::new(verifier.clone()).require_scope(&config.server.scope)?;
    let mut own = Router::new()
        .route("/scoped", get(|caller: Identity| async move { describe(&caller) }))
        .route_layer(scoped)
        .route("/me", get(|caller: Auth| async move { describe(&caller) }))
        .route("/open", get(|| async { "open" }))
        .with_state(verifier.clone());
    if config.server.admin.is_none() {
        own = own.merge(health(verifier.clone()));
    }
    let mut router = if config.server.prefix.is_empty() { own } else { Router::new().nest(&config.server.prefix, own) };

    let open = config.upstream.as_ref().map(|upstream| upstream.allow.clone()).unwrap_or_default();
    let rules = Rules::new(config.rules.clone(), open);
    router = match &config.upstream {
        Some(upstream) => {
            let proxy = Proxy::new(config, upstream)?;
            let proxy = if upstream.end_at_expiry {
                let ending = ServiceBuilder::new().layer(EndAtExpiryLayer::new()).service(proxy);
                BoxCloneSyncService::new(ending.map_response(IntoResponse::into_response))
            } else {
                BoxCloneSyncService::new(proxy)
            };
            router.fallback_service(Gate::new(verifier, rules, proxy))
        }
        None => {
            let gate = Gate::new(verifier, rules, service_fn(answer_caller));
            let about = Arc::new(Rules::new(config.rules.clone(), Vec::new()));
            router.fallback_service(service_fn(move |request: Request<Body>| {
                let gate = about.is_about(request.uri().path()).then(|| gate.clone());
                async move {
                    match gate {
                        Some(gate) => gate.oneshot(request).await,
                        None => Ok(StatusCode::NOT_FOUND.into_response()),
                    }
                }
            }))
        }
    };
    if let Some(cors) = &config.cors {
        router = router.layer(cors.layer());
    }
    // Outermost, because anybody may read it, from pages of any origin.
    let metadata = config.metadata.as_ref().map(|spec| ResourceMetadataLayer::new(spec.metadata.clone()));
    let service = ServiceBuilder::new().map_request(|request: Request<Incoming>| request.map(Body::new));
    Ok(service.option_layer(metadata).service(router).map_response(IntoResponse::into_response).boxed_clone())
}

async fn answer_caller(request: Request<Body>) -> Result<Response, Infallible> {
    Ok(match request.extensions().get::<Verified>() {
        Some(caller) => describe(caller).into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    })
}
