use std::fmt;

use tower_auth_core::{ConfigError, ConfigErrorKind, Secret};

use super::{
    Canonical, DataKey, HeaderFault, KeyError, KeyProvider, Kind, OVERHEAD, header, key_text, open, seal_into,
    strip_header,
};

/// How long a wrapped data key is: its header, its overhead, and the key.
const WRAPPED_LEN: usize = 2 + OVERHEAD + DataKey::LEN;

/// Key-encryption keys in the memory of this process: a [`KeyProvider`](crate::KeyProvider).
///
/// The first key is the current one: it wraps. All of them unwrap. To replace a key, put a new one before it, start every
/// process anew, rewrap what is stored, and then take the old one out.
///
/// ```
/// use tower_auth_store::KeyRing;
///
/// # let (new, old) = (KeyRing::generate_key(), KeyRing::generate_key());
/// let keys = KeyRing::new("2026-01", &new)?.and("2025-07", &old)?;
/// assert_eq!(format!("{keys:?}"), r#"KeyRing { ids: ["2026-01", "2025-07"], .. }"#);
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
///
/// # Security
/// The keys must not be where the database and its backups are: together they are no encryption at all. An id stands in
/// the database and in logs, so it must tell nothing about the key; one that could be read as a key itself is refused.
#[derive(Clone)]
pub struct KeyRing {
    /// The current one first; never empty.
    keys: Vec<(String, DataKey)>,
}

impl KeyRing {
    /// A ring of one key. `id` is 1 to 64 letters, digits, `.`, `_` and `-`; `key` is 32 bytes in base64 or in hexadecimal.
    ///
    /// # Errors
    /// When the id or the key is not like that. The error repeats neither.
    pub fn new(id: &str, key: &Secret) -> Result<Self, ConfigError> {
        Self::extended(None, id, key.expose_secret(), || "the key".to_owned())
    }

    /// Adds an older key, which unwraps only.
    ///
    /// # Errors
    /// As [`new`](Self::new), and when the id is there already.
    pub fn and(self, id: &str, key: &Secret) -> Result<Self, ConfigError> {
        Self::extended(Some(self), id, key.expose_secret(), || "the key".to_owned())
    }

    /// A new key, in base64, for an operator to put into a configuration.
    #[must_use]
    pub fn generate_key() -> Secret {
        key_text::write(&DataKey::generate())
    }

    /// The ids, the current one first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|(id, _)| id.as_str())
    }

    /// Adds a key, the first or a further one. `what` names it in errors: not by its id, which may be a key where an operator
    /// took one for the other.
    pub(super) fn extended(
        ring: Option<Self>,
        id: &str,
        key: &str,
        what: impl Fn() -> String,
    ) -> Result<Self, ConfigError> {
        let refuse = |message| Err(ConfigError::new(ConfigErrorKind::InvalidOption, message));
        if !is_id(id) {
            return refuse(format!("the id of {} is not 1 to 64 letters, digits, `.`, `_` and `-`", what()));
        }
        if key_text::parse(id).is_some() {
            return refuse(format!("the id of {} is itself a key: it is written `id:key`", what()));
        }
        let Some(key) = key_text::parse(key) else {
            return refuse(format!("{} is not {}", what(), key_text::EXPECTED));
        };
        let mut keys = ring.map(|ring| ring.keys).unwrap_or_default();
        if keys.iter().any(|(known, _)| known == id) {
            return refuse(format!("{} has the id of an earlier one", what()));
        }
        keys.push((id.to_owned(), key));
        Ok(Self { keys })
    }

    fn key(&self, key_id: &str) -> Result<&DataKey, KeyError> {
        let found = self.keys.iter().find(|(id, _)| id == key_id);
        found.map(|(_, key)| key).ok_or_else(|| KeyError::unknown_key(key_id))
    }
}

impl KeyProvider for KeyRing {
    fn current(&self) -> String {
        self.keys[0].0.clone()
    }

    async fn wrap(&self, key_id: &str, data_key: &DataKey, context: &[u8]) -> Result<Vec<u8>, KeyError> {
        let key = self.key(key_id)?;
        let mut wrapped = Vec::with_capacity(WRAPPED_LEN);
        wrapped.extend_from_slice(&header(Kind::RingKey));
        seal_into(&mut wrapped, key, Kind::RingKey, &associated(key_id, context), data_key.expose());
        Ok(wrapped)
    }

