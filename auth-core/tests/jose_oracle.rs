//! Verdicts compared with those of another implementation: it accepts what we accept, and we accept what it accepts
//! unless one of our stricter rules is broken.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, Validation, decode};
use serde_json::Value;
use tower_auth_core::jose::{Algorithm, JwkSet, Jws, MAX_TOKEN_LEN, SigningKey, TokenHeader};
use tower_auth_core::{Clock, IncomingCredential, JwtVerifier, Profile, Secret, Verifier};

const ISSUER: &str = "https://login.example.com";
const SECRET: &str = "a shared secret that has enough bytes for every hash: 64 of them.";

/// A value of a member, absent if it is empty, and whether only we refuse it.
type Choice = (String, bool);

// R7515-5.2a, R8725-3.1a
#[test]
fn what_we_sign_the_other_verifies_and_nothing_near_it() {
    // The other knows no ES512.
    for &algorithm in Algorithm::ALL.iter().filter(|one| **one != Algorithm::Es512) {
        let signer = signer(algorithm);
        let (key, rules) = (oracle_key(&signer), rules(algorithm));
        let token = signer.sign(&TokenHeader::new(), &claims_for_rules()).unwrap();
        decode::<Value>(&token, &key, &rules).unwrap();
        let (input, signature) = token.rsplit_once('.').unwrap();
        let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        bytes[7] ^= 1;
        let forged = format!("{input}.{}", URL_SAFE_NO_PAD.encode(bytes));
        assert!(decode::<Value>(&forged, &key, &rules).is_err(), "{algorithm}");
        let mut buffer = Vec::new();
        let jws = Jws::parse(&forged, MAX_TOKEN_LEN, &mut buffer).unwrap();
        assert!(jws.verify(&signer.verifying_key(None).unwrap()).is_err(), "{algorithm}");
    }
}

// R7519-4.1a, R7519-4.1.3a, R7519-4.1.4a, R8725-3.2a, THREAT-V6
#[test]
fn both_say_the_same_of_many_tokens() {
    let mut random = fastrand::Rng::with_seed(7519);
    let (mut accepted, mut refused, mut stricter) = (0, 0, 0);
    let algorithms = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Hs256];
    for (algorithm, profile) in
        algorithms.into_iter().flat_map(|one| [(one, Profile::Generic), (one, Profile::Rfc9068)])
    {
        let (signer, stranger) = (signer(algorithm), SigningKey::generate(algorithm).unwrap());
        let (verifier, key, rules) = (verifier(&signer, profile), oracle_key(&signer), rules(algorithm));
        for _ in 0..1_200 {
            let mut is_strict = false;
            let header = pick(&header_choices(algorithm, profile), &mut random, &mut is_strict);
            let claims = pick(&claim_choices(profile), &mut random, &mut is_strict);
            let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(&header), URL_SAFE_NO_PAD.encode(&claims));
            let signature = URL_SAFE_NO_PAD.encode(signer.sign_bytes(input.as_bytes()).unwrap());
            let token = match random.u8(..24) {
                0 => format!("{input}.{}", URL_SAFE_NO_PAD.encode(stranger.sign_bytes(input.as_bytes()).unwrap())),
                1 => format!("{input}.{}", &signature[..signature.len() - 4]),
                2 => format!("{input}.{signature}="),
                3 => format!("{input}."),
                4 => format!("{input}A.{signature}"),
                _ => format!("{input}.{signature}"),
            };
            let credential = IncomingCredential::bearer(&token);
            let ours = verifier.verify_credential(credential).into_result();
            assert_eq!(verifier.verify_credential(credential).into_result().is_ok(), ours.is_ok(), "remembered or not");
            let theirs = decode::<Value>(&token, &key, &rules);
            let shown = format!("{header} {claims}: {ours:?}, {theirs:?}");
            match (ours.is_ok(), theirs.is_ok()) {
                (true, true) => accepted += 1,
                (false, false) => refused += 1,
                (false, true) if is_strict => stricter += 1,
                _ => panic!("{shown}"),
            }
        }
    }
    assert!(accepted > 300 && refused > 1_000 && stricter > 100, "{accepted} {refused} {stricter}");
}

fn signer(algorithm: Algorithm) -> SigningKey {
    if algorithm.is_symmetric() {
        SigningKey::from_hmac_secret(algorithm, SECRET.as_bytes()).unwrap()
    } else {
        SigningKey::generate(algorithm).unwrap()
    }
}

fn verifier(signer: &SigningKey, profile: Profile) -> Verifier {
    let builder = if signer.algorithm().is_symmetric() {
        JwtVerifier::shared_secret(ISSUER, signer.algorithm(), &Secret::from(SECRET)).unwrap()
    } else {
        let keys: JwkSet = [signer.verifying_key(Some("k1")).unwrap()].into_iter().collect();
        JwtVerifier::issuer(ISSUER).unwrap().jwks(keys)
    };
    builder.audience("orders").profile(profile).build().unwrap()
}

fn oracle_key(signer: &SigningKey) -> DecodingKey {
    match signer.public_jwk(None) {
        Ok(jwk) => DecodingKey::from_jwk(&serde_json::from_str(&jwk).unwrap()).unwrap(),
        Err(_) => DecodingKey::from_secret(SECRET.as_bytes()),
    }
}

