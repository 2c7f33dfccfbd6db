use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use unicode_normalization::{UnicodeNormalization, is_nfc};
use zeroize::Zeroizing;

use super::pair_text::PairText;
use crate::Secret;
use crate::error::{ConfigError, ConfigErrorKind};

/// A user-id and password pair (RFC 7617).
///
/// ```
/// use tower_auth_core::Basic;
///
/// let pair = Basic::new("Aladdin", "open sesame")?;
/// assert_eq!(pair.header_text().expose_secret(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Basic {
    user: String,
    password: Secret,
}

impl Basic {
    /// A pair. Both halves may be empty; they are sent in Unicode Normalization Form C.
    ///
    /// # Errors
    /// When `user` has a colon, or either half a control character (RFC 7617 section 2).
    pub fn new(user: impl Into<String>, password: impl Into<Secret>) -> Result<Self, ConfigError> {
        let user = user.into();
        let password = password.into();
        if user.contains(':') {
            return Err(invalid("the user-id of a Basic credential must not have a colon"));
        }
        if user.chars().chain(password.expose_secret().chars()).any(is_control) {
            return Err(invalid("a Basic credential must not have control characters"));
        }
        let user = if is_nfc(&user) { user } else { user.nfc().collect() };
        let password = if is_nfc(password.expose_secret()) {
            password
        } else {
            password.expose_secret().nfc().collect::<String>().into()
        };
        Ok(Self { user, password })
    }

    /// The pair that the base64 text of a Basic credential holds: standard alphabet, padded, UTF-8, parted at the first
    /// colon. `None` for anything else.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        let pair = PairText::decode(text)?;
        Some(Self { user: pair.user().to_owned(), password: Secret::from(pair.password()) })
    }

    /// The user-id.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password.
    #[must_use]
    pub fn password(&self) -> &Secret {
        &self.password
    }

    /// The field value: `Basic`, a space, and the pair in base64.
    #[must_use]
    pub fn header_text(&self) -> Secret {
        let pair = Zeroizing::new(format!("{}:{}", self.user, self.password.expose_secret()));
        // Reserved in full, so that no outgrown buffer with half a secret is left behind.
        let mut text = String::with_capacity("Basic ".len() + pair.len().div_ceil(3) * 4);
        text.push_str("Basic ");
        STANDARD.encode_string(pair.as_bytes(), &mut text);
        Secret::new(text)
    }
}

impl fmt::Debug for Basic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Basic").field("user", &self.user).field("password", &self.password).finish()
    }
}

/// `%x00-1F` and `%x7F`, which RFC 7617 forbids, and the control characters beyond ASCII, which nobody means.
fn is_control(c: char) -> bool {
    c.is_control()
}

fn invalid(message: &str) -> ConfigError {
    ConfigError::new(ConfigErrorKind::InvalidCredential, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(user: &str, password: &str) -> String {
        Basic::new(user, password).unwrap().header_text().expose_secret().to_owned()
    }

    // R7617-2a, SYS-A1
    #[test]
    fn the_pair_is_joined_by_a_colon_and_encoded_with_padding() {
        assert_eq!(encoded("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(encoded("test", "123\u{a3}"), "Basic dGVzdDoxMjPCow==");
        assert_eq!(Basic::decode("QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), Some(Basic::new("Aladdin", "open sesame").unwrap()));
        for not_padded_or_not_standard in
            ["QWxhZGRpbjpvcGVuIHNlc2FtZQ", "dGVzdDox_-__", "dGVzdA==", " QWxhOmI=", "QWxhOmI=\n"]
        {
            assert_eq!(Basic::decode(not_padded_or_not_standard), None, "{not_padded_or_not_standard:?}");
        }
    }

    // R7617-2b
    #[test]
    fn only_the_password_may_have_colons_and_both_may_be_empty() {
        assert!(Basic::new("a:b", "c").is_err());
        let pair = Basic::decode(&STANDARD.encode("a:b:c")).unwrap();
        assert_eq!((pair.user(), pair.password().expose_secret()), ("a", "b:c"));
        assert_eq!(encoded("", ""), "Basic Og==");
        assert_eq!(Basic::decode("Og=="), Some(Basic::new("", "").unwrap()));
    }

    // R7617-2c, R9110-5.5a
    #[test]
    fn control_characters_are_refused_both_ways() {
        for bad in ["a\0", "a\r\n", "\u{7f}", "\t"] {
            assert!(Basic::new(bad, "p").is_err());
            assert!(Basic::new("u", bad).is_err());
            assert_eq!(Basic::decode(&STANDARD.encode(format!("u:{bad}"))), None);
        }
    }

    // R7617-2.1b
    #[test]
    fn what_is_read_is_what_the_same_halves_make() {
        for (user, password) in
            [("A\u{30a}", "p"), ("u", "A\u{30a}:"), ("\u{c5}", "\u{338}x"), ("", "\u{338}"), ("u", "\u{1f600}")]
        {
            let pair = Basic::new(user, password).unwrap();
            assert_eq!(Basic::decode(&STANDARD.encode(format!("{user}:{password}"))), Some(pair), "{user} {password}");
        }
        assert_eq!(Basic::decode(&STANDARD.encode("u:\u{e9}\u{85}")), None, "a control character beyond ASCII");
    }

    // R7617-2.1b
    #[test]
    fn text_is_sent_in_normalization_form_c_and_read_strictly() {
        assert_eq!(encoded("u", "A\u{30a}"), encoded("u", "\u{c5}"));
        assert_eq!(Basic::decode(&STANDARD.encode(b"u:\xff\xfe")), None);
    }

    // SYS-A7
    #[test]
    fn reserved_characters_reach_the_server_unchanged() {
        let secret = "p+s/w %o:r=d&";
        let text = encoded("id", secret);
        assert_eq!(STANDARD.decode(text.strip_prefix("Basic ").unwrap()).unwrap(), format!("id:{secret}").as_bytes());
    }

    // THREAT-L1
    #[test]
    fn debug_shows_the_user_and_not_the_password() {
        let shown = format!("{:?}", Basic::new("batch", "sentinel").unwrap());
        assert!(shown.contains("batch") && !shown.contains("sentinel"));
    }
}
