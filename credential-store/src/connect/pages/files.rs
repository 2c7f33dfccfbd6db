use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header::IF_NONE_MATCH;
use http::{HeaderMap, StatusCode};

use crate::connect::assets::{asset, asset_headers};

/// `GET /assets/{name}`: style sheet, script and icon, for everybody.
pub(super) async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = asset(&name) else { return StatusCode::NOT_FOUND.into_response() };
    match headers.get(IF_NONE_MATCH).is_some_and(|known| asset.is_known(known)) {
        true => (StatusCode::NOT_MODIFIED, asset_headers(asset, &name)).into_response(),
        false => (asset_headers(asset, &name), asset.body()).into_response(),
    }
}
