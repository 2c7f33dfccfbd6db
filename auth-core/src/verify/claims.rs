use std::fmt;

use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::RejectionKind;

/// Reads a claims set into a type of the service's, and says whose fault it is if that fails.
///
/// It is the token's, unless the type reads no JSON object whatever: then no token could ever be good, and the service
/// is mistaken.
pub(super) fn decode<T: DeserializeOwned>(json: &str) -> Result<T, RejectionKind> {
    serde_json::from_str(json).map_err(|_| match T::deserialize(Probe) {
        Err(Asked::Object) => RejectionKind::UnusableClaims,
        Ok(_) | Err(Asked::Other) => RejectionKind::Misconfigured,
    })
}

/// Asks a type what it wants to read, and gives it nothing.
struct Probe;

/// What a type wants to read.
#[derive(Debug)]
enum Asked {
    Object,
    Other,
}

macro_rules! other {
    ($($method:ident($($argument:ty),*))*) => {
        $(fn $method<V: Visitor<'de>>(self, $(_: $argument,)* _: V) -> Result<V::Value, Asked> {
            Err(Asked::Other)
        })*
    };
}

impl<'de> Deserializer<'de> for Probe {
    type Error = Asked;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Asked> {
        Err(Asked::Object)
    }

    forward_to_deserialize_any! { map struct enum ignored_any }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Asked> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Asked> {
        visitor.visit_newtype_struct(self)
    }

    other! {
        deserialize_bool()
        deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128()
        deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
        deserialize_f32() deserialize_f64()
        deserialize_char() deserialize_str() deserialize_string() deserialize_identifier()
        deserialize_bytes() deserialize_byte_buf()
        deserialize_unit() deserialize_unit_struct(&'static str)
        deserialize_seq() deserialize_tuple(usize) deserialize_tuple_struct(&'static str, usize)
    }
}

impl serde::de::Error for Asked {
    /// A type that objects before it has asked for anything reads nothing at all.
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Other
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Object => "the type wants an object",
            Self::Other => "the type wants something else than an object",
        })
    }
}

impl std::error::Error for Asked {}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const CLAIMS: &str = r#"{"tenant":7,"sub":"alice"}"#;

    fn fault<T: DeserializeOwned>() -> Option<RejectionKind> {
        decode::<T>(CLAIMS).err()
    }

    #[derive(serde::Deserialize)]
    #[allow(dead_code, reason = "only read into")]
    struct Good {
        tenant: u32,
    }

    #[derive(serde::Deserialize)]
    #[allow(dead_code, reason = "only read into")]
    struct Unlike {
        tenant: String,
    }

    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    #[allow(dead_code, reason = "only read into")]
    enum Either {
        A(Unlike),
        B(Vec<u8>),
    }

    #[derive(serde::Deserialize)]
    #[allow(dead_code, reason = "only read into")]
    struct Wrapped(Unlike);

    #[derive(serde::Deserialize)]
    #[allow(dead_code, reason = "only read into")]
    struct Pair(u8, u8);

    #[derive(serde::Deserialize)]
    struct Nothing;

    #[test]
    fn types_that_the_claims_fit_are_read() {
        assert_eq!(fault::<Good>(), None);
        assert_eq!(fault::<Option<Good>>(), None);
        assert_eq!(fault::<serde_json::Value>(), None);
        assert_eq!(decode::<Good>(CLAIMS).unwrap().tenant, 7);
    }

    // R9068-4c, THREAT-V6
    #[test]
    fn claims_of_another_shape_are_the_tokens_fault() {
        assert_eq!(fault::<Unlike>(), Some(RejectionKind::UnusableClaims));
        assert_eq!(fault::<Option<Unlike>>(), Some(RejectionKind::UnusableClaims));
        assert_eq!(fault::<Wrapped>(), Some(RejectionKind::UnusableClaims));
        assert_eq!(fault::<Either>(), Some(RejectionKind::UnusableClaims));
        assert_eq!(fault::<HashMap<String, String>>(), Some(RejectionKind::UnusableClaims));
        let huge = decode::<HashMap<String, f64>>(r#"{"n":1e400}"#);
        assert_eq!(huge.err(), Some(RejectionKind::UnusableClaims), "serde_json calls this a mistake of syntax");
    }

    #[test]
    fn a_type_that_reads_no_object_is_the_services_fault() {
        assert_eq!(fault::<u32>(), Some(RejectionKind::Misconfigured));
        assert_eq!(fault::<String>(), Some(RejectionKind::Misconfigured));
        assert_eq!(fault::<Vec<Good>>(), Some(RejectionKind::Misconfigured));
        assert_eq!(fault::<Pair>(), Some(RejectionKind::Misconfigured));
        assert_eq!(fault::<Nothing>(), Some(RejectionKind::Misconfigured));
        assert_eq!(fault::<()>(), Some(RejectionKind::Misconfigured));
    }
}
