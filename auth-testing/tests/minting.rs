//! Minted tokens, checked by the JOSE parts of the core.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use serde_json::{Value, json};
use tower_auth_core::jose::{Algorithm, JoseError, JwkSet, Jws, MAX_TOKEN_LEN};
use tower_auth_testing::{Flaw, Mint, TestClock, TokenMinter};

const NOW: u64 = 1_767_225_600;

fn minter(algorithms: &[Algorithm]) -> TokenMinter {
    TokenMinter::with_keys("https://login.test", algorithms, TestClock::new().clock()).unwrap()
}

/// The claims of `token`, if a key of `minter` signed it.
fn verified(minter: &TokenMinter, token: &str) -> Result<Value, JoseError> {
    let keys = JwkSet::parse(minter.jwks().as_bytes()).unwrap();
    let mut buffer = Vec::new();
    let jws = Jws::parse(token, MAX_TOKEN_LEN, &mut buffer)?;
    let header = jws.header();
    let key = keys.candidates(header.kid.as_deref(), header.alg).next().ok_or(JoseError::UnsupportedKey)?;
    jws.verify(key)?;
    jws.claims()?;
    Ok(serde_json::from_slice(jws.payload()).unwrap())
}

#[test]
fn a_minted_token_has_what_rfc_9068_wants_and_what_was_asked_for() {
    let minter = minter(&[Algorithm::Es256]);
    let token = minter
        .token()
        .subject("alice")
        .audiences(["a", "b"])
        .scopes(["x", "y"])
        .lifetime(Duration::from_secs(60))
        .claim("roles", &["admin"])
        .without("client_id")
        .sign();
    let claims = verified(&minter, &token).unwrap();
    for (name, expected) in [
        ("iss", json!("https://login.test")),
        ("sub", json!("alice")),
        ("aud", json!(["a", "b"])),
        ("scope", json!("x y")),
        ("iat", json!(NOW)),
        ("exp", json!(NOW + 60)),
        ("roles", json!(["admin"])),
    ] {
        assert_eq!(claims[name], expected, "{name}");
    }
    assert_eq!(claims["jti"].as_str().unwrap().len(), 32);
    assert!(claims.get("client_id").is_none());
    let mut buffer = Vec::new();
    assert!(Jws::parse(&token, MAX_TOKEN_LEN, &mut buffer).unwrap().header().typ_is("at+jwt"));
}

#[test]
fn every_algorithm_signs_and_keys_rotate() {
    let algorithms: Vec<_> = Algorithm::ALL.iter().copied().filter(|algorithm| !algorithm.is_symmetric()).collect();
    let minter = minter(&algorithms);
    for algorithm in algorithms {
        let token = minter.token().algorithm(algorithm).sign();
        assert!(verified(&minter, &token).is_ok(), "{algorithm:?}");
    }
    let old = minter.token().sign();
    minter.rotate_keys(true);
    assert!(verified(&minter, &old).is_ok() && verified(&minter, &minter.token().sign()).is_ok());
    minter.rotate_keys(false);
    assert!(verified(&minter, &old).is_err() && verified(&minter, &minter.token().sign()).is_ok());
}

#[test]
fn each_flaw_is_the_only_thing_wrong() {
    let minter = minter(&[Algorithm::Rs256, Algorithm::Es256]);
    for flaw in Flaw::ALL {
        let mint = |mint: Mint| verified(&minter, &mint.flaw(*flaw).sign());
        let claims = mint(minter.token());
        let claim = |name: &str| claims.as_ref().unwrap().get(name).cloned();
        match flaw {
            Flaw::Expired => {
                assert_eq!((claim("iat"), claim("exp")), (Some(json!(NOW - 7200)), Some(json!(NOW - 3600))))
            }
            Flaw::NotYetValid => assert_eq!(claim("nbf"), Some(json!(NOW + 3600))),
            Flaw::NoExpiry => assert_eq!(claim("exp"), None),
            Flaw::WrongAudience => assert_eq!(claim("aud"), Some(json!("another-audience"))),
            Flaw::NoAudience => assert_eq!(claim("aud"), None),
            Flaw::WrongIssuer => assert_eq!(claim("iss"), Some(json!("https://another-issuer.test"))),
            Flaw::NoIssuer => assert_eq!(claim("iss"), None),
            Flaw::WrongType => {
                let token = minter.token().flaw(*flaw).sign();
                let mut buffer = Vec::new();
                assert!(Jws::parse(&token, MAX_TOKEN_LEN, &mut buffer).unwrap().header().typ_is("dpop+jwt"));
                assert!(claims.is_ok());
            }
            Flaw::WrongKey | Flaw::TamperedSignature | Flaw::TamperedClaims => {
                assert_eq!(claims, Err(JoseError::BadSignature), "{flaw:?}");
                assert_eq!(mint(minter.token().algorithm(Algorithm::Es256)), Err(JoseError::BadSignature), "{flaw:?}");
            }
            Flaw::UnknownKey => assert_eq!(claims, Err(JoseError::UnsupportedKey)),
            Flaw::Unsigned => assert_eq!(claims, Err(JoseError::UnknownAlgorithm)),
            Flaw::UnknownCritical => assert_eq!(claims, Err(JoseError::CriticalExtension)),
            Flaw::DuplicateClaim => assert_eq!(claims, Err(JoseError::DuplicateMember)),
            other => panic!("{other:?} is not tested"),
        }
    }
}

#[test]
fn a_flaw_is_not_undone_by_what_was_set_before() {
    let minter = minter(&[Algorithm::Es256]);
    let token = minter.token().audience("orders").claim("exp", &(NOW + 9)).flaw(Flaw::Expired).sign();
    assert_eq!(verified(&minter, &token).unwrap()["exp"], json!(NOW - 3600));
    let token = minter.token().audience("orders").flaw(Flaw::WrongAudience).sign();
    assert_eq!(verified(&minter, &token).unwrap()["aud"], json!("another-audience"));
}

// THREAT-L1
#[test]
fn debug_shows_names_only() {
    let minter = minter(&[Algorithm::Es256]);
    let mint = minter.token().claim("pin", "sentinel").subject("sentinel");
    let shown = format!("{mint:?} {minter:?}");
    assert!(!shown.contains("sentinel") && shown.contains("pin"), "{shown}");
}
