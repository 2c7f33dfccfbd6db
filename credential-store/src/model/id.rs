use std::fmt;
use std::str::FromStr;

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tower_auth_core::{ConfigError, ConfigErrorKind};

/// The name of a stored credential: 128 random bits, such as `cred_q83vEjRWeJCrze8SNFZ4kA`.
///
/// It cannot be guessed, and it opens nothing by itself: every operation wants the [`Owner`](crate::Owner) beside it. An application may
/// keep it and pass it around.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialId([u8; LEN]);

const LEN: usize = 16;
const PREFIX: &str = "cred_";

impl CredentialId {
    /// A new one.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn generate() -> Result<Self, ConfigError> {
        let mut bytes = [0; LEN];
        rand::fill(&mut bytes)
            .map_err(|_| ConfigError::new(ConfigErrorKind::InvalidOption, "there are no random numbers for an id"))?;
        Ok(Self(bytes))
    }

    /// The bits, for a backend.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl FromStr for CredentialId {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let bytes = text.strip_prefix(PREFIX).and_then(|rest| URL_SAFE_NO_PAD.decode(rest).ok());
        bytes.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or_else(|| {
            ConfigError::new(ConfigErrorKind::InvalidOption, "this is not the id of a credential: it begins with cred_")
        })
    }
}

impl fmt::Display for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for CredentialId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CredentialId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SYS-C19
    #[test]
    fn an_id_comes_back_from_its_text_and_from_no_other() {
        let id = CredentialId::generate().unwrap();
        let text = id.to_string();
        assert_eq!(text.parse::<CredentialId>().unwrap(), id);
        assert_ne!(CredentialId::generate().unwrap(), id);
        for bad in [&text[5..], &text[..text.len() - 1], &format!("{text}A"), "", "cred_", "cred_\u{e9}", " cred_"] {
            assert!(bad.parse::<CredentialId>().is_err(), "{bad}");
        }
    }
}
