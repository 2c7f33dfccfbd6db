//! The rules for proofs, each broken alone.

use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};

use super::checker::Proven;
use super::*;
use crate::jose::{Algorithm, SigningKey};
use crate::{Clock, DpopKey, Secret, TimeSource, Token};

const NOW: u64 = 1_767_225_600;
const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
const ATH: &str = "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo";

/// A clock that stands where it is put.
struct Standing(Mutex<SystemTime>);

impl TimeSource for &'static Standing {
    fn monotonic(&self) -> Duration {
        self.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap()
    }

    fn wall(&self) -> SystemTime {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(std::future::pending())
    }
}

fn at(seconds: u64) -> (Clock, &'static Standing) {
    let time = Box::leak(Box::new(Standing(Mutex::new(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)))));
    (Clock::injected(&*time), time)
}

fn proofs() -> DpopProofs {
    DpopProofs::new("https://api.example.com").unwrap().clock(at(NOW).0)
}

fn checker() -> ProofChecker {
    proofs().build().unwrap()
}

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap()
}

fn jwk(key: &SigningKey) -> Value {
    serde_json::from_str(&key.public_jwk(None).unwrap()).unwrap()
}

fn header(key: &SigningKey) -> Value {
    json!({"typ": "dpop+jwt", "alg": key.algorithm().name(), "jwk": jwk(key)})
}

fn claims() -> Value {
    json!({"jti": "-BwC3ESc6acc2lTc", "htm": "GET", "htu": "https://api.example.com/orders", "iat": NOW, "ath": ATH})
}

fn with(mut object: Value, name: &str, value: impl Into<Value>) -> Value {
    object[name] = value.into();
    object
}

