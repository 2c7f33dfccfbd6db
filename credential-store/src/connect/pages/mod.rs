//! The pages: what a browser asks for, and what it gets.

mod actions;
mod answer;
mod callback;
mod details;
mod files;
mod finish;
mod form;
mod list;
mod picker;
mod row;
mod session;
mod start;
mod submit;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};

use super::connect::Connect;
use super::views::ErrorKind;

pub(super) use self::callback::{Link, LoginCookie};

/// Forms hold certificates at the most.
const MAX_BODY: usize = 64 * 1024;

pub(super) fn router(connect: Connect) -> Router {
    Router::new()
        .route("/", get(start::index))
        .route("/start", get(start::by_link).head(nothing).post(start::by_form))
        .route("/connectors", get(picker::page))
        .route("/connectors/{connector}", get(form::connect).post(submit::connect))
        .route("/connections", get(list::page))
        .route("/connections/{id}", get(details::overview))
        .route("/connections/{id}/log", get(details::log))
        .route("/connections/{id}/logging", post(actions::logging))
        .route("/connections/{id}/test", post(actions::test))
        .route("/connections/{id}/reconnect", get(form::reconnect).post(submit::reconnect))
        .route("/connections/{id}/rename", get(actions::ask_rename).post(actions::rename))
        .route("/connections/{id}/revoke", get(actions::ask_revoke).post(actions::revoke))
        .route("/connections/{id}/delete", get(actions::ask_delete).post(actions::delete))
        .route("/finished/{flow}", get(finish::page))
        .route("/go/{link}", get(callback::go).head(nothing))
        .route("/callback/{connector}", get(callback::by_query).head(nothing).post(callback::by_form))
        .route("/assets/{name}", get(files::file))
        .fallback(unknown)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(connect)
}

/// For the head of what is good once: programs that look at links ask for it.
async fn nothing() -> Response {
    answer::not_yet()
}

async fn unknown(State(connect): State<Connect>, headers: HeaderMap) -> Response {
    match session::PageSession::find(&connect, &headers) {
        Some(session) => session.fail(&ErrorKind::NotFound.into()),
        None => answer::error_page(&connect, None, ErrorKind::NotFound, None),
    }
}
