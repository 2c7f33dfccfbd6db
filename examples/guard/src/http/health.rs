use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::{Value, json};
use tokio::time::timeout;
use tower_auth::core::{IntrospectionStatus, KeysStatus, Verifier};

/// How long a probe waits for keys that are not there yet.
const PATIENCE: Duration = Duration::from_secs(2);

/// `/ready`, for probes: 200 when every credential could be verified at once, else 503, with the fetch of keys under way. And
/// `/status`, for people: how the keys of each issuer and the introspection endpoints are. Neither tells a secret.
pub fn health(verifier: Verifier) -> Router {
    let asked = verifier.clone();
    Router::new()
        .route("/ready", get(move || ready(verifier.clone())))
        .route("/status", get(move || async move { Json(status(&asked)) }))
}

async fn ready(verifier: Verifier) -> impl IntoResponse {
    if !verifier.status().is_ready() {
        // Whatever comes of it: the state tells.
        let _ = timeout(PATIENCE, verifier.ready()).await;
    }
    if verifier.status().is_ready() {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready")
    }
}

fn status(verifier: &Verifier) -> Value {
    let status = verifier.status();
    json!({
        "ready": status.is_ready(),
        "keys": status.keys.iter().map(keys).collect::<Vec<_>>(),
        "introspection": status.introspection.iter().map(introspection).collect::<Vec<_>>(),
    })
}

fn introspection(endpoint: &IntrospectionStatus) -> Value {
    json!({
        "host": endpoint.host,
        "in_flight": endpoint.in_flight,
        "last_failure": endpoint.last_failure,
        "consecutive_failures": endpoint.consecutive_failures,
        "next_attempt_in": endpoint.next_attempt_in.map(|wait| wait.as_secs()),
    })
}

fn keys(keys: &KeysStatus) -> Value {
    json!({
        "issuer": keys.issuer,
        "state": format!("{:?}", keys.state).to_lowercase(),
        "usable": keys.usable,
        "age": keys.age.map(|age| age.as_secs()),
        "fetching": keys.fetching,
        "last_failure": keys.last_failure,
        "consecutive_failures": keys.consecutive_failures,
        "next_attempt_in": keys.next_attempt_in.map(|wait| wait.as_secs()),
    })
}
