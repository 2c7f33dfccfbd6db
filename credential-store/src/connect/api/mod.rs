//! The HTTP API: the same as the pages, for programs.

mod caller;
mod connectors;
mod credentials;
mod document;
mod input;
mod model;
mod ownership;
mod problem;
mod query;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, Response, StatusCode};
use axum::routing::{get, post};

use super::connect::Connect;

pub(super) use self::caller::{ApiState, Caller, Callers};

use self::problem::Refusal;

const MAX_BODY: usize = 64 * 1024;

/// `by_token`: callers bring the token of a session, so that no browser speaks for them unasked.
pub(super) fn router(connect: Connect, callers: Arc<Callers>, by_token: bool) -> Router {
    Router::new()
        .route("/openapi.json", get(document::document))
        .route("/connectors", get(connectors::list))
        .route("/connectors/{connector}", get(connectors::one))
        .route("/connectors/{connector}/credentials/metadata", get(connectors::metadata))
        .route("/credentials", get(credentials::list).post(credentials::create))
        .route("/credentials/{id}", get(credentials::one).patch(credentials::change).delete(credentials::delete))
        .route("/credentials/{id}/test", post(credentials::test))
        .route("/credentials/{id}/revoke", post(credentials::revoke))
        .route("/credentials/{id}/reconnect", post(credentials::reconnect))
        .route("/credentials/{id}/requests", get(credentials::requests))
        .fallback(async || Refusal::plain(StatusCode::NOT_FOUND, "connect.no_such_path", "there is nothing here"))
        .method_not_allowed_fallback(async || {
            Refusal::plain(StatusCode::METHOD_NOT_ALLOWED, "connect.wrong_method", "this path has other methods")
        })
        .layer(axum::middleware::map_response(not_kept))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(ApiState { connect, callers, by_token })
}

/// No cache keeps an answer.
async fn not_kept<B>(mut response: Response<B>) -> Response<B> {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}
