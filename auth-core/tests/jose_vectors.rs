//! Runs the published test vectors: Project Wycheproof, the JOSE cookbook (RFC 7520, RFC 8037) and the examples
//! of the RFCs.
//!
//! The data lies beside the repository, in `../shared/vectors`, or where `TOWER_AUTH_VECTORS` points. Without
//! it the suite is skipped, with a line that says so; with `TOWER_AUTH_REQUIRE=1` it fails instead.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tower_auth_core::jose::{Algorithm, JoseError, Jwk, JwkSet, Jws, MAX_TOKEN_LEN, SigningKey, VerifyingKey};

/// Entries whose `result` cannot be taken at its word, and what we do instead.
const DOUBTFUL: &[(&str, u64, bool, &str)] = &[
    ("json_web_signature_test", 372, false, "called valid, but the header part has a `?`, which is no base64url"),
    ("json_web_signature_test", 373, false, "called valid, but the payload part has a `?`, which is no base64url"),
    ("json_web_signature_test", 367, true, "called invalid, but its text is that of the valid entry 357"),
    ("json_web_signature_test", 370, true, "called invalid, but its text is that of the valid entry 357"),
];

#[allow(clippy::disallowed_methods, reason = "the variables say where the data is and whether it must be there")]
fn vectors() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors");
    let folder = std::env::var_os("TOWER_AUTH_VECTORS").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    let is_required = std::env::var_os("TOWER_AUTH_REQUIRE").is_some_and(|value| value == "1");
    assert!(!is_required, "TOWER_AUTH_REQUIRE=1, but there are no test vectors in {}", folder.display());
    None
}