fn rules(algorithm: Algorithm) -> Validation {
    let mut rules = Validation::new(algorithm.name().parse().unwrap());
    rules.set_audience(&["orders"]);
    rules.set_issuer(&[ISSUER]);
    rules.set_required_spec_claims(&["iss", "sub", "aud", "exp"]);
    rules.validate_nbf = true;
    rules.leeway = 60;
    rules
}

fn now() -> u64 {
    Clock::system().wall().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

fn claims_for_rules() -> Value {
    serde_json::json!({"iss": ISSUER, "sub": "alice", "aud": "orders", "exp": now() + 600})
}

/// One value for each member; the first ones are good, and more probable than all others.
fn pick(members: &[(&str, Vec<Choice>)], random: &mut fastrand::Rng, is_strict: &mut bool) -> String {
    let mut texts = Vec::new();
    for (name, choices) in members {
        let at = if random.u8(..10) < 8 { 0 } else { random.usize(..choices.len()) };
        let (value, strict) = &choices[at];
        *is_strict |= *strict;
        if !value.is_empty() {
            texts.push(format!("{name:?}:{value}"));
        }
    }
    random.shuffle(&mut texts);
    format!("{{{}}}", texts.join(","))
}

fn both(values: &[&str]) -> Vec<Choice> {
    values.iter().map(|value| ((*value).to_owned(), false)).collect()
}

fn and_strict(mut choices: Vec<Choice>, values: &[&str]) -> Vec<Choice> {
    choices.extend(values.iter().map(|value| ((*value).to_owned(), true)));
    choices
}

/// The other knows no types of tokens.
fn header_choices(algorithm: Algorithm, profile: Profile) -> Vec<(&'static str, Vec<Choice>)> {
    let own = format!("{:?}", algorithm.name());
    let types = if profile == Profile::Generic {
        and_strict(both(&["\"JWT\"", "", "\"jwt\""]), &["\"at+jwt\"", "\"logout+jwt\"", "\"\""])
    } else {
        and_strict(both(&["\"at+jwt\"", "\"application/AT+JWT\""]), &["\"JWT\"", "", "\"dpop+jwt\"", "\"at+jwt \""])
    };
    vec![
        ("alg", both(&[&own, "\"none\"", "\"HS512\"", "\"RS256\"", "\"es256\"", "", "1", "null"])),
        ("typ", types),
        ("kid", and_strict(both(&["\"k1\"", ""]), &["\"k2\"", "\"\""])),
        ("crit", and_strict(both(&[""]), &["[\"exp\"]", "[]"])),
        // The other takes texts alone for members it does not know.
        ("x", and_strict(both(&["", "\"y\""]), &["{\"a\":1,\"a\":2}"])),
    ]
}

/// Times are far enough from every limit that it does not matter how long the test takes.
fn claim_choices(profile: Profile) -> Vec<(&'static str, Vec<Choice>)> {
    let now = now();
    // The first choice is the one that is there mostly; the other asks for none of these.
    let demanded = |value: &str| match profile {
        Profile::Generic => and_strict(both(&["", value]), &["1", "null"]),
        _ => and_strict(both(&[value]), &["", "\"\"", "1", "null"]),
    };
    let [later, soon, lately, before] = [now + 600, now + 20, now - 20, now - 600].map(|time| time.to_string());
    let [text, fraction] = [format!("\"{later}\""), format!("{later}.5")];
    let [own, slash, upper, list] =
        [ISSUER.to_owned(), format!("{ISSUER}/"), ISSUER.to_uppercase(), format!("[{ISSUER:?}]")];
    let [own, slash, upper] = [own, slash, upper].map(|text| format!("{text:?}"));
    vec![
        ("iss", and_strict(both(&[&own, &slash, &upper, "\"\"", "", "null"]), &[&list, "1"])),
        ("sub", and_strict(both(&["\"alice\"", ""]), &["\"\"", "1", "null", "[]"])),
        (
            "aud",
            and_strict(
                both(&["\"orders\"", "[\"x\",\"orders\"]", "\"Orders\"", "\"orders \"", "[\"x\"]", "[]", ""]),
                &["1", "[1,\"orders\"]"],
            ),
        ),
        ("exp", and_strict(both(&[&later, &fraction, &soon, &lately, &before, "0", ""]), &[&text, "null", "1e300"])),
        ("nbf", and_strict(both(&["", &before, &lately, &soon, &later]), &[&text, "null"])),
        ("iat", {
            let none = if profile == Profile::Generic { both(&[""]) } else { and_strict(both(&[&lately]), &[""]) };
            and_strict([none, both(&[&before, &lately])].concat(), &[&later, &text])
        }),
        ("client_id", demanded("\"web\"")),
        ("jti", demanded("\"5f3c\"")),
        ("nonce", and_strict(both(&[""]), &["\"n\""])),
        ("cnf", and_strict(both(&[""]), &["{\"jkt\":\"x\"}", "{}"])),
        ("x", and_strict(both(&["", "1", "[true,{}]"]), &["{\"a\":1,\"\\u0061\":2}"])),
    ]
}
