//! Keys: which are taken, and for which algorithm.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod jose_support;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use serde_json::{Value, json};
use tower_auth_core::jose::{
    Algorithm, AlgorithmSet, JoseError, Jwk, JwkSet, Jws, MAX_TOKEN_LEN, SigningKey, TokenHeader, VerifyingKey,
};

use self::jose_support::{
    ED25519_D, ED25519_THUMBPRINT, ED25519_X, RFC7638_N, RFC7638_THUMBPRINT, ec, ed25519, jwk, public, rsa, verifying,
    with, without,
};

fn pem(der: &[u8]) -> String {
    let body: Vec<u8> = STANDARD.encode(der).into_bytes();
    let lines: Vec<_> = body.chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

// THREAT-V2, R8725-3.1a, R7518-3.4a, R9864-a
#[test]
fn a_key_checks_the_algorithms_of_its_type_and_no_other() {
    let rsa = pem(AsDer::as_der(&RsaKeyPair::generate(KeySize::Rsa2048).unwrap()).unwrap().as_ref());
    let secret = [7; 64];
    // One key of each type, and a signer with that very key for each algorithm of the type.
    let signers: Vec<(&str, Vec<SigningKey>)> = vec![
        ("RSA", AlgorithmSet::rsa().iter().map(|one| SigningKey::from_pkcs8_pem(one, &rsa).unwrap()).collect()),
        ("P-256", vec![SigningKey::generate(Algorithm::Es256).unwrap()]),
        ("P-384", vec![SigningKey::generate(Algorithm::Es384).unwrap()]),
        ("P-521", vec![SigningKey::generate(Algorithm::Es512).unwrap()]),
        ("Ed25519", vec![SigningKey::generate(Algorithm::EdDsa).unwrap()]),
        ("secret 256", vec![SigningKey::from_hmac_secret(Algorithm::Hs256, &secret).unwrap()]),
        ("secret 384", vec![SigningKey::from_hmac_secret(Algorithm::Hs384, &secret).unwrap()]),
        ("secret 512", vec![SigningKey::from_hmac_secret(Algorithm::Hs512, &secret).unwrap()]),
    ];
    let mut accepted = 0;
    for (key_type, own) in &signers {
        let key = match own[0].public_jwk(None) {
            Ok(public) => verifying(&without(serde_json::from_str(&public).unwrap(), "alg")).unwrap(),
            Err(_) => VerifyingKey::hmac(own[0].algorithm(), &secret).unwrap(),
        };
        for (signer_type, signers) in &signers {
            for signer in signers {
                let signature = signer.sign_bytes(b"input").unwrap();
                for &claimed in Algorithm::ALL {
                    let verdict = key.verify(claimed, b"input", &signature);
                    let is_for = own.iter().any(|own| own.algorithm() == claimed);
                    let is_right = key_type == signer_type && signer.algorithm() == claimed;
                    let expected = match (is_for, is_right) {
                        (false, _) => Err(JoseError::AlgorithmMismatch),
                        (true, false) => Err(JoseError::BadSignature),
                        (true, true) => Ok(()),
                    };
                    assert_eq!(verdict, expected, "{key_type} key, {claimed} signed by {signer_type} {signer:?}");
                    accepted += usize::from(verdict.is_ok());
                }
            }
        }
    }
    assert_eq!(accepted, Algorithm::ALL.len(), "each algorithm works with the one key it was made with");
}

// R8725-3.1a
#[test]
fn a_key_that_names_its_algorithm_checks_that_one_alone() {
    let key = verifying(&with(rsa(), "alg", "PS384")).unwrap();
    assert_eq!(key.algorithms(), AlgorithmSet::from(Algorithm::Ps384));
    assert_eq!(key.verify(Algorithm::Rs256, b"", b""), Err(JoseError::AlgorithmMismatch));
    assert_eq!(verifying(&rsa()).unwrap().algorithms(), AlgorithmSet::rsa());
    for (key, alg, error) in [
        (rsa(), "ES256", JoseError::AlgorithmMismatch),
        (rsa(), "HS256", JoseError::AlgorithmMismatch),
        (rsa(), "RSA-OAEP", JoseError::UnknownAlgorithm),
        (rsa(), "none", JoseError::UnknownAlgorithm),
        (ed25519(), "ES256", JoseError::AlgorithmMismatch),
        (ec(Algorithm::Es256), "ES384", JoseError::AlgorithmMismatch),
        (json!({"kty": "oct", "k": "AAAA"}), "RS256", JoseError::AlgorithmMismatch),
    ] {
        assert_eq!(jwk(&with(key, "alg", alg)).err(), Some(error), "{alg}");
    }
}

// THREAT-V2
#[test]
fn a_published_key_is_never_an_hmac_secret() {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let signer = SigningKey::from_pkcs8_pem(Algorithm::Rs256, &pem(AsDer::as_der(&pair).unwrap().as_ref())).unwrap();
    let verifier = signer.verifying_key(Some("k")).unwrap();
    let spki = AsDer::as_der(pair.public_key()).unwrap();
    let armoured = pem(spki.as_ref()).replace("PRIVATE", "PUBLIC");
    let jwk_text = signer.public_jwk(Some("k")).unwrap();
    for document in [
        armoured.clone().into_bytes(),
        format!(" \n\t{armoured}").into_bytes(),
        format!("\u{feff}{armoured}").into_bytes(),
        spki.as_ref().to_vec(),
        pair.public_key().as_ref().to_vec(),
        jwk_text.into_bytes(),
    ] {
        for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
            assert_eq!(VerifyingKey::hmac(algorithm, &document).err(), Some(JoseError::KeyAsSecret));
            assert_eq!(SigningKey::from_hmac_secret(algorithm, &document).err(), Some(JoseError::KeyAsSecret));

            // The attack itself: sign with what everybody knows, and let the token choose HMAC.
            let input = format!("{}.e30", URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{algorithm}","kid":"k"}}"#)));
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &document);
            let forged = aws_lc_rs::hmac::sign(&key, input.as_bytes());
            let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(forged));
            let mut buffer = Vec::new();
            let jws = Jws::parse(&token, MAX_TOKEN_LEN, &mut buffer).unwrap();
            assert_eq!(jws.verify(&verifier), Err(JoseError::AlgorithmMismatch));
            let set = JwkSet::from_iter([verifier.clone()]);
            assert_eq!(set.candidates(Some("k"), jws.header().alg).count(), 0);
        }
    }
}

