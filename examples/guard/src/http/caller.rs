use std::time::UNIX_EPOCH;

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use tower_auth::core::Principal;

/// The principal as JSON. A principal never holds the credential.
pub(crate) fn describe(principal: &Principal) -> impl IntoResponse + use<> {
    let expires_at = principal.expires_at().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let body = json!({
        "method": principal.method().as_str(),
        "scheme": principal.scheme().as_str(),
        "issuer": principal.issuer(),
        "subject": principal.subject(),
        "client_id": principal.client_id(),
        "scopes": principal.scopes().collect::<Vec<_>>(),
        "roles": principal.roles().collect::<Vec<_>>(),
        "expires_at": expires_at.map(|since| since.as_secs()),
        "dpop_thumbprint": principal.dpop_thumbprint(),
        "certificate_thumbprint": principal.certificate_thumbprint(),
        "claims": serde_json::from_str::<Value>(principal.claims_json()).unwrap_or_default(),
    });
    ([(CONTENT_TYPE, "application/json")], body.to_string())
}
