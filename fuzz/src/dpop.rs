//! Proofs that come with a token that is bound to a key. The first byte says how the rest is meant:
//!
//! - `S`: a header and a payload, with a line break between them, which the holder of the key signs. `$ath` in the payload stands
//!   for the hash of the token.
//! - `G`: what is to be changed of a good proof; see [`world::edited`].
//! - anything else: a proof as it stands.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Request, header::AUTHORIZATION};
use serde_json::{Map, Value};
use tower_auth_core::jose::{Algorithm, Jwk, SigningKey};
use tower_auth_core::{DpopProofs, RejectionKind, Verifier};

use super::world::{self, ISSUERS, NOW, TOKENS};
use super::{json, refusal};

/// Another key than those of the issuers, whose signatures are always the same.
const CLIENT: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"TM0Imyj_ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U-4pvs",
    "x":"PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw"}"#;
const PUBLIC: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw"}"#;
const URL: &str = "https://api.example.com/orders";

struct World {
    client: SigningKey,
    /// Bound to the client's key.
    token: String,
    ath: String,
    /// A proof of the client that is good.
    good: String,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let client = SigningKey::from_jwk(Algorithm::EdDsa, &Jwk::parse(CLIENT.as_bytes()).unwrap()).unwrap();
    let claims = format!(
        r#"{{"iss":"{}","sub":"alice","aud":"orders","exp":{},"iat":{NOW},"jti":"5f3c","client_id":"web","cnf":{{"jkt":"{}"}}}}"#,
        ISSUERS[0].url,
        NOW + 600,
        client.thumbprint().unwrap()
    );
    let token = world::sign(&ISSUERS[0].signer, br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#, claims.as_bytes());
    let ath = URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes()));
    let header = format!(r#"{{"typ":"dpop+jwt","alg":"EdDSA","jwk":{PUBLIC}}}"#);
    let payload = format!(r#"{{"jti":"e1j3V","htm":"GET","htu":"{URL}","iat":{NOW},"ath":"{ath}"}}"#);
    let good = world::sign(&client, header.as_bytes(), payload.as_bytes());
    World { client, token, ath, good }
});

pub fn run(data: &[u8]) {
    let world = &*WORLD;
    match data.split_first() {
        Some((b'S', rest)) => {
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else { return };
            let (header, payload) = (&rest[..end], &rest[end + 1..]);
            let payload = match std::str::from_utf8(payload) {
                Ok(text) => text.replacen("$ath", &world.ath, 1).into_bytes(),
                Err(_) => payload.to_vec(),
            };
            let proof = world::sign(&world.client, header, &payload);
            if tried(&proof) {
                let header = json::object(header).expect("a header with unique names was accepted");
                check(&header, &json::object(&payload).expect("claims with unique names were accepted"));
            }
        }
        Some((b'G', edits)) => {
            if let Some(proof) = world::edited(&world.good, edits) {
                as_it_stands(&proof);
            }
        }
        Some(_) => {
            if let Ok(proof) = std::str::from_utf8(data) {
                as_it_stands(proof);
            }
        }
        None => {}
    }
}

/// Nobody but the client signs, so nothing is accepted but what it has signed.
fn as_it_stands(proof: &str) {
    let is_good = proof.trim_matches([' ', '\t']) == WORLD.good;
    assert_eq!(tried(proof), is_good, "{proof}");
}

/// Whether a request with this proof gets in. If so, then once, and no other request with it.
fn tried(proof: &str) -> bool {
    let request = |method: &str, url: &str, authorization: String| {
        Request::builder()
            .method(method)
            .uri(url)
            .header(AUTHORIZATION, authorization)
            .header("dpop", proof)
            .body(())
            .ok()
    };
    let with_proof = || format!("DPoP {}", WORLD.token);
    let Some(right) = request("GET", "/orders?page=2", with_proof()) else { return false };
    let verifier = verifier();
    // Nothing of this uses the proof up.
    for wrong in [
        request("POST", "/orders", with_proof()),
        request("GET", "/order", with_proof()),
        request("GET", "/orders", format!("Bearer {}", WORLD.token)),
        request("GET", "/orders", format!("DPoP {}", world::GOOD[0])),
    ] {
        let refusal = verifier.try_verify(&wrong.unwrap()).expect_err("a request that the proof is not for got in");
        refusal::check(&refusal);
    }
    match verifier.try_verify(&right) {
        Ok(verified) => {
            assert_eq!(verified.dpop_thumbprint().map(str::to_owned), WORLD.client.thumbprint().ok());
            let again = verifier.try_verify(&right).expect_err("a proof was used twice");
            assert_eq!(again.kind(), RejectionKind::ReplayedProof);
            true
        }
        Err(refusal) => {
            refusal::check(&refusal);
            assert!(matches!(refusal.kind(), RejectionKind::InvalidProof | RejectionKind::BoundToken), "{refusal}");
            false
        }
    }
}

/// One that has seen no proof yet.
fn verifier() -> Verifier {
    let proofs = DpopProofs::new("https://api.example.com").unwrap().replay_capacity(64).clock(world::clock());
    TOKENS.clone().with_dpop(proofs).unwrap()
}

/// The rules once more, by other code.
fn check(header: &Map<String, Value>, claims: &Map<String, Value>) {
    let typ = header["typ"].as_str().unwrap().to_ascii_lowercase();
    assert_eq!(typ.strip_prefix("application/").unwrap_or(&typ), "dpop+jwt");
    assert!(["EdDSA", "Ed25519"].contains(&header["alg"].as_str().unwrap()));
    assert!(!header.contains_key("crit"));
    let jwk = header["jwk"].as_object().unwrap();
    for (name, value) in json::object(PUBLIC.as_bytes()).unwrap() {
        assert_eq!(jwk.get(&name), Some(&value));
    }
    assert!(!jwk.contains_key("d"), "a private key was accepted");
    let text = |name: &str| claims[name].as_str().unwrap();
    assert!((1..=256).contains(&text("jti").len()));
    assert_eq!((text("htm"), text("ath")), ("GET", &*WORLD.ath));
    // However it is written, the URL names that host and ends with that path.
    let htu = text("htu");
    let path = htu.split(['?', '#']).next().unwrap_or_default();
    assert!(path.to_ascii_lowercase().starts_with("https://"), "{htu}");
    let as_one = |uri: &http::Uri| (uri.host().map(str::to_ascii_lowercase), uri.port_u16().unwrap_or(443));
    if let (true, Ok(uri)) = (!path.contains(['%', '\\']) && !path.contains("/."), path.parse::<http::Uri>()) {
        assert_eq!(as_one(&uri), (Some("api.example.com".to_owned()), 443), "{htu}");
        assert_eq!(uri.path(), "/orders", "{htu}");
    }
    let issued = claims["iat"].as_f64().unwrap();
    let now = NOW as f64;
    assert!((now - 60.0..=now + 10.0).contains(&issued), "{issued}");
}
