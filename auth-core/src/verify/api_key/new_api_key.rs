use std::fmt;

use aws_lc_rs::rand;
use zeroize::Zeroizing;

use super::key_text::{CHANCE_LEN, ID_LEN, LETTERS, checksum, is_prefix};
use super::{ApiKeyRecord, ApiKeyVerifier};
use crate::Secret;
use crate::error::{ConfigError, ConfigErrorKind};

/// An API key that was made just now: to be shown to its owner once, and stored as a digest.
///
/// The key is `<prefix>_<id>_<secret>`, of letters, digits and `_` only:
///
/// - the prefix says whose keys these are, and for what: `acme_live`. Tell it to secret scanners;
/// - the id is 16 letters and digits. It is no secret: logs, lists of keys and look-ups use it;
/// - the secret is 43 letters and digits of chance (256 bits) and a checksum of six: the CRC-32 of everything before it,
///   in base 62 with the digits `0-9A-Za-z`, as GitHub's tokens have.
///
/// ```
/// use tower_auth_core::{ApiKeyVerifier, NewApiKey};
///
/// let new = NewApiKey::generate("acme_live")?;
/// assert!(new.secret().expose_secret().starts_with("acme_live_"));
/// // Show the secret, store the id and the digest.
/// let (id, digest) = (new.id().to_owned(), new.digest());
///
/// let verifier = ApiKeyVerifier::new().key(id, digest).build()?;
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
pub struct NewApiKey {
    id: String,
    secret: Secret,
}

impl NewApiKey {
    /// Makes a key.
    ///
    /// # Errors
    /// When the prefix is not 1 to 32 of `a-z`, `0-9` and `_` that begin with a letter and do not end with `_`; or when
    /// there are no random numbers.
    pub fn generate(prefix: &str) -> Result<Self, ConfigError> {
        if !is_prefix(prefix) {
            return Err(ConfigError::new(
                ConfigErrorKind::InvalidOption,
                "the prefix of API keys is 1 to 32 lower-case letters, digits and `_`, with a letter first and no `_` last",
            ));
        }
        let id = letters(ID_LEN)?.to_string();
        let chance = letters(CHANCE_LEN)?;
        // Reserved in full, so that no outgrown buffer with half a secret is left behind.
        let mut text = String::with_capacity(prefix.len() + id.len() + chance.len() + 16);
        for part in [prefix, "_", &id, "_", &chance] {
            text.push_str(part);
        }
        let sum = Zeroizing::new(checksum(&text));
        text.push_str(&sum);
        Ok(Self { id, secret: Secret::new(text) })
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The whole key, for its owner. It cannot be had again.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The digest, to be stored.
    #[must_use]
    pub fn digest(&self) -> String {
        ApiKeyVerifier::digest(&self.secret)
    }

    /// What a verifier has to know of it.
    pub fn record(&self) -> ApiKeyRecord {
        ApiKeyRecord::of(&self.id, &self.secret)
    }
}

impl fmt::Debug for NewApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewApiKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// So many letters and digits of chance, each as likely as the others.
fn letters(len: usize) -> Result<Zeroizing<String>, ConfigError> {
    // The greatest multiple of 62 that a byte holds: what is beyond would favour the first letters.
    const FAIR: u8 = 248;
    let mut text = Zeroizing::new(String::with_capacity(len));
    let mut bytes = Zeroizing::new([0_u8; 64]);
    while text.len() < len {
        rand::fill(&mut *bytes).map_err(|_| {
            ConfigError::new(ConfigErrorKind::InvalidOption, "there are no random numbers for an API key")
        })?;
        let fair = bytes.iter().filter(|byte| **byte < FAIR);
        let room = len - text.len();
        text.extend(fair.take(room).map(|byte| char::from(LETTERS[usize::from(*byte % 62)])));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::verify::api_key::key_text::KeyText;

    #[test]
    fn a_key_has_its_form_and_no_two_are_alike() {
        let mut seen = HashSet::new();
        for _ in 0..200 {
            let new = NewApiKey::generate("acme_live").unwrap();
            let text = new.secret().expose_secret();
            assert_eq!(KeyText::parse(text), Some(KeyText { prefix: "acme_live", id: new.id() }));
            assert_eq!(text.len(), "acme_live_".len() + ID_LEN + 1 + 49);
            assert!(seen.insert(new.id().to_owned()) && seen.insert(text.to_owned()));
        }
        for bad in ["", "Acme", "acme_", "_acme", "1acme", "ac-me", "\u{e4}"] {
            assert!(NewApiKey::generate(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn every_letter_comes_up() {
        let text = letters(10_000).unwrap();
        assert_eq!(text.len(), 10_000);
        for letter in LETTERS {
            let count = text.bytes().filter(|own| own == letter).count();
            assert!((80..=260).contains(&count), "{} came up {count} times, not about 161", char::from(*letter));
        }
    }

    // THREAT-L1
    #[test]
    fn a_new_key_shows_its_id_only() {
        let new = NewApiKey::generate("acme").unwrap();
        let shown = format!("{new:?}");
        assert!(shown.contains(new.id()) && !shown.contains(&new.secret().expose_secret()[22..]), "{shown}");
    }
}
