//! What the browser shows at the end. Nothing that was sent stands on any of these pages.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;

macro_rules! page {
    ($title:literal, $text:literal) => {
        concat!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
            "<meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n",
            "<title>",
            $title,
            "</title>\n</head>\n<body>\n<main>\n<h1>",
            $title,
            "</h1>\n<p>",
            $text,
            "</p>\n</main>\n</body>\n</html>\n"
        )
    };
}

const CODE: &str =
    page!("You can close this window", "The application has received the answer. Go back to it to see the result.");
const REFUSAL: &str =
    page!("Access was not granted", "You can close this window. The application knows about it; try again from there.");
const NOTHING: &str = page!("Nothing here", "This address is open for one answer only.");

const HEADERS: [(HeaderName, &str); 6] = [
    (CONTENT_TYPE, "text/html; charset=utf-8"),
    (CACHE_CONTROL, "no-store"),
    (REFERRER_POLICY, "no-referrer"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
];

/// For the browser that brought the answer.
pub(super) fn received(refused: bool) -> Response<Full<Bytes>> {
    response(StatusCode::OK, if refused { REFUSAL } else { CODE })
}

/// For everybody else.
pub(super) fn not_found() -> Response<Full<Bytes>> {
    response(StatusCode::NOT_FOUND, NOTHING)
}

fn response(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    let headers = HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value)));
    response.headers_mut().extend(headers);
    response
}