fn without(mut object: Value, name: &str) -> Value {
    object.as_object_mut().unwrap().remove(name);
    object
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Any header and payload, signed.
fn sign(key: &SigningKey, header: &str, payload: &str) -> String {
    let input = format!("{}.{}", encoded(header.as_bytes()), encoded(payload.as_bytes()));
    let signature = key.sign_bytes(input.as_bytes()).unwrap();
    format!("{input}.{}", encoded(&signature))
}

fn check_as(checker: &ProofChecker, proof: &str, method: &Method, path: &str, jkt: &str) -> Result<Proven, ProofFault> {
    checker.check(proof, &About { method, path, ath: ATH, jkt })
}

fn check(checker: &ProofChecker, key: &SigningKey, header: &Value, claims: &Value) -> Result<(), ProofFault> {
    let proof = sign(key, &header.to_string(), &claims.to_string());
    check_as(checker, &proof, &Method::GET, "/orders", &key.thumbprint().unwrap()).map(drop)
}

fn is_invalid<T>(result: Result<T, ProofFault>) -> bool {
    matches!(result, Err(ProofFault::Invalid(_)))
}

// RFC 9449 sections 6.1 and 7.1, figures 8 and 13.
const RFC_JKT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
const RFC_PROOF: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa\
    0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOi\
    JlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2\
    MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAg\
    R6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
// Section 4.1, figure 2: a proof for a token request.
const RFC_TOKEN_REQUEST: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDU\
    kRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.ey\
    JqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2\
    fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";

// R9449-4.3a, R9449-4.3b, R9449-4.3c, R9449-4.3d
#[test]
fn the_proof_of_the_standard_is_accepted_for_its_request_and_for_no_other() {
    let checker = |now, base: &str| DpopProofs::new(base).unwrap().clock(at(now).0).build().unwrap();
    let (now, base, path) = (1_562_262_620, "https://resource.example.org", "/protectedresource");
    let good = checker(now, base);
    check_as(&good, RFC_PROOF, &Method::GET, path, RFC_JKT).unwrap();
    assert!(is_invalid(check_as(&good, RFC_PROOF, &Method::POST, path, RFC_JKT)));
    assert!(is_invalid(check_as(&good, RFC_PROOF, &Method::GET, "/other", RFC_JKT)));
    assert_eq!(
        check_as(&good, RFC_PROOF, &Method::GET, path, &key().thumbprint().unwrap()).unwrap_err(),
        ProofFault::OtherKey
    );
    let other = About { method: &Method::GET, path, ath: &digest_of("another"), jkt: RFC_JKT };
    assert_eq!(digest_of(TOKEN), ATH);
    assert!(is_invalid(good.check(RFC_PROOF, &other)));
    assert!(is_invalid(check_as(
        &checker(now, "https://resource.example.com"),
        RFC_PROOF,
        &Method::GET,
        path,
        RFC_JKT
    )));
    assert!(is_invalid(check_as(&checker(now + 3600, base), RFC_PROOF, &Method::GET, path, RFC_JKT)));
    let tail = RFC_PROOF.strip_suffix('A').unwrap();
    assert!(is_invalid(check_as(&good, &format!("{tail}Q"), &Method::GET, path, RFC_JKT)), "another signature");
    let server = checker(now, "https://server.example.com");
    assert!(is_invalid(check_as(&server, RFC_TOKEN_REQUEST, &Method::POST, "/token", RFC_JKT)), "it has no `ath`");
}

// R9449-4.3a
#[test]
fn what_our_own_client_makes_is_accepted_by_every_algorithm() {
    let checker = checker();
    let token = Token::new(TOKEN).unwrap();
    for algorithm in
        [Algorithm::Es256, Algorithm::Es384, Algorithm::Es512, Algorithm::EdDsa, Algorithm::Rs256, Algorithm::Ps512]
    {
        let key = DpopKey::new(SigningKey::generate(algorithm).unwrap()).unwrap().with_clock(at(NOW).0);
        let uri = "https://api.example.com/orders?page=2".parse().unwrap();
        let proof = key.proof(&Method::GET, &uri, Some(&token), None).unwrap();
        let proof = proof.to_str().unwrap();
        check_as(&checker, proof, &Method::GET, "/orders", key.thumbprint()).unwrap();
    }
}

// R9449-4.3a
#[test]
fn every_member_of_the_header_is_needed_once_and_of_its_type() {
    let (checker, own) = (checker(), key());
    let good = header(&own);
    assert_eq!(check(&checker, &own, &good, &claims()), Ok(()));
    for name in ["typ", "alg", "jwk"] {
        assert!(is_invalid(check(&checker, &own, &without(good.clone(), name), &claims())), "{name}");
        for wrong in
            [Value::Null, 1.into(), true.into(), json!([]), json!([good[name]]), json!({}), "".into(), "x".into()]
        {
            assert!(
                is_invalid(check(&checker, &own, &with(good.clone(), name, wrong.clone()), &claims())),
                "{name}: {wrong}"
            );
        }
        let twice = good.to_string().replacen('{', &format!("{{\"{name}\":{},", good[name]), 1);
        let proof = sign(&own, &twice, &claims().to_string());
        assert!(is_invalid(check_as(&checker, &proof, &Method::GET, "/orders", &own.thumbprint().unwrap())), "{name}");
    }
    for more in [json!({"crit": ["exp"]}), json!({"crit": []}), json!({"b64": false}), json!({"kid": 1})] {
        let mut header = good.clone();
        header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert!(is_invalid(check(&checker, &own, &header, &claims())), "{header}");
    }
    let decorated = with(with(good, "kid", "k"), "x5u", "https://evil.example/");
    assert_eq!(check(&checker, &own, &decorated, &claims()), Ok(()), "what is not read does no harm");
}

// R9449-4.3a, THREAT-V1, THREAT-V2
#[test]
fn only_asymmetric_algorithms_on_the_list_count() {
    let (checker, own) = (checker(), key());
    for name in ["none", "None", "HS256", "HS384", "HS512", "es256", "ES256K", "ES384", "RS256", "EdDSA"] {
        assert!(is_invalid(check(&checker, &own, &with(header(&own), "alg", name), &claims())), "{name}");
    }
    // An HMAC by what the header shows, under both spellings of such a key.
    let public = jwk(&own).to_string();
    for shown in [jwk(&own), json!({"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"})] {
        let hmac = SigningKey::from_hmac_secret(Algorithm::Hs256, b"secret-secret-secret-secret-secret").unwrap();
        let header = json!({"typ": "dpop+jwt", "alg": "HS256", "jwk": shown});
        let proof = sign(&hmac, &header.to_string(), &claims().to_string());
        assert!(
            is_invalid(check_as(&checker, &proof, &Method::GET, "/orders", &own.thumbprint().unwrap())),
            "{public}"
        );
    }
    let only_eddsa = proofs().algorithms([Algorithm::EdDsa]).build().unwrap();
    assert!(is_invalid(check(&only_eddsa, &own, &header(&own), &claims())));
    let ed25519 = SigningKey::generate(Algorithm::EdDsa).unwrap();
    assert_eq!(check(&only_eddsa, &ed25519, &header(&ed25519), &claims()), Ok(()));
    assert_eq!(check(&only_eddsa, &ed25519, &with(header(&ed25519), "alg", "Ed25519"), &claims()), Ok(()));
    assert_eq!(only_eddsa.algorithm_names(), "EdDSA");
}

// R9449-4.3a
#[test]
fn every_claim_is_needed_once_and_of_its_type() {
    let (checker, own) = (checker(), key());
    for name in ["jti", "htm", "htu", "iat", "ath"] {
        assert!(is_invalid(check(&checker, &own, &header(&own), &without(claims(), name))), "{name}");
        for wrong in [
            Value::Null,
            true.into(),
            json!([]),
            json!([claims()[name]]),
            json!({}),
            "".into(),
            "x y".into(),
            1.into(),
            (-1).into(),
            json!(1e300),
        ] {
            if name == "jti" && wrong == "x y" {
                continue;
            }
            assert!(
                is_invalid(check(&checker, &own, &header(&own), &with(claims(), name, wrong.clone()))),
                "{name}: {wrong}"
            );
        }
        let twice = claims().to_string().replacen('{', &format!("{{\"{name}\":{},", claims()[name]), 1);
        let proof = sign(&own, &header(&own).to_string(), &twice);
        assert!(is_invalid(check_as(&checker, &proof, &Method::GET, "/orders", &own.thumbprint().unwrap())), "{name}");
    }
    for payload in ["", "[]", "null", "\"x\"", "{", "{} {}"] {
        let proof = sign(&own, &header(&own).to_string(), payload);
        assert!(
            is_invalid(check_as(&checker, &proof, &Method::GET, "/orders", &own.thumbprint().unwrap())),
            "{payload}"
        );
    }
    for name in ["nonce", "exp", "nbf"] {
        assert!(is_invalid(check(&checker, &own, &header(&own), &with(claims(), name, json!({})))), "{name}");
    }
}

// R9449-4.3a, R9449-11.1a
#[test]
fn a_jti_of_256_bytes_is_taken_and_a_longer_one_refused() {
    let (checker, own) = (checker(), key());
    assert_eq!(check(&checker, &own, &header(&own), &with(claims(), "jti", "j".repeat(256))), Ok(()));
    assert!(is_invalid(check(&checker, &own, &header(&own), &with(claims(), "jti", "j".repeat(257)))));
    assert!(is_invalid(check(&checker, &own, &header(&own), &with(claims(), "jti", "é".repeat(129)))));
}

// R9449-4.3b
#[test]
fn the_method_is_compared_exactly() {
    let (checker, own) = (checker(), key());
    for other in ["get", "Get", "GET ", "POST", "HEAD", "GE"] {
        assert!(is_invalid(check(&checker, &own, &header(&own), &with(claims(), "htm", other))), "{other}");
    }
    let proof = sign(&own, &header(&own).to_string(), &with(claims(), "htm", "purge").to_string());
    let method = Method::from_bytes(b"purge").unwrap();
    check_as(&checker, &proof, &method, "/orders", &own.thumbprint().unwrap()).unwrap();
}

// R9449-4.3b, THREAT-T10
#[test]
fn one_of_several_base_urls_is_enough_and_a_prefix_stands_in_front_of_the_path() {
    let own = key();
    let checker = proofs().base_url("https://partner.example.com/api/").unwrap().build().unwrap();
    for htu in [
        "https://api.example.com/orders?x",
        "https://partner.example.com/api/orders",
        "https://API.example.com:443/%6frders",
    ] {
        assert_eq!(check(&checker, &own, &header(&own), &with(claims(), "htu", htu)), Ok(()), "{htu}");
    }
    for htu in
        ["https://api.example.com/api/orders", "https://partner.example.com/orders", "http://api.example.com/orders"]
    {
        assert!(is_invalid(check(&checker, &own, &header(&own), &with(claims(), "htu", htu))), "{htu}");
    }
}

// R9449-4.3c, R9449-4.2d
#[test]
fn the_hash_is_that_of_the_token_in_base64url() {
    let (checker, own) = (checker(), key());
    let padded = format!("{ATH}=");
    for ath in [&ATH[1..], &padded, &ATH.to_lowercase(), "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"] {
        assert!(is_invalid(check(&checker, &own, &header(&own), &with(claims(), "ath", ath))), "{ath}");
    }
}

// R9449-4.3d
#[test]
fn the_window_is_60_s_to_the_past_and_10_s_to_the_future_and_may_be_changed() {
    let own = key();
    let iat = |checker: &ProofChecker, iat: Value| check(checker, &own, &header(&own), &with(claims(), "iat", iat));
    let usual = checker();
    for good in [json!(NOW - 60), json!(NOW), json!(NOW + 10), json!(NOW as f64 + 9.5)] {
        assert_eq!(iat(&usual, good.clone()), Ok(()), "{good}");
    }
    for bad in [
        json!(NOW - 61),
        json!(NOW as f64 - 60.5),
        json!(NOW + 11),
        json!(NOW as f64 + 10.5),
        json!(0),
        json!(NOW * 1000),
    ] {
        assert!(is_invalid(iat(&usual, bad.clone())), "{bad}");
    }
    let other = proofs().max_age(Duration::from_secs(300)).leeway(Duration::ZERO).build().unwrap();
    assert_eq!(iat(&other, json!(NOW - 300)), Ok(()));
    assert!(is_invalid(iat(&other, json!(NOW - 301))));
    assert!(is_invalid(iat(&other, json!(NOW + 1))));
    let limited = |name: &str, time: u64| check(&usual, &own, &header(&own), &with(claims(), name, time));
    assert_eq!(limited("exp", NOW + 30), Ok(()));
    assert!(is_invalid(limited("exp", NOW - 10)));
    assert_eq!(limited("nbf", NOW), Ok(()));
    assert!(is_invalid(limited("nbf", NOW + 11)));
}

// R9449-4.3a, R9449-4.3c
#[test]
fn the_signature_is_that_of_the_key_in_the_header_and_that_one_is_the_tokens() {
    let (checker, own, other) = (checker(), key(), key());
    let foreign = sign(&other, &header(&own).to_string(), &claims().to_string());
    assert!(is_invalid(check_as(&checker, &foreign, &Method::GET, "/orders", &own.thumbprint().unwrap())));
    let stolen = sign(&other, &header(&other).to_string(), &claims().to_string());
    let fault = check_as(&checker, &stolen, &Method::GET, "/orders", &own.thumbprint().unwrap()).unwrap_err();
    assert_eq!(fault, ProofFault::OtherKey);
    let proof = sign(&own, &header(&own).to_string(), &claims().to_string());
    let parts: Vec<_> = proof.split('.').collect();
    let changed = sign(&own, &header(&own).to_string(), &with(claims(), "jti", "other").to_string());
    let mixed = format!("{}.{}.{}", parts[0], changed.split('.').nth(1).unwrap(), parts[2]);
    let unsigned = format!("{}.{}.", parts[0], parts[1]);
    for bad in
        [&mixed, &unsigned, &format!("{}.{}", parts[0], parts[1]), &format!("{proof}.x"), &format!("{proof}="), ""]
    {
        assert!(is_invalid(check_as(&checker, bad, &Method::GET, "/orders", &own.thumbprint().unwrap())), "{bad}");
    }
}

// R9449-4.3a, R9449-4.2a
#[test]
fn a_key_that_is_private_weak_or_for_something_else_proves_nothing() {
    let (checker, own) = (checker(), key());
    let shown = |key: &Value| check(&checker, &own, &with(header(&own), "jwk", key.clone()), &claims());
    for private in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
        let value = if private == "d" { jwk(&own)["x"].clone() } else { "AQ".into() };
        assert!(is_invalid(shown(&with(jwk(&own), private, value))), "{private}");
    }
    assert!(is_invalid(shown(&with(jwk(&own), "use", "enc"))));
    assert!(is_invalid(shown(&with(jwk(&own), "key_ops", json!(["sign"])))));
    assert!(is_invalid(shown(&with(jwk(&own), "alg", "ES384"))));
    for member in ["kty", "crv", "x", "y"] {
        let fault = shown(&without(jwk(&own), member));
        assert!(is_invalid(fault), "{member}");
    }
    // Whoever knows no private key could sign for this one: its exponent is one.
    let weak = json!({"kty": "RSA", "e": "AQ", "n": encoded(&[0xbb; 256])});
    let short = json!({"kty": "RSA", "e": "AQAB", "n": encoded(&[0xbb; 128])});
    for key in [weak, short] {
        let header = json!({"typ": "dpop+jwt", "alg": "RS256", "jwk": key});
        let thumbprint = crate::jose::Jwk::parse(key.to_string().as_bytes()).unwrap().thumbprint().unwrap();
        let proof = sign(&own, &header.to_string(), &claims().to_string());
        assert!(is_invalid(check_as(&checker, &proof, &Method::GET, "/orders", &thumbprint)));
    }
}

