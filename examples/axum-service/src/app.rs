//! The service: what a program of your own would have.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use tower_auth_axum::core::{ConfigError, JwtVerifier, Verifier};
use tower_auth_axum::{AuthRejection, Bearer, RequiredScope, Scoped};

/// What this service is called in the `aud` of its tokens.
pub(crate) const AUDIENCE: &str = "orders";

/// Accepts the access tokens that `issuer` makes for this service.
pub(crate) fn verifier(issuer: String) -> Result<Verifier, ConfigError> {
    // A real issuer speaks https, and needs no `allow_loopback_http`.
    JwtVerifier::issuer(issuer)?.audience(AUDIENCE).realm(AUDIENCE).allow_loopback_http().build()
}

/// The routes.
pub(crate) fn app(verifier: Verifier) -> Router {
    Router::new()
        .route("/", get(hello))
        .route("/me", get(me))
        .route("/orders", get(orders))
        .route("/ready", get(ready))
        .with_state(verifier)
}

/// For everybody, and by name for those who say who they are. A bad token is refused here too.
async fn hello(user: Option<Bearer>) -> String {
    match user {
        Some(user) => format!("hello {}\n", user.subject()),
        None => "hello stranger\n".to_owned(),
    }
}

/// For callers with a valid token.
async fn me(user: Bearer) -> String {
    let scopes: Vec<_> = user.scopes().collect();
    let client = user.client_id().unwrap_or("an unknown client");
    format!("{} by {client}, with the scopes {scopes:?}\n", user.subject())
}

/// The scopes that the orders need.
struct ReadOrders;

impl RequiredScope for ReadOrders {
    const SCOPES: &'static [&'static str] = &["orders:read"];
}

/// For callers who were granted `orders:read`.
async fn orders(user: Scoped<ReadOrders>) -> String {
    format!("{} has no orders yet\n", user.subject())
}

/// For the load balancer: whether tokens can be verified.
async fn ready(State(verifier): State<Verifier>) -> Result<(), AuthRejection> {
    Ok(verifier.ready().await?)
}
