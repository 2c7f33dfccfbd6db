use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::{DataKey, KeyError, KeyProvider};

/// A [`KeyProvider`] of any type. Clones share it.
///
/// ```
/// use tower_auth_store::{KeyRing, Keys};
///
/// let keys = Keys::new(KeyRing::new("2026-01", &KeyRing::generate_key())?);
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Keys(Arc<dyn ErasedProvider>);

impl Keys {
    /// Wraps a provider.
    pub fn new(provider: impl KeyProvider) -> Self {
        Self(Arc::new(provider))
    }

    pub(crate) fn current(&self) -> String {
        self.0.current_id()
    }

    pub(crate) async fn wrap(&self, key_id: &str, data_key: &DataKey, context: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.0.wrap_boxed(key_id, data_key, context).await
    }

    pub(crate) async fn unwrap(&self, key_id: &str, wrapped: &[u8], context: &[u8]) -> Result<DataKey, KeyError> {
        self.0.unwrap_boxed(key_id, wrapped, context).await
    }

    /// Whether there is a key with this id: asked at the start for each id in use.
    pub(crate) async fn has(&self, key_id: &str) -> Result<bool, KeyError> {
        self.0.has_boxed(key_id).await
    }
}

impl<P: KeyProvider> From<P> for Keys {
    fn from(provider: P) -> Self {
        Self::new(provider)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

type KeyFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, KeyError>> + Send + 'a>>;

/// [`KeyProvider`] with its type erased. A box for each call is nothing beside what a database or a service takes.
trait ErasedProvider: Send + Sync {
    fn current_id(&self) -> String;
    fn wrap_boxed<'a>(&'a self, key_id: &'a str, data_key: &'a DataKey, context: &'a [u8]) -> KeyFuture<'a, Vec<u8>>;
    fn unwrap_boxed<'a>(&'a self, key_id: &'a str, wrapped: &'a [u8], context: &'a [u8]) -> KeyFuture<'a, DataKey>;
    fn has_boxed<'a>(&'a self, key_id: &'a str) -> KeyFuture<'a, bool>;
}

impl<P: KeyProvider> ErasedProvider for P {
    fn current_id(&self) -> String {
        self.current()
    }

    fn wrap_boxed<'a>(&'a self, key_id: &'a str, data_key: &'a DataKey, context: &'a [u8]) -> KeyFuture<'a, Vec<u8>> {
        Box::pin(self.wrap(key_id, data_key, context))
    }

    fn unwrap_boxed<'a>(&'a self, key_id: &'a str, wrapped: &'a [u8], context: &'a [u8]) -> KeyFuture<'a, DataKey> {
        Box::pin(self.unwrap(key_id, wrapped, context))
    }

    fn has_boxed<'a>(&'a self, key_id: &'a str) -> KeyFuture<'a, bool> {
        Box::pin(self.has(key_id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeyRing;

    #[test]
    fn keys_travel_between_threads() {
        fn travels<T: Clone + Send + Sync + 'static>(_: &T) {}
        travels(&Keys::new(KeyRing::new("k", &KeyRing::generate_key()).unwrap()));
    }

    // THREAT-L1
    #[test]
    fn debug_never_shows_a_key() {
        let key = KeyRing::generate_key();
        let shown = format!("{:?}", Keys::new(KeyRing::new("k", &key).unwrap()));
        assert!(!shown.contains(key.expose_secret()), "{shown}");
    }
}
