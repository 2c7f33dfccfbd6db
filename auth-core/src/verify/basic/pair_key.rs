use aws_lc_rs::{hmac, rand};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::credential::PairText;
use crate::error::{ConfigError, ConfigErrorKind};

/// A key that only this process has, by which pairs of user and password are told apart without being kept.
pub(super) struct PairKey(hmac::Key);

/// What stands for a pair. Without the key it says nothing, and nobody can try passwords against it.
#[derive(Clone, Copy)]
pub(super) struct PairTag([u8; LEN]);

const LEN: usize = 32;

impl PairKey {
    pub(super) fn new() -> Result<Self, ConfigError> {
        let mut key = Zeroizing::new([0; LEN]);
        rand::fill(&mut *key)
            .map_err(|_| ConfigError::new(ConfigErrorKind::InvalidOption, "there are no random numbers for a key"))?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &*key)))
    }

    pub(super) fn tag(&self, pair: &PairText) -> PairTag {
        let mut bytes = [0; LEN];
        bytes.copy_from_slice(hmac::sign(&self.0, pair.as_bytes()).as_ref());
        PairTag(bytes)
    }
}

impl PairTag {
    /// In a time that does not depend on where they differ.
    pub(super) fn matches(&self, other: &Self) -> Choice {
        let difference = self.words().zip(other.words()).fold(0, |sum, (own, other)| sum | (own ^ other));
        difference.ct_eq(&0)
    }

    fn words(&self) -> impl Iterator<Item = u64> {
        self.0.chunks_exact(8).map(|chunk| chunk.iter().fold(0, |word, byte| (word << 8) | u64::from(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Basic;

    fn tag(key: &PairKey, user: &str, password: &str) -> PairTag {
        key.tag(&(&Basic::new(user, password).unwrap()).into())
    }

    // THREAT-V11
    #[test]
    fn a_pair_has_one_tag_under_one_key_and_shares_it_with_no_other() {
        let key = PairKey::new().unwrap();
        let own = tag(&key, "a", "b:c");
        assert!(bool::from(own.matches(&tag(&key, "a", "b:c"))));
        for (user, password) in [("a", "b"), ("ab", ":c"), ("", "a:b:c"), ("a", "b:c "), ("A", "b:c")] {
            assert!(!bool::from(own.matches(&tag(&key, user, password))), "{user} {password}");
        }
        assert!(!bool::from(own.matches(&tag(&PairKey::new().unwrap(), "a", "b:c"))), "another process");
    }
}
