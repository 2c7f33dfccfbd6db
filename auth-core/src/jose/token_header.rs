use serde::Serialize;
use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::error::JoseError;

/// The header fields to sign a token with. `alg` is not among them: it is the key's.
///
/// ```
/// use tower_auth_core::jose::TokenHeader;
///
/// let header = TokenHeader::new().typ("at+jwt").kid("2024-05");
/// ```
#[derive(Clone, Debug, Default)]
pub struct TokenHeader {
    fields: Map<String, Value>,
}

impl TokenHeader {
    /// A header with `alg` alone.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The media type of the token, such as `at+jwt`.
    #[must_use]
    pub fn typ(self, typ: &str) -> Self {
        self.text("typ", typ)
    }

    /// The id of the key, as its public part is published with.
    #[must_use]
    pub fn kid(self, kid: &str) -> Self {
        self.text("kid", kid)
    }

    /// Any other field.
    ///
    /// # Errors
    /// [`JoseError::BadMember`] for `alg`, [`JoseError::Unserializable`] when `value` cannot be written as JSON.
    pub fn field(mut self, name: &str, value: &impl Serialize) -> Result<Self, JoseError> {
        if name == "alg" {
            return Err(JoseError::BadMember("alg"));
        }
        let value = serde_json::to_value(value).map_err(|_| JoseError::Unserializable)?;
        self.fields.insert(name.to_owned(), value);
        Ok(self)
    }

    fn text(mut self, name: &str, value: &str) -> Self {
        self.fields.insert(name.to_owned(), Value::from(value));
        self
    }

    pub(super) fn to_json(&self, algorithm: Algorithm) -> Result<Vec<u8>, JoseError> {
        #[derive(Serialize)]
        struct Whole<'a> {
            alg: &'static str,
            #[serde(flatten)]
            fields: &'a Map<String, Value>,
        }
        serde_json::to_vec(&Whole { alg: algorithm.name(), fields: &self.fields })
            .map_err(|_| JoseError::Unserializable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_algorithm_is_the_keys_and_comes_first() {
        let header = TokenHeader::new().kid("k").typ("JWT").field("x", &[1, 2]).unwrap();
        let json = header.to_json(Algorithm::Es256).unwrap();
        assert_eq!(String::from_utf8(json).unwrap(), r#"{"alg":"ES256","kid":"k","typ":"JWT","x":[1,2]}"#);
        assert_eq!(TokenHeader::new().field("alg", &"none").err(), Some(JoseError::BadMember("alg")));
    }
}
