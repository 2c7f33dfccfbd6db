use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::ParsedPublicKey;

use super::algorithm::Algorithm;
use super::algorithm_set::AlgorithmSet;
use super::error::JoseError;
use super::hmac_secret::hmac_key;
use super::jwk::{Jwk, Material};
use super::public_numbers::PublicNumbers;

/// A key that checks signatures, parsed once and bound to its algorithms.
///
/// A key with an `alg` checks that algorithm alone. Without one, an EC or Ed25519 key has a single algorithm by
/// its curve, and an RSA key has the RSA ones. A public key never does HMAC, and a secret nothing else, so that
/// no token can choose how a key is used (RFC 8725 sections 2.1 and 3.1).
#[derive(Clone)]
pub struct VerifyingKey {
    kid: Option<Box<str>>,
    algorithms: AlgorithmSet,
    check: Check,
}

#[derive(Clone)]
enum Check {
    /// One entry for each algorithm, since the library binds a parsed key to one.
    Public(Vec<(Algorithm, ParsedPublicKey)>),
    /// Boxed for its size of over a kilobyte.
    Hmac(Box<hmac::Key>),
}

impl VerifyingKey {
    /// Makes a public key ready.
    ///
    /// # Errors
    /// When `use` or `key_ops` forbid verification, the key has private members or is symmetric, or its numbers
    /// are no safe key: RSA 2048 to 8192 bits with an odd exponent of at most 64 bits, EC on its curve.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, JoseError> {
        let (public, algorithms) = jwk.public_part()?;
        Self::public(jwk.kid.clone(), algorithms, public)
    }

    /// As [`from_jwk`](Self::from_jwk), for `algorithm` alone: an RSA key is parsed once and not for each algorithm.
    #[cfg(feature = "dpop")]
    pub(super) fn from_jwk_for(jwk: &Jwk, algorithm: Algorithm) -> Result<Self, JoseError> {
        let (public, algorithms) = jwk.public_part()?;
        if !algorithms.contains(algorithm) {
            return Err(JoseError::AlgorithmMismatch);
        }
        Self::public(jwk.kid.clone(), algorithm.into(), public)
    }

    /// Makes a symmetric key (`kty` `oct`) ready for the HMAC `algorithm`: for callers who share the secret with
    /// the signer on purpose. Never give it a key that was fetched from the network.
    ///
    /// # Errors
    /// When the key is not symmetric, is for another algorithm or use, or is shorter than the hash.
    pub fn from_symmetric_jwk(jwk: &Jwk, algorithm: Algorithm) -> Result<Self, JoseError> {
        if !jwk.may_verify {
            return Err(JoseError::UseNotAllowed);
        }
        if jwk.alg.is_some_and(|alg| alg != algorithm) {
            return Err(JoseError::AlgorithmMismatch);
        }
        match &jwk.material {
            Material::Symmetric(secret) => Ok(Self { kid: jwk.kid.clone(), ..Self::hmac(algorithm, secret)? }),
            Material::Asymmetric { .. } => Err(JoseError::AlgorithmMismatch),
        }
    }

    /// A shared secret for the HMAC `algorithm`.
    ///
    /// # Errors
    /// When `algorithm` is no HMAC, the secret is shorter than the hash (RFC 7518 section 3.2), or it is the
    /// document of a key (PEM, JWK, DER, OpenSSH), which is not secret.
    pub fn hmac(algorithm: Algorithm, secret: &[u8]) -> Result<Self, JoseError> {
        Ok(Self::from_hmac_key(algorithm, hmac_key(algorithm, secret)?))
    }

    pub(super) fn from_hmac_key(algorithm: Algorithm, key: hmac::Key) -> Self {
        Self { kid: None, algorithms: algorithm.into(), check: Check::Hmac(Box::new(key)) }
    }

    pub(super) fn public(
        kid: Option<Box<str>>,
        algorithms: AlgorithmSet,
        numbers: &PublicNumbers,
    ) -> Result<Self, JoseError> {
        let parsed: Result<_, _> = algorithms.iter().map(|one| Ok((one, numbers.parse(one)?))).collect();
        Ok(Self { kid, algorithms, check: Check::Public(parsed?) })
    }

    /// The same key under another id.
    #[must_use]
    pub fn with_kid(self, kid: &str) -> Self {
        Self { kid: Some(kid.into()), ..self }
    }

    /// The key id.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithms the key checks.
    #[must_use]
    pub fn algorithms(&self) -> AlgorithmSet {
        self.algorithms
    }

    /// Checks that `signature` is this key's over `signing_input`, by `algorithm`. ECDSA signatures are `R || S`
    /// of fixed length (RFC 7518 section 3.4); an HMAC is compared in constant time.
    ///
    /// # Errors
    /// [`JoseError::AlgorithmMismatch`] if the key is not for `algorithm`, [`JoseError::BadSignature`] else.
    pub fn verify(&self, algorithm: Algorithm, signing_input: &[u8], signature: &[u8]) -> Result<(), JoseError> {
        if !self.algorithms.contains(algorithm) {
            return Err(JoseError::AlgorithmMismatch);
        }
        match &self.check {
            Check::Public(keys) => keys
                .iter()
                .find(|(one, _)| *one == algorithm)
                .ok_or(JoseError::AlgorithmMismatch)?
                .1
                .verify_sig(signing_input, signature),
            Check::Hmac(key) => hmac::verify(key, signing_input, signature),
        }
        .map_err(|_| JoseError::BadSignature)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("kid", &self.kid)
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}