// R9449-4.3a, THREAT-A1
#[test]
fn there_is_exactly_one_proof_of_at_most_4_kib() {
    let fields = |values: &[&[u8]]| -> HeaderMap {
        values.iter().map(|value| (DpopKey::HEADER, HeaderValue::from_bytes(value).unwrap())).collect()
    };
    let (full, over) = (vec![b'a'; 4096], vec![b'a'; 4097]);
    assert_eq!(only_proof(&fields(&[b"a.b.c"])), Ok("a.b.c"));
    assert!(only_proof(&fields(&[&full])).is_ok());
    for bad in [&[][..], &[&over[..]], &[b"a", b"b"], &[b"a", b"a"], &[b"\xff"]] {
        assert!(is_invalid(only_proof(&fields(bad))));
    }
    let (checker, own) = (checker(), key());
    assert!(is_invalid(check(&checker, &own, &header(&own), &with(claims(), "x", "y".repeat(4096)))));
    let proof = sign(&own, &header(&own).to_string(), &claims().to_string());
    assert!(is_invalid(check_as(
        &checker,
        &format!("{proof}, {proof}"),
        &Method::GET,
        "/orders",
        &own.thumbprint().unwrap()
    )));
}

// R9449-8b
#[test]
fn a_nonce_is_demanded_if_so_configured_and_renewed_before_it_ends() {
    let own = key();
    let (clock, time) = at(NOW);
    let checker = proofs().require_nonce().nonce_lifetime(Duration::from_secs(60)).clock(clock).build().unwrap();
    let check = |nonce: Option<&str>, now: u64| {
        *time.0.lock().unwrap() = SystemTime::UNIX_EPOCH + Duration::from_secs(now);
        let mut claims = with(claims(), "iat", now);
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        let proof = sign(&own, &header(&own).to_string(), &claims.to_string());
        check_as(&checker, &proof, &Method::GET, "/orders", &own.thumbprint().unwrap()).map(|proven| proven.fresh_nonce)
    };
    assert_eq!(check(None, NOW), Err(ProofFault::NonceRequired));
    assert_eq!(check(Some("other"), NOW), Err(ProofFault::NonceRequired));
    let first = checker.nonce().unwrap();
    let first = first.to_str().unwrap();
    assert_eq!(check(Some(first), NOW), Ok(None));
    let second = check(Some(first), NOW + 60).unwrap().expect("it ends with this slot");
    assert_eq!(Some(second), checker.nonce());
    assert_eq!(check(Some(first), NOW + 120), Err(ProofFault::NonceRequired));
    let undemanding = super::tests::checker();
    assert_eq!(undemanding.nonce(), None);
    assert_eq!(
        super::tests::check(&undemanding, &own, &header(&own), &with(super::tests::claims(), "nonce", "any")),
        Ok(())
    );
}

