use std::fmt;

use http::HeaderValue;

use super::Challenge;
use super::model::Data;
use super::parse::is_token_byte;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::scope::is_scope_byte;

impl Challenge {
    /// A Bearer challenge without parameters (RFC 6750 section 3 wants at least one: add a realm).
    #[must_use]
    pub fn bearer() -> Self {
        Self { scheme: "Bearer".to_owned(), data: Data::Params(Vec::new()) }
    }

    /// A Basic challenge for `realm`, which asks for UTF-8 (RFC 7617 section 2.1).
    ///
    /// # Errors
    /// As [`with_param`](Self::with_param).
    pub fn basic(realm: &str) -> Result<Self, ConfigError> {
        Self { scheme: "Basic".to_owned(), data: Data::Params(Vec::new()) }
            .with_param("realm", realm)?
            .with_param("charset", "UTF-8")
    }

    /// A challenge of another scheme.
    ///
    /// # Errors
    /// When `scheme` is not a token.
    pub fn new(scheme: &str) -> Result<Self, ConfigError> {
        check(is_token(scheme), || format!("{scheme:?} is not the name of an authentication scheme"))?;
        Ok(Self { scheme: scheme.to_owned(), data: Data::Params(Vec::new()) })
    }

    /// Adds a parameter. It is written as a quoted-string.
    ///
    /// # Errors
    /// When `name` is not a token or already there, when the challenge has a token68, or when `value` has a character
    /// that the parameter must not have: anything but printable ASCII; in `scope`, `error` and `error_description`
    /// also `"` and `\`; in `error_uri` a space too (RFC 6750 section 3).
    pub fn with_param(mut self, name: &str, value: &str) -> Result<Self, ConfigError> {
        check(is_token(name), || format!("{name:?} is not the name of a challenge parameter"))?;
        let fits: fn(u8) -> bool = match name.to_ascii_lowercase().as_str() {
            "scope" | "error" | "error_description" => |byte| byte == b' ' || is_scope_byte(byte),
            "error_uri" => is_scope_byte,
            _ => |byte| matches!(byte, b' '..=b'~'),
        };
        check(value.bytes().all(fits), || {
            format!("the challenge parameter {name} must not have the value {:?}", value.escape_default().to_string())
        })?;
        check(self.param(name).is_none(), || format!("the challenge has a parameter {name} already"))?;
        match &mut self.data {
            Data::Params(params) => params.push((name.to_owned(), value.to_owned())),
            Data::Token68(_) => {
                check(false, || "a challenge with a token68 has no parameters".to_owned())?;
            }
        }
        Ok(self)
    }

    /// The challenge as a field value.
    #[must_use]
    pub fn to_header_value(&self) -> HeaderValue {
        // A parsed challenge may hold text beyond ASCII; such bytes are legal in a field value, control bytes are not,
        // and neither the parser nor the builder lets them in.
        HeaderValue::from_bytes(self.to_string().as_bytes()).unwrap_or_else(|_| HeaderValue::from_static("Bearer"))
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.scheme)?;
        match &self.data {
            Data::Token68(token) => write!(f, " {token}"),
            Data::Params(params) => {
                for (index, (name, value)) in params.iter().enumerate() {
                    f.write_str(if index == 0 { " " } else { ", " })?;
                    write!(f, "{name}=\"")?;
                    for c in value.chars() {
                        if matches!(c, '"' | '\\') {
                            f.write_str("\\")?;
                        }
                        write!(f, "{c}")?;
                    }
                    f.write_str("\"")?;
                }
                Ok(())
            }
        }
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

fn check(fine: bool, message: impl FnOnce() -> String) -> Result<(), ConfigError> {
    if fine { Ok(()) } else { Err(ConfigError::new(ConfigErrorKind::InvalidOption, message())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    // R9110-11.5a
    #[test]
    fn realm_is_quoted_and_escaped() {
        let challenge = Challenge::bearer().with_param("realm", r#"a "b" \c"#).unwrap();
        assert_eq!(challenge.to_string(), r#"Bearer realm="a \"b\" \\c""#);
        assert_eq!(Challenge::parse(&challenge.to_string()), [challenge]);
    }

    // R6750-3b, R6750-3c, THREAT-T7
    #[test]
    fn values_outside_the_character_sets_and_repeats_are_refused() {
        for (name, value) in [
            ("realm", "a\r\nX: y"),
            ("realm", "\u{e9}"),
            ("error", "a\"b"),
            ("scope", "a\\b"),
            ("error_description", "say \"no\""),
            ("error_uri", "https://e/ x"),
            ("bad name", "x"),
        ] {
            assert!(Challenge::bearer().with_param(name, value).is_err(), "{name}={value:?}");
        }
        let once = Challenge::bearer().with_param("error", "invalid_token").unwrap();
        assert!(once.clone().with_param("Error", "again").is_err());
        assert!(Challenge::new("Bear er").is_err());
    }

    // R7617-2d, R7617-2.1a
    #[test]
    fn basic_has_a_realm_and_asks_for_utf8() {
        let challenge = Challenge::basic("orders").unwrap();
        assert_eq!(challenge.to_string(), r#"Basic realm="orders", charset="UTF-8""#);
    }

    // THREAT-T7
    #[test]
    fn whatever_is_built_parses_to_the_same_and_holds_no_control_byte() {
        fastrand::seed(7);
        for _ in 0..2_000 {
            let value: String = (0..fastrand::usize(..24)).map(|_| fastrand::char('\0'..='\u{ff}')).collect();
            let Ok(challenge) = Challenge::bearer().with_param("realm", &value) else { continue };
            let header = challenge.to_header_value();
            assert!(header.as_bytes().iter().all(|byte| (b' '..=b'~').contains(byte)));
            assert_eq!(Challenge::parse(header.to_str().unwrap()), [challenge]);
        }
    }
}
