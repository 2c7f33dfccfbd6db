//! Round trips: what each algorithm signs it verifies, and nothing near it.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::json;
use tower_auth_core::jose::{Algorithm, JoseError, Jws, MAX_TOKEN_LEN, SigningKey, TokenHeader, VerifyingKey};

/// A key pair for each algorithm.
static KEYS: LazyLock<Vec<(SigningKey, VerifyingKey)>> = LazyLock::new(|| {
    let pair = |algorithm: &Algorithm| {
        let signer = SigningKey::generate(*algorithm).unwrap();
        let verifier = signer.verifying_key(Some("k1")).unwrap();
        (signer, verifier)
    };
    Algorithm::ALL.iter().map(pair).collect()
});

fn check(token: &str, key: &VerifyingKey) -> Result<(), JoseError> {
    Jws::parse(token, MAX_TOKEN_LEN, &mut Vec::new())?.verify(key)
}

fn token(signer: &SigningKey) -> String {
    signer.sign(&TokenHeader::new().typ("at+jwt").kid("k1"), &json!({"sub": "alice", "exp": 1_700_000_000})).unwrap()
}

// R7515-5.2a, R9068-2.1a, R9864-a
#[test]
fn what_an_algorithm_signs_its_key_verifies() {
    for (signer, verifier) in KEYS.iter() {
        let token = token(signer);
        let mut buffer = Vec::new();
        let jws = Jws::parse(&token, MAX_TOKEN_LEN, &mut buffer).unwrap();
        assert_eq!(jws.header().alg, signer.algorithm());
        assert_eq!(jws.header().kid.as_deref(), verifier.kid());
        assert!(jws.header().typ_is("at+jwt"));
        assert_eq!(jws.verify(verifier), Ok(()), "{}", signer.algorithm());
        assert_eq!(jws.claims().unwrap().sub.as_deref(), Some("alice"));
    }
}

// R9864-a
#[test]
fn a_token_that_says_ed25519_is_verified_as_one_that_says_eddsa() {
    let signer = SigningKey::generate(Algorithm::EdDsa).unwrap();
    // {"alg":"Ed25519"}
    let input = "eyJhbGciOiJFZDI1NTE5In0.e30";
    let signature = signer.sign_bytes(input.as_bytes()).unwrap();
    let token = format!("{input}.{}", base64url(&signature));
    assert_eq!(check(&token, &signer.verifying_key(None).unwrap()), Ok(()));
}

// R7515-5.2a, R7515-2a
#[test]
fn every_single_bit_of_a_token_counts() {
    for (signer, verifier) in KEYS.iter() {
        let token = token(signer);
        for position in 0..token.len() * 8 {
            let mut bytes = token.clone().into_bytes();
            bytes[position / 8] ^= 1 << (position % 8);
            // What is no UTF-8 is no token either.
            let Ok(mutant) = String::from_utf8(bytes) else { continue };
            assert!(check(&mutant, verifier).is_err(), "{}: bit {position}", signer.algorithm());
        }
    }
}

// R7515-5.2a
#[test]
fn a_token_that_is_cut_or_extended_anywhere_is_refused() {
    for (signer, verifier) in KEYS.iter() {
        let token = token(signer);
        for end in 0..token.len() {
            assert!(check(&token[..end], verifier).is_err(), "{}: {end}", signer.algorithm());
        }
        for tail in ["A", "AA", "AAAA", ".", "=", " ", "\n"] {
            assert!(check(&format!("{token}{tail}"), verifier).is_err(), "{}: {tail:?}", signer.algorithm());
            assert!(check(&format!("{tail}{token}"), verifier).is_err(), "{}: {tail:?}", signer.algorithm());
        }
    }
}

