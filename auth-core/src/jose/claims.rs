use std::borrow::Cow;
use std::fmt;

use serde::de::MapAccess;

use super::confirmation::Confirmation;
use super::error::JoseError;
use super::json::{Level, Members, read_object};
use super::numeric_date::NumericDate;
use super::text::{StringOrList, Text};

/// The registered claims of a token, typed and borrowed from its payload.
///
/// A claim here has the right type or is absent. One of the wrong type makes the whole set an error, whether or
/// not anybody would have asked for it (RFC 7519 section 4.1; RFC 8725 section 2.7 tells why). The JSON is read
/// once; other claims are checked for well-formedness only, and can be read from [`raw`](Self::raw).
#[derive(Clone)]
#[non_exhaustive]
pub struct Claims<'a> {
    /// `iss`: who issued the token.
    pub iss: Option<Cow<'a, str>>,
    /// `sub`: whom it is about.
    pub sub: Option<Cow<'a, str>>,
    /// `aud`: whom it is for.
    pub aud: Option<StringOrList<'a>>,
    /// `exp`: not to be accepted at this time or later.
    pub exp: Option<NumericDate>,
    /// `nbf`: not to be accepted before.
    pub nbf: Option<NumericDate>,
    /// `iat`: when it was issued.
    pub iat: Option<NumericDate>,
    /// `jti`: its unique id.
    pub jti: Option<Cow<'a, str>>,
    /// `client_id`: the client it was issued to (RFC 9068).
    pub client_id: Option<Cow<'a, str>>,
    /// `azp`: the authorized party (OpenID Connect).
    pub azp: Option<Cow<'a, str>>,
    /// `scope`: the scopes granted (RFC 9068 section 2.2.3).
    pub scope: Option<StringOrList<'a>>,
    /// `scp`: what several issuers call `scope`.
    pub scp: Option<StringOrList<'a>>,
    /// `cnf`: the key it is bound to.
    pub cnf: Option<Confirmation<'a>>,
    /// The whole JSON object, as received.
    pub raw: &'a [u8],
    markers: u16,
}

/// A claim of which only the presence counts: most tell that the token is of another kind than an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Marker {
    /// `nonce`: an ID token.
    Nonce,
    /// `at_hash`: an ID token.
    AtHash,
    /// `c_hash`: an ID token.
    CHash,
    /// `events`: a logout token or another security event.
    Events,
    /// `htm`: a DPoP proof.
    Htm,
    /// `htu`: a DPoP proof.
    Htu,
    /// `act`: somebody acts for the subject (RFC 8693 section 4.1).
    Act,
}

impl<'a> Claims<'a> {
    /// Reads a claims set.
    ///
    /// # Errors
    /// When `json` is not one strict JSON object, or a claim named here has the wrong type: times are numbers of
    /// seconds from 1970 to 9999, fractions allowed; `aud`, `scope` and `scp` are a string or an array of
    /// strings; `cnf` is an object; the others are strings.
    pub fn parse(json: &'a [u8]) -> Result<Self, JoseError> {
        let mut claims = Self {
            iss: None,
            sub: None,
            aud: None,
            exp: None,
            nbf: None,
            iat: None,
            jti: None,
            client_id: None,
            azp: None,
            scope: None,
            scp: None,
            cnf: None,
            raw: json,
            markers: 0,
        };
        read_object(json, &mut claims)?;
        Ok(claims)
    }

    /// Whether the claim `marker` is present, with whatever value.
    #[must_use]
    pub fn has(&self, marker: Marker) -> bool {
        self.markers & marker.bit() != 0
    }
}

/// The claim `name` of a claims set, as a string or a list of strings: for scope or role claims under a name
/// that configuration gives.
///
/// # Errors
/// When `json` is not one strict JSON object, or the claim has another type.
pub fn string_or_list<'a>(json: &'a [u8], name: &str) -> Result<Option<StringOrList<'a>>, JoseError> {
    let mut lookup = Lookup { name, value: None };
    read_object(json, &mut lookup)?;
    Ok(lookup.value)
}