// THREAT-V3
#[test]
fn a_token_signed_with_the_key_it_brings_along_is_refused() {
    let attacker = SigningKey::generate(Algorithm::Es256).unwrap();
    let issuer = SigningKey::generate(Algorithm::Es256).unwrap().verifying_key(Some("k")).unwrap();
    let header = TokenHeader::new().kid("k").field("jwk", &public(&attacker)).unwrap();
    let token = attacker.sign(&header, &json!({"sub": "root"})).unwrap();
    let mut buffer = Vec::new();
    let jws = Jws::parse(&token, MAX_TOKEN_LEN, &mut buffer).unwrap();
    assert!(jws.header().names_key);
    assert_eq!(jws.verify(&issuer), Err(JoseError::BadSignature));
}

// R7517-4a
#[test]
fn members_nobody_registered_are_ignored_and_use_is_obeyed() {
    assert!(verifying(&with(with(rsa(), "x5c", json!(["AAAA"])), "issuer", json!({"a": 1}))).is_ok());
    assert!(verifying(&with(rsa(), "use", "sig")).is_ok());
    for usage in ["enc", "SIG", "", "signature"] {
        assert_eq!(verifying(&with(rsa(), "use", usage)).err(), Some(JoseError::UseNotAllowed), "{usage}");
    }
    for ops in [json!(["verify"]), json!(["sign", "verify"])] {
        assert!(verifying(&with(rsa(), "key_ops", ops)).is_ok());
    }
    for ops in [json!([]), json!(["sign"]), json!(["encrypt"]), json!(["Verify"])] {
        assert_eq!(verifying(&with(rsa(), "key_ops", ops.clone())).err(), Some(JoseError::UseNotAllowed), "{ops}");
    }
    for (name, value) in [
        ("use", json!(1)),
        ("key_ops", json!("verify")),
        ("key_ops", json!([1])),
        ("kid", json!(7)),
        ("alg", json!(null)),
        ("kty", json!(["RSA"])),
        ("n", json!(3)),
    ] {
        assert_eq!(verifying(&with(rsa(), name, value)).err(), Some(JoseError::BadMember(name)), "{name}");
    }
    let both = with(with(rsa(), "use", "enc"), "key_ops", json!(["verify"]));
    assert_eq!(verifying(&both).err(), Some(JoseError::UseNotAllowed));
}

