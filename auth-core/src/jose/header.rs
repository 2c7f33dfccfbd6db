use std::borrow::Cow;

use serde::de::MapAccess;

use super::algorithm::Algorithm;
use super::error::JoseError;
use super::json::{Level, Members, read_object};
#[cfg(feature = "dpop")]
use super::jwk::{Jwk, RawJwk};
use super::text::Text;

/// Longest `kid` that is looked at, in bytes.
pub(super) const MAX_KID_LEN: usize = 256;

/// The protected header of a token: what its signer says of it. Nothing in it is to be believed before the
/// signature is checked, and `alg` not even then (the key decides).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Header<'a> {
    /// The algorithm the token claims to be signed with.
    pub alg: Algorithm,
    /// The key id, at most 256 bytes: to be compared, never to be used as a path or a query.
    pub kid: Option<Cow<'a, str>>,
    /// The media type of the token; compare it with [`typ_is`](Self::typ_is).
    pub typ: Option<Cow<'a, str>>,
    /// The media type of the payload.
    pub cty: Option<Cow<'a, str>>,
    /// Whether the header brings or names a key of its own: `jwk`, `jku`, `x5u` or `x5c`. Such a key is never
    /// read, let alone used (RFC 8725 section 3.10).
    pub names_key: bool,
}

impl<'a> Header<'a> {
    /// Reads a decoded header.
    ///
    /// # Errors
    /// When it is not strict JSON, has no known `alg`, has a registered member of the wrong type, a `kid` over
    /// 256 bytes, any critical extension (RFC 7515 section 4.1.11; we understand none), or `b64` false (RFC 7797).
    pub fn parse(json: &'a [u8]) -> Result<Self, JoseError> {
        Self::read::<NoKey>(json).map(|(header, NoKey)| header)
    }

    /// Reads a decoded header and the key in its `jwk`: for proofs of possession, which are about that key. No other
    /// kind of token is ever checked with it.
    #[cfg(feature = "dpop")]
    pub(super) fn parse_with_key(json: &'a [u8]) -> Result<(Self, Option<Jwk>), JoseError> {
        let (header, EmbeddedKey(key)) = Self::read::<EmbeddedKey<'a>>(json)?;
        Ok((header, key.map(Jwk::from_raw).transpose()?))
    }

    fn read<K: KeyMember<'a>>(json: &'a [u8]) -> Result<(Self, K), JoseError> {
        let mut raw = RawHeader::<K>::default();
        read_object(json, &mut raw)?;
        match raw.crit.as_deref() {
            None => {}
            Some([]) => return Err(JoseError::BadMember("crit")),
            Some(_) => return Err(JoseError::CriticalExtension),
        }
        if raw.b64 == Some(false) {
            return Err(JoseError::UnencodedPayload);
        }
        if raw.kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID_LEN) {
            return Err(JoseError::KidTooLong);
        }
        let alg = Algorithm::from_name(&raw.alg.ok_or(JoseError::MissingMember("alg"))?)?;
        let header = Self { alg, kid: raw.kid, typ: raw.typ, cty: raw.cty, names_key: raw.names_key };
        Ok((header, raw.key))
    }

    /// The same, borrowed from nothing.
    pub(super) fn to_static(&self) -> Header<'static> {
        let owned = |text: &Option<Cow<'_, str>>| text.as_deref().map(|text| Cow::Owned(text.to_owned()));
        let Self { alg, kid, typ, cty, names_key } = self;
        Header { alg: *alg, kid: owned(kid), typ: owned(typ), cty: owned(cty), names_key: *names_key }
    }

    /// The same, borrowed from this one.
    pub(super) fn borrowed(&self) -> Header<'_> {
        fn borrowed<'a>(text: &'a Option<Cow<'_, str>>) -> Option<Cow<'a, str>> {
            text.as_deref().map(Cow::Borrowed)
        }
        let Self { alg, kid, typ, cty, names_key } = self;
        Header { alg: *alg, kid: borrowed(kid), typ: borrowed(typ), cty: borrowed(cty), names_key: *names_key }
    }

    /// Whether `typ` is the media type `short`, given without `application/`. Compared without regard to case,
    /// and `x` means `application/x` (RFC 7515 section 4.1.9, RFC 8725 section 3.11). Absent is no type.
    #[must_use]
    pub fn typ_is(&self, short: &str) -> bool {
        const PREFIX: &str = "application/";
        self.typ.as_deref().is_some_and(|typ| {
            let is_prefixed = typ.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX));
            let name = if is_prefixed { &typ[PREFIX.len()..] } else { typ };
            name.eq_ignore_ascii_case(short)
        })
    }
}