impl fmt::Debug for Claims<'_> {
    /// Who and for whom, without the raw bytes: claims are personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("iss", &self.iss)
            .field("aud", &self.aud)
            .field("exp", &self.exp)
            .finish_non_exhaustive()
    }
}

impl Marker {
    /// The name of the claim.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nonce => "nonce",
            Self::AtHash => "at_hash",
            Self::CHash => "c_hash",
            Self::Events => "events",
            Self::Htm => "htm",
            Self::Htu => "htu",
            Self::Act => "act",
        }
    }

    /// The discriminants count from zero, and there are fewer than sixteen of them.
    fn bit(self) -> u16 {
        1 << (self as u16)
    }
}

impl<'de> Members<'de> for Claims<'de> {
    const NAMES: &'static [&'static str] = &[
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "iat",
        "jti",
        "client_id",
        "azp",
        "scope",
        "scp",
        "cnf",
        "nonce",
        "at_hash",
        "c_hash",
        "events",
        "htm",
        "htu",
        "act",
    ];

    // Written out so that the compiler can choose by length, on the path of every token.
    fn slot(&self, name: &str) -> Option<usize> {
        Some(match name {
            "iss" => 0,
            "sub" => 1,
            "aud" => 2,
            "exp" => 3,
            "nbf" => 4,
            "iat" => 5,
            "jti" => 6,
            "client_id" => 7,
            "azp" => 8,
            "scope" => 9,
            "scp" => 10,
            "cnf" => 11,
            "nonce" => 12,
            "at_hash" => 13,
            "c_hash" => 14,
            "events" => 15,
            "htm" => 16,
            "htu" => 17,
            "act" => 18,
            _ => return None,
        })
    }

    fn read<A: MapAccess<'de>>(&mut self, slot: usize, map: &mut A, level: Level<'_>) -> Result<(), A::Error> {
        match slot {
            0 => self.iss = Some(map.next_value::<Text<'de>>()?.0),
            1 => self.sub = Some(map.next_value::<Text<'de>>()?.0),
            2 => self.aud = Some(map.next_value()?),
            3 => self.exp = Some(map.next_value()?),
            4 => self.nbf = Some(map.next_value()?),
            5 => self.iat = Some(map.next_value()?),
            6 => self.jti = Some(map.next_value::<Text<'de>>()?.0),
            7 => self.client_id = Some(map.next_value::<Text<'de>>()?.0),
            8 => self.azp = Some(map.next_value::<Text<'de>>()?.0),
            9 => self.scope = Some(map.next_value()?),
            10 => self.scp = Some(map.next_value()?),
            11 => {
                let mut confirmation = Confirmation::default();
                map.next_value_seed(level.object(&mut confirmation))?;
                self.cnf = Some(confirmation);
            }
            12 => self.mark(Marker::Nonce, map, level)?,
            13 => self.mark(Marker::AtHash, map, level)?,
            14 => self.mark(Marker::CHash, map, level)?,
            15 => self.mark(Marker::Events, map, level)?,
            16 => self.mark(Marker::Htm, map, level)?,
            17 => self.mark(Marker::Htu, map, level)?,
            _ => self.mark(Marker::Act, map, level)?,
        }
        Ok(())
    }
}

impl Claims<'_> {
    fn mark<'de, A: MapAccess<'de>>(&mut self, marker: Marker, map: &mut A, level: Level<'_>) -> Result<(), A::Error> {
        self.markers |= marker.bit();
        map.next_value_seed(level.skip())
    }
}

/// Looks for one claim under a name that is known at run time only.
struct Lookup<'a, 'n> {
    name: &'n str,
    value: Option<StringOrList<'a>>,
}

impl<'de> Members<'de> for Lookup<'de, '_> {
    const NAMES: &'static [&'static str] = &["the claim asked for"];

    fn slot(&self, name: &str) -> Option<usize> {
        (name == self.name).then_some(0)
    }

    fn read<A: MapAccess<'de>>(&mut self, _: usize, map: &mut A, _: Level<'_>) -> Result<(), A::Error> {
        self.value = Some(map.next_value()?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn parse(json: &str) -> Result<Claims<'_>, JoseError> {
        Claims::parse(json.as_bytes())
    }

    // R7519-4.1a
    #[test]
    fn claims_of_the_right_types_are_read() {
        let json = r#"{"iss":"https:\/\/as","sub":"alice","aud":["a","b"],"exp":1700000000.5,"nbf":0,"iat":1e9,
            "jti":"1","client_id":"c","azp":"c","scope":"read write","scp":["x y","z"],
            "cnf":{"jkt":"t"},"roles":{"a":[1]}}"#;
        let claims = parse(json).unwrap();
        assert_eq!(claims.iss.as_deref(), Some("https://as"));
        assert_eq!(claims.sub, Some(Cow::Borrowed("alice")));
        assert!(matches!(claims.sub, Some(Cow::Borrowed(_))), "read without a copy");
        assert!(claims.aud.as_ref().unwrap().contains("b"));
        assert!(!claims.aud.as_ref().unwrap().contains("B"));
        assert_eq!(claims.exp.unwrap().since_epoch(), Duration::from_millis(1_700_000_000_500));
        assert_eq!(claims.nbf.unwrap().since_epoch(), Duration::ZERO);
        assert_eq!(claims.iat.unwrap().since_epoch(), Duration::from_secs(1_000_000_000));
        assert_eq!(claims.scope.as_ref().unwrap().tokens().collect::<Vec<_>>(), ["read", "write"]);
        assert_eq!(claims.scp.as_ref().unwrap().tokens().collect::<Vec<_>>(), ["x", "y", "z"]);
        assert_eq!(claims.raw, json.as_bytes());
        assert!(!claims.has(Marker::Nonce));
        assert_eq!(parse("{}").unwrap().exp, None);
    }

    // R7519-4.1a, THREAT-V6
    #[test]
    fn a_time_of_the_wrong_type_is_an_error_and_never_absent() {
        for name in ["exp", "nbf", "iat"] {
            for value in [
                "\"1700000000\"",
                "true",
                "null",
                "[1700000000]",
                "{}",
                "-1",
                "-0.5",
                "253402300800",
                "1e300",
                "1e12",
                "18446744073709551616",
            ] {
                let json = format!("{{\"{name}\":{value}}}");
                assert_eq!(parse(&json).err(), Some(JoseError::BadMember(name)), "{json}");
            }
            for value in ["1e400", "-1e400", "NaN"] {
                assert_eq!(parse(&format!("{{\"{name}\":{value}}}")).err(), Some(JoseError::BadJson), "{name} {value}");
            }
            for value in ["0", "1700000000", "1700000000.123", "1.7e9", "253402300799"] {
                assert!(parse(&format!("{{\"{name}\":{value}}}")).is_ok(), "{name} {value}");
            }
        }
    }

    // R7519-4.1a, THREAT-V6
    #[test]
    fn a_text_of_the_wrong_type_is_an_error_even_if_nobody_needs_it() {
        for name in ["iss", "sub", "jti", "client_id", "azp"] {
            for value in ["1", "true", "null", "[\"x\"]", "{}"] {
                let json = format!("{{\"{name}\":{value}}}");
                assert_eq!(parse(&json).err(), Some(JoseError::BadMember(name)), "{json}");
            }
        }
        for name in ["aud", "scope", "scp"] {
            for value in ["1", "true", "null", "[1]", "[\"x\",null]", "[[\"x\"]]", "{\"x\":\"y\"}", "1e3"] {
                let json = format!("{{\"{name}\":{value}}}");
                assert_eq!(parse(&json).err(), Some(JoseError::BadMember(name)), "{json}");
            }
            assert!(parse(&format!("{{\"{name}\":[]}}")).is_ok());
        }
    }

    // THREAT-V6
    #[test]
    fn a_confirmation_tells_known_bindings_from_unknown_ones() {
        let cnf = |json: &'static str| parse(json).map(|claims| claims.cnf.unwrap());
        assert_eq!(cnf(r#"{"cnf":{"jkt":"t"}}"#).unwrap().jkt.as_deref(), Some("t"));
        assert_eq!(cnf(r#"{"cnf":{"x5t#S256":"c"}}"#).unwrap().x5t_s256.as_deref(), Some("c"));
        assert!(!cnf(r#"{"cnf":{"jkt":"t","x5t#S256":"c"}}"#).unwrap().has_unknown);
        assert!(cnf(r#"{"cnf":{"jwk":{"kty":"EC"}}}"#).unwrap().has_unknown);
        assert_eq!(cnf(r#"{"cnf":{}}"#).unwrap(), Confirmation::default());
        assert_eq!(cnf(r#"{"cnf":{"jkt":1}}"#).err(), Some(JoseError::BadMember("jkt")));
        assert_eq!(cnf(r#"{"cnf":{"jkt":"a","jkt":"b"}}"#).err(), Some(JoseError::DuplicateMember));
        for value in ["null", "\"x\"", "[]", "1"] {
            let json = format!("{{\"cnf\":{value}}}");
            assert_eq!(parse(&json).err(), Some(JoseError::BadMember("cnf")), "{json}");
        }
    }

    // R7519-4a
    #[test]
    fn a_claim_given_twice_is_refused() {
        for json in [
            r#"{"exp":1,"exp":2}"#,
            r#"{"iss":"a","i\u0073s":"b"}"#,
            r#"{"roles":[],"roles":[]}"#,
            r#"{"realm_access":{"roles":[],"roles":[]}}"#,
            r#"{"nonce":1,"nonce":2}"#,
        ] {
            assert_eq!(parse(json).err(), Some(JoseError::DuplicateMember), "{json}");
        }
    }

    #[test]
    fn markers_are_noticed_whatever_their_value() {
        for (name, marker) in [
            ("nonce", Marker::Nonce),
            ("at_hash", Marker::AtHash),
            ("c_hash", Marker::CHash),
            ("events", Marker::Events),
            ("htm", Marker::Htm),
            ("htu", Marker::Htu),
            ("act", Marker::Act),
        ] {
            assert_eq!(marker.name(), name);
            for value in ["null", "\"x\"", "{\"a\":1}"] {
                let json = format!("{{\"{name}\":{value}}}");
                assert!(parse(&json).unwrap().has(marker), "{json}");
            }
            assert!(!parse("{}").unwrap().has(marker), "{name}");
        }
    }

    // R7519-4a, THREAT-V6
    #[test]
    fn a_claim_is_found_under_a_configured_name() {
        let json = br#"{"permissions":["read"],"scope":"x","exp":1,"groups":7}"#;
        let names = |name| string_or_list(json, name);
        assert_eq!(names("permissions").unwrap().unwrap().iter().collect::<Vec<_>>(), ["read"]);
        assert!(names("scope").unwrap().unwrap().contains("x"));
        assert_eq!(names("absent").unwrap(), None);
        assert!(matches!(names("groups"), Err(JoseError::BadMember(_))));
        assert_eq!(string_or_list(br#"{"a":1,"a":1}"#, "b"), Err(JoseError::DuplicateMember));
    }

    #[test]
    fn debug_shows_no_personal_data() {
        let claims = parse(r#"{"iss":"as","sub":"alice@example.com","email":"alice@example.com"}"#).unwrap();
        assert!(!format!("{claims:?}").contains("alice"));
    }

    #[test]
    fn each_known_name_has_its_own_slot() {
        let claims = parse("{}").unwrap();
        for (slot, name) in Claims::NAMES.iter().enumerate() {
            assert_eq!(claims.slot(name), Some(slot));
        }
    }

    proptest! {
        // R7519-4.1a
        #[test]
        fn dates_keep_their_order_and_value(seconds in 0_u64..=253_402_300_799) {
            let json = format!("{{\"exp\":{seconds},\"nbf\":{seconds}.25}}");
            let claims = parse(&json).unwrap();
            prop_assert_eq!(claims.exp.unwrap().since_epoch(), Duration::from_secs(seconds));
            prop_assert!(claims.nbf.unwrap() >= claims.exp.unwrap());
        }

        // THREAT-V6
        #[test]
        fn no_value_of_a_claim_makes_the_reader_panic(
            name in prop::sample::select(Claims::NAMES.to_vec()),
            value in "[0-9eE+.\\[\\]{}:,\"ntrufalse-]{0,30}",
        ) {
            let _ = parse(&format!("{{\"{name}\":{value}}}"));
        }
    }
}