    async fn unwrap(&self, key_id: &str, wrapped: &[u8], context: &[u8]) -> Result<DataKey, KeyError> {
        let key = self.key(key_id)?;
        let sealed = strip_header(Kind::RingKey, wrapped).map_err(KeyError::from)?;
        let bytes = open(key, Kind::RingKey, &associated(key_id, context), sealed).ok_or_else(KeyError::damaged)?;
        DataKey::from_bytes(&bytes)
    }

    async fn has(&self, key_id: &str) -> Result<bool, KeyError> {
        Ok(self.key(key_id).is_ok())
    }
}

impl From<HeaderFault> for KeyError {
    fn from(fault: HeaderFault) -> Self {
        match fault {
            HeaderFault::Malformed => Self::damaged(),
            HeaderFault::TooNew => Self::too_new(),
        }
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("ids", &self.ids().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

fn associated(key_id: &str, context: &[u8]) -> Vec<u8> {
    Canonical::new(Kind::RingKey).field(key_id).field(context).into_bytes()
}

fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeyErrorKind;

    async fn failure(ring: &KeyRing, key_id: &str, wrapped: &[u8], context: &[u8]) -> KeyErrorKind {
        ring.unwrap(key_id, wrapped, context).await.unwrap_err().kind()
    }

    // THREAT-S3
    #[tokio::test]
    async fn the_first_key_wraps_and_each_key_unwraps() {
        let (new, old) = (KeyRing::generate_key(), KeyRing::generate_key());
        let before = KeyRing::new("old", &old).unwrap();
        let after = KeyRing::new("new", &new).unwrap().and("old", &old).unwrap();
        assert_eq!((before.current(), after.current()), ("old".to_owned(), "new".to_owned()));

        let data_key = DataKey::generate();
        let wrapped = before.wrap("old", &data_key, b"context").await.unwrap();
        assert_eq!(wrapped.len(), WRAPPED_LEN);
        assert_eq!(after.unwrap("old", &wrapped, b"context").await.unwrap().expose(), data_key.expose());
        assert_eq!(failure(&after, "new", &wrapped, b"context").await, KeyErrorKind::Damaged);
        assert!(after.has("old").await.unwrap());
    }

    // THREAT-S3
    #[tokio::test]
    async fn an_unknown_id_is_told_apart_from_a_damaged_key() {
        let ring = KeyRing::new("here", &KeyRing::generate_key()).unwrap();
        let wrapped = ring.wrap("here", &DataKey::generate(), b"c").await.unwrap();
        assert_eq!(failure(&ring, "gone", &wrapped, b"c").await, KeyErrorKind::UnknownKey);
        let error = ring.wrap("gone", &DataKey::generate(), b"c").await.unwrap_err();
        assert_eq!(error.to_string(), "there is no key-encryption key with the id \"gone\" [key.unknown]");
        assert!(!ring.has("gone").await.unwrap());
    }

    // THREAT-S1, THREAT-S2
    #[tokio::test]
    async fn a_changed_cut_or_misplaced_key_does_not_unwrap() {
        let ring = KeyRing::new("k", &KeyRing::generate_key()).unwrap();
        let wrapped = ring.wrap("k", &DataKey::generate(), b"context").await.unwrap();
        assert_eq!(failure(&ring, "k", &wrapped, b"contexT").await, KeyErrorKind::Damaged);
        for offset in 1..wrapped.len() {
            let mut changed = wrapped.clone();
            changed[offset] ^= 1 << (offset % 8);
            assert_eq!(failure(&ring, "k", &changed, b"context").await, KeyErrorKind::Damaged, "{offset}");
            assert_eq!(failure(&ring, "k", &wrapped[..offset], b"context").await, KeyErrorKind::Damaged, "{offset}");
        }
        assert_eq!(failure(&ring, "k", b"", b"context").await, KeyErrorKind::Damaged);
        assert_eq!(failure(&ring, "k", b"\x02\x03", b"context").await, KeyErrorKind::TooNew);
    }

    // THREAT-L1
    #[test]
    fn neither_debug_nor_an_error_shows_a_key() {
        let key = KeyRing::generate_key();
        let ring = KeyRing::new("k", &key).unwrap();
        assert!(!format!("{ring:?}").contains(key.expose_secret()));
        let twice = ring.and("k", &key).unwrap_err();
        let short = KeyRing::new("k", &Secret::from("sentinel")).unwrap_err();
        let swapped = KeyRing::new(key.expose_secret().trim_end_matches('='), &Secret::from("k")).unwrap_err();
        for error in [twice, short, swapped] {
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("sentinel") && !shown.contains(&key.expose_secret()[..43]), "{shown}");
            assert_eq!(error.kind(), ConfigErrorKind::InvalidOption);
        }
    }
}
