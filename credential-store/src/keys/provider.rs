use std::future::Future;

use super::{DataKey, KeyError};

/// Whoever holds the key-encryption keys: a [`KeyRing`](crate::KeyRing), or a key management service.
///
/// Keys go by an id, which is stored with each wrapped data key: 1 to 255 bytes of UTF-8. Several keys unwrap, one wraps: that
/// is how keys are replaced. `context` is 32 bytes that say which credential a data key belongs to: a SHA-256, the same each
/// time. It is no secret, and has to be authenticated with the wrapped key, so that a wrapped key that was copied to
/// another row does not unwrap there. Services call it encryption context, or additional authenticated data.
///
/// ```
/// use tower_auth_store::{DataKey, KeyError, KeyErrorKind, KeyProvider, Keys};
///
/// # mod kms {
/// #     pub(crate) struct Client;
/// #     #[derive(Debug)]
/// #     pub(crate) enum Error { Forbidden, Busy }
/// #     impl std::fmt::Display for Error {
/// #         fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("no") }
/// #     }
/// #     impl std::error::Error for Error {}
/// #     impl Client {
/// #         pub(crate) async fn encrypt(&self, _: &str, text: &[u8], _: &[u8]) -> Result<Vec<u8>, Error> { Ok(text.to_vec()) }
/// #         pub(crate) async fn decrypt(&self, _: &str, text: &[u8], _: &[u8]) -> Result<Vec<u8>, Error> { Ok(text.to_vec()) }
/// #     }
/// # }
/// struct KmsKeys {
///     client: kms::Client,
///     /// Names of keys in the service, newest first.
///     names: Vec<String>,
/// }
///
/// impl KeyProvider for KmsKeys {
///     fn current(&self) -> String {
///         self.names[0].clone()
///     }
///
///     async fn wrap(&self, key_id: &str, data_key: &DataKey, context: &[u8]) -> Result<Vec<u8>, KeyError> {
///         self.client.encrypt(key_id, data_key.expose(), context).await.map_err(failed)
///     }
///
///     async fn unwrap(&self, key_id: &str, wrapped: &[u8], context: &[u8]) -> Result<DataKey, KeyError> {
///         // The id comes from the database: no key is used that is not one of ours.
///         if !self.has(key_id).await? {
///             return Err(KeyError::new(KeyErrorKind::UnknownKey, "a key that is not listed"));
///         }
///         DataKey::from_bytes(&self.client.decrypt(key_id, wrapped, context).await.map_err(failed)?)
///     }
///
///     async fn has(&self, key_id: &str) -> Result<bool, KeyError> {
///         Ok(self.names.iter().any(|name| name == key_id))
///     }
/// }
///
/// fn failed(error: kms::Error) -> KeyError {
///     let kind = match error {
///         kms::Error::Busy => KeyErrorKind::Unavailable,
///         kms::Error::Forbidden => KeyErrorKind::Refused,
///     };
///     KeyError::new(kind, "the key management service did not do it").with_source(error)
/// }
///
/// let keys = Keys::new(KmsKeys { client: kms::Client, names: vec!["alias/credentials-2".into(), "alias/credentials-1".into()] });
/// ```
///
/// # Security
/// Who can write to the database chooses the `key_id` and the bytes that [`unwrap`](Self::unwrap) gets. A service with keys of
/// many owners must be asked for listed keys only: else a row could name a key of the attacker's own, and with it a
/// data key that the attacker knows.
#[diagnostic::on_unimplemented(
    message = "`{Self}` holds no key-encryption keys",
    note = "what holds them implements `KeyProvider`: a `KeyRing`, or `FnKeys` with two closures that ask a key management service"
)]
pub trait KeyProvider: Send + Sync + 'static {
    /// The id of the key that data keys are wrapped with from now on. May change at any time.
    fn current(&self) -> String;

    /// Encrypts `data_key` with the key `key_id`, and authenticates `context` with it. At most 16 KiB.
    ///
    /// # Errors
    /// See [`KeyErrorKind`](crate::KeyErrorKind): the kind decides whether it is tried again.
    fn wrap(
        &self,
        key_id: &str,
        data_key: &DataKey,
        context: &[u8],
    ) -> impl Future<Output = Result<Vec<u8>, KeyError>> + Send;

    /// Decrypts what [`wrap`](Self::wrap) gave for the same `key_id` and `context`.
    ///
    /// # Errors
    /// See [`KeyErrorKind`](crate::KeyErrorKind). A key that is not there is `UnknownKey`, and a wrapped key or a context that is not
    /// authentic `Damaged`.
    fn unwrap(
        &self,
        key_id: &str,
        wrapped: &[u8],
        context: &[u8],
    ) -> impl Future<Output = Result<DataKey, KeyError>> + Send;

    /// Whether the key `key_id` is there, for a check at the start that no key in use is missing.
    ///
    /// # Errors
    /// When it cannot be told.
    fn has(&self, key_id: &str) -> impl Future<Output = Result<bool, KeyError>> + Send;
}
