use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeyPairComponents, KeySize};
use aws_lc_rs::signature::{
    EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaPublicKeyComponents,
};
use serde::Serialize;

use super::algorithm::Algorithm;
use super::base64url;
use super::curve::Curve;
use super::der;
use super::error::JoseError;
use super::hmac_secret::hmac_key;
use super::jwk::{Jwk, Material, PrivateNumbers};
use super::pem;
use super::public_numbers::PublicNumbers;
use super::token_header::TokenHeader;
use super::verifying_key::VerifyingKey;
use crate::Secret;

/// A key that signs tokens with one algorithm: client assertions, DPoP proofs, the tokens of a test server.
///
/// `Debug` shows the algorithm only.
///
/// ```
/// use tower_auth_core::jose::{Algorithm, SigningKey, TokenHeader};
///
/// let key = SigningKey::generate(Algorithm::EdDsa)?;
/// let token = key.sign(&TokenHeader::new().typ("JWT"), &std::collections::BTreeMap::from([("iss", "me")]))?;
/// assert_eq!(token.split('.').count(), 3);
/// # Ok::<(), tower_auth_core::jose::JoseError>(())
/// ```
pub struct SigningKey {
    algorithm: Algorithm,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Ecdsa(EcdsaKeyPair, Curve),
    Ed25519(Ed25519KeyPair),
    /// Boxed for its size of over a kilobyte.
    Hmac(Box<hmac::Key>),
}

impl SigningKey {
    /// A new random key: RSA with 2048 bits, EC on the curve of the algorithm, or a secret as long as the hash.
    ///
    /// # Errors
    /// [`JoseError::CryptoFailed`] if the library fails, which a working system does not show.
    pub fn generate(algorithm: Algorithm) -> Result<Self, JoseError> {
        let pair = if let Some(encoding) = rsa_encoding(algorithm) {
            RsaKeyPair::generate(KeySize::Rsa2048).map(|pair| Pair::Rsa(pair, encoding))
        } else if let Some(curve) = Curve::of(algorithm) {
            EcdsaKeyPair::generate(curve.signing()).map(|pair| Pair::Ecdsa(pair, curve))
        } else if let Some(hmac) = algorithm.hmac() {
            hmac::Key::generate(hmac, &SystemRandom::new()).map(|key| Pair::Hmac(Box::new(key)))
        } else {
            Ed25519KeyPair::generate().map(Pair::Ed25519)
        }
        .map_err(|_| JoseError::CryptoFailed)?;
        Ok(Self { algorithm, pair })
    }

    /// A private key in PKCS#8 PEM (`BEGIN PRIVATE KEY`), not encrypted.
    ///
    /// # Errors
    /// When `pem` is no such key, or not one for `algorithm`, or an RSA key outside 2048 to 8192 bits (which the
    /// library checks).
    pub fn from_pkcs8_pem(algorithm: Algorithm, pem: &str) -> Result<Self, JoseError> {
        let der = pem::private_key_der(pem)?;
        let pair = if let Some(encoding) = rsa_encoding(algorithm) {
            RsaKeyPair::from_pkcs8(&der).map(|pair| Pair::Rsa(pair, encoding))
        } else if let Some(curve) = Curve::of(algorithm) {
            EcdsaKeyPair::from_pkcs8(curve.signing(), &der).map(|pair| Pair::Ecdsa(pair, curve))
        } else if algorithm == Algorithm::EdDsa {
            Ed25519KeyPair::from_pkcs8(&der).map(Pair::Ed25519)
        } else {
            return Err(JoseError::AlgorithmMismatch);
        }
        .map_err(|_| JoseError::InvalidKey)?;
        Ok(Self { algorithm, pair })
    }