// R9449-8b
#[test]
fn a_wrong_proof_is_told_so_and_not_that_it_lacks_a_nonce() {
    let own = key();
    let checker = proofs().require_nonce().build().unwrap();
    assert!(is_invalid(check(&checker, &own, &header(&own), &with(claims(), "htm", "POST"))));
    assert_eq!(check(&checker, &own, &header(&own), &claims()), Err(ProofFault::NonceRequired));
}

#[test]
fn options_out_of_their_range_are_refused() {
    let code = |proofs: DpopProofs| proofs.build().map(drop).unwrap_err().code();
    for bad in [
        proofs().algorithms([]),
        proofs().algorithms([Algorithm::Es256, Algorithm::Hs256]),
        proofs().max_age(Duration::ZERO),
        proofs().max_age(Duration::from_secs(301)),
        proofs().leeway(Duration::from_secs(301)),
        proofs().nonce_lifetime(Duration::ZERO),
        proofs().nonce_lifetime(Duration::from_secs(86_401)),
        proofs().replay_capacity(0),
        proofs().replay_store_timeout(Duration::ZERO),
    ] {
        assert_eq!(code(bad), "config.invalid_option");
    }
    assert_eq!(code(proofs().nonce_secret(Secret::from("short"))), "config.invalid_credential");
    assert_eq!(DpopProofs::new("api.example.com").unwrap_err().code(), "config.invalid_url");
    let shown = format!("{:?}", proofs().nonce_secret(Secret::from("sentinel-sentinel-sentinel-sentinel")));
    assert!(shown.contains("api.example.com") && !shown.contains("sentinel"), "{shown}");
}
