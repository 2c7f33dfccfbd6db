use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use http::{Method, StatusCode};

use super::problem::Refusal;
use crate::connect::connect::Connect;
use crate::model::{CredentialId, Owner};

/// Who calls the API, and what they may do.
#[derive(Clone)]
pub(in crate::connect) struct Caller {
    pub(in crate::connect) owner: Owner,
    /// Empty for all.
    pub(in crate::connect) connectors: Vec<String>,
    /// The one credential that they may connect again, if that is all.
    pub(in crate::connect) reconnects: Option<CredentialId>,
    pub(in crate::connect) redirect_uri: Option<String>,
}

/// Says who calls, from the head of a request.
pub(in crate::connect) type Callers = dyn Fn(&Parts) -> Option<Caller> + Send + Sync;

#[derive(Clone)]
pub(in crate::connect) struct ApiState {
    pub(super) connect: Connect,
    pub(super) callers: Arc<Callers>,
    pub(super) by_token: bool,
}

impl Caller {
    /// An owner who may do everything of theirs.
    pub(in crate::connect) fn of(owner: Owner) -> Self {
        Self { owner, connectors: Vec::new(), reconnects: None, redirect_uri: None }
    }

    pub(super) fn allows(&self, connector: &str) -> bool {
        self.connectors.is_empty() || self.connectors.iter().any(|own| own == connector)
    }

    /// For what a session for one reconnection does not have.
    pub(super) fn is_free(&self) -> Result<(), Refusal> {
        match self.reconnects {
            Some(_) => Err(Refusal::plain(
                StatusCode::FORBIDDEN,
                "connect.not_allowed",
                "this session is for connecting one credential again",
            )),
            None => Ok(()),
        }
    }
}

impl FromRequestParts<ApiState> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Refusal> {
        if !state.by_token && is_forged(parts) {
            return Err(Refusal::plain(
                StatusCode::FORBIDDEN,
                "connect.cross_site",
                "a request that changes something needs Content-Type: application/json, and no other site may send it",
            ));
        }
        (state.callers)(parts).ok_or_else(|| Refusal::unauthenticated(state.by_token))
    }
}

/// Whether a request may come from a page of another site, with a cookie that its browser adds by itself. Such a page can send forms and plain texts
/// unasked, but no JSON and no `DELETE`.
fn is_forged(parts: &Parts) -> bool {
    let is_safe = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
    if is_safe || parts.headers.contains_key(AUTHORIZATION) {
        return false;
    }
    let text = |name: &http::HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let site = parts.headers.get("sec-fetch-site").map(|site| site.as_bytes());
    let is_json = text(&CONTENT_TYPE)
        .is_some_and(|value| value.split(';').next().unwrap_or("").trim().eq_ignore_ascii_case("application/json"));
    site.is_some_and(|site| !matches!(site, b"same-origin" | b"none")) || (parts.method != Method::DELETE && !is_json)
}
