//! The HTTP routes.

use std::time::UNIX_EPOCH;

use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Router, http::header::CONTENT_TYPE};
use serde_json::{Value, json};
use tower_auth::ValidateLayer;
use tower_auth::core::{ConfigError, Principal, Verifier};
use tower_auth_axum::{Auth, Identity};

/// `/open` for everybody, `/me` for callers with a good credential, `/scoped` for those who were granted `scope` too.
///
/// # Errors
/// When `scope` has a character that scopes must not have.
pub fn routes(verifier: Verifier, scope: &str) -> Result<Router, ConfigError> {
    let scoped = ValidateLayer::new(verifier.clone()).require_scope(scope)?;
    Ok(Router::new()
        .route("/scoped", get(|caller: Identity| async move { describe(&caller) }))
        .route_layer(scoped)
        .route("/me", get(|caller: Auth| async move { describe(&caller) }))
        .route("/open", get(|| async { "open" }))
        .with_state(verifier))
}

/// The principal as JSON. A principal never holds the credential.
fn describe(principal: &Principal) -> impl IntoResponse + use<> {
    let expires_at = principal.expires_at().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let body = json!({
        "method": principal.method().as_str(),
        "issuer": principal.issuer(),
        "subject": principal.subject(),
        "client_id": principal.client_id(),
        "scopes": principal.scopes().collect::<Vec<_>>(),
        "roles": principal.roles().collect::<Vec<_>>(),
        "expires_at": expires_at.map(|since| since.as_secs()),
        "claims": serde_json::from_str::<Value>(principal.claims_json()).unwrap_or_default(),
    });
    ([(CONTENT_TYPE, "application/json")], body.to_string())
}
