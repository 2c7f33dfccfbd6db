use std::sync::Arc;
use axum::Router;
use super::connect::Connect;
use crate::model::{CredentialId, Owner};
pub(super) struct Caller { pub(super) owner: Owner, pub(super) connectors: Vec<String>, pub(super) reconnects: Option<CredentialId>, pub(super) redirect_uri: Option<String> }
impl Caller { pub(super) fn of(owner: Owner) -> Self { Self { owner, connectors: Vec::new(), reconnects: None, redirect_uri: None } } }
type Callers = dyn Fn(&http::request::Parts) -> Option<Caller> + Send + Sync;
pub(super) fn router(_connect: Connect, _caller: Arc<Callers>, _by_token: bool) -> Router { Router::new() }
