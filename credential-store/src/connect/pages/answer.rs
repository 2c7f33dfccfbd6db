use axum::response::{IntoResponse, Response};
use http::header::{LOCATION, RETRY_AFTER, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::connect::claims::{Claims, random_text};
use crate::connect::connect::Connect;
use crate::connect::views::{ErrorKind, ErrorPage, Section, Shell, View, WebUrl};
use crate::error::{StoreError, StoreErrorKind};

/// Why there is another page than the one that was asked for.
#[derive(Debug)]
pub(super) enum PageError {
    Kind(ErrorKind),
    Store(StoreError),
}

impl From<ErrorKind> for PageError {
    fn from(kind: ErrorKind) -> Self {
        Self::Kind(kind)
    }
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A page under the headers of pages.
pub(super) fn page(connect: &Connect, status: StatusCode, view: &impl View) -> Response {
    match view.render() {
        Ok(html) => (status, connect.policy().headers(), html).into_response(),
        Err(error) => {
            tracing::error!(error = %error, "a page cannot be drawn");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// On to another address, by `GET`. The address that leads here is told to nobody.
pub(super) fn redirect(connect: &Connect, to: &str) -> Response {
    let mut headers = connect.policy().headers();
    headers.remove(http::header::CONTENT_TYPE);
    match HeaderValue::try_from(to) {
        Ok(to) => headers.insert(LOCATION, to),
        Err(_) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    };
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// Whether a browser looks ahead, and nobody has followed the link yet: it must not use it up.
pub(super) fn is_ahead(headers: &HeaderMap) -> bool {
    ["sec-purpose", "purpose"]
        .iter()
        .filter_map(|name| headers.get(*name))
        .any(|value| value.to_str().is_ok_and(|value| value.contains("prefetch") || value.contains("prerender")))
}

/// The answer to such a request, and to one that asks for the head of what is good once.
pub(super) fn not_yet() -> Response {
    StatusCode::TOO_EARLY.into_response()
}

/// The same with a cookie.
pub(super) fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

pub(super) fn error_page(
    connect: &Connect,
    claims: Option<&Claims>,
    kind: ErrorKind,
    reference: Option<String>,
) -> Response {
    let view = ErrorPage { shell: shell(connect, claims, None), kind, reference };
    let mut response = page(connect, kind.status(), &view);
    let wait = match kind {
        ErrorKind::TooManyRequests { retry_after } => retry_after,
        ErrorKind::Unavailable => Some(5),
        _ => None,
    };
    if let Some(wait) = wait {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait));
    }
    response
}

pub(super) fn failure_page(connect: &Connect, claims: Option<&Claims>, error: &PageError) -> Response {
    let error = match error {
        PageError::Kind(kind) => return error_page(connect, claims, *kind, None),
        PageError::Store(error) => error,
    };
    match error.kind() {
        StoreErrorKind::NotFound | StoreErrorKind::UnknownConnector | StoreErrorKind::Invalid => {
            error_page(connect, claims, ErrorKind::NotFound, None)
        }
        _ => {
            let reference = random_text().unwrap_or_default();
            tracing::warn!(code = error.code(), error = %error, reference = %reference, "a page cannot be shown");
            error_page(connect, claims, ErrorKind::Unavailable, Some(reference))
        }
    }
}

/// What is around each page. Sessions that may do one thing have no navigation.
pub(super) fn shell(connect: &Connect, claims: Option<&Claims>, section: Option<Section>) -> Shell {
    let is_free = claims.is_some_and(|claims| claims.reconnects.is_none());
    Shell {
        paths: connect.paths().clone(),
        application: connect.settings().application.clone(),
        return_url: claims.and_then(|claims| claims.redirect_uri.as_deref()).and_then(WebUrl::new),
        csrf: claims.map(|claims| connect.csrf(claims)).unwrap_or_default(),
        section: section.filter(|_| is_free),
        flash: None,
    }
}
