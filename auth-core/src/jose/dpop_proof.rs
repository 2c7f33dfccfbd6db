use std::borrow::Cow;
use std::fmt;

use serde::de::MapAccess;

use super::algorithm::Algorithm;
use super::compact::Compact;
use super::error::JoseError;
use super::header::Header;
use super::json::{Level, Members, read_object};
use super::jwk::Jwk;
use super::numeric_date::NumericDate;
use super::text::Text;
use super::verifying_key::VerifyingKey;

/// The media type of a proof, without `application/`.
const TYP: &str = "dpop+jwt";

/// A DPoP proof (RFC 9449 section 4.2), taken apart but not yet verified. The only kind of token whose own key is
/// read: what it proves is the possession of that key.
pub(crate) struct DpopProof<'a> {
    algorithm: Algorithm,
    key: Jwk,
    claims: ProofClaims<'a>,
    signing_input: &'a str,
    signature: &'a [u8],
}

/// What a proof says. Each claim has the right type or is absent.
#[derive(Default)]
pub(crate) struct ProofClaims<'a> {
    pub(crate) jti: Option<Cow<'a, str>>,
    pub(crate) htm: Option<Cow<'a, str>>,
    pub(crate) htu: Option<Cow<'a, str>>,
    pub(crate) iat: Option<NumericDate>,
    pub(crate) ath: Option<Cow<'a, str>>,
    pub(crate) nonce: Option<Cow<'a, str>>,
    /// Not asked for by RFC 9449; a proof that limits itself more closely is taken at its word.
    pub(crate) exp: Option<NumericDate>,
    pub(crate) nbf: Option<NumericDate>,
}

impl<'a> DpopProof<'a> {
    /// Takes `token` apart, by the rules of [`Jws::parse`](super::Jws::parse). No cryptography yet.
    ///
    /// # Errors
    /// Those of `Jws::parse`; when `typ` is not `dpop+jwt`, or `jwk` is absent or no key that we know; when the payload
    /// is no strict JSON object, or one of the claims has the wrong type.
    pub(crate) fn parse(token: &'a str, max_len: usize, buffer: &'a mut Vec<u8>) -> Result<Self, JoseError> {
        let Compact { header, signing_input, payload, signature, .. } = Compact::decode(token, max_len, buffer)?;
        let (header, key) = Header::parse_with_key(header)?;
        if header.typ.is_none() {
            return Err(JoseError::MissingMember("typ"));
        }
        if !header.typ_is(TYP) {
            return Err(JoseError::BadMember("typ"));
        }
        let key = key.ok_or(JoseError::MissingMember("jwk"))?;
        let mut claims = ProofClaims::default();
        read_object(payload, &mut claims)?;
        Ok(Self { algorithm: header.alg, key, claims, signing_input, signature })
    }

    /// The algorithm that the proof claims to be signed with.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// What the proof says: its sender's words until [`verify`](Self::verify) has succeeded.
    pub(crate) fn claims(&self) -> &ProofClaims<'a> {
        &self.claims
    }

    /// The thumbprint of the key (RFC 7638).
    ///
    /// # Errors
    /// When the key is a shared secret.
    pub(crate) fn thumbprint(&self) -> Result<String, JoseError> {
        self.key.thumbprint().ok_or(JoseError::SymmetricKey)
    }

    /// Checks that the key is a public one, of sufficient strength, for the algorithm of the header, and that the
    /// signature is its own.
    ///
    /// # Errors
    /// Those of [`VerifyingKey::from_jwk`] and [`VerifyingKey::verify`].
    pub(crate) fn verify(&self) -> Result<(), JoseError> {
        let key = VerifyingKey::from_jwk_for(&self.key, self.algorithm)?;
        key.verify(self.algorithm, self.signing_input.as_bytes(), self.signature)
    }
}

