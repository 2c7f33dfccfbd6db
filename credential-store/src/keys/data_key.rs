use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand;
use zeroize::Zeroizing;

use super::{KeyError, KeyErrorKind};

/// A key of 256 bits that encrypts what is stored for one credential.
///
/// It is stored wrapped only, by a [`KeyProvider`](crate::KeyProvider). Clones share one buffer, which is overwritten with
/// zeros when the last clone is dropped. `Debug` shows nothing of it.
///
/// ```
/// use tower_auth_store::DataKey;
///
/// let key = DataKey::generate();
/// assert_eq!(format!("{key:?}"), "DataKey([redacted])");
/// assert_eq!(DataKey::from_bytes(key.expose())?.expose(), key.expose());
/// # Ok::<(), tower_auth_store::KeyError>(())
/// ```
#[derive(Clone)]
pub struct DataKey(Arc<Zeroizing<[u8; Self::LEN]>>);

impl DataKey {
    /// How many bytes a key has.
    pub const LEN: usize = 32;

    /// A new key of random bits.
    #[must_use]
    pub fn generate() -> Self {
        Self::filled(|bytes| {
            rand::fill(bytes).expect("aws-lc ends the process rather than go on without random numbers");
        })
    }

    /// The key that a provider unwrapped. The bytes are copied: what they are copied from is the provider's to wipe.
    ///
    /// # Errors
    /// When they are not 32 bytes. Then it was not a data key that was wrapped.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        if bytes.len() != Self::LEN {
            return Err(KeyError::new(KeyErrorKind::Damaged, "what was unwrapped is not a key of 32 bytes"));
        }
        Ok(Self::filled(|key| key.copy_from_slice(bytes)))
    }

    /// The key itself, for whoever wraps it. Every call of this is a place where it could leak.
    #[must_use]
    pub fn expose(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// Filled where it stays, so that no copy of it is left on the stack.
    fn filled(fill: impl FnOnce(&mut [u8; Self::LEN])) -> Self {
        let mut key = Arc::new(Zeroizing::new([0; Self::LEN]));
        if let Some(bytes) = Arc::get_mut(&mut key) {
            fill(bytes);
        }
        Self(key)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use zeroize::ZeroizeOnDrop;

    use super::*;

    // THREAT-L1
    #[test]
    fn debug_never_shows_the_key() {
        let key = DataKey::from_bytes(b"sentinel-sentinel-sentinel-senti").unwrap();
        let shown = format!("{key:?} {:#?}", Some(&key));
        assert!(!shown.contains("sentinel") && !shown.contains("115"), "{shown}");
    }

    // THREAT-L5
    #[test]
    fn the_key_lies_in_a_buffer_that_wipes_itself() {
        fn wipes_itself<T: ZeroizeOnDrop>(_: &T) {}
        wipes_itself(&*DataKey::generate().0);
    }

    #[test]
    fn generated_keys_differ_and_are_not_zeros() {
        let (one, other) = (DataKey::generate(), DataKey::generate());
        assert_ne!(one.expose(), other.expose());
        assert_ne!(one.expose(), &[0; 32]);
    }

    #[test]
    fn a_key_is_32_bytes_and_nothing_else() {
        for length in [0, 1, 16, 31, 33, 64] {
            assert_eq!(DataKey::from_bytes(&vec![7; length]).unwrap_err().kind(), KeyErrorKind::Damaged);
        }
        assert_eq!(DataKey::from_bytes(&[7; 32]).unwrap().expose(), &[7; 32]);
    }
}
