use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::algorithm::Algorithm;
use super::error::JoseError;

/// An HMAC key from `secret`.
///
/// It is at least as long as the hash (RFC 7518 section 3.2), and is no document of a public key: who knows a
/// public key could sign with it (RFC 8725 section 2.1).
pub(super) fn hmac_key(algorithm: Algorithm, secret: &[u8]) -> Result<hmac::Key, JoseError> {
    let hmac = algorithm.hmac().ok_or(JoseError::AlgorithmMismatch)?;
    if is_key_document(secret) {
        return Err(JoseError::KeyAsSecret);
    }
    if secret.len() < hmac.tag_len() {
        return Err(JoseError::WeakKey);
    }
    Ok(hmac::Key::new(hmac, secret))
}

/// Whether `secret` is a key or certificate in one of the forms they are published in: PEM, JWK, OpenSSH, DER,
/// a point, or DER in base64. White space and a byte order mark before it change nothing.
fn is_key_document(secret: &[u8]) -> bool {
    let text = secret.strip_prefix("\u{feff}".as_bytes()).unwrap_or(secret).trim_ascii();
    let is_jwk = text.starts_with(b"{") && (contains(text, b"\"kty\"") || contains(text, b"\"keys\""));
    let is_ssh = text.starts_with(b"ssh-") || text.starts_with(b"ecdsa-sha2-");
    contains(secret, b"-----BEGIN") || is_jwk || is_ssh || is_public_key(secret) || is_base64_public_key(text)
}

fn is_base64_public_key(text: &[u8]) -> bool {
    let packed: Zeroizing<Vec<u8>> =
        Zeroizing::new(text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect());
    STANDARD.decode(&*packed).map(Zeroizing::new).is_ok_and(|der| is_public_key(&der))
}

/// Whether `bytes` are a public key in DER, or an uncompressed point. (A compressed point, or the 32 bytes of an
/// Ed25519 key, cannot be told from a random secret.)
fn is_public_key(bytes: &[u8]) -> bool {
    const DER_SEQUENCE: u8 = 0x30;
    const UNCOMPRESSED_POINT: u8 = 0x04;
    let kinds: [&'static dyn VerificationAlgorithm; 5] = [
        &RSA_PKCS1_2048_8192_SHA256,
        &ECDSA_P256_SHA256_FIXED,
        &ECDSA_P384_SHA384_FIXED,
        &ECDSA_P521_SHA512_FIXED,
        &ED25519,
    ];
    let is_candidate = match bytes.first() {
        Some(&DER_SEQUENCE) => bytes.len() > 32,
        Some(&UNCOMPRESSED_POINT) => bytes.len() > 64,
        _ => false,
    };
    is_candidate && kinds.into_iter().any(|kind| ParsedPublicKey::new(kind, bytes).is_ok())
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::jose::SigningKey;

    // R7518-3.2a
    #[test]
    fn a_secret_is_as_long_as_the_hash_at_least() {
        for (algorithm, len) in [(Algorithm::Hs256, 32), (Algorithm::Hs384, 48), (Algorithm::Hs512, 64)] {
            assert!(hmac_key(algorithm, &vec![7; len]).is_ok());
            assert_eq!(hmac_key(algorithm, &vec![7; len - 1]).err(), Some(JoseError::WeakKey));
            assert_eq!(hmac_key(algorithm, &[]).err(), Some(JoseError::WeakKey));
        }
        assert_eq!(hmac_key(Algorithm::Rs256, &[7; 64]).err(), Some(JoseError::AlgorithmMismatch));
    }

    // THREAT-V2
    #[test]
    fn a_key_document_is_no_secret_whatever_stands_before_it() {
        const PEM: &str =
            "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n";
        let jwk = SigningKey::generate(Algorithm::Es256).unwrap().public_jwk(None).unwrap();
        for document in [
            PEM,
            &format!("\n \t{PEM}"),
            &format!("\u{b}\u{c}{PEM}"),
            &format!("\u{feff}{PEM}"),
            &format!("\u{a0}\u{2003}{PEM}"),
            &format!("# my key\r\n{PEM}"),
            "-----BEGIN CERTIFICATE-----\nMIIB0000000000000000000000000000000000",
            "-----BEGIN RSA PUBLIC KEY-----\nMIIB000000000000000000000000000000",
            &jwk,
            &format!("  \r\n{jwk}"),
            &format!("\u{feff}{jwk}"),
            &format!("{{\"keys\":[{jwk}]}}"),
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKF0000000000000000000000000000000000000 me@host",
        ] {
            assert_eq!(
                hmac_key(Algorithm::Hs256, document.as_bytes()).err(),
                Some(JoseError::KeyAsSecret),
                "{document}"
            );
        }
    }

    // THREAT-V2
    #[test]
    fn a_public_key_in_binary_or_base64_is_no_secret() {
        use aws_lc_rs::encoding::AsDer;
        use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
        use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

        let ec = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let spki = AsDer::as_der(ec.public_key()).unwrap();
        for bytes in [ec.public_key().as_ref(), rsa.public_key().as_ref(), spki.as_ref()] {
            assert_eq!(hmac_key(Algorithm::Hs256, bytes).err(), Some(JoseError::KeyAsSecret));
            let text = format!(" {}\n", STANDARD.encode(bytes));
            assert_eq!(hmac_key(Algorithm::Hs256, text.as_bytes()).err(), Some(JoseError::KeyAsSecret));
        }
    }

    proptest! {
        #[test]
        fn a_random_secret_is_accepted(secret in proptest::collection::vec(any::<u8>(), 64..100)) {
            prop_assert!(hmac_key(Algorithm::Hs512, &secret).is_ok());
        }
    }
}