impl<'de> Members<'de> for ProofClaims<'de> {
    const NAMES: &'static [&'static str] = &["jti", "htm", "htu", "iat", "ath", "nonce", "exp", "nbf"];

    fn slot(&self, name: &str) -> Option<usize> {
        Self::NAMES.iter().position(|known| *known == name)
    }

    fn read<A: MapAccess<'de>>(&mut self, slot: usize, map: &mut A, _: Level<'_>) -> Result<(), A::Error> {
        match slot {
            0 => self.jti = Some(map.next_value::<Text<'de>>()?.0),
            1 => self.htm = Some(map.next_value::<Text<'de>>()?.0),
            2 => self.htu = Some(map.next_value::<Text<'de>>()?.0),
            3 => self.iat = Some(map.next_value()?),
            4 => self.ath = Some(map.next_value::<Text<'de>>()?.0),
            5 => self.nonce = Some(map.next_value::<Text<'de>>()?.0),
            6 => self.exp = Some(map.next_value()?),
            _ => self.nbf = Some(map.next_value()?),
        }
        Ok(())
    }
}

impl fmt::Debug for DpopProof<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopProof").field("algorithm", &self.algorithm).field("key", &self.key).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::{SigningKey, TokenHeader};

    const CLAIMS: &str = r#"{"jti":"j","htm":"GET","htu":"https://a/","iat":1,"ath":"a","nonce":"n","other":[1]}"#;

    fn key() -> SigningKey {
        SigningKey::generate(Algorithm::Es256).unwrap()
    }

    fn jwk(key: &SigningKey) -> serde_json::Value {
        serde_json::from_str(&key.public_jwk(None).unwrap()).unwrap()
    }

    fn sign(key: &SigningKey, header: &TokenHeader, claims: &str) -> String {
        key.sign(header, &serde_json::from_str::<serde_json::Value>(claims).unwrap()).unwrap()
    }

    fn check(token: &str) -> Result<(), JoseError> {
        let mut buffer = Vec::new();
        DpopProof::parse(token, 4096, &mut buffer)?.verify()
    }

    // R9449-4.3a
    #[test]
    fn a_proof_is_read_with_its_key_and_claims() {
        let key = key();
        let token = sign(&key, &TokenHeader::new().typ("dpop+jwt").field("jwk", &jwk(&key)).unwrap(), CLAIMS);
        let mut buffer = Vec::new();
        let proof = DpopProof::parse(&token, 4096, &mut buffer).unwrap();
        assert_eq!(proof.algorithm(), Algorithm::Es256);
        assert_eq!(proof.thumbprint().unwrap(), key.thumbprint().unwrap());
        assert!(matches!(proof.claims().jti, Some(Cow::Borrowed("j"))), "read without a copy");
        assert_eq!(proof.claims().nonce.as_deref(), Some("n"));
        proof.verify().unwrap();
        assert!(!format!("{proof:?}").contains("https"));
    }

    // R9449-4.3a
    #[test]
    fn the_key_in_the_header_must_be_public_sound_and_for_the_algorithm() {
        let (own, other) = (key(), key());
        let with = |jwk: &serde_json::Value| {
            check(&sign(&own, &TokenHeader::new().typ("dpop+jwt").field("jwk", jwk).unwrap(), CLAIMS))
        };
        let changed = |name: &str, value: serde_json::Value| {
            let mut jwk = jwk(&own);
            jwk[name] = value;
            with(&jwk)
        };
        assert_eq!(with(&jwk(&own)), Ok(()));
        assert_eq!(with(&jwk(&other)), Err(JoseError::BadSignature));
        assert_eq!(with(&"text".into()), Err(JoseError::BadMember("jwk")));
        assert_eq!(with(&serde_json::Value::Null), Err(JoseError::BadMember("jwk")));
        assert_eq!(with(&serde_json::json!([jwk(&own)])), Err(JoseError::BadMember("jwk")));
        assert_eq!(with(&serde_json::json!({"kty": "oct", "k": "c2VjcmV0"})), Err(JoseError::SymmetricKey));
        assert_eq!(changed("d", "AA".into()), Err(JoseError::BadMember("d")));
        assert_eq!(changed("d", jwk(&own)["x"].clone()), Err(JoseError::PrivateKey));
        for private in ["p", "q", "dp", "dq", "qi", "k", "oth"] {
            assert_eq!(changed(private, "AQ".into()), Err(JoseError::PrivateKey), "{private}");
        }
        assert_eq!(changed("use", "enc".into()), Err(JoseError::UseNotAllowed));
        assert_eq!(changed("alg", "ES384".into()), Err(JoseError::AlgorithmMismatch));
        assert_eq!(changed("y", jwk(&other)["y"].clone()), Err(JoseError::InvalidKey), "a point off the curve");
        let none = check(&sign(&own, &TokenHeader::new().typ("dpop+jwt"), CLAIMS));
        assert_eq!(none, Err(JoseError::MissingMember("jwk")));
    }

    // R9449-4.3a
    #[test]
    fn the_type_is_that_of_a_proof() {
        let own = key();
        let with = |header: TokenHeader| check(&sign(&own, &header.field("jwk", &jwk(&own)).unwrap(), CLAIMS));
        for typ in ["dpop+jwt", "DPoP+JWT", "application/dpop+jwt"] {
            assert_eq!(with(TokenHeader::new().typ(typ)), Ok(()), "{typ}");
        }
        for typ in ["", "JWT", "at+jwt", "dpop", "dpop+jwt "] {
            assert_eq!(with(TokenHeader::new().typ(typ)), Err(JoseError::BadMember("typ")), "{typ}");
        }
        assert_eq!(with(TokenHeader::new()), Err(JoseError::MissingMember("typ")));
        assert_eq!(with(TokenHeader::new().field("typ", &1).unwrap()), Err(JoseError::BadMember("typ")));
    }

    #[test]
    fn each_known_name_has_its_own_slot() {
        for (slot, name) in ProofClaims::NAMES.iter().enumerate() {
            assert_eq!(ProofClaims::default().slot(name), Some(slot));
        }
    }
}
