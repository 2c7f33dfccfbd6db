use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use unicode_normalization::{UnicodeNormalization, is_nfc};
use zeroize::Zeroizing;

use super::Basic;

/// A user-id and password pair as one text, `user:password`, in Normalization Form C. Reading one costs one allocation.
pub(crate) struct PairText {
    text: Zeroizing<String>,
    colon: usize,
}

impl PairText {
    /// The pair that the base64 text of a Basic credential holds; see [`Basic::decode`].
    pub(crate) fn decode(text: &str) -> Option<Self> {
        let text = match String::from_utf8(STANDARD.decode(text).ok()?) {
            Ok(text) => Zeroizing::new(text),
            Err(error) => {
                drop(Zeroizing::new(error.into_bytes()));
                return None;
            }
        };
        let colon = text.find(':')?;
        if text.is_ascii() {
            return (!text.bytes().any(|byte| byte.is_ascii_control())).then_some(Self { text, colon });
        }
        let pair = Self { text, colon };
        if pair.text.chars().any(char::is_control) {
            return None;
        }
        // Each half by itself: what a password begins with must not change the colon.
        if is_nfc(pair.user()) && is_nfc(pair.password()) {
            return Some(pair);
        }
        let password: Zeroizing<String> = Zeroizing::new(pair.password().nfc().collect());
        Some(Self::join(&pair.user().nfc().collect::<String>(), &password))
    }

    pub(crate) fn user(&self) -> &str {
        self.text.get(..self.colon).unwrap_or_default()
    }

    pub(crate) fn password(&self) -> &str {
        self.text.get(self.colon + 1..).unwrap_or_default()
    }

    /// The whole of it. A user-id has no colon, so no two pairs make one text.
    #[cfg(feature = "verify")]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    fn join(user: &str, password: &str) -> Self {
        // Reserved in full, so that no outgrown buffer with half a secret is left behind.
        let mut text = Zeroizing::new(String::with_capacity(user.len() + 1 + password.len()));
        for part in [user, ":", password] {
            text.push_str(part);
        }
        Self { text, colon: user.len() }
    }
}

impl From<&Basic> for PairText {
    fn from(pair: &Basic) -> Self {
        Self::join(pair.user(), pair.password().expose_secret())
    }
}
