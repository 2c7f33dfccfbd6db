use std::fmt;
use std::future::Future;

use super::{DataKey, KeyError, KeyProvider};

/// Two closures that ask a key management service: a [`KeyProvider`].
///
/// ```
/// use tower_auth_store::{DataKey, FnKeys, KeyError, Keys};
///
/// # async fn encrypt(_: &str, key: &[u8], _: &[u8]) -> Result<Vec<u8>, KeyError> { Ok(key.to_vec()) }
/// # async fn decrypt(_: &str, key: &[u8], _: &[u8]) -> Result<Vec<u8>, KeyError> { Ok(key.to_vec()) }
/// let keys = FnKeys::new(
///     "alias/credentials-2",
///     |key_id: String, data_key: DataKey, context: Vec<u8>| async move { encrypt(&key_id, data_key.expose(), &context).await },
///     |key_id: String, wrapped: Vec<u8>, context: Vec<u8>| async move {
///         DataKey::from_bytes(&decrypt(&key_id, &wrapped, &context).await?)
///     },
/// );
/// let keys = Keys::new(keys.and("alias/credentials-1"));
/// ```
///
/// The closures are called with ids that were given here, and no others.
#[derive(Clone)]
pub struct FnKeys<W, U> {
    /// The current one first.
    ids: Vec<String>,
    wrap: W,
    unwrap: U,
}

impl<W, U> FnKeys<W, U> {
    /// Keys of which `current` is the id of the current one. `wrap` gets a key's id, the data key and its context,
    /// `unwrap` a key's id, the wrapped key and its context: see [`KeyProvider`].
    pub fn new(current: impl Into<String>, wrap: W, unwrap: U) -> Self {
        Self { ids: vec![current.into()], wrap, unwrap }
    }

    /// Adds an older key, which unwraps only.
    #[must_use]
    pub fn and(mut self, id: impl Into<String>) -> Self {
        self.ids.push(id.into());
        self
    }

    fn check(&self, key_id: &str) -> Result<(), KeyError> {
        if self.ids.iter().any(|id| id == key_id) { Ok(()) } else { Err(KeyError::unknown_key(key_id)) }
    }
}

impl<W, WrapFuture, U, UnwrapFuture> KeyProvider for FnKeys<W, U>
where
    W: Fn(String, DataKey, Vec<u8>) -> WrapFuture + Send + Sync + 'static,
    WrapFuture: Future<Output = Result<Vec<u8>, KeyError>> + Send,
    U: Fn(String, Vec<u8>, Vec<u8>) -> UnwrapFuture + Send + Sync + 'static,
    UnwrapFuture: Future<Output = Result<DataKey, KeyError>> + Send,
{
    fn current(&self) -> String {
        self.ids[0].clone()
    }

    async fn wrap(&self, key_id: &str, data_key: &DataKey, context: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.check(key_id)?;
        (self.wrap)(key_id.to_owned(), data_key.clone(), context.to_vec()).await
    }

    async fn unwrap(&self, key_id: &str, wrapped: &[u8], context: &[u8]) -> Result<DataKey, KeyError> {
        self.check(key_id)?;
        (self.unwrap)(key_id.to_owned(), wrapped.to_vec(), context.to_vec()).await
    }

    async fn has(&self, key_id: &str) -> Result<bool, KeyError> {
        Ok(self.check(key_id).is_ok())
    }
}

impl<W, U> fmt::Debug for FnKeys<W, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FnKeys").field("ids", &self.ids).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{KeyErrorKind, Keys};

    // THREAT-S3
    #[tokio::test]
    async fn closures_wrap_with_the_current_key_and_unwrap_with_the_listed_ones() {
        let keys = FnKeys::new(
            "new",
            |id: String, key: DataKey, context: Vec<u8>| async move {
                Ok([id.as_bytes(), context.as_slice(), key.expose().as_slice()].concat())
            },
            |id: String, wrapped: Vec<u8>, context: Vec<u8>| async move {
                let prefix = [id.as_bytes(), context.as_slice()].concat();
                DataKey::from_bytes(wrapped.strip_prefix(&prefix[..]).ok_or_else(KeyError::damaged)?)
            },
        );
        let keys = Keys::new(keys.and("old"));
        assert_eq!(keys.current(), "new");
        let data_key = DataKey::generate();
        let wrapped = keys.wrap("new", &data_key, b"c").await.unwrap();
        assert_eq!(keys.unwrap("new", &wrapped, b"c").await.unwrap().expose(), data_key.expose());
        assert_eq!(keys.unwrap("old", &wrapped, b"c").await.unwrap_err().kind(), KeyErrorKind::Damaged);
        assert_eq!(keys.unwrap("new", &wrapped, b"d").await.unwrap_err().kind(), KeyErrorKind::Damaged);
        assert!(keys.has("old").await.unwrap());
    }

    // THREAT-S3
    #[tokio::test]
    async fn an_id_that_was_not_listed_never_reaches_the_service() {
        let keys = FnKeys::new(
            "mine",
            |_: String, _: DataKey, _: Vec<u8>| async { Err(KeyError::new(KeyErrorKind::Refused, "asked")) },
            |_: String, _: Vec<u8>, _: Vec<u8>| async { Err(KeyError::new(KeyErrorKind::Refused, "asked")) },
        );
        assert_eq!(keys.unwrap("foreign", b"x", b"c").await.unwrap_err().kind(), KeyErrorKind::UnknownKey);
        assert!(!keys.has("foreign").await.unwrap());
    }
}
