use axum::Router;
use super::connect::Connect;
pub(super) fn router(_connect: Connect) -> Router { Router::new() }
