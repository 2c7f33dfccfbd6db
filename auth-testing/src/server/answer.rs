use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, PRAGMA, REFERRER_POLICY, WWW_AUTHENTICATE,
};
use http::{HeaderValue, Response, StatusCode};
use serde_json::json;

/// A refusal by RFC 6749 section 5.2.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: Cow<'static, str>,
    description: String,
    challenge: Option<&'static str>,
}

impl Refusal {
    pub(super) fn new(code: impl Into<Cow<'static, str>>, description: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: code.into(), description: description.into(), challenge: None }
    }

    pub(super) fn invalid_request(description: impl Into<String>) -> Self {
        Self::new("invalid_request", description)
    }

    /// The client's authentication failed. `by_header` says whether it tried the header, which then gets a challenge.
    pub(super) fn invalid_client(description: impl Into<String>, by_header: bool) -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            code: "invalid_client".into(),
            description: description.into(),
            challenge: by_header.then_some("Basic realm=\"token endpoint\""),
        }
    }

    /// The token that the request came with is not good enough (RFC 6750 section 3.1).
    pub(super) fn invalid_token(description: impl Into<String>) -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            code: "invalid_token".into(),
            description: description.into(),
            challenge: Some("Bearer error=\"invalid_token\""),
        }
    }

    /// The error code.
    pub(super) fn code(&self) -> &str {
        &self.code
    }

    /// What it says to people.
    pub(super) fn description(&self) -> &str {
        &self.description
    }

    pub(super) fn response(self) -> Response<Bytes> {
        let body = json!({ "error": self.code, "error_description": self.description });
        let mut response = json_response(self.status, body.to_string());
        if let Some(challenge) = self.challenge {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

/// A JSON answer that no cache may keep (RFC 6749 section 5.1).
pub(crate) fn json_response(status: StatusCode, text: String) -> Response<Bytes> {
    let mut response = bare(status, text);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// A JSON answer that caches may keep for a while.
pub(super) fn public_json(text: String) -> Response<Bytes> {
    let mut response = json_response(StatusCode::OK, text);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response.headers_mut().remove(PRAGMA);
    response
}

pub(crate) fn bare(status: StatusCode, text: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = status;
    response
}

pub(crate) fn wrong_method(allowed: &'static str) -> Response<Bytes> {
    let mut response = bare(StatusCode::METHOD_NOT_ALLOWED, String::new());
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// A page that no cache keeps, and from which no link tells where it came from.
pub(super) fn page(status: StatusCode, text: &str) -> Response<Bytes> {
    private(status, text.to_owned(), "text/plain; charset=utf-8")
}

/// A page as [`page`], of HTML that neither runs scripts nor stands in a frame.
pub(super) fn html(status: StatusCode, text: String) -> Response<Bytes> {
    html_with(status, text, None)
}

/// The same with one script, which stands in it.
pub(super) fn html_with(status: StatusCode, text: String, script: Option<&str>) -> Response<Bytes> {
    let mut response = private(status, text, "text/html; charset=utf-8");
    let script = script.map(|script| BASE64_STANDARD.encode(digest(&SHA256, script.as_bytes())));
    let script = script.map_or_else(String::new, |hash| format!(" script-src 'sha256-{hash}';"));
    // Without `form-action`, which browsers apply to the redirect that follows a form, too.
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:;{script} base-uri 'none'; frame-ancestors 'none'"
    );
    let policy = HeaderValue::try_from(policy).expect("a policy is visible ASCII");
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    response
}

fn private(status: StatusCode, text: String, content_type: &'static str) -> Response<Bytes> {
    let mut response = bare(status, text);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
