//! Key sets: what is skipped, what is refused, and which keys are candidates for a token.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod jose_support;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::json;
use tower_auth_core::jose::{Algorithm, AlgorithmSet, JoseError, JwkSet, VerifyingKey};

use self::jose_support::{ED25519_D, ec, ed25519, rsa, with};

// R7517-5a, R7517-4a
#[test]
fn a_set_skips_what_it_cannot_use_and_says_why() {
    let mut twice = with(rsa(), "kid", "twice").to_string();
    twice.insert_str(1, r#""kty":"RSA","#);
    let keys = [
        with(rsa(), "kid", "good").to_string(),
        with(rsa(), "use", "enc").to_string(),
        json!({"kty": "AKP", "kid": "post-quantum", "n": 1}).to_string(),
        json!({"kty": "oct", "kid": "secret", "k": URL_SAFE_NO_PAD.encode([7; 32])}).to_string(),
        with(with(ed25519(), "d", ED25519_D), "kid", "leaked").to_string(),
        "7".to_owned(),
        "null".to_owned(),
        twice,
        format!("{}1{}", "[".repeat(200), "]".repeat(200)),
        with(rsa(), "kid", "k".repeat(257)).to_string(),
        with(ed25519(), "kid", "also good").to_string(),
    ];
    let set = JwkSet::parse(format!(r#"{{"keys":[{}],"other":{{}}}}"#, keys.join(",")).as_bytes()).unwrap();
    assert_eq!(set.keys().iter().map(VerifyingKey::kid).collect::<Vec<_>>(), [Some("good"), Some("also good")]);
    let skipped: Vec<_> = set.skipped().iter().map(|one| (one.index, one.kid.as_deref(), one.reason)).collect();
    assert_eq!(
        skipped,
        [
            (1, None, JoseError::UseNotAllowed),
            (2, Some("post-quantum"), JoseError::BadMember("n")),
            (3, Some("secret"), JoseError::SymmetricKey),
            (4, Some("leaked"), JoseError::PrivateKey),
            (5, None, JoseError::NotAnObject),
            (6, None, JoseError::NotAnObject),
            (7, None, JoseError::DuplicateMember),
            (8, None, JoseError::NotAnObject),
            (9, None, JoseError::KidTooLong),
        ]
    );
}

#[test]
fn a_document_that_is_no_key_set_is_an_error() {
    for (text, error) in [
        ("{}", JoseError::MissingMember("keys")),
        (r#"{"keys":{}}"#, JoseError::BadMember("keys")),
        (r#"{"keys":null}"#, JoseError::BadMember("keys")),
        (r#"{"keys":[],"keys":[]}"#, JoseError::DuplicateMember),
        (r#"{"keys":[]}x"#, JoseError::BadJson),
        (r#"{"keys":[{]}"#, JoseError::BadJson),
        ("[]", JoseError::NotAnObject),
        ("", JoseError::BadJson),
        ("<html>", JoseError::BadJson),
    ] {
        assert_eq!(JwkSet::parse(text.as_bytes()).err(), Some(error), "{text}");
    }
    assert!(JwkSet::parse(br#"{"keys":[]}"#).unwrap().keys().is_empty());
}

// THREAT-A5
#[test]
fn a_set_is_read_up_to_its_limits_and_not_beyond() {
    let of = |count: usize| json!({ "keys": vec![ed25519(); count] }).to_string();
    assert_eq!(JwkSet::parse(of(64).as_bytes()).unwrap().keys().len(), 64);
    assert_eq!(JwkSet::parse(of(65).as_bytes()).err(), Some(JoseError::TooManyKeys));

    let padded = |len: usize| format!("{}{}", r#"{"keys":[]}"#, " ".repeat(len - 11));
    assert!(JwkSet::parse(padded(512 * 1024).as_bytes()).is_ok());
    assert_eq!(JwkSet::parse(padded(512 * 1024 + 1).as_bytes()).err(), Some(JoseError::TooLong));

    let brackets = format!(r#"{{"keys":[{}"#, "[".repeat(100_000));
    assert_eq!(JwkSet::parse(brackets.as_bytes()).err(), Some(JoseError::BadJson));
}

// THREAT-V4
#[test]
fn a_key_id_is_compared_exactly_and_filtered_by_algorithm() {
    let ec = with(ec(Algorithm::Es256), "kid", "same");
    let keys = [with(rsa(), "kid", "same"), ec, with(ed25519(), "kid", "other")];
    let set = JwkSet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap();
    let found = |kid, algorithm| set.candidates(kid, algorithm).map(VerifyingKey::algorithms).collect::<Vec<_>>();
    assert_eq!(found(Some("same"), Algorithm::Es256), [AlgorithmSet::from(Algorithm::Es256)]);
    assert_eq!(found(Some("same"), Algorithm::Ps512), [AlgorithmSet::rsa()]);
    assert!(found(Some("same"), Algorithm::EdDsa).is_empty());
    assert!(found(Some("Same"), Algorithm::Es256).is_empty());
    for kid in ["", "../same", "same\0", "same' OR '1'='1", &"k".repeat(100_000)] {
        assert!(found(Some(kid), Algorithm::Es256).is_empty(), "{kid}");
        assert!(!set.has_kid(kid));
    }
    assert!(set.has_kid("other"));
}

// THREAT-V4
#[test]
fn several_keys_of_one_id_and_type_are_all_candidates() {
    let keys = [with(ec(Algorithm::Es256), "kid", "k"), with(ec(Algorithm::Es256), "kid", "k")];
    let set = JwkSet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap();
    assert_eq!(set.candidates(Some("k"), Algorithm::Es256).count(), 2);
}

// THREAT-V4
#[test]
fn a_token_without_key_id_gets_a_key_only_if_exactly_one_fits() {
    let rsa = || with(rsa(), "kid", "r");
    let one = JwkSet::parse(json!({"keys": [rsa(), ed25519()]}).to_string().as_bytes()).unwrap();
    assert_eq!(one.candidates(None, Algorithm::Rs256).count(), 1);
    assert_eq!(one.candidates(None, Algorithm::EdDsa).count(), 1);
    assert_eq!(one.candidates(None, Algorithm::Es256).count(), 0);
    assert_eq!(one.candidates(Some("x"), Algorithm::EdDsa).count(), 0, "a key without id has no id");
    let two = JwkSet::parse(json!({"keys": [rsa(), rsa()]}).to_string().as_bytes()).unwrap();
    assert_eq!(two.candidates(None, Algorithm::Rs256).count(), 0);
    let told_apart = [with(rsa(), "alg", "RS256"), with(rsa(), "alg", "PS256")];
    let told_apart = JwkSet::parse(json!({ "keys": told_apart }).to_string().as_bytes()).unwrap();
    assert_eq!(told_apart.candidates(None, Algorithm::Rs256).count(), 1);
}

proptest! {
    // THREAT-A5
    #[test]
    fn no_bytes_make_the_set_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = JwkSet::parse(&bytes);
    }
}