    /// A private key in JWK form, or a symmetric one. An RSA key needs all of `p`, `q`, `dp`, `dq` and `qi`.
    ///
    /// # Errors
    /// When the key is public, is for another algorithm or use, or its parts do not belong together.
    pub fn from_jwk(algorithm: Algorithm, jwk: &Jwk) -> Result<Self, JoseError> {
        if !jwk.may_sign {
            return Err(JoseError::UseNotAllowed);
        }
        if jwk.alg.is_some_and(|alg| alg != algorithm) {
            return Err(JoseError::AlgorithmMismatch);
        }
        let (public, private) = match &jwk.material {
            Material::Symmetric(secret) => return Self::from_hmac_secret(algorithm, secret),
            Material::Asymmetric { public, private, .. } => (public, private.as_ref().ok_or(JoseError::PublicKey)?),
        };
        let pair = match (public, private) {
            (PublicNumbers::Rsa { n, e }, PrivateNumbers::Rsa(private)) => {
                let encoding = rsa_encoding(algorithm).ok_or(JoseError::AlgorithmMismatch)?;
                let components = KeyPairComponents {
                    public_key: RsaPublicKeyComponents { n, e },
                    d: &*private.d,
                    p: &*private.p,
                    q: &*private.q,
                    dP: &*private.dp,
                    dQ: &*private.dq,
                    qInv: &*private.qi,
                };
                RsaKeyPair::from_components(&components).map(|pair| Pair::Rsa(pair, encoding))
            }
            (PublicNumbers::Ec { curve, x, y }, PrivateNumbers::Single(d)) if curve.algorithm() == algorithm => {
                let point = [&[0x04], x.as_slice(), y].concat();
                EcdsaKeyPair::from_private_key_and_public_key(curve.signing(), d, &point)
                    .map(|pair| Pair::Ecdsa(pair, *curve))
            }
            (PublicNumbers::Ed25519 { x }, PrivateNumbers::Single(d)) if algorithm == Algorithm::EdDsa => {
                Ed25519KeyPair::from_seed_and_public_key(d, x).map(Pair::Ed25519)
            }
            _ => return Err(JoseError::AlgorithmMismatch),
        }
        .map_err(|_| JoseError::InvalidKey)?;
        Ok(Self { algorithm, pair })
    }

    /// A shared secret, by the rules of [`VerifyingKey::hmac`].
    ///
    /// # Errors
    /// As there.
    pub fn from_hmac_secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, JoseError> {
        Ok(Self { algorithm, pair: Pair::Hmac(Box::new(hmac_key(algorithm, secret)?)) })
    }

    /// The algorithm it signs with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// A signed token in compact form, with `claims` as its payload: anything that serializes as a JSON object.
    ///
    /// # Errors
    /// [`JoseError::Unserializable`] when `claims` is no JSON object, [`JoseError::CryptoFailed`] if the library fails.
    pub fn sign(&self, header: &TokenHeader, claims: &(impl Serialize + ?Sized)) -> Result<String, JoseError> {
        let payload = serde_json::to_vec(claims).map_err(|_| JoseError::Unserializable)?;
        if payload.first() != Some(&b'{') {
            return Err(JoseError::Unserializable);
        }
        let mut token = base64url::encode(header.to_json(self.algorithm)?);
        token.push('.');
        base64url::encode_to(payload, &mut token);
        let signature = self.sign_bytes(token.as_bytes())?;
        token.push('.');
        base64url::encode_to(signature, &mut token);
        Ok(token)
    }

