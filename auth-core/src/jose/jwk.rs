use std::borrow::Cow;
use std::fmt;

use serde::de::MapAccess;
use zeroize::Zeroizing;

use super::algorithm::Algorithm;
use super::algorithm_set::AlgorithmSet;
use super::base64url;
use super::curve::Curve;
use super::error::JoseError;
use super::header::MAX_KID_LEN;
use super::json::{Level, Members, read_object};
use super::public_numbers::PublicNumbers;
use super::text::Text;

/// A JSON Web Key (RFC 7517) for signatures: RSA, EC on a NIST curve, Ed25519, or a shared secret.
///
/// It is a description. A [`VerifyingKey`](super::VerifyingKey) or [`SigningKey`](super::SigningKey) made of it
/// checks the numbers and can be used. Members that nobody registered are ignored; one that is private in any
/// type of key makes the key a secret.
///
/// ```
/// use tower_auth_core::jose::Jwk;
///
/// let jwk = Jwk::parse(br#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#)?;
/// assert_eq!(jwk.thumbprint().as_deref(), Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"));
/// # Ok::<(), tower_auth_core::jose::JoseError>(())
/// ```
pub struct Jwk {
    pub(super) kid: Option<Box<str>>,
    pub(super) alg: Option<Algorithm>,
    pub(super) may_verify: bool,
    pub(super) may_sign: bool,
    pub(super) material: Material,
}

pub(super) enum Material {
    /// `has_private` is also true for private members that make no whole key.
    Asymmetric {
        public: PublicNumbers,
        private: Option<PrivateNumbers>,
        has_private: bool,
    },
    Symmetric(Zeroizing<Vec<u8>>),
}

pub(super) enum PrivateNumbers {
    Rsa(Box<RsaPrivate>),
    /// The private number of an EC key, or the seed of an Ed25519 key.
    Single(Zeroizing<Vec<u8>>),
}

pub(super) struct RsaPrivate {
    pub(super) d: Zeroizing<Vec<u8>>,
    pub(super) p: Zeroizing<Vec<u8>>,
    pub(super) q: Zeroizing<Vec<u8>>,
    pub(super) dp: Zeroizing<Vec<u8>>,
    pub(super) dq: Zeroizing<Vec<u8>>,
    pub(super) qi: Zeroizing<Vec<u8>>,
}

impl Jwk {
    /// Reads one key.
    ///
    /// # Errors
    /// When `json` is not strict JSON; the key type or curve is not supported; a member of the type is absent or
    /// malformed (EC coordinates have their full length, RSA numbers no leading zeros: RFC 7518 section 6);
    /// `alg` is not a signature algorithm for this type; or `kid` is over 256 bytes.
    pub fn parse(json: &[u8]) -> Result<Self, JoseError> {
        let mut raw = RawJwk::default();
        read_object(json, &mut raw)?;
        Self::from_raw(raw)
    }

    pub(super) fn from_raw(raw: RawJwk<'_>) -> Result<Self, JoseError> {
        let material = raw.material()?;
        let alg = raw.alg.as_deref().map(Algorithm::from_name).transpose()?;
        if alg.is_some_and(|alg| !material.algorithms().contains(alg)) {
            return Err(JoseError::AlgorithmMismatch);
        }
        if raw.kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID_LEN) {
            return Err(JoseError::KidTooLong);
        }
        let is_for_signatures = raw.usage.as_deref().is_none_or(|usage| usage == "sig");
        let allows = |operation| {
            is_for_signatures && raw.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|Text(op)| op == operation))
        };
        Ok(Self {
            alg,
            may_verify: allows("verify"),
            may_sign: allows("sign"),
            material,
            kid: raw.kid.map(|kid| kid.into()),
        })
    }

    /// The numbers of a key that may check signatures, and by which algorithms.
    ///
    /// # Errors
    /// When `use` or `key_ops` forbid that, or the key is a secret.
    pub(super) fn public_part(&self) -> Result<(&PublicNumbers, AlgorithmSet), JoseError> {
        if !self.may_verify {
            return Err(JoseError::UseNotAllowed);
        }
        match &self.material {
            Material::Symmetric(_) => Err(JoseError::SymmetricKey),
            Material::Asymmetric { has_private: true, .. } => Err(JoseError::PrivateKey),
            Material::Asymmetric { public, .. } => {
                Ok((public, self.alg.map_or_else(|| public.algorithms(), AlgorithmSet::from)))
            }
        }
    }

    /// The key id: case-sensitive, at most 256 bytes.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The one algorithm the key names, if it does.
    #[must_use]
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.alg
    }

    /// Whether the key must be kept secret: it has private members, or is symmetric.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        !matches!(self.material, Material::Asymmetric { has_private: false, .. })
    }

    /// The SHA-256 thumbprint of the public part, base64url (RFC 7638); `None` for a symmetric key, whose
    /// thumbprint would tell something of the secret (section 7).
    #[must_use]
    pub fn thumbprint(&self) -> Option<String> {
        match &self.material {
            Material::Asymmetric { public, .. } => Some(public.thumbprint()),
            Material::Symmetric(_) => None,
        }
    }
}

impl fmt::Debug for Jwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwk")
            .field("kid", &self.kid)
            .field("alg", &self.alg)
            .field("is_secret", &self.is_secret())
            .finish_non_exhaustive()
    }
}

impl Material {
    fn algorithms(&self) -> AlgorithmSet {
        match self {
            Self::Asymmetric { public, .. } => public.algorithms(),
            Self::Symmetric(_) => Algorithm::ALL.iter().copied().filter(|alg| alg.is_symmetric()).collect(),
        }
    }
}

