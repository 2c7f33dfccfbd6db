use std::fmt;

use aws_lc_rs::hmac;

use super::error::JoseError;

/// A signature algorithm of RFC 7518 section 3.1 or RFC 8037.
///
/// The enum is closed: an algorithm that is not here, `none` above all, cannot be expressed (RFC 8725
/// section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// Ed25519. Tokens name it `EdDSA` (RFC 8037) or `Ed25519` (RFC 9864); Ed448 is not supported.
    EdDsa,
    /// HMAC with SHA-256: a shared secret, which every verifier could sign with.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: &'static [Self] = &[
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
    ];

    /// Reads an `alg` value: exact and case-sensitive.
    ///
    /// # Errors
    /// [`JoseError::UnknownAlgorithm`] for anything else, `none` included.
    pub fn from_name(name: &str) -> Result<Self, JoseError> {
        Ok(match name {
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "PS256" => Self::Ps256,
            "PS384" => Self::Ps384,
            "PS512" => Self::Ps512,
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "ES512" => Self::Es512,
            "EdDSA" | "Ed25519" => Self::EdDsa,
            "HS256" => Self::Hs256,
            "HS384" => Self::Hs384,
            "HS512" => Self::Hs512,
            _ => return Err(JoseError::UnknownAlgorithm),
        })
    }

    /// The `alg` value we write. For Ed25519 it is `EdDSA`, which more verifiers know.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
        }
    }

    /// Whether the key is a shared secret (HMAC).
    #[must_use]
    pub fn is_symmetric(self) -> bool {
        self.hmac().is_some()
    }

    /// Whether the key is an RSA key (PKCS#1 v1.5 or PSS).
    #[must_use]
    pub fn is_rsa(self) -> bool {
        matches!(self, Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512)
    }

    /// Whether the key is an elliptic-curve key (ECDSA).
    #[must_use]
    pub fn is_ecdsa(self) -> bool {
        matches!(self, Self::Es256 | Self::Es384 | Self::Es512)
    }

    pub(super) fn hmac(self) -> Option<hmac::Algorithm> {
        match self {
            Self::Hs256 => Some(hmac::HMAC_SHA256),
            Self::Hs384 => Some(hmac::HMAC_SHA384),
            Self::Hs512 => Some(hmac::HMAC_SHA512),
            _ => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Algorithm {
    type Err = JoseError;

    fn from_str(name: &str) -> Result<Self, JoseError> {
        Self::from_name(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_as_its_algorithm() {
        for &algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::from_name(algorithm.name()), Ok(algorithm));
        }
    }

    // R9864-a
    #[test]
    fn ed25519_has_two_names_and_is_one_algorithm() {
        assert_eq!(Algorithm::from_name("EdDSA"), Ok(Algorithm::EdDsa));
        assert_eq!(Algorithm::from_name("Ed25519"), Ok(Algorithm::EdDsa));
        assert_eq!(Algorithm::from_name("Ed448"), Err(JoseError::UnknownAlgorithm));
    }

    // R8725-3.2a, THREAT-V1
    #[test]
    fn none_and_names_in_another_case_do_not_exist() {
        for name in ["none", "None", "NONE", "nOnE", "", "rs256", "Rs256", "HS256 ", " HS256", "ES256K", "RS1", "eddsa"]
        {
            assert_eq!(Algorithm::from_name(name), Err(JoseError::UnknownAlgorithm), "{name:?}");
        }
    }

    // THREAT-V2
    #[test]
    fn each_algorithm_belongs_to_exactly_one_family() {
        for &algorithm in Algorithm::ALL {
            let families =
                [algorithm.is_rsa(), algorithm.is_ecdsa(), algorithm == Algorithm::EdDsa, algorithm.is_symmetric()];
            assert_eq!(families.into_iter().filter(|is| *is).count(), 1, "{algorithm}");
        }
    }
}