/// What becomes of `jwk`.
trait KeyMember<'de>: Default {
    fn read<A: MapAccess<'de>>(&mut self, map: &mut A, level: Level<'_>) -> Result<(), A::Error>;
}

/// It is checked for well-formedness and skipped.
#[derive(Default)]
struct NoKey;

impl<'de> KeyMember<'de> for NoKey {
    fn read<A: MapAccess<'de>>(&mut self, map: &mut A, level: Level<'_>) -> Result<(), A::Error> {
        map.next_value_seed(level.skip())
    }
}

/// It is read as a key.
#[cfg(feature = "dpop")]
#[derive(Default)]
struct EmbeddedKey<'a>(Option<RawJwk<'a>>);

#[cfg(feature = "dpop")]
impl<'de> KeyMember<'de> for EmbeddedKey<'de> {
    fn read<A: MapAccess<'de>>(&mut self, map: &mut A, level: Level<'_>) -> Result<(), A::Error> {
        map.next_value_seed(level.object(self.0.insert(RawJwk::default())))
    }
}

#[derive(Default)]
struct RawHeader<'a, K> {
    alg: Option<Cow<'a, str>>,
    kid: Option<Cow<'a, str>>,
    typ: Option<Cow<'a, str>>,
    cty: Option<Cow<'a, str>>,
    crit: Option<Vec<Text<'a>>>,
    b64: Option<bool>,
    key: K,
    names_key: bool,
}