/// The members of a key as they stand in the JSON.
#[derive(Default)]
pub(super) struct RawJwk<'a> {
    kty: Option<Cow<'a, str>>,
    kid: Option<Cow<'a, str>>,
    alg: Option<Cow<'a, str>>,
    usage: Option<Cow<'a, str>>,
    key_ops: Option<Vec<Text<'a>>>,
    crv: Option<Cow<'a, str>>,
    /// The members that hold numbers, in the order of [`NUMBERS`].
    numbers: [Option<Cow<'a, str>>; NUMBERS.len()],
    has_other_primes: bool,
}

const NUMBERS: [&str; 11] = ["n", "e", "x", "y", "d", "p", "q", "dp", "dq", "qi", "k"];
const FIRST_NUMBER: usize = 7;

impl<'de> Members<'de> for RawJwk<'de> {
    const NAMES: &'static [&'static str] = &[
        "kty", "kid", "alg", "use", "key_ops", "crv", "oth", "n", "e", "x", "y", "d", "p", "q", "dp", "dq", "qi", "k",
    ];

    fn slot(&self, name: &str) -> Option<usize> {
        Self::NAMES.iter().position(|known| *known == name)
    }

    fn read<A: MapAccess<'de>>(&mut self, slot: usize, map: &mut A, level: Level<'_>) -> Result<(), A::Error> {
        match slot {
            0 => self.kty = Some(map.next_value::<Text<'de>>()?.0),
            1 => self.kid = Some(map.next_value::<Text<'de>>()?.0),
            2 => self.alg = Some(map.next_value::<Text<'de>>()?.0),
            3 => self.usage = Some(map.next_value::<Text<'de>>()?.0),
            4 => self.key_ops = Some(map.next_value()?),
            5 => self.crv = Some(map.next_value::<Text<'de>>()?.0),
            6 => {
                self.has_other_primes = true;
                map.next_value_seed(level.skip())?;
            }
            number => self.numbers[number - FIRST_NUMBER] = Some(map.next_value::<Text<'de>>()?.0),
        }
        Ok(())
    }
}

impl RawJwk<'_> {
    fn material(&self) -> Result<Material, JoseError> {
        let has_private = self.has_other_primes || NUMBERS[4..].iter().any(|name| self.text(name).is_some());
        let (public, private) = match self.kty.as_deref().ok_or(JoseError::MissingMember("kty"))? {
            "RSA" => {
                let public = PublicNumbers::Rsa { n: self.positive("n")?, e: self.positive("e")? };
                (public, self.rsa_private()?.map(|private| PrivateNumbers::Rsa(Box::new(private))))
            }
            "EC" => {
                let curve = Curve::from_name(self.crv.as_deref().ok_or(JoseError::MissingMember("crv"))?)
                    .ok_or(JoseError::UnsupportedKey)?;
                let [x, y] = [self.sized("x", curve.size())?, self.sized("y", curve.size())?];
                (PublicNumbers::Ec { curve, x, y }, self.single_private(curve.size())?)
            }
            "OKP" => match self.crv.as_deref().ok_or(JoseError::MissingMember("crv"))? {
                "Ed25519" => (PublicNumbers::Ed25519 { x: self.sized("x", 32)? }, self.single_private(32)?),
                _ => return Err(JoseError::UnsupportedKey),
            },
            "oct" => return Ok(Material::Symmetric(Zeroizing::new(self.bytes("k")?))),
            _ => return Err(JoseError::UnsupportedKey),
        };
        Ok(Material::Asymmetric { public, private, has_private })
    }

    /// Whole only with its factors, which the library needs; a key of more than two primes is not supported.
    fn rsa_private(&self) -> Result<Option<RsaPrivate>, JoseError> {
        let names = ["d", "p", "q", "dp", "dq", "qi"];
        if self.has_other_primes || names.iter().any(|name| self.text(name).is_none()) {
            return Ok(None);
        }
        let secret = |name| self.bytes(name).map(Zeroizing::new);
        Ok(Some(RsaPrivate {
            d: secret("d")?,
            p: secret("p")?,
            q: secret("q")?,
            dp: secret("dp")?,
            dq: secret("dq")?,
            qi: secret("qi")?,
        }))
    }

    fn single_private(&self, len: usize) -> Result<Option<PrivateNumbers>, JoseError> {
        if self.text("d").is_none() {
            return Ok(None);
        }
        Ok(Some(PrivateNumbers::Single(Zeroizing::new(self.sized("d", len)?))))
    }

    /// A number without leading zeros (RFC 7518 section 2, `Base64urlUInt`).
    fn positive(&self, name: &'static str) -> Result<Vec<u8>, JoseError> {
        let bytes = self.bytes(name)?;
        if bytes.first().is_none_or(|first| *first == 0) { Err(JoseError::BadMember(name)) } else { Ok(bytes) }
    }

    fn sized(&self, name: &'static str, len: usize) -> Result<Vec<u8>, JoseError> {
        let bytes = self.bytes(name)?;
        if bytes.len() == len { Ok(bytes) } else { Err(JoseError::BadMember(name)) }
    }

    fn bytes(&self, name: &'static str) -> Result<Vec<u8>, JoseError> {
        let text = self.text(name).ok_or(JoseError::MissingMember(name))?;
        base64url::decode(text).map_err(|_| JoseError::BadMember(name))
    }

    fn text(&self, name: &str) -> Option<&str> {
        let place = NUMBERS.iter().position(|number| *number == name)?;
        self.numbers[place].as_deref()
    }
}
