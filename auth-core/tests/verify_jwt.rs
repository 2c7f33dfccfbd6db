//! The rules for JWT access tokens.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod verify_support;

use std::time::Duration;

use serde_json::{Value, json};
use tower_auth_core::jose::{Algorithm, JwkSet, SigningKey, TokenHeader};
use tower_auth_core::{
    ConfigErrorKind, IncomingCredential, JwtVerifier, Method, Profile, RejectionKind, Secret, Verified, Verifier,
};
use tower_auth_testing::TestClock;

use self::verify_support::*;

/// A verifier with fixed keys: `k1` is the one that signs.
fn fixed(key: &SigningKey) -> JwtVerifier {
    let keys = JwkSet::parse(key_set(&[("k1", key)]).as_bytes()).unwrap();
    JwtVerifier::issuer(ISSUER).unwrap().audience("orders").jwks(keys).clock(TestClock::new().clock()).realm("orders")
}

fn judge(verifier: &Verifier, token: &str) -> Result<Verified, RejectionKind> {
    verifier.try_verify(&bearer(token)).map_err(|refusal| refusal.kind())
}

// R9068-2.1a, R9068-2.2a, R9068-4a, R9068-4b, R9068-5a
#[test]
fn a_token_by_rfc_9068_is_accepted_and_tells_who_calls() {
    for algorithm in [Algorithm::Rs256, Algorithm::Ps384, Algorithm::Es256, Algorithm::Es512, Algorithm::EdDsa] {
        let key = SigningKey::generate(algorithm).unwrap();
        let verifier = fixed(&key).build().unwrap();
        let verified = judge(&verifier, &token(&key, &claims())).unwrap();
        assert_eq!(verified.method(), Method::Jwt);
        assert_eq!((verified.issuer(), verified.subject(), verified.client_id()), (Some(ISSUER), "alice", Some("web")));
        assert!(verified.has_scope("orders:read") && !verified.has_scope("orders"));
        assert!(verified.has_scopes(&"orders:write orders:read".parse().unwrap()));
        assert_eq!(verified.expires_at(), Some(TestClock::new().now() + Duration::from_secs(600)));
        assert_eq!(verified.claims::<Value>().unwrap(), claims());
        assert_eq!(verified.verifier(), verifier.id());
        assert!(verifier.has_verified(&verified) && !fixed(&key).build().unwrap().has_verified(&verified));
    }
}

// R8693-4.1a
#[test]
fn who_acted_before_gives_no_rights() {
    let key = es256();
    let verifier = fixed(&key).build().unwrap();
    let mut delegated = claims();
    delegated["act"] = json!({
        "sub": "frontend", "scope": "admin", "roles": ["root"],
        "act": { "sub": "root", "client_id": "root", "scope": "admin" },
    });
    let verified = judge(&verifier, &token(&key, &delegated)).unwrap();
    assert_eq!((verified.subject(), verified.client_id()), ("alice", Some("web")));
    assert!(verified.has_scope("orders:read") && !verified.has_scope("admin") && !verified.has_role("root"));
    // The present actor is there for those who look, and outermost.
    assert_eq!(verified.claims::<Value>().unwrap()["act"]["sub"], "frontend");
}

// R9068-4a, R8725-3.11a
#[test]
fn the_type_is_compared_without_case_and_with_or_without_its_prefix() {
    let key = es256();
    let verifier = fixed(&key).build().unwrap();
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"] {
        let token = key.sign(&TokenHeader::new().kid("k1").typ(typ), &claims()).unwrap();
        assert!(judge(&verifier, &token).is_ok(), "{typ}");
    }
    for typ in ["JWT", "jwt", "at+jwt ", "application/jwt", "text/at+jwt", "", "dpop+jwt", "logout+jwt", "secevent+jwt"]
    {
        let token = key.sign(&TokenHeader::new().kid("k1").typ(typ), &claims()).unwrap();
        assert_eq!(judge(&verifier, &token).unwrap_err(), RejectionKind::WrongType, "{typ}");
    }
    let untyped = key.sign(&TokenHeader::new().kid("k1"), &claims()).unwrap();
    let refusal = verifier.try_verify(&bearer(&untyped)).unwrap_err();
    assert_eq!(refusal.kind(), RejectionKind::WrongType);
    assert!(refusal.explain().contains("generic"), "{refusal}");
    assert!(!refusal.message().contains("typ"), "the client learns nothing of it");
}

