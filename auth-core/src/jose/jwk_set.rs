use std::borrow::Cow;
use std::fmt;
use std::slice;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::algorithm::Algorithm;
use super::error::JoseError;
use super::header::MAX_KID_LEN;
use super::json::{Level, Members, read_object};
use super::jwk::Jwk;
use super::text::Text;
use super::verifying_key::VerifyingKey;

/// Longest key set that is read, in bytes: 512 KiB.
const MAX_LEN: usize = 512 * 1024;
/// Keys a set may have, unusable ones included.
const MAX_KEYS: usize = 64;

/// The public keys of an issuer, ready to check signatures.
///
/// A key that cannot be used is skipped with its reason and takes no other key with it (RFC 7517 section 5).
/// Symmetric and private keys are among those: nobody should publish them.
///
/// ```
/// use tower_auth_core::jose::{Algorithm, JwkSet};
///
/// let set = JwkSet::parse(br#"{"keys":[
///     {"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
///     {"kty":"AKP","kid":"b"}
/// ]}"#)?;
/// assert_eq!(set.candidates(Some("a"), Algorithm::EdDsa).count(), 1);
/// assert_eq!(set.skipped()[0].reason.code(), "jose.unsupported_key");
/// # Ok::<(), tower_auth_core::jose::JoseError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct JwkSet {
    keys: Vec<VerifyingKey>,
    skipped: Vec<Skipped>,
}

/// A key of a set that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Skipped {
    /// Its place in the `keys` array, from zero.
    pub index: usize,
    /// Its id, if it could be read and has at most 256 bytes.
    pub kid: Option<String>,
    /// Why it was left out.
    pub reason: JoseError,
}

impl JwkSet {
    /// Reads a JWK Set document.
    ///
    /// # Errors
    /// When the document as a whole is unusable: over 512 KiB, not a strict JSON object, without an array
    /// `keys`, or with more than 64 keys.
    pub fn parse(json: &[u8]) -> Result<Self, JoseError> {
        if json.len() > MAX_LEN {
            return Err(JoseError::TooLong);
        }
        let mut raw = RawSet { keys: None };
        read_object(json, &mut raw)?;
        let mut set = Self::default();
        for (index, key) in raw.keys.ok_or(JoseError::MissingMember("keys"))?.into_iter().enumerate() {
            match Jwk::parse(key.get().as_bytes()).and_then(|jwk| VerifyingKey::from_jwk(&jwk)) {
                Ok(key) => set.keys.push(key),
                Err(reason) => set.skipped.push(Skipped { index, kid: readable_kid(key), reason }),
            }
        }
        Ok(set)
    }

    /// The usable keys, in the order of the document.
    #[must_use]
    pub fn keys(&self) -> &[VerifyingKey] {
        &self.keys
    }

    /// The keys that were left out.
    #[must_use]
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// Whether any usable key has the id `kid`.
    #[must_use]
    pub fn has_kid(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid() == Some(kid))
    }

    /// The keys that may have signed a token with this header: those of its `kid` (compared exactly) that are
    /// for `algorithm`. For a token without `kid`, the key for `algorithm` if there is exactly one.
    #[must_use]
    pub fn candidates<'s>(&'s self, kid: Option<&'s str>, algorithm: Algorithm) -> Candidates<'s> {
        let is_ambiguous =
            kid.is_none() && self.keys.iter().filter(|key| key.algorithms().contains(algorithm)).count() > 1;
        let keys = if is_ambiguous { &[] } else { self.keys.as_slice() };
        Candidates { keys: keys.iter(), kid, algorithm }
    }
}

impl FromIterator<VerifyingKey> for JwkSet {
    /// A set of keys known beforehand: configured ones, or a shared secret.
    fn from_iter<I: IntoIterator<Item = VerifyingKey>>(keys: I) -> Self {
        Self { keys: keys.into_iter().collect(), skipped: Vec::new() }
    }
}

/// The keys that [`JwkSet::candidates`] found.
#[derive(Clone, Debug)]
pub struct Candidates<'s> {
    keys: slice::Iter<'s, VerifyingKey>,
    kid: Option<&'s str>,
    algorithm: Algorithm,
}

impl<'s> Iterator for Candidates<'s> {
    type Item = &'s VerifyingKey;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { keys, kid, algorithm } = self;
        keys.find(|key| (kid.is_none() || key.kid() == *kid) && key.algorithms().contains(*algorithm))
    }
}

fn readable_kid(key: &RawValue) -> Option<String> {
    let mut found = Kid(None);
    read_object(key.get().as_bytes(), &mut found).ok()?;
    found.0.filter(|kid| kid.len() <= MAX_KID_LEN).map(Cow::into_owned)
}

struct Kid<'a>(Option<Cow<'a, str>>);

impl<'de> Members<'de> for Kid<'de> {
    const NAMES: &'static [&'static str] = &["kid"];

    fn slot(&self, name: &str) -> Option<usize> {
        (name == "kid").then_some(0)
    }

    fn read<A: MapAccess<'de>>(&mut self, _: usize, map: &mut A, _: Level<'_>) -> Result<(), A::Error> {
        self.0 = Some(map.next_value::<Text<'de>>()?.0);
        Ok(())
    }
}

struct RawSet<'a> {
    /// The text of each key, so that a broken one spoils no other.
    keys: Option<Vec<&'a RawValue>>,
}

impl<'de> Members<'de> for RawSet<'de> {
    const NAMES: &'static [&'static str] = &["keys"];

    fn slot(&self, name: &str) -> Option<usize> {
        (name == "keys").then_some(0)
    }

    fn read<A: MapAccess<'de>>(&mut self, _: usize, map: &mut A, level: Level<'_>) -> Result<(), A::Error> {
        self.keys = Some(map.next_value_seed(RawKeys { level })?);
        Ok(())
    }
}

struct RawKeys<'g> {
    level: Level<'g>,
}

impl<'de> DeserializeSeed<'de> for RawKeys<'_> {
    type Value = Vec<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RawKeys<'_> {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of keys")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut keys = Vec::new();
        while let Some(key) = seq.next_element()? {
            if keys.len() == MAX_KEYS {
                return Err(self.level.fail(JoseError::TooManyKeys));
            }
            keys.push(key);
        }
        Ok(keys)
    }
}