// R7518-3.4a
#[test]
fn an_ecdsa_signature_has_its_fixed_length_and_is_not_der() {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};

    for (algorithm, len) in [(Algorithm::Es256, 64), (Algorithm::Es384, 96), (Algorithm::Es512, 132)] {
        let signer = SigningKey::generate(algorithm).unwrap();
        let verifier = signer.verifying_key(None).unwrap();
        let signature = signer.sign_bytes(b"input").unwrap();
        assert_eq!(signature.len(), len, "{algorithm}");
        assert_eq!(verifier.verify(algorithm, b"input", &signature), Ok(()));
        let (r, s) = signature.split_at(len / 2);
        for wrong in [
            [&[0], r, &[0], s].concat(),
            [r, s, &[0]].concat(),
            [&[0], r, s].concat(),
            [r, &s[..s.len() - 1]].concat(),
            [s, r].concat(),
            vec![0; len],
            vec![0xff; len],
            r.to_vec(),
            Vec::new(),
        ] {
            assert_eq!(verifier.verify(algorithm, b"input", &wrong), Err(JoseError::BadSignature), "{wrong:?}");
        }
    }

    let pkcs8 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap().to_pkcs8v1().unwrap();
    let signer = SigningKey::from_pkcs8_pem(Algorithm::Es256, &pem(pkcs8.as_ref())).unwrap();
    let der_signer = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref()).unwrap();
    let der = der_signer.sign(&SystemRandom::new(), b"input").unwrap();
    let verifier = signer.verifying_key(None).unwrap();
    assert_eq!(verifier.verify(Algorithm::Es256, b"input", der.as_ref()), Err(JoseError::BadSignature));
}

#[test]
fn only_an_object_can_be_signed_as_claims() {
    let signer = SigningKey::generate(Algorithm::Hs256).unwrap();
    for claims in [json!([]), json!("x"), json!(1), json!(null)] {
        assert_eq!(signer.sign(&TokenHeader::new(), &claims).err(), Some(JoseError::Unserializable));
    }
    let unserializable = BTreeMap::from([(vec![1], 1)]);
    assert_eq!(signer.sign(&TokenHeader::new(), &unserializable).err(), Some(JoseError::Unserializable));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    // R7515-5.2a, R7519-4.1a
    #[test]
    fn claims_come_back_as_they_were_signed(
        which in 0..Algorithm::ALL.len(),
        sub in ".{0,40}",
        aud in proptest::collection::vec(".{0,20}", 0..4),
        exp in 0_u64..253_402_300_799,
        name in "[a-z_]{1,12}x",
        value in ".{0,40}",
    ) {
        let (signer, verifier) = &KEYS[which];
        let mut claims = json!({"sub": sub, "aud": aud, "exp": exp});
        claims[&name] = json!({"nested": [value]});
        let token = signer.sign(&TokenHeader::new().kid(&sub), &claims).unwrap();
        let mut buffer = Vec::new();
        let jws = Jws::parse(&token, MAX_TOKEN_LEN, &mut buffer).unwrap();
        prop_assert_eq!(jws.verify(verifier), Ok(()));
        let read = jws.claims().unwrap();
        prop_assert_eq!(read.sub.as_deref(), Some(&*sub));
        prop_assert_eq!(read.aud.unwrap().iter().map(str::to_owned).collect::<Vec<_>>(), aud);
        prop_assert_eq!(read.exp.unwrap().since_epoch().as_secs(), exp);
        prop_assert_eq!(serde_json::from_slice::<serde_json::Value>(read.raw).unwrap(), claims);
    }

    // R7515-5.2a
    #[test]
    fn a_signature_is_good_for_its_input_alone(
        which in 0..Algorithm::ALL.len(),
        input in proptest::collection::vec(any::<u8>(), 0..60),
        other in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        prop_assume!(input != other);
        let (signer, verifier) = &KEYS[which];
        let signature = signer.sign_bytes(&input).unwrap();
        prop_assert_eq!(verifier.verify(signer.algorithm(), &input, &signature), Ok(()));
        prop_assert_eq!(verifier.verify(signer.algorithm(), &other, &signature), Err(JoseError::BadSignature));
    }

    // THREAT-V1, THREAT-A1
    #[test]
    fn no_signature_bytes_make_a_verifier_panic_or_accept(
        which in 0..Algorithm::ALL.len(),
        signature in proptest::collection::vec(any::<u8>(), 0..600),
    ) {
        let (signer, verifier) = &KEYS[which];
        prop_assert_eq!(verifier.verify(signer.algorithm(), b"x", &signature), Err(JoseError::BadSignature));
    }
}

fn base64url(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

fn pem(der: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
}