// R7518-3.3a, R8725-3.4a
#[test]
fn an_rsa_key_outside_the_limits_is_refused() {
    let n = URL_SAFE_NO_PAD.decode(RFC7638_N).unwrap();
    let modulus = |bytes: &[u8]| with(rsa(), "n", URL_SAFE_NO_PAD.encode(bytes));
    let exponent = |bytes: &[u8]| with(rsa(), "e", URL_SAFE_NO_PAD.encode(bytes));
    for (key, error) in [
        (modulus(&n[..255]), JoseError::WeakKey),
        (modulus(&n[..128]), JoseError::WeakKey),
        (modulus(&[0xff; 1025]), JoseError::OversizedKey),
        (modulus(&[&n[..255], &[0x02]].concat()), JoseError::InvalidKey),
        (modulus(&[&[0], &n[..]].concat()), JoseError::BadMember("n")),
        (modulus(&[]), JoseError::BadMember("n")),
        (exponent(&[1]), JoseError::InvalidKey),
        (exponent(&[2]), JoseError::InvalidKey),
        (exponent(&[0xff; 9]), JoseError::OversizedKey),
        (exponent(&[0, 1, 0, 1]), JoseError::BadMember("e")),
        (without(rsa(), "n"), JoseError::MissingMember("n")),
        (without(rsa(), "e"), JoseError::MissingMember("e")),
        (without(rsa(), "kty"), JoseError::MissingMember("kty")),
        (with(rsa(), "n", format!("{RFC7638_N}=")), JoseError::BadMember("n")),
        (with(rsa(), "e", "AQ AB"), JoseError::BadMember("e")),
    ] {
        assert_eq!(verifying(&key).err(), Some(error), "{key}");
    }
    assert!(verifying(&modulus(&[0xff; 256])).is_ok(), "2048 bits");
    assert!(verifying(&modulus(&[0xff; 1024])).is_ok(), "8192 bits");
    assert!(verifying(&exponent(&[3])).is_ok());
}

// R7518-6a, R7518-3.4a, R8725-3.4a
#[test]
fn an_elliptic_curve_key_is_a_full_length_point_on_its_curve() {
    for (algorithm, size) in [(Algorithm::Es256, 32), (Algorithm::Es384, 48), (Algorithm::Es512, 66)] {
        let key = ec(algorithm);
        assert_eq!(verifying(&key).unwrap().algorithms(), AlgorithmSet::from(algorithm));
        let x = URL_SAFE_NO_PAD.decode(key["x"].as_str().unwrap()).unwrap();
        assert_eq!(x.len(), size);
        for wrong in [&x[1..], &[&[0], &x[..]].concat(), &[]] {
            let key = with(key.clone(), "x", URL_SAFE_NO_PAD.encode(wrong));
            assert_eq!(verifying(&key).err(), Some(JoseError::BadMember("x")), "{key}");
        }
        let mut off = x.clone();
        off[size - 1] ^= 1;
        for (name, number) in [("x", off), ("y", vec![0; size]), ("y", vec![0xff; size])] {
            let key = with(key.clone(), name, URL_SAFE_NO_PAD.encode(number));
            assert_eq!(verifying(&key).err(), Some(JoseError::InvalidKey), "{key}");
        }
        let swapped = with(with(key.clone(), "x", key["y"].clone()), "y", key["x"].clone());
        assert_eq!(verifying(&swapped).err(), Some(JoseError::InvalidKey));
        assert_eq!(verifying(&without(key.clone(), "y")).err(), Some(JoseError::MissingMember("y")));
        assert_eq!(verifying(&without(key.clone(), "crv")).err(), Some(JoseError::MissingMember("crv")));
        for curve in ["secp256k1", "p-256", "Ed25519", ""] {
            assert_eq!(verifying(&with(key.clone(), "crv", curve)).err(), Some(JoseError::UnsupportedKey), "{curve}");
        }
    }
    let other_curve = with(ec(Algorithm::Es256), "crv", "P-384");
    assert_eq!(verifying(&other_curve).err(), Some(JoseError::BadMember("x")));
}

