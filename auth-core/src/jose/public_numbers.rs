use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
    RsaPublicKeyComponents,
};

use super::algorithm::Algorithm;
use super::algorithm_set::AlgorithmSet;
use super::base64url;
use super::curve::Curve;
use super::error::JoseError;
use super::roca;

const MIN_RSA_BITS: usize = 2048;
const MAX_RSA_BITS: usize = 8192;
const MAX_EXPONENT_BITS: usize = 64;

/// The numbers of a public key, in the form JWK has them.
#[derive(Clone)]
pub(super) enum PublicNumbers {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Ec { curve: Curve, x: Vec<u8>, y: Vec<u8> },
    Ed25519 { x: Vec<u8> },
}

impl PublicNumbers {
    /// The algorithms a key of this type can be used with.
    pub(super) fn algorithms(&self) -> AlgorithmSet {
        match self {
            Self::Rsa { .. } => AlgorithmSet::rsa(),
            Self::Ec { curve, .. } => curve.algorithm().into(),
            Self::Ed25519 { .. } => Algorithm::EdDsa.into(),
        }
    }

    /// The key made ready to check signatures of `algorithm`, which is one of [`algorithms`](Self::algorithms).
    /// The numbers are checked: sizes, oddness, the point on its curve (RFC 8725 section 3.4).
    pub(super) fn parse(&self, algorithm: Algorithm) -> Result<ParsedPublicKey, JoseError> {
        match self {
            Self::Rsa { n, e } => {
                check_rsa(n, e)?;
                let parameters = rsa_parameters(algorithm).ok_or(JoseError::AlgorithmMismatch)?;
                let encoded = RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters);
                // Parsed once more from DER, because only that makes the library check the numbers itself.
                encoded.and_then(|key| ParsedPublicKey::new(parameters, key.as_ref()))
            }
            Self::Ec { curve, x, y } => {
                let point = [&[0x04], x.as_slice(), y].concat();
                ParsedPublicKey::new(curve.verification(), point)
            }
            Self::Ed25519 { x } => ParsedPublicKey::new(&ED25519, x),
        }
        .map_err(|_| JoseError::InvalidKey)
    }

    /// The SHA-256 thumbprint, base64url (RFC 7638): over the required members alone, in the order of their
    /// names, without white space.
    pub(super) fn thumbprint(&self) -> String {
        let b64 = |number: &Vec<u8>| base64url::encode(number);
        let json = match self {
            Self::Rsa { n, e } => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, b64(e), b64(n)),
            Self::Ec { curve, x, y } => {
                format!(r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#, curve.name(), b64(x), b64(y))
            }
            Self::Ed25519 { x } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, b64(x)),
        };
        base64url::encode(digest::digest(&digest::SHA256, json.as_bytes()))
    }

    /// The members of a JWK that say what the key is.
    pub(super) fn jwk_members(&self) -> Vec<(&'static str, String)> {
        let b64 = |number: &Vec<u8>| base64url::encode(number);
        match self {
            Self::Rsa { n, e } => vec![("kty", "RSA".into()), ("n", b64(n)), ("e", b64(e))],
            Self::Ec { curve, x, y } => {
                vec![("kty", "EC".into()), ("crv", curve.name().into()), ("x", b64(x)), ("y", b64(y))]
            }
            Self::Ed25519 { x } => vec![("kty", "OKP".into()), ("crv", "Ed25519".into()), ("x", b64(x))],
        }
    }
}

/// RFC 7518 sections 3.3 and 3.5 ask for 2048 bits. The upper limits keep a hostile key from costing much; of the
/// exponent the library takes 33 bits only.
fn check_rsa(n: &[u8], e: &[u8]) -> Result<(), JoseError> {
    let modulus_bits = bits(n);
    if modulus_bits < MIN_RSA_BITS {
        return Err(JoseError::WeakKey);
    }
    if modulus_bits > MAX_RSA_BITS || bits(e) > MAX_EXPONENT_BITS {
        return Err(JoseError::OversizedKey);
    }
    // An exponent of one leaves the message as it is: any signature can be made without the key.
    if !is_odd(n) || !is_odd(e) || bits(e) < 2 {
        return Err(JoseError::InvalidKey);
    }
    if roca::has_fingerprint(n) {
        return Err(JoseError::WeakKey);
    }
    Ok(())
}

/// The bits of a number without leading zero bytes.
fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

fn is_odd(number: &[u8]) -> bool {
    number.last().is_some_and(|last| last & 1 == 1)
}

fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modulus(bits: usize) -> Vec<u8> {
        let mut n = vec![0xff; bits.div_ceil(8)];
        n[0] >>= n.len() * 8 - bits;
        n
    }

    // R7518-3.3a, R8725-3.4a
    #[test]
    fn rsa_sizes_are_bounded_on_both_sides() {
        let e = [1, 0, 1];
        assert_eq!(check_rsa(&modulus(2047), &e), Err(JoseError::WeakKey));
        assert_eq!(check_rsa(&modulus(2048), &e), Ok(()));
        assert_eq!(check_rsa(&modulus(8192), &e), Ok(()));
        assert_eq!(check_rsa(&modulus(8193), &e), Err(JoseError::OversizedKey));
        assert_eq!(check_rsa(&[], &e), Err(JoseError::WeakKey));
    }

    // R7518-3.3a, R8725-3.4a
    #[test]
    fn rsa_exponents_are_odd_above_one_and_at_most_64_bits() {
        let n = modulus(2048);
        for e in [&[][..], &[1], &[2], &[1, 0, 0]] {
            assert_eq!(check_rsa(&n, e), Err(JoseError::InvalidKey), "{e:?}");
        }
        assert_eq!(check_rsa(&n, &[3]), Ok(()));
        assert_eq!(check_rsa(&n, &[0xff; 8]), Ok(()));
        assert_eq!(check_rsa(&n, &[1, 0, 0, 0, 0, 0, 0, 0, 1]), Err(JoseError::OversizedKey));
    }

    // R8725-3.4a
    #[test]
    fn an_even_modulus_is_refused() {
        let mut n = modulus(2048);
        n[255] = 0xfe;
        assert_eq!(check_rsa(&n, &[1, 0, 1]), Err(JoseError::InvalidKey));
    }
}
