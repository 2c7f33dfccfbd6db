use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::connect::throttle::seconds;
use crate::error::{StoreError, StoreErrorKind};

/// Why a request was not carried out, as RFC 9457 has it. Programs go by `code`, which stays the same.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::connect) struct Problem {
    /// Always `about:blank`: the code says more.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    kind: &'static str,
    /// The status in words.
    #[schema(example = "Unprocessable Entity")]
    title: &'static str,
    /// The status.
    #[schema(example = 422)]
    status: u16,
    /// The stable code of what went wrong.
    #[schema(example = "store.invalid")]
    code: &'static str,
    /// What went wrong, for people.
    #[schema(example = "api_key: this is required [store.invalid]")]
    detail: String,
    /// Why, as a code: the provider's own where it gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What is wrong with which field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldMistake>,
    /// Whether the owner has to connect the credential again.
    needs_reconnect: bool,
}

/// What is wrong with the value of one field.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::connect) struct FieldMistake {
    /// The field; empty for the whole.
    #[schema(example = "api_key")]
    field: String,
    /// What is wrong, for the person who gave it.
    #[schema(example = "this is required")]
    message: String,
}

/// A request that is not carried out.
#[derive(Clone, Debug)]
pub(in crate::connect) struct Refusal {
    problem: Box<Problem>,
    /// How long to wait before it may be carried out.
    wait: Option<Duration>,
    /// Whether the token of a session is what is missing.
    wants_token: bool,
}

impl Refusal {
    pub(super) fn plain(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let problem = Problem {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            code,
            detail: detail.into(),
            reason: None,
            errors: Vec::new(),
            needs_reconnect: false,
        };
        Self { problem: Box::new(problem), wait: None, wants_token: false }
    }

    /// `by_token`: it would take the token of a session.
    pub(super) fn unauthenticated(by_token: bool) -> Self {
        let text = "this needs a session that has not ended";
        let plain = Self::plain(StatusCode::UNAUTHORIZED, "connect.unauthenticated", text);
        Self { wants_token: by_token, ..plain }
    }

    pub(super) fn too_many(wait: Duration) -> Self {
        let text = "there were too many attempts: wait a while";
        Self { wait: Some(wait), ..Self::plain(StatusCode::TOO_MANY_REQUESTS, "connect.too_many_attempts", text) }
    }

    pub(super) fn field(field: &str, message: &str) -> Self {
        StoreError::invalid(vec![crate::error::FieldError::new(field, message)]).into()
    }

    /// The same with another status.
    pub(super) fn with_status(mut self, status: StatusCode) -> Self {
        self.problem.title = status.canonical_reason().unwrap_or_default();
        self.problem.status = status.as_u16();
        self
    }
}

/// The status of a failure of the store.
fn status_of(kind: StoreErrorKind) -> StatusCode {
    match kind {
        StoreErrorKind::NotFound | StoreErrorKind::UnknownConnector => StatusCode::NOT_FOUND,
        StoreErrorKind::Invalid | StoreErrorKind::Refused => StatusCode::UNPROCESSABLE_ENTITY,
        StoreErrorKind::NeedsReauth
        | StoreErrorKind::Revoked
        | StoreErrorKind::ExpiredManual
        | StoreErrorKind::Unconfirmed
        | StoreErrorKind::Pending
        | StoreErrorKind::Conflict => StatusCode::CONFLICT,
        StoreErrorKind::LoginExpired => StatusCode::GONE,
        StoreErrorKind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        StoreErrorKind::Misconfigured => StatusCode::BAD_GATEWAY,
        StoreErrorKind::ProviderUnavailable | StoreErrorKind::Unavailable | StoreErrorKind::Closed => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        StoreErrorKind::Damaged | StoreErrorKind::Broken => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        const A_WHILE: Duration = Duration::from_secs(5);
        let status = status_of(error.kind());
        let detail = match status {
            // What is wrong inside is for those who run it.
            StatusCode::INTERNAL_SERVER_ERROR => "something on our side does not work".to_owned(),
            _ => error.to_string(),
        };
        if status.is_server_error() {
            tracing::warn!(code = error.code(), error = %error, "a request was not carried out");
        }
        let errors = error.fields().iter();
        let mut refusal = Self::plain(status, error.code(), detail);
        refusal.problem.reason = error.reason().map(str::to_owned);
        refusal.problem.errors =
            errors.map(|own| FieldMistake { field: own.field.clone(), message: own.message.clone() }).collect();
        refusal.problem.needs_reconnect = error.needs_reconnect();
        refusal.wait = (status == StatusCode::SERVICE_UNAVAILABLE).then(|| error.retry_in().unwrap_or(A_WHILE));
        refusal
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self.problem).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.wants_token {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"connect\""));
        }
        if let Some(wait) = self.wait {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds(wait)));
        }
        response
    }
}
