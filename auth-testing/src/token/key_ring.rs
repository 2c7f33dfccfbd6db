use std::sync::Arc;

use tower_auth_core::jose::{Algorithm, SigningKey};
use tower_auth_core::{ConfigError, ConfigErrorKind};

/// The keys of an issuer.
#[derive(Debug)]
pub(crate) struct KeyRing {
    keys: Vec<RingKey>,
    made: usize,
}

#[derive(Debug)]
struct RingKey {
    kid: String,
    key: Arc<SigningKey>,
    /// Whether new tokens are signed by it.
    signs: bool,
}

impl KeyRing {
    /// A key for each of `algorithms`; the first is the default.
    pub(crate) fn new(algorithms: &[Algorithm]) -> Result<Self, ConfigError> {
        let invalid = |message: &str| Err(ConfigError::new(ConfigErrorKind::InvalidOption, message));
        if algorithms.is_empty() {
            return invalid("an issuer needs at least one signing algorithm");
        }
        if algorithms.iter().any(|algorithm| algorithm.is_symmetric()) {
            return invalid("an issuer with a public key set cannot sign by a shared secret");
        }
        let mut ring = Self { keys: Vec::new(), made: 0 };
        for algorithm in algorithms {
            ring.add(*algorithm);
        }
        Ok(ring)
    }

    /// The key that signs with `algorithm`, or the default one; `None` if there is none.
    pub(crate) fn signer(&self, algorithm: Option<Algorithm>) -> Option<(String, Arc<SigningKey>)> {
        self.keys
            .iter()
            .find(|key| key.signs && algorithm.is_none_or(|wanted| key.key.algorithm() == wanted))
            .map(|key| (key.kid.clone(), Arc::clone(&key.key)))
    }

    /// Replaces every signing key by a new one. The old ones stay in the key set if `keep_old` is true.
    pub(crate) fn rotate(&mut self, keep_old: bool) {
        let algorithms: Vec<_> = self.keys.iter().filter(|key| key.signs).map(|key| key.key.algorithm()).collect();
        if !keep_old {
            self.keys.clear();
        }
        self.keys.iter_mut().for_each(|key| key.signs = false);
        for algorithm in algorithms {
            self.add(algorithm);
        }
    }

    /// Takes a key out; false if there is no such key, or it is the last that signs.
    pub(crate) fn retire(&mut self, kid: &str) -> bool {
        let last = self.keys.iter().filter(|key| key.signs && key.kid != kid).count() == 0;
        let before = self.keys.len();
        self.keys.retain(|key| last || key.kid != kid);
        self.keys.len() < before
    }

    pub(crate) fn kids(&self) -> Vec<String> {
        self.keys.iter().map(|key| key.kid.clone()).collect()
    }

    pub(crate) fn algorithm_names(&self) -> Vec<&'static str> {
        self.keys.iter().filter(|key| key.signs).map(|key| key.key.algorithm().name()).collect()
    }

    /// The key set as JSON text.
    pub(crate) fn jwks(&self) -> String {
        let keys: Vec<_> = self
            .keys
            .iter()
            .map(|key| key.key.public_jwk(Some(&key.kid)).expect("an asymmetric key has a public part"))
            .collect();
        format!("{{\"keys\":[{}]}}", keys.join(","))
    }

    fn add(&mut self, algorithm: Algorithm) {
        self.made += 1;
        let key = SigningKey::generate(algorithm).expect("a working cryptographic library makes keys");
        self.keys.push(RingKey { kid: format!("key-{}", self.made), key: Arc::new(key), signs: true });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kid(ring: &KeyRing, algorithm: Option<Algorithm>) -> Option<String> {
        ring.signer(algorithm).map(|(kid, _)| kid)
    }

    #[test]
    fn keys_are_found_by_algorithm_rotated_and_retired() {
        let mut ring = KeyRing::new(&[Algorithm::Es256, Algorithm::EdDsa]).unwrap();
        assert_eq!(kid(&ring, None).as_deref(), Some("key-1"));
        assert_eq!(kid(&ring, Some(Algorithm::EdDsa)).as_deref(), Some("key-2"));
        assert_eq!(kid(&ring, Some(Algorithm::Rs256)), None);
        ring.rotate(true);
        assert_eq!(kid(&ring, None).as_deref(), Some("key-3"));
        assert_eq!(ring.kids(), ["key-1", "key-2", "key-3", "key-4"]);
        assert!(ring.retire("key-1") && !ring.retire("key-1"));
        ring.rotate(false);
        assert_eq!(ring.kids(), ["key-5", "key-6"]);
        assert!(ring.retire("key-5") && !ring.retire("key-6"), "somebody has to sign");
    }

    #[test]
    fn an_issuer_without_a_public_key_is_refused() {
        assert!(KeyRing::new(&[]).is_err());
        assert!(KeyRing::new(&[Algorithm::Hs256]).is_err());
    }
}
