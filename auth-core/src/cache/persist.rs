use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::TokenResponse;
use crate::error::BoxError;

/// What makes a response durable before it is published, with its type erased.
pub(super) type Persist = Box<dyn Fn(Arc<TokenResponse>) -> PersistFuture + Send + Sync>;

type PersistFuture = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

pub(super) fn erase<F, Fut>(persist: F) -> Persist
where
    F: Fn(Arc<TokenResponse>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    Box::new(move |response| Box::pin(persist(response)))
}