    /// The signature over `signing_input`, as JWS has it: not encoded; `R || S` for ECDSA.
    ///
    /// # Errors
    /// [`JoseError::CryptoFailed`] if the library fails.
    pub fn sign_bytes(&self, signing_input: &[u8]) -> Result<Vec<u8>, JoseError> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, signing_input, &mut signature).map(|()| signature)
            }
            Pair::Ecdsa(pair, _) => pair.sign(&random, signing_input).map(|signature| signature.as_ref().to_vec()),
            Pair::Ed25519(pair) => pair.try_sign(signing_input).map(|signature| signature.as_ref().to_vec()),
            Pair::Hmac(key) => Ok(hmac::sign(key, signing_input).as_ref().to_vec()),
        }
        .map_err(|_| JoseError::CryptoFailed)
    }

    /// The private key in PKCS#8 PEM, as [`from_pkcs8_pem`](Self::from_pkcs8_pem) reads it: to be stored where secrets are.
    ///
    /// # Errors
    /// [`JoseError::SymmetricKey`] for a shared secret, [`JoseError::CryptoFailed`] if the library fails.
    pub fn to_pkcs8_pem(&self) -> Result<Secret, JoseError> {
        let failed = |_| JoseError::CryptoFailed;
        match &self.pair {
            Pair::Rsa(pair, _) => {
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
                Ok(pem::private_key_pem(der.as_ref()))
            }
            Pair::Ecdsa(pair, _) => Ok(pem::private_key_pem(pair.to_pkcs8v1().map_err(failed)?.as_ref())),
            Pair::Ed25519(pair) => Ok(pem::private_key_pem(pair.to_pkcs8v1().map_err(failed)?.as_ref())),
            Pair::Hmac(_) => Err(JoseError::SymmetricKey),
        }
    }

    /// The key that checks what this one signs.
    ///
    /// # Errors
    /// [`JoseError::InvalidKey`] if the library refuses the public part, which it made itself.
    pub fn verifying_key(&self, kid: Option<&str>) -> Result<VerifyingKey, JoseError> {
        let key = match &self.pair {
            Pair::Hmac(key) => VerifyingKey::from_hmac_key(self.algorithm, hmac::Key::clone(key)),
            _ => VerifyingKey::public(None, self.algorithm.into(), &self.public_numbers()?)?,
        };
        Ok(match kid {
            Some(kid) => key.with_kid(kid),
            None => key,
        })
    }

    /// The public part as a JWK (JSON text) with `alg`, `use` and, if given, `kid`.
    ///
    /// # Errors
    /// [`JoseError::SymmetricKey`] for a shared secret, which has no public part.
    pub fn public_jwk(&self, kid: Option<&str>) -> Result<String, JoseError> {
        let mut members = self.public_numbers()?.jwk_members();
        members.extend([("alg", self.algorithm.name().to_owned()), ("use", "sig".to_owned())]);
        members.extend(kid.map(|kid| ("kid", kid.to_owned())));
        let object: serde_json::Map<_, _> =
            members.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        Ok(serde_json::Value::Object(object).to_string())
    }

    /// The SHA-256 thumbprint of the public part, base64url (RFC 7638).
    ///
    /// # Errors
    /// [`JoseError::SymmetricKey`] for a shared secret.
    pub fn thumbprint(&self) -> Result<String, JoseError> {
        Ok(self.public_numbers()?.thumbprint())
    }

    fn public_numbers(&self) -> Result<PublicNumbers, JoseError> {
        match &self.pair {
            Pair::Rsa(pair, _) => {
                let (n, e) = der::rsa_public_numbers(pair.public_key().as_ref()).ok_or(JoseError::InvalidKey)?;
                Ok(PublicNumbers::Rsa { n: n.to_vec(), e: e.to_vec() })
            }
            Pair::Ecdsa(pair, curve) => {
                let point = pair.public_key().as_ref();
                let coordinates = point.strip_prefix(&[0x04]).ok_or(JoseError::InvalidKey)?;
                let (x, y) = coordinates.split_at_checked(curve.size()).ok_or(JoseError::InvalidKey)?;
                Ok(PublicNumbers::Ec { curve: *curve, x: x.to_vec(), y: y.to_vec() })
            }
            Pair::Ed25519(pair) => Ok(PublicNumbers::Ed25519 { x: pair.public_key().as_ref().to_vec() }),
            Pair::Hmac(_) => Err(JoseError::SymmetricKey),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

fn rsa_encoding(algorithm: Algorithm) -> Option<&'static dyn RsaEncoding> {
    Some(match algorithm {
        Algorithm::Rs256 => &RSA_PKCS1_SHA256,
        Algorithm::Rs384 => &RSA_PKCS1_SHA384,
        Algorithm::Rs512 => &RSA_PKCS1_SHA512,
        Algorithm::Ps256 => &RSA_PSS_SHA256,
        Algorithm::Ps384 => &RSA_PSS_SHA384,
        Algorithm::Ps512 => &RSA_PSS_SHA512,
        _ => return None,
    })
}