// R9068-2.2a, R7519-4.1a, THREAT-V6
#[test]
fn every_claim_that_rfc_9068_demands_must_be_there_and_have_its_type() {
    let key = es256();
    let verifier = fixed(&key).build().unwrap();
    for (name, kind) in [
        ("iss", RejectionKind::UnknownIssuer),
        ("aud", RejectionKind::WrongAudience),
        ("exp", RejectionKind::MissingClaim),
        ("sub", RejectionKind::MissingClaim),
        ("client_id", RejectionKind::MissingClaim),
        ("iat", RejectionKind::MissingClaim),
        ("jti", RejectionKind::MissingClaim),
    ] {
        assert_eq!(judge(&verifier, &token(&key, &without(claims(), name))).unwrap_err(), kind, "{name}");
        for wrong in [json!(true), json!(null), json!([1]), json!({"x": 1}), json!(-1.5)] {
            let token = token(&key, &with(claims(), name, wrong.clone()));
            assert_eq!(judge(&verifier, &token).unwrap_err(), RejectionKind::Malformed, "{name}: {wrong}");
        }
    }
    for name in ["exp", "nbf", "iat"] {
        let token = token(&key, &with(claims(), name, (NOW + 600).to_string()));
        assert_eq!(judge(&verifier, &token).unwrap_err(), RejectionKind::Malformed, "{name} as text");
    }
    for name in ["sub", "client_id", "jti"] {
        let token = token(&key, &with(claims(), name, ""));
        assert_eq!(judge(&verifier, &token).unwrap_err(), RejectionKind::MissingClaim, "{name} empty");
    }
}

// R7519-4.1.3a, R9700-2.3a, THREAT-V8
#[test]
fn the_audience_must_have_one_of_our_names_exactly() {
    let key = es256();
    let verifier = fixed(&key).audience("https://orders.example.com/").build().unwrap();
    for aud in [json!("orders"), json!(["x", "orders"]), json!("https://orders.example.com/")] {
        assert!(judge(&verifier, &token(&key, &with(claims(), "aud", aud.clone()))).is_ok(), "{aud}");
    }
    for aud in [
        json!("Orders"),
        json!("orders "),
        json!("order"),
        json!("orders x"),
        json!(""),
        json!([]),
        json!(["x"]),
        json!("https://orders.example.com"),
    ] {
        let token = token(&key, &with(claims(), "aud", aud.clone()));
        assert_eq!(judge(&verifier, &token).unwrap_err(), RejectionKind::WrongAudience, "{aud}");
    }
}

// R7519-4.1.4a, R9068-4b
#[test]
fn expiry_is_judged_by_our_clock_and_the_leeway() {
    let key = es256();
    let time = TestClock::new();
    let verifier = fixed(&key).clock(time.clock()).build().unwrap();
    let token_until = |exp: u64| token(&key, &with(claims(), "exp", exp));
    assert!(judge(&verifier, &token_until(NOW - 59)).is_ok());
    assert_eq!(judge(&verifier, &token_until(NOW - 60)).unwrap_err(), RejectionKind::Expired);
    let lasting = token(&key, &claims());
    time.tick(Duration::from_secs(659));
    assert!(judge(&verifier, &lasting).is_ok());
    time.tick(Duration::from_secs(1));
    assert_eq!(judge(&verifier, &lasting).unwrap_err(), RejectionKind::Expired);
    let future = token(&key, &with(with(claims(), "nbf", NOW + 660 + 61), "exp", NOW + 900));
    assert_eq!(judge(&verifier, &future).unwrap_err(), RejectionKind::NotYetValid);
}

