use axum::extract::{FromRequestParts, Query};
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::caller::ApiState;
use super::problem::Refusal;

/// The query of a request.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<ApiState> for Params<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, Refusal> {
        let refused =
            |_| Refusal::plain(StatusCode::BAD_REQUEST, "connect.bad_request", "the query is not what this wants");
        Query::try_from_uri(&parts.uri).map(|Query(own)| Self(own)).map_err(refused)
    }
}
