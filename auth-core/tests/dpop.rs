//! DPoP keys and proofs, checked by other means than those that made them.
#![cfg(feature = "dpop")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, Uri};
use serde_json::{Value, json};
use tower_auth_core::jose::{Algorithm, Jwk, Jws, MAX_TOKEN_LEN, SigningKey, VerifyingKey};
use tower_auth_core::{DpopKey, Secret, SigningErrorKind, Token};
use tower_auth_testing::TestClock;

const ALGORITHMS: [Algorithm; 4] = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256, Algorithm::Ps256];

/// The header and the claims of a proof whose signature is that of the key in it.
fn checked(proof: &str) -> (Value, Value) {
    let mut buffer = Vec::new();
    let jws = Jws::parse(proof, MAX_TOKEN_LEN, &mut buffer).unwrap();
    let header = proof.split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    let jwk = Jwk::parse(header["jwk"].to_string().as_bytes()).unwrap();
    assert!(!jwk.is_secret());
    jws.verify(&VerifyingKey::from_jwk(&jwk).unwrap()).unwrap();
    (header, serde_json::from_slice(jws.payload()).unwrap())
}

fn proof(key: &DpopKey, uri: &str, token: Option<&Token>, nonce: Option<&str>) -> String {
    key.proof(&Method::POST, &uri.parse().unwrap(), token, nonce).unwrap().to_str().unwrap().to_owned()
}

// R9449-4.2a
#[test]
fn a_proof_has_its_type_an_asymmetric_algorithm_the_public_key_alone_and_the_claims() {
    for algorithm in ALGORITHMS {
        let signer = SigningKey::generate(algorithm).unwrap();
        let public: Value = serde_json::from_str(&signer.public_jwk(None).unwrap()).unwrap();
        let thumbprint = signer.thumbprint().unwrap();
        let clock = TestClock::new();
        let key = DpopKey::new(signer).unwrap().with_clock(clock.clock());
        assert_eq!(key.thumbprint(), thumbprint);

        let (header, claims) = checked(&proof(&key, "https://api.example.com/orders", None, None));
        assert_eq!(header["typ"], "dpop+jwt");
        assert_eq!(header["alg"], algorithm.name());
        assert_eq!(header.as_object().unwrap().len(), 3);
        let embedded = Jwk::parse(header["jwk"].to_string().as_bytes()).unwrap();
        assert_eq!(embedded.thumbprint().unwrap(), thumbprint);
        for name in header["jwk"].as_object().unwrap().keys() {
            assert_eq!(header["jwk"][name], public[name], "{name}");
            assert!(!["d", "p", "q", "dp", "dq", "qi", "k"].contains(&name.as_str()));
        }
        let seconds = clock.clock().wall().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let expected = json!({
            "htm": "POST", "htu": "https://api.example.com/orders", "iat": seconds, "jti": claims["jti"],
        });
        assert_eq!(claims, expected);
        clock.tick(Duration::from_secs(61));
        let (_, later) = checked(&proof(&key, "https://api.example.com/orders", None, None));
        assert_eq!(later["iat"], seconds + 61);
    }
}

// R9449-4.2a
#[test]
fn a_shared_secret_is_no_key() {
    let error = DpopKey::new(SigningKey::generate(Algorithm::Hs256).unwrap()).unwrap_err();
    assert_eq!(error.code(), "config.invalid_option");
}

// R9449-4.2b
#[test]
fn every_proof_has_an_id_of_128_bits_of_its_own() {
    let key = DpopKey::generate().unwrap();
    let ids: HashSet<String> = (0..200)
        .map(|_| checked(&proof(&key, "https://a.com/", None, None)).1["jti"].as_str().unwrap().to_owned())
        .inspect(|id| assert_eq!(id.len(), 22, "{id}"))
        .collect();
    assert_eq!(ids.len(), 200);
}

// R9449-4.2c
#[test]
fn the_target_has_neither_query_nor_fragment_and_is_normalized() {
    let key = DpopKey::generate().unwrap();
    for (uri, htu) in [
        ("https://api.example.com/a/b?c=d&e#f", "https://api.example.com/a/b"),
        ("https://API.Example.com:443", "https://api.example.com/"),
        ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080/x"),
        ("https://[::1]:8443/%7Ea?x", "https://[::1]:8443/%7Ea"),
    ] {
        assert_eq!(checked(&proof(&key, uri, None, None)).1["htu"], htu, "{uri}");
    }
    for bad in ["/path/only", "https://user@a.com/", "ftp://a.com/"] {
        let error = key.proof(&Method::GET, &bad.parse::<Uri>().unwrap(), None, None).unwrap_err();
        assert_eq!(error.kind(), SigningErrorKind::Target, "{bad}");
    }
}

// R9449-4.2d
#[test]
fn a_token_is_named_by_its_hash_and_a_nonce_by_itself() {
    let key = DpopKey::generate().unwrap();
    // The token and its hash of RFC 9449 section 7.1.
    let token = Token::new("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU").unwrap();
    let (_, claims) = checked(&proof(&key, "https://a.com/", Some(&token), Some("eyJ7S_zG.eyJH0-Z.HX4w-7v")));
    assert_eq!(claims["ath"], "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
    assert_eq!(claims["nonce"], "eyJ7S_zG.eyJH0-Z.HX4w-7v");
}

#[test]
fn a_stored_key_is_the_same_key() {
    for algorithm in ALGORITHMS {
        let key = DpopKey::new(SigningKey::generate(algorithm).unwrap()).unwrap();
        let stored = key.to_pkcs8_pem().unwrap();
        let again = DpopKey::from_pkcs8_pem(algorithm, &stored).unwrap();
        assert_eq!(again.thumbprint(), key.thumbprint());
        let (header, _) = checked(&proof(&again, "https://a.com/", None, None));
        assert_eq!(Jwk::parse(header["jwk"].to_string().as_bytes()).unwrap().thumbprint().unwrap(), key.thumbprint());
        assert!(stored.expose_secret().lines().all(|line| line.len() <= 64));
    }
    assert!(DpopKey::from_pkcs8_pem(Algorithm::Es256, &Secret::from("no key")).is_err());
}

// THREAT-L1
#[test]
fn debug_shows_the_thumbprint_and_proofs_are_sensitive() {
    let key = DpopKey::generate().unwrap();
    assert_eq!(format!("{key:?}"), format!("DpopKey({:?})", key.thumbprint()));
    let value = key.proof(&Method::GET, &Uri::from_static("https://a.com/"), None, None).unwrap();
    assert!(value.is_sensitive());
}

// R9449-8a
#[test]
fn the_nonces_of_authorization_servers_and_of_apis_are_kept_apart() {
    let key = DpopKey::generate().unwrap();
    let uri = Uri::from_static("https://a.com/");
    let headers = |nonce: &str| [("dpop-nonce".parse().unwrap(), nonce.parse().unwrap())].into_iter().collect();
    assert!(key.server_nonces().observe(&uri, &headers("as")));
    assert!(key.resource_nonces().newest(&uri).is_none());
    assert!(key.resource_nonces().observe(&uri, &headers("rs")));
    let clone = key.clone();
    assert_eq!(*clone.server_nonces().newest(&uri).unwrap(), *"as");
    assert_eq!(*clone.resource_nonces().newest(&uri).unwrap(), *"rs");
}
