//! Key sets as issuers publish them, and key sets as somebody might in their place.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tower_auth_core::jose::{Algorithm, Jwk, JwkSet, Jws, MAX_TOKEN_LEN, VerifyingKey};

use super::{json, world};

pub fn run(data: &[u8]) {
    if let Ok(jwk) = Jwk::parse(data) {
        check(&jwk, data);
    }
    let Ok(set) = JwkSet::parse(data) else { return };
    assert!(data.len() <= 512 * 1024);
    let document = json::object(data);
    let listed = document.as_ref().and_then(|members| members.get("keys")).and_then(Value::as_array);
    assert!(set.keys().len() + set.skipped().len() <= 64);
    for skipped in set.skipped() {
        assert!(skipped.kid.as_ref().is_none_or(|kid| kid.len() <= 256));
        assert!(skipped.index < set.keys().len() + set.skipped().len());
    }
    // A key with a name twice spoils the document for the other reader, and itself alone for ours.
    if let Some(listed) = listed {
        assert_eq!(listed.len(), set.keys().len() + set.skipped().len());
        let used = (0..listed.len()).filter(|index| !set.skipped().iter().any(|skipped| skipped.index == *index));
        for (key, index) in set.keys().iter().zip(used) {
            let member = |name: &str| listed[index].get(name);
            assert_eq!(key.kid(), member("kid").and_then(Value::as_str));
            assert!(["d", "k", "p", "q", "dp", "dq", "qi", "oth"].iter().all(|name| member(name).is_none()));
            assert!(member("use").is_none_or(|value| value == "sig"));
            assert!(member("key_ops").is_none_or(|value| json::has(Some(value), "verify")));
            if let Some(alg) = member("alg").and_then(Value::as_str) {
                assert_eq!(key.algorithms().iter().collect::<Vec<_>>(), [Algorithm::from_name(alg).unwrap()]);
            }
        }
    }
    for key in set.keys() {
        assert!(!key.algorithms().is_empty());
        assert!(key.algorithms().iter().all(|algorithm| !algorithm.is_symmetric()), "a shared secret was published");
        candidates(&set, key);
    }
    forged(&set);
}

/// Each key is found by its id and algorithm, and by no other algorithm.
fn candidates(set: &JwkSet, key: &VerifyingKey) {
    for &algorithm in Algorithm::ALL {
        let of_algorithm = set.keys().iter().filter(|one| one.algorithms().contains(algorithm)).count();
        let anonymous = set.candidates(None, algorithm).count();
        assert_eq!(anonymous, usize::from(of_algorithm == 1));
        if let Some(kid) = key.kid() {
            assert!(set.has_kid(kid));
            for one in set.candidates(Some(kid), algorithm) {
                assert!(one.kid() == Some(kid) && one.algorithms().contains(algorithm));
            }
        }
    }
}

/// No key that is not the signer's own takes its signature, nor one that somebody made up.
fn forged(set: &JwkSet) {
    let issuer = &world::ISSUERS[0];
    let mut buffer = Vec::new();
    let token = &world::GOOD[0];
    let jws = Jws::parse(token, MAX_TOKEN_LEN, &mut buffer).unwrap();
    let own = issuer.signer.thumbprint().unwrap();
    for key in set.keys().iter().take(4) {
        let is_own = format!("{key:?}").contains(&own);
        for &algorithm in Algorithm::ALL {
            let result = key.verify(algorithm, jws.signing_input(), jws.signature());
            assert!(result.is_err() || is_own || is_ed25519(key), "a signature of another key was accepted");
            for made_up in [&[][..], &[0; 64], &[0; 96], &[0; 132], &[0; 256]] {
                let result = key.verify(algorithm, jws.signing_input(), made_up);
                assert!(result.is_err() || is_ed25519(key), "a signature of nobody was accepted");
            }
        }
    }
}

/// A point of small order, as a key, takes signatures that nobody made: who publishes it has made itself the issuer's key.
fn is_ed25519(key: &VerifyingKey) -> bool {
    key.algorithms().contains(Algorithm::EdDsa)
}

/// A key by itself: its thumbprint depends on its numbers alone.
fn check(jwk: &Jwk, data: &[u8]) {
    assert!(jwk.kid().is_none_or(|kid| kid.len() <= 256));
    let Some(thumbprint) = jwk.thumbprint() else {
        assert!(jwk.is_secret());
        return;
    };
    assert_eq!(URL_SAFE_NO_PAD.decode(&thumbprint).unwrap().len(), 32);
    let Some(members) = json::object(data) else { return };
    let named = ["kty", "crv", "x", "y", "n", "e"];
    let public: serde_json::Map<_, _> = members.into_iter().filter(|(name, _)| named.contains(&&**name)).collect();
    let again = Jwk::parse(Value::Object(public).to_string().as_bytes()).unwrap();
    assert_eq!(again.thumbprint(), Some(thumbprint));
    assert!(!again.is_secret());
    match VerifyingKey::from_jwk(jwk) {
        Ok(_) => assert!(!jwk.is_secret()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
