use std::future::Future;
use std::pin::Pin;

use super::ApiKeyRecord;
use crate::BoxError;

/// Where the records of API keys are found: a database.
///
/// A closure from the id to a future is such a place:
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::Arc;
/// use tower_auth_core::{ApiKeyRecord, ApiKeyVerifier, BoxError};
///
/// # let database: Arc<HashMap<String, (String, String)>> = Arc::default();
/// let verifier = ApiKeyVerifier::new()
///     .prefix("acme")
///     .lookup(move |id: String| {
///         let database = database.clone();
///         async move {
///             let Some((digest, owner)) = database.get(&id) else { return Ok(None) };
///             Ok::<_, BoxError>(Some(ApiKeyRecord::new(id, digest)?.subject(owner)))
///         }
///     })
///     .build()?;
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not look up API keys",
    note = "what looks up API keys implements `ApiKeyLookup`, or is a closure `|id: String| async {{ … }}` that returns \
            `Result<Option<ApiKeyRecord>, E>` with an error that converts into `BoxError`, and can be sent between threads"
)]
pub trait ApiKeyLookup: Send + Sync + 'static {
    /// The record of the key that has this id, or `None` if there is no such key, or it was revoked. The digest is
    /// compared by the verifier.
    ///
    /// # Errors
    /// Any error means that it cannot be told: the caller is answered 503, never that the key is wrong.
    ///
    /// # Cancel safety
    /// The future is dropped when the caller goes away, or when the look-up takes too long.
    fn look_up(&self, id: &str) -> impl Future<Output = Result<Option<ApiKeyRecord>, BoxError>> + Send;
}

impl<F, Fut, E> ApiKeyLookup for F
where
    F: Fn(String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Option<ApiKeyRecord>, E>> + Send,
    E: Into<BoxError>,
{
    async fn look_up(&self, id: &str) -> Result<Option<ApiKeyRecord>, BoxError> {
        self(id.to_owned()).await.map_err(Into::into)
    }
}

type LookupFuture<'a> = Pin<Box<dyn Future<Output = Result<Option<ApiKeyRecord>, BoxError>> + Send + 'a>>;

/// [`ApiKeyLookup`] with its type erased.
pub(super) trait ErasedLookup: Send + Sync {
    fn look_up_boxed<'a>(&'a self, id: &'a str) -> LookupFuture<'a>;
}

impl<L: ApiKeyLookup> ErasedLookup for L {
    fn look_up_boxed<'a>(&'a self, id: &'a str) -> LookupFuture<'a> {
        Box::pin(self.look_up(id))
    }
}