// R8725-3.1a, R8725-3.2a, THREAT-V1, THREAT-V2
#[test]
fn the_algorithm_is_chosen_by_configuration_and_key_and_never_by_the_token() {
    let rsa = SigningKey::generate(Algorithm::Rs256).unwrap();
    let ec = es256();
    let keys = JwkSet::parse(key_set(&[("k1", &rsa), ("ec", &ec)]).as_bytes()).unwrap();
    let base =
        || JwtVerifier::issuer(ISSUER).unwrap().audience("orders").jwks(keys.clone()).clock(TestClock::new().clock());
    let verifier = base().build().unwrap();
    assert!(judge(&verifier, &token(&rsa, &claims())).is_ok());
    // The key named is not for the algorithm: another family, or another of its own.
    assert_eq!(judge(&verifier, &token(&ec, &claims())).unwrap_err(), RejectionKind::UnsupportedAlgorithm);
    let only_es = base().algorithms([Algorithm::Es256]).build().unwrap();
    assert_eq!(judge(&only_es, &token(&rsa, &claims())).unwrap_err(), RejectionKind::UnsupportedAlgorithm);
    assert!(judge(&only_es, &token_by(&ec, "ec")).is_ok());

    // A token signed with the public key as an HMAC secret, and tokens that name no algorithm.
    let good = token(&rsa, &claims());
    let (_, rest) = good.split_once('.').unwrap();
    for alg in ["none", "None", "nOnE", "NONE", "HS256", "HS512", "RS1", "", "ES256K"] {
        let header = base64url(&format!(r#"{{"alg":"{alg}","typ":"at+jwt","kid":"k1"}}"#));
        let payload = rest.split('.').next().unwrap();
        for forged in [format!("{header}.{rest}"), format!("{header}.{payload}."), format!("{header}.{payload}.AA")] {
            assert_eq!(judge(&verifier, &forged).unwrap_err(), RejectionKind::UnsupportedAlgorithm, "{alg}");
        }
    }
    let secret = SigningKey::from_hmac_secret(Algorithm::Hs256, &[7; 32]).unwrap();
    assert_eq!(judge(&verifier, &token(&secret, &claims())).unwrap_err(), RejectionKind::UnsupportedAlgorithm);
}

// THREAT-V2, R8725-3.1a
#[test]
fn a_shared_secret_is_its_own_kind_of_verifier() {
    let secret = Secret::from("0123456789abcdef0123456789abcdef");
    let base = || {
        JwtVerifier::shared_secret(ISSUER, Algorithm::Hs256, &secret)
            .unwrap()
            .audience("orders")
            .clock(TestClock::new().clock())
    };
    let verifier = base().build().unwrap();
    let signer = SigningKey::from_hmac_secret(Algorithm::Hs256, secret.expose_secret().as_bytes()).unwrap();
    assert!(judge(&verifier, &token(&signer, &claims())).is_ok());
    assert!(judge(&verifier, &signer.sign(&TokenHeader::new().typ("at+jwt"), &claims()).unwrap()).is_ok());
    let other = SigningKey::from_hmac_secret(Algorithm::Hs256, &[8; 32]).unwrap();
    assert_eq!(judge(&verifier, &token(&other, &claims())).unwrap_err(), RejectionKind::BadSignature);
    assert_eq!(judge(&verifier, &token(&es256(), &claims())).unwrap_err(), RejectionKind::UnsupportedAlgorithm);

    assert!(base().algorithms([Algorithm::Hs256, Algorithm::Rs256]).build().is_err());
    assert!(fixed(&es256()).algorithms([Algorithm::Es256, Algorithm::Hs256]).build().is_err());
    assert!(JwtVerifier::shared_secret(ISSUER, Algorithm::Rs256, &secret).is_err());
    assert!(JwtVerifier::shared_secret(ISSUER, Algorithm::Hs256, &Secret::from("short")).is_err());
    let jwk = es256().public_jwk(None).unwrap();
    assert!(JwtVerifier::shared_secret(ISSUER, Algorithm::Hs256, &Secret::from(jwk)).is_err());
    let hmac: JwkSet = [other.verifying_key(None).unwrap()].into_iter().collect();
    assert!(fixed(&es256()).jwks(hmac).build().is_err());
}

// THREAT-V3, R8725-3.10a
#[test]
fn a_key_that_the_token_brings_or_names_is_never_used() {
    let key = es256();
    let attacker = es256();
    let verifier = fixed(&key).build().unwrap();
    let jwk: Value = serde_json::from_str(&attacker.public_jwk(Some("k1")).unwrap()).unwrap();
    for (name, value) in [
        ("jwk", jwk),
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/cert")),
        ("x5c", json!(["MIIB"])),
    ] {
        let signed = attacker.sign(&header().field(name, &value).unwrap(), &claims()).unwrap();
        assert_eq!(judge(&verifier, &signed).unwrap_err(), RejectionKind::BadSignature, "{name}");
    }
}

// THREAT-V4, R8725-3.10a
#[test]
fn a_key_id_is_only_data() {
    let key = es256();
    let verifier = fixed(&key).build().unwrap();
    for kid in ["../../dev/null", "k1' OR '1'='1", "K1", "k1 ", "", "k1\u{0}", &"k".repeat(256)] {
        assert_eq!(judge(&verifier, &token_by(&key, kid)).unwrap_err(), RejectionKind::UnknownKey, "{kid:?}");
    }
    assert_eq!(judge(&verifier, &token_by(&key, &"k".repeat(257))).unwrap_err(), RejectionKind::Malformed);
    let without_kid = key.sign(&TokenHeader::new().typ("at+jwt"), &claims()).unwrap();
    assert!(judge(&verifier, &without_kid).is_ok(), "there is one key for ES256");

    let other = es256();
    let two = JwkSet::parse(key_set(&[("k1", &key), ("k2", &other)]).as_bytes()).unwrap();
    let ambiguous = fixed(&key).jwks(two).build().unwrap();
    assert_eq!(judge(&ambiguous, &without_kid).unwrap_err(), RejectionKind::UnknownKey);
    let twins = JwkSet::parse(key_set(&[("k1", &other), ("k1", &key)]).as_bytes()).unwrap();
    assert!(judge(&fixed(&key).jwks(twins).build().unwrap(), &token(&key, &claims())).is_ok());
}

// THREAT-V5
#[test]
fn a_critical_extension_is_refused() {
    let key = es256();
    let verifier = fixed(&key).build().unwrap();
    for crit in [json!(["exp"]), json!([]), json!("exp"), json!(["b64"])] {
        let signed = key.sign(&header().field("crit", &crit).unwrap(), &claims()).unwrap();
        assert_eq!(judge(&verifier, &signed).unwrap_err(), RejectionKind::Malformed, "{crit}");
    }
}

/// Tokens of other kinds, each as its own specification has it, with our issuer, audience and key.
fn other_kinds() -> Vec<(&'static str, &'static str, Value)> {
    let base = || without(without(claims(), "client_id"), "scope");
    vec![
        ("ID token", "JWT", with(with(base(), "nonce", "n"), "azp", "web")),
        ("ID token with at_hash", "JWT", with(base(), "at_hash", "h")),
        ("ID token with c_hash", "JWT", with(base(), "c_hash", "h")),
        (
            "logout token",
            "logout+jwt",
            with(base(), "events", json!({"http://schemas.openid.net/event/backchannel-logout": {}})),
        ),
        ("untyped logout token", "JWT", with(base(), "events", json!({}))),
        ("DPoP proof", "dpop+jwt", with(with(base(), "htm", "GET"), "htu", "https://a")),
        ("untyped DPoP proof", "JWT", with(with(base(), "htm", "GET"), "htu", "https://a")),
        ("client assertion", "JWT", with(with(base(), "iss", "web"), "sub", "web")),
        ("typed client assertion", "client-authentication+jwt", base()),
        ("introspection answer", "token-introspection+jwt", base()),
        ("authorization request", "oauth-authz-req+jwt", base()),
    ]
}

// R8725-3.12a, R9068-P1, THREAT-V7
#[test]
fn no_other_kind_of_jwt_passes_as_an_access_token_in_either_profile() {
    let key = es256();
    for profile in [Profile::Rfc9068, Profile::Generic] {
        let verifier = fixed(&key).profile(profile).build().unwrap();
        for (kind, typ, claims) in other_kinds() {
            let token = key.sign(&TokenHeader::new().kid("k1").typ(typ), &claims).unwrap();
            assert!(judge(&verifier, &token).is_err(), "{kind} in {profile:?}");
        }
        // Also when the type lies.
        for (name, value) in
            [("nonce", json!("n")), ("at_hash", json!("h")), ("events", json!({})), ("htm", json!("GET"))]
        {
            let token = token(&key, &with(claims(), name, value));
            assert_eq!(judge(&verifier, &token).unwrap_err(), RejectionKind::WrongType, "{name}");
        }
    }
}

// R9068-P1
#[test]
fn the_generic_profile_takes_tokens_without_a_type_of_their_own_and_is_chosen_by_name() {
    let key = es256();
    let verifier = fixed(&key).profile(Profile::Generic).build().unwrap();
    let lean =
        json!({"iss": ISSUER, "sub": "alice", "aud": ["orders"], "exp": NOW + 60, "azp": "web", "scp": ["a", "b"]});
    for header in
        [TokenHeader::new().kid("k1"), TokenHeader::new().kid("k1").typ("JWT"), TokenHeader::new().kid("k1").typ("jwt")]
    {
        let verified = judge(&verifier, &key.sign(&header, &lean).unwrap()).unwrap();
        assert_eq!(verified.client_id(), Some("web"));
        assert_eq!(verified.scopes().collect::<Vec<_>>(), ["a", "b"]);
    }
    assert_eq!(judge(&verifier, &token(&key, &claims())).unwrap_err(), RejectionKind::WrongType);
    let generic = |claims: &Value| key.sign(&TokenHeader::new().kid("k1").typ("JWT"), claims).unwrap();
    assert_eq!(judge(&verifier, &generic(&without(lean.clone(), "aud"))).unwrap_err(), RejectionKind::WrongAudience);
    assert_eq!(judge(&verifier, &generic(&without(lean.clone(), "sub"))).unwrap_err(), RejectionKind::MissingClaim);
    assert_eq!(judge(&verifier, &generic(&without(lean, "exp"))).unwrap_err(), RejectionKind::MissingClaim);
}

// R9449-7.2a, THREAT-V9
#[test]
fn a_token_that_is_bound_to_a_key_is_no_bearer_token() {
    let key = es256();
    let verifier = fixed(&key).build().unwrap();
    for (cnf, kind) in [
        (json!({"jkt": "t"}), RejectionKind::BoundToken),
        (json!({"x5t#S256": "t"}), RejectionKind::WrongCertificate),
        (json!({"kid": "x"}), RejectionKind::BoundToken),
        (json!({}), RejectionKind::BoundToken),
    ] {
        let token = token(&key, &with(claims(), "cnf", cnf.clone()));
        assert_eq!(judge(&verifier, &token).unwrap_err(), kind, "{cnf}");
    }
}

// R8725-3.8a, THREAT-V8
#[test]
fn each_issuer_is_verified_with_its_own_keys_although_they_have_one_id() {
    const OTHER: &str = "https://other.example.com";
    let (ours, theirs) = (es256(), es256());
    let other = JwtVerifier::issuer(OTHER)
        .unwrap()
        .audience("orders")
        .jwks(JwkSet::parse(key_set(&[("k1", &theirs)]).as_bytes()).unwrap())
        .clock(TestClock::new().clock())
        .build()
        .unwrap();
    let first = fixed(&ours).build().unwrap();
    let both = Verifier::any_of([first.clone(), other.clone()]).unwrap();
    let other_claims = with(claims(), "iss", OTHER);
    assert_eq!(judge(&both, &token(&ours, &claims())).unwrap().issuer(), Some(ISSUER));
    assert_eq!(judge(&both, &token(&theirs, &other_claims)).unwrap().issuer(), Some(OTHER));
    assert_eq!(judge(&both, &token(&theirs, &claims())).unwrap_err(), RejectionKind::BadSignature);
    assert_eq!(judge(&both, &token(&ours, &other_claims)).unwrap_err(), RejectionKind::BadSignature);
    assert_eq!(judge(&first, &token(&theirs, &other_claims)).unwrap_err(), RejectionKind::UnknownIssuer);
    for issuer in ["https://login.example.com/", "https://LOGIN.example.com", "https://login.example.com:443", ""] {
        let token = token(&ours, &with(claims(), "iss", issuer));
        assert_eq!(judge(&both, &token).unwrap_err(), RejectionKind::UnknownIssuer, "{issuer}");
    }
    assert!(Verifier::any_of([first, fixed(&theirs).build().unwrap()]).is_err());
    assert!(Verifier::any_of([]).is_err());
}

// R8725-3.9a, R8414-2a, THREAT-T3
#[test]
fn a_verifier_that_could_not_tell_whose_tokens_it_accepts_is_not_built() {
    let key = es256();
    let keys = || JwkSet::parse(key_set(&[("k1", &key)]).as_bytes()).unwrap();
    let build = |builder: JwtVerifier| builder.build().map(drop).map_err(|error| error.kind());
    let issuer = |url: &str| JwtVerifier::issuer(url);
    let no_audience = issuer(ISSUER).unwrap().jwks(keys());
    assert_eq!(build(no_audience), Err(ConfigErrorKind::MissingOption));
    assert_eq!(build(issuer(ISSUER).unwrap().jwks(keys()).audience("")), Err(ConfigErrorKind::MissingOption));
    for bad in ["", "login.example.com", "ftp://a", "https://a/?x", "https://a/#x", "https://u@a", "https://", "/a"] {
        assert_eq!(issuer(bad).unwrap_err().kind(), ConfigErrorKind::InvalidUrl, "{bad}");
    }
    let server = Server::default();
    let fetched = |url: &str| issuer(url).unwrap().audience("a").http_client(server.client());
    assert_eq!(build(fetched("http://login.example.com")), Err(ConfigErrorKind::InsecureUrl));
    assert_eq!(build(fetched("http://127.0.0.1:9")), Err(ConfigErrorKind::InsecureUrl));
    assert_eq!(build(fetched("http://127.0.0.1:9").allow_loopback_http()), Ok(()));
    assert_eq!(build(fetched("http://mesh:8080").dangerous().allow_plaintext("http://mesh:8080")), Ok(()));
    assert_eq!(build(fetched(ISSUER).jwks_uri("http://login.example.com/k")), Err(ConfigErrorKind::InsecureUrl));
    assert_eq!(build(fixed(&key).leeway(Duration::from_secs(300))), Ok(()));
    assert_eq!(build(fixed(&key).leeway(Duration::from_secs(301))), Err(ConfigErrorKind::InvalidOption));
    assert_eq!(build(fixed(&key).algorithms([])), Err(ConfigErrorKind::MissingOption));
    assert_eq!(build(fixed(&key).jwks(JwkSet::default())), Err(ConfigErrorKind::MissingOption));
    assert_eq!(build(fixed(&key).realm("a\n")), Err(ConfigErrorKind::InvalidOption));
    assert_eq!(build(fetched(ISSUER).jwks_cooldown(Duration::ZERO)), Err(ConfigErrorKind::InvalidOption));
}

// THREAT-A1
#[test]
fn size_is_judged_before_anything_else() {
    let key = es256();
    let verifier = fixed(&key).build().unwrap();
    let room = 8 * 1024;
    let padded = |pad: usize| token(&key, &with(claims(), "pad", "x".repeat(pad)));
    let fits = (0..room).rev().map(padded).find(|token| token.len() <= room).unwrap();
    assert!(fits.len() > room - 4);
    assert!(judge(&verifier, &fits).is_ok());
    let longer = (5000..room).map(padded).find(|token| token.len() > room).unwrap();
    assert_eq!(judge(&verifier, &longer).unwrap_err(), RejectionKind::Malformed);
    assert_eq!(judge(&verifier, &".".repeat(16_000)).unwrap_err(), RejectionKind::Malformed);
    let huge = verifier.verify_credential(IncomingCredential::bearer(&"A".repeat(64 << 20))).into_result().unwrap_err();
    assert_eq!(huge.kind(), RejectionKind::Malformed);
}

// THREAT-V1, THREAT-V6, R7519-4a, R8725bis-a
#[test]
fn no_mutation_of_a_valid_token_is_accepted() {
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let verifier = fixed(&key).build().unwrap();
    let good = token(&key, &claims());
    assert!(judge(&verifier, &good).is_ok());
    let mut random = fastrand::Rng::with_seed(9068);
    let alphabet: Vec<char> = "ABCXYZabcxyz019-_+/=. ~".chars().collect();
    let mut tried = 0;
    while tried < 4_000 {
        let mut chars: Vec<char> = good.chars().collect();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(..chars.len());
            match random.u8(..5) {
                0 => chars[at] = alphabet[random.usize(..alphabet.len())],
                1 => drop(chars.remove(at)),
                2 => chars.insert(at, alphabet[random.usize(..alphabet.len())]),
                3 => chars.truncate(at.max(1)),
                _ => {
                    let other = random.usize(..chars.len());
                    chars.swap(at, other);
                }
            }
        }
        let mutant: String = chars.into_iter().collect();
        if mutant == good {
            continue;
        }
        tried += 1;
        let outcome = verifier.verify_credential(IncomingCredential::bearer(&mutant)).into_result();
        assert!(outcome.is_err(), "{mutant}");
    }
    // Signatures of its parts, put together anew.
    let other = token(&key, &with(claims(), "sub", "mallory"));
    let parts: Vec<Vec<&str>> =
        [good.as_str(), other.as_str()].iter().map(|token| token.split('.').collect()).collect();
    assert!(judge(&verifier, &format!("{}.{}.{}", parts[0][0], parts[1][1], parts[0][2])).is_err());
    assert!(judge(&verifier, &format!("{good}.")).is_err());
    assert!(
        verifier.try_verify(&authorization(&format!("Bearer {good} "))).is_ok(),
        "white space around the field is none of it"
    );
}

// THREAT-L1, THREAT-L2, THREAT-L4
#[test]
fn neither_refusals_nor_principals_show_the_token() {
    let key = es256();
    let verifier = fixed(&key).build().unwrap();
    let good = token(&key, &with(claims(), "sub", "sentinel-subject"));
    let verified = judge(&verifier, &good).unwrap();
    let parts: Vec<&str> = good.split('.').collect();
    let shown = format!("{verified:?} {verifier:?}");
    let mut forged = good.clone();
    forged.replace_range(good.len() - 10.., "AAAAAAAAAA");
    let refusal = verifier.try_verify(&bearer(&forged)).unwrap_err();
    let shown = format!("{shown} {refusal} {refusal:?} {:?}", refusal.headers());
    assert!(!shown.contains("sentinel") && !parts.iter().any(|part| shown.contains(&part[..12])), "{shown}");
    // Nor does a hostile claim break a log line.
    let hostile = token(&key, &with(claims(), "iss", "https://evil\r\nlevel=info \u{202e}"));
    let refusal = verifier.try_verify(&bearer(&hostile)).unwrap_err();
    assert!(refusal.to_string().chars().all(|c| matches!(c, ' '..='~')), "{refusal}");
}

#[test]
fn claims_decode_on_demand_and_tell_whose_fault_it_is_if_they_do_not() {
    #[derive(Debug, serde::Deserialize)]
    struct Mine {
        tenant: String,
    }
    let key = es256();
    let verifier = fixed(&key).build().unwrap();
    let verified = judge(&verifier, &token(&key, &with(claims(), "tenant", "acme"))).unwrap();
    assert_eq!(verified.claims::<Mine>().unwrap().tenant, "acme");
    let verified = judge(&verifier, &token(&key, &claims())).unwrap();
    let refusal = verified.claims::<Mine>().unwrap_err();
    assert_eq!((refusal.kind(), refusal.status().as_u16()), (RejectionKind::UnusableClaims, 401));
    let refusal = verified.claims::<Vec<u8>>().unwrap_err();
    assert_eq!((refusal.kind(), refusal.status().as_u16()), (RejectionKind::Misconfigured, 500));
}

fn base64url(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}