// R9864-a
#[test]
fn an_octet_key_pair_is_ed25519_or_nothing() {
    for alg in ["EdDSA", "Ed25519"] {
        let key = verifying(&with(ed25519(), "alg", alg)).unwrap();
        assert_eq!(key.algorithms(), AlgorithmSet::from(Algorithm::EdDsa));
    }
    for curve in ["Ed448", "X25519", "ed25519", "P-256"] {
        assert_eq!(verifying(&with(ed25519(), "crv", curve)).err(), Some(JoseError::UnsupportedKey), "{curve}");
    }
    assert_eq!(verifying(&with(ed25519(), "alg", "Ed448")).err(), Some(JoseError::UnknownAlgorithm));
    assert_eq!(verifying(&with(ed25519(), "x", &ED25519_X[..40])).err(), Some(JoseError::BadMember("x")));
    assert_eq!(verifying(&with(ed25519(), "kty", "EC")).err(), Some(JoseError::UnsupportedKey));
}

// R7518-6a
#[test]
fn a_private_key_is_not_used_as_a_public_one() {
    for name in ["d", "p", "q", "dp", "dq", "qi", "k"] {
        assert_eq!(verifying(&with(rsa(), name, "AAAA")).err(), Some(JoseError::PrivateKey), "{name}");
    }
    assert_eq!(verifying(&with(rsa(), "oth", json!([]))).err(), Some(JoseError::PrivateKey));
    let private = with(ed25519(), "d", ED25519_D);
    assert_eq!(verifying(&private).err(), Some(JoseError::PrivateKey));
    assert!(jwk(&private).unwrap().is_secret());
    assert!(!jwk(&ed25519()).unwrap().is_secret());
    assert_eq!(SigningKey::from_jwk(Algorithm::EdDsa, &jwk(&ed25519()).unwrap()).err(), Some(JoseError::PublicKey));
}

// R7518-3.2a, THREAT-V2
#[test]
fn a_shared_secret_is_used_on_purpose_only_and_is_long_enough() {
    let oct = |len: usize| json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(vec![7; len])});
    let symmetric = |key: &Value, algorithm| VerifyingKey::from_symmetric_jwk(&jwk(key).unwrap(), algorithm);
    assert_eq!(verifying(&oct(64)).err(), Some(JoseError::SymmetricKey));
    for (algorithm, len) in [(Algorithm::Hs256, 32), (Algorithm::Hs384, 48), (Algorithm::Hs512, 64)] {
        let key = symmetric(&with(oct(len), "kid", "s"), algorithm).unwrap();
        assert_eq!((key.kid(), key.algorithms()), (Some("s"), AlgorithmSet::from(algorithm)));
        assert_eq!(symmetric(&oct(len - 1), algorithm).err(), Some(JoseError::WeakKey));
    }
    assert_eq!(symmetric(&oct(64), Algorithm::Rs256).err(), Some(JoseError::AlgorithmMismatch));
    assert_eq!(symmetric(&with(oct(64), "alg", "HS256"), Algorithm::Hs512).err(), Some(JoseError::AlgorithmMismatch));
    assert_eq!(symmetric(&with(oct(64), "use", "enc"), Algorithm::Hs512).err(), Some(JoseError::UseNotAllowed));
    assert_eq!(symmetric(&rsa(), Algorithm::Hs256).err(), Some(JoseError::AlgorithmMismatch));
    assert_eq!(jwk(&oct(64)).unwrap().thumbprint(), None);
}

