use std::fmt;
use std::time::SystemTime;

use aws_lc_rs::digest::{Context, SHA256};

/// A proof that is about to be accepted, as a [`ReplayStore`](super::ReplayStore) remembers it: a digest, from which
/// nobody learns anything of its sender.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct UsedProof {
    key: [u8; Self::KEY_LEN],
    expires_at: SystemTime,
}

impl UsedProof {
    /// The length of a [`key`](Self::key), in bytes.
    pub const KEY_LEN: usize = 32;

    /// The proof `jti` of the key with this thumbprint.
    pub(super) fn new(thumbprint: &str, jti: &str, expires_at: SystemTime) -> Self {
        let mut context = Context::new(&SHA256);
        // A thumbprint has one length, so that no two pairs are written alike.
        context.update(thumbprint.as_bytes());
        context.update(jti.as_bytes());
        let mut key = [0; Self::KEY_LEN];
        key.copy_from_slice(context.finish().as_ref());
        Self { key, expires_at }
    }

    /// What the proof is told from others by: the SHA-256 of the thumbprint of its key and its `jti`.
    #[must_use]
    pub fn key(&self) -> &[u8; Self::KEY_LEN] {
        &self.key
    }

    /// Until when it must be remembered. Afterwards it is refused for its age.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }
}

impl fmt::Debug for UsedProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsedProof").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // R9449-11.1a
    #[test]
    fn a_proof_is_remembered_by_a_digest_of_its_key_and_id() {
        let at = SystemTime::UNIX_EPOCH;
        let key = |thumbprint: &str, jti: &str| *UsedProof::new(thumbprint, jti, at).key();
        let (one, other) =
            ("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        assert_eq!(key(one, "a"), key(one, "a"));
        assert_ne!(key(one, "a"), key(one, "b"));
        assert_ne!(key(one, "a"), key(other, "a"));
        assert_eq!(key(one, &"x".repeat(256)).len(), 32);
    }
}