impl<'de, K: KeyMember<'de>> Members<'de> for RawHeader<'de, K> {
    const NAMES: &'static [&'static str] = &["alg", "kid", "typ", "cty", "crit", "b64", "jwk", "jku", "x5u", "x5c"];

    // Written out so that the compiler can choose by length, on the path of every token.
    fn slot(&self, name: &str) -> Option<usize> {
        Some(match name {
            "alg" => 0,
            "kid" => 1,
            "typ" => 2,
            "cty" => 3,
            "crit" => 4,
            "b64" => 5,
            "jwk" => 6,
            "jku" => 7,
            "x5u" => 8,
            "x5c" => 9,
            _ => return None,
        })
    }

    fn read<A: MapAccess<'de>>(&mut self, slot: usize, map: &mut A, level: Level<'_>) -> Result<(), A::Error> {
        match slot {
            0 => self.alg = Some(map.next_value::<Text<'de>>()?.0),
            1 => self.kid = Some(map.next_value::<Text<'de>>()?.0),
            2 => self.typ = Some(map.next_value::<Text<'de>>()?.0),
            3 => self.cty = Some(map.next_value::<Text<'de>>()?.0),
            4 => self.crit = Some(map.next_value()?),
            5 => self.b64 = Some(map.next_value()?),
            6 => {
                self.names_key = true;
                self.key.read(map, level)?;
            }
            _ => {
                self.names_key = true;
                map.next_value_seed(level.skip())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Header<'_>, JoseError> {
        Header::parse(json.as_bytes())
    }

    #[test]
    fn a_header_is_read_with_what_it_has() {
        let header = parse(r#"{"typ":"at+jwt","alg":"ES256","kid":"k\u0031","cty":"x","iss":"ignored"}"#).unwrap();
        assert_eq!(header.alg, Algorithm::Es256);
        assert_eq!(header.kid.as_deref(), Some("k1"));
        assert_eq!(header.cty.as_deref(), Some("x"));
        assert!(header.typ_is("at+jwt"));
        assert!(!header.names_key);
    }

    // THREAT-V1, R8725-3.2a
    #[test]
    fn an_algorithm_that_is_absent_unknown_or_no_string_is_refused() {
        assert_eq!(parse("{}").err(), Some(JoseError::MissingMember("alg")));
        for value in [r#""none""#, r#""None""#, r#""nOnE""#, r#""NONE""#, r#""""#, r#""hs256""#] {
            assert_eq!(parse(&format!(r#"{{"alg":{value}}}"#)).err(), Some(JoseError::UnknownAlgorithm), "{value}");
        }
        for value in ["1", "null", "true", "[\"RS256\"]", "{\"alg\":\"RS256\"}"] {
            assert_eq!(parse(&format!(r#"{{"alg":{value}}}"#)).err(), Some(JoseError::BadMember("alg")), "{value}");
        }
    }

    // R7515-4a
    #[test]
    fn a_name_given_twice_is_refused() {
        for json in [
            r#"{"alg":"RS256","alg":"RS256"}"#,
            r#"{"alg":"RS256","\u0061lg":"HS256"}"#,
            r#"{"alg":"RS256","x":1,"x":1}"#,
            r#"{"alg":"RS256","jwk":{"kty":"RSA","kty":"EC"}}"#,
        ] {
            assert_eq!(parse(json).err(), Some(JoseError::DuplicateMember), "{json}");
        }
    }

    // R7515-4.1.11a, THREAT-V5
    #[test]
    fn every_critical_extension_is_refused_and_so_is_a_malformed_list() {
        for (crit, error) in [
            (r#"["exp"]"#, JoseError::CriticalExtension),
            (r#"["unknown"]"#, JoseError::CriticalExtension),
            (r#"["b64"]"#, JoseError::CriticalExtension),
            (r#"["alg"]"#, JoseError::CriticalExtension),
            (r#"["exp","exp"]"#, JoseError::CriticalExtension),
            ("[]", JoseError::BadMember("crit")),
            (r#""exp""#, JoseError::BadMember("crit")),
            ("null", JoseError::BadMember("crit")),
            ("{}", JoseError::BadMember("crit")),
            ("[1]", JoseError::BadMember("crit")),
            (r#"["exp",null]"#, JoseError::BadMember("crit")),
        ] {
            let json = format!(r#"{{"alg":"RS256","exp":1,"unknown":1,"b64":true,"crit":{crit}}}"#);
            assert_eq!(parse(&json).err(), Some(error), "{crit}");
        }
    }

    // R7515-4.1.11a
    #[test]
    fn an_unencoded_payload_is_refused_with_and_without_crit() {
        assert_eq!(parse(r#"{"alg":"RS256","b64":false}"#).err(), Some(JoseError::UnencodedPayload));
        assert!(parse(r#"{"alg":"RS256","b64":false,"crit":["b64"]}"#).is_err());
        assert_eq!(parse(r#"{"alg":"RS256","b64":"false"}"#).err(), Some(JoseError::BadMember("b64")));
        assert!(parse(r#"{"alg":"RS256","b64":true}"#).is_ok(), "which says what holds anyway");
    }

    // THREAT-V4
    #[test]
    fn a_key_id_of_256_bytes_is_read_and_a_longer_one_refused() {
        let with = |kid: &str| format!(r#"{{"alg":"RS256","kid":{kid:?}}}"#);
        assert!(parse(&with(&"k".repeat(256))).is_ok());
        assert_eq!(parse(&with(&"k".repeat(257))).err(), Some(JoseError::KidTooLong));
        assert_eq!(parse(&with(&"é".repeat(129))).err(), Some(JoseError::KidTooLong), "bytes, not characters");
        assert_eq!(parse(r#"{"alg":"RS256","kid":1}"#).err(), Some(JoseError::BadMember("kid")));
        let odd = "../../etc/passwd' OR 1=1 --";
        assert_eq!(parse(&with(odd)).unwrap().kid.as_deref(), Some(odd), "a key id is only data");
    }

    // THREAT-V3
    #[test]
    fn keys_named_by_the_header_are_noticed_and_skipped() {
        for member in [r#""jwk":{"kty":"oct"}"#, r#""jku":"https://evil""#, r#""x5u":1"#, r#""x5c":[]"#] {
            let json = format!(r#"{{"alg":"RS256",{member}}}"#);
            assert!(parse(&json).unwrap().names_key, "{member}");
        }
    }

    #[test]
    fn typ_is_compared_without_case_and_prefix() {
        let typ = |typ: &str| format!(r#"{{"alg":"RS256","typ":{typ:?}}}"#);
        for yes in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
            assert!(parse(&typ(yes)).unwrap().typ_is("at+jwt"), "{yes}");
        }
        for no in ["JWT", "at+jwt ", "application/", "application/application/at+jwt", "text/at+jwt", "", "é"] {
            assert!(!parse(&typ(no)).unwrap().typ_is("at+jwt"), "{no}");
        }
        assert!(!parse(r#"{"alg":"RS256"}"#).unwrap().typ_is("at+jwt"));
    }

    #[test]
    fn each_known_name_has_its_own_slot() {
        for (slot, name) in RawHeader::<NoKey>::NAMES.iter().enumerate() {
            assert_eq!(RawHeader::<NoKey>::default().slot(name), Some(slot));
        }
    }
}