// R7638-3a
#[test]
fn a_thumbprint_covers_the_required_members_in_order_and_nothing_else() {
    assert_eq!(jwk(&rsa()).unwrap().thumbprint().as_deref(), Some(RFC7638_THUMBPRINT));
    let more = with(with(with(rsa(), "kid", "2011-04-29"), "alg", "RS256"), "use", "sig");
    assert_eq!(jwk(&more).unwrap().thumbprint().as_deref(), Some(RFC7638_THUMBPRINT));
    assert_eq!(jwk(&ed25519()).unwrap().thumbprint().as_deref(), Some(ED25519_THUMBPRINT));
    let signer = SigningKey::from_jwk(Algorithm::EdDsa, &jwk(&with(ed25519(), "d", ED25519_D)).unwrap()).unwrap();
    assert_eq!(signer.thumbprint().as_deref(), Ok(ED25519_THUMBPRINT));

    let key = ec(Algorithm::Es384);
    let text = format!(r#"{{"crv":"P-384","kty":"EC","x":{},"y":{}}}"#, key["x"], key["y"]);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    assert_eq!(jwk(&key).unwrap().thumbprint(), Some(URL_SAFE_NO_PAD.encode(digest)));
}

#[test]
fn a_private_key_is_read_from_pem_and_from_jwk() {
    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let ed = Ed25519KeyPair::generate().unwrap();
    for (algorithm, der) in [
        (Algorithm::Es256, ec.to_pkcs8v1().unwrap()),
        (Algorithm::EdDsa, ed.to_pkcs8v1().unwrap()),
        (Algorithm::EdDsa, ed.to_pkcs8().unwrap()),
    ] {
        let pem = pem(der.as_ref());
        let signer = SigningKey::from_pkcs8_pem(algorithm, &pem).unwrap();
        let signature = signer.sign_bytes(b"input").unwrap();
        let verifier = verifying(&public(&signer)).unwrap();
        assert_eq!(verifier.verify(algorithm, b"input", &signature), Ok(()));
        for other in Algorithm::ALL.iter().filter(|other| **other != algorithm) {
            assert!(SigningKey::from_pkcs8_pem(*other, &pem).is_err(), "{algorithm} key as {other}");
        }
        assert!(VerifyingKey::hmac(Algorithm::Hs256, pem.as_bytes()).is_err());
    }

    let private = with(ed25519(), "d", ED25519_D);
    let signing = |algorithm, key: &Value| SigningKey::from_jwk(algorithm, &jwk(key).unwrap());
    assert_eq!(public(&signing(Algorithm::EdDsa, &private).unwrap())["x"], ED25519_X);
    assert_eq!(signing(Algorithm::Es256, &private).err(), Some(JoseError::AlgorithmMismatch));
    assert_eq!(signing(Algorithm::EdDsa, &with(private.clone(), "use", "enc")).err(), Some(JoseError::UseNotAllowed));
    let verify_only = with(private.clone(), "key_ops", json!(["verify"]));
    assert_eq!(signing(Algorithm::EdDsa, &verify_only).err(), Some(JoseError::UseNotAllowed));
    let mixed = with(private, "d", ED25519_X);
    assert_eq!(signing(Algorithm::EdDsa, &mixed).err(), Some(JoseError::InvalidKey), "halves of two keys");
}

// R7518-3.3a
#[test]
fn a_small_rsa_key_does_not_sign_either() {
    // 1024 bits, made for this test.
    let small = json!({
        "kty": "RSA",
        "n": "2w_qe_1nM9-lEyhzTcD0ygqPUtCthQuPwS9sCPrDStDcM5WkloY-8Ww-NGEzaUMrKAtQtOIO6EeIkgnVQLTYWD-lgs8gRw5Dx2LVKI61UGOI6UouPaNhOLhl8Ds7CNTgzf9bELMWxR8g2ECVWNvdMQrB7ZKc81CMM9tclLTFHxc",
        "e": "AQAB",
        "d": "0qwc0r9h6AZWJ_WH5igCgufi7D8aEVCMILrtiDk5ZZM1ojpwvf4_PEjgDdnI6puZPnqbVEnvEj3xPplMSF1jjLuL-nvvS9Xnind7pNhnqqaI2H3Y6YpL5pCfc3qXUxrLTwShL9ncnx8cqZ-dOdzSJFPyAEGKslmKLxB_zrcp6HE",
        "p": "8weU3bJu3CiGsN7zrTNIeEG7amUEHcZ8GeykyWzZTnl2nm4XAW09_vvVEgyuMWrfnoajAuIdi3ZrMp6LR0ga7w",
        "q": "5sDga_9USh8_ewjDbH2pBxEIKXwghFPHT76sThIn_nm5vxFwl-vFYIYy826ScPsa5LbIr0s8G9mdWZh2-jBeWQ",
        "dp": "XvkIgPa5AgpIUJhgK8BNwskVP4fIawZk-xCSeTCzX0pyQ4mMLf-N6bZqVspjzGYSi3XcAEVy_ExDqh1xGmMgOw",
        "dq": "Q8g2ZCLtbJR_PjHVzeGfrB65qg33M0e0zVzyGkDFFMBG6rRBwa6VHQRupQk-5Qct4C89BhjwgDHNQctCb72TiQ",
        "qi": "NFasYtLjnjdjnLFb6FRdUeXVr0p9PjU2ntxJq2TVvCsYLp2rvMq9l0td79OmP5r5Rm5AQ4CboclvQ6jptaVHxA",
    });
    assert_eq!(SigningKey::from_jwk(Algorithm::Rs256, &jwk(&small).unwrap()).err(), Some(JoseError::InvalidKey));
    let public = ["d", "p", "q", "dp", "dq", "qi"].into_iter().fold(small, without);
    assert_eq!(verifying(&public).err(), Some(JoseError::WeakKey));
}

// R7517-4a, R7638-3a
#[test]
fn the_public_part_of_a_signer_is_what_a_set_reads() {
    for &algorithm in Algorithm::ALL.iter().filter(|algorithm| !algorithm.is_symmetric()) {
        let signer = SigningKey::generate(algorithm).unwrap();
        let text = signer.public_jwk(Some("k1")).unwrap();
        let set = JwkSet::parse(format!(r#"{{"keys":[{text}]}}"#).as_bytes()).unwrap();
        assert_eq!(set.candidates(Some("k1"), algorithm).count(), 1, "{text}");
        assert_eq!(set.keys()[0].algorithms(), AlgorithmSet::from(algorithm));
        assert_eq!(Jwk::parse(text.as_bytes()).unwrap().thumbprint(), signer.thumbprint().ok());
        assert!(!text.contains("\"d\""));
    }
    let secret = SigningKey::generate(Algorithm::Hs256).unwrap();
    assert_eq!(secret.public_jwk(None).err(), Some(JoseError::SymmetricKey));
}

// THREAT-L1
#[test]
fn debug_shows_no_key() {
    let secret = "c2VudGluZWwtc2VudGluZWwtc2VudGluZWwtc2VudGluZWw";
    let oct = jwk(&json!({"kty": "oct", "k": secret, "alg": "HS256"})).unwrap();
    let signer = SigningKey::from_jwk(Algorithm::Hs256, &oct).unwrap();
    let private = jwk(&with(ed25519(), "d", ED25519_D)).unwrap();
    let ed_signer = SigningKey::from_jwk(Algorithm::EdDsa, &private).unwrap();
    let verifier = signer.verifying_key(Some("k1")).unwrap();
    let shown = format!("{oct:?} {signer:?} {private:?} {ed_signer:?} {verifier:?}");
    for part in ["sentinel", secret, ED25519_D, "115, 101, 110, 116"] {
        assert!(!shown.contains(part), "{shown}");
    }
    assert_eq!(format!("{signer:?}"), "SigningKey { algorithm: Hs256, .. }");
}

proptest! {
    // THREAT-A5
    #[test]
    fn no_key_document_makes_the_parser_panic(
        kty in prop::sample::select(vec!["RSA", "EC", "OKP", "oct", "AKP"]),
        crv in prop::sample::select(vec!["P-256", "P-384", "P-521", "Ed25519", "?"]),
        numbers in proptest::collection::vec("[A-Za-z0-9_=-]{0,90}", 6),
    ) {
        let mut key = json!({"kty": kty, "crv": crv});
        for (name, number) in ["n", "e", "x", "y", "d", "k"].into_iter().zip(numbers) {
            key[name] = number.into();
        }
        for key in [key.clone(), without(without(key, "d"), "k")] {
            if let Ok(jwk) = jwk(&key) {
                let _ = VerifyingKey::from_jwk(&jwk);
                for &algorithm in Algorithm::ALL {
                    let _ = SigningKey::from_jwk(algorithm, &jwk);
                    let _ = VerifyingKey::from_symmetric_jwk(&jwk, algorithm);
                }
            }
            let _ = JwkSet::parse(json!({ "keys": [key] }).to_string().as_bytes());
        }
    }
}