/// The named file, or `None` and a line on standard error if the vectors are not there.
#[allow(clippy::print_stderr, reason = "a skipped suite must be seen")]
fn load(path: &str) -> Option<Value> {
    let Some(folder) = vectors() else {
        eprintln!("SKIPPED: no test vectors; set TOWER_AUTH_VECTORS to the folder that has {path}");
        return None;
    };
    let text = fs::read_to_string(folder.join(path)).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

/// The keys of `document` (a JWK or a JWK Set) that can be used. A secret is taken for what its own `alg` says.
fn keys(document: &Value) -> Vec<VerifyingKey> {
    let single = [document.clone()];
    let all = document["keys"].as_array().map_or(&single[..], Vec::as_slice);
    let mut usable = JwkSet::parse(json!({ "keys": all }).to_string().as_bytes()).unwrap().keys().to_vec();
    for key in all {
        let Ok(jwk) = Jwk::parse(key.to_string().as_bytes()) else { continue };
        if let Some(algorithm) = jwk.algorithm() {
            usable.extend(VerifyingKey::from_symmetric_jwk(&jwk, algorithm));
        }
    }
    usable
}

/// Whether any key accepts the token: the key id is not asked, so that the signature alone decides.
fn accepts(keys: &[VerifyingKey], token: &str) -> bool {
    let mut buffer = Vec::new();
    let Ok(jws) = Jws::parse(token, MAX_TOKEN_LEN, &mut buffer) else { return false };
    keys.iter().any(|key| jws.verify(key).is_ok())
}

fn run_wycheproof(file: &str) -> Option<usize> {
    let document = load(&format!("wycheproof/{file}.json"))?;
    let mut count = 0;
    let mut failures = Vec::new();
    for group in document["testGroups"].as_array().unwrap() {
        let keys = keys(group.get("public").unwrap_or(&group["private"]));
        for test in group["tests"].as_array().unwrap() {
            count += 1;
            let id = test["tcId"].as_u64().unwrap();
            let (token, is_jwe) = test.get("jws").map_or_else(|| (&test["jwe"], true), |jws| (jws, false));
            // The JSON serialization is given as an object in one file.
            let token = token.as_str().map_or_else(|| token.to_string(), str::to_owned);
            let doubt = DOUBTFUL.iter().find(|(doubtful, tc, ..)| *doubtful == file && *tc == id);
            let expected = doubt.map_or(test["result"] == "valid" && !is_jwe, |(_, _, accept, _)| *accept);
            if accepts(&keys, &token) != expected {
                failures.push(format!("tcId {id} ({}): expected {expected}", test["comment"]));
            }
        }
    }
    assert!(failures.is_empty(), "{file}: {failures:#?}");
    assert_eq!(Some(count as u64), document["numberOfTests"].as_u64(), "{file}");
    Some(count)
}

// R7515-2a, R7515-5.2a, R7518-3.4a, R8725-3.2a, R9068-2.1a, THREAT-V1, THREAT-V2, THREAT-V3
#[test]
fn wycheproof_signatures_are_judged_as_they_should_be() {
    if let Some(count) = run_wycheproof("json_web_signature_test") {
        assert!(count > 300, "the file has {count} tests only");
    }
}

// R7517-4a, R7518-3.2a, R7518-3.3a, R8725-3.4a
#[test]
fn wycheproof_keys_are_judged_as_they_should_be() {
    run_wycheproof("json_web_key_test");
}

// R7515-5.2a, R8725bis-a, THREAT-V2, THREAT-V3
#[test]
fn wycheproof_tokens_are_judged_as_they_should_be_and_jwe_is_not_taken() {
    run_wycheproof("json_web_crypto_test");
}

/// Signer and verifier of the private or symmetric JWK of a published example.
fn example_keys(key: &Value, alg: &str) -> (SigningKey, VerifyingKey) {
    let algorithm = Algorithm::from_name(alg).unwrap();
    let signer = SigningKey::from_jwk(algorithm, &Jwk::parse(key.to_string().as_bytes()).unwrap()).unwrap();
    let verifier = signer.verifying_key(None).unwrap();
    (signer, verifier)
}

// R7515-5.2a, R7518-3.4a, R9864-a
#[test]
fn the_signatures_printed_in_the_rfcs_verify() {
    let Some(document) = load("rfc_examples.json") else { return };
    let mut count = 0;
    for vector in document["vectors"].as_array().unwrap().iter().filter(|vector| vector["kind"] == "jws") {
        let id = &vector["id"];
        let (_, verifier) = example_keys(&vector["key"], vector["alg"].as_str().unwrap());
        let token = vector["jws"].as_str().unwrap();
        let mut buffer = Vec::new();
        let jws = Jws::parse(token, MAX_TOKEN_LEN, &mut buffer).unwrap();
        assert_eq!(jws.verify(&verifier), Ok(()), "{id}");
        assert_eq!(token.split('.').nth(1), vector["payload_b64u"].as_str(), "{id}");
        count += 1;
    }
    assert!(count >= 3);
}

// R7515-5.2a, R7518-3.4a, R7518-3.2a
#[test]
fn the_signatures_of_the_cookbook_verify_and_reproduce() {
    for file in [
        "jws/4_2.rsa-pss_signature",
        "jws/4_3.ecdsa_signature",
        "jws/4_5.signature_with_detached_content",
        "jws/4_6.protecting_specific_header_fields",
        "curve25519/jws",
    ] {
        let Some(example) = load(&format!("jose-cookbook/{file}.json")) else { return };
        let (signer, verifier) = example_keys(&example["input"]["key"], example["input"]["alg"].as_str().unwrap());
        let input = example["signing"]["sig-input"].as_str().unwrap();
        let signature = example["signing"]["sig"].as_str().unwrap();
        let token = format!("{input}.{signature}");
        let mut buffer = Vec::new();
        let jws = Jws::parse(&token, MAX_TOKEN_LEN, &mut buffer).unwrap();
        assert_eq!(jws.verify(&verifier), Ok(()), "{file}");
        assert_eq!(jws.payload(), example["input"]["payload"].as_str().unwrap().as_bytes(), "{file}");
        if example["reproducible"] == true {
            assert_eq!(signer.sign_bytes(input.as_bytes()).unwrap(), jws.signature(), "{file}");
        }
        for form in ["json", "json_flat"] {
            let text = example["output"][form].to_string();
            assert!(Jws::parse(&text, MAX_TOKEN_LEN, &mut Vec::new()).is_err(), "{file}: no JSON serialization");
        }
    }
}

// R7515-5.2a
#[test]
fn a_detached_payload_is_not_made_up() {
    let Some(example) = load("jose-cookbook/jws/4_5.signature_with_detached_content.json") else { return };
    let (_, verifier) = example_keys(&example["input"]["key"], "HS256");
    let token = example["output"]["compact"].as_str().unwrap();
    let mut buffer = Vec::new();
    let jws = Jws::parse(token, MAX_TOKEN_LEN, &mut buffer).unwrap();
    assert_eq!(jws.verify(&verifier), Err(JoseError::BadSignature));
}

// R7517-4a
#[test]
fn the_keys_of_the_cookbook_are_usable_as_they_say() {
    let Some(rsa) = load("jose-cookbook/jwk/3_3.rsa_public_key.json") else { return };
    let rsa = Jwk::parse(rsa.to_string().as_bytes()).unwrap();
    assert_eq!(VerifyingKey::from_jwk(&rsa).unwrap().kid(), Some("bilbo.baggins@hobbiton.example"));

    let mac = load("jose-cookbook/jwk/3_5.symmetric_key_mac_computation.json").unwrap();
    let mac = Jwk::parse(mac.to_string().as_bytes()).unwrap();
    assert!(VerifyingKey::from_symmetric_jwk(&mac, Algorithm::Hs256).is_ok());
    assert_eq!(VerifyingKey::from_jwk(&mac).err(), Some(JoseError::SymmetricKey));

    let encryption = load("jose-cookbook/jwk/3_6.symmetric_key_encryption.json").unwrap();
    assert_eq!(Jwk::parse(encryption.to_string().as_bytes()).err(), Some(JoseError::UnknownAlgorithm));
}
