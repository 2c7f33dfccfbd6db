//! Tokens as they come in. The first byte says how the rest is meant:
//!
//! - `S`: a header and a payload, with a line break between them, which the issuer signs: the one that the payload names,
//!   else the first.
//! - `G`: the number of a good token, and what is to be changed of it; see [`world::edited`].
//! - anything else: a token as it stands.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use tower_auth_core::jose::{Algorithm, Jws, MAX_TOKEN_LEN};
use tower_auth_core::{IncomingCredential, Profile};

use super::world::{self, AUDIENCE, GOOD, ISSUERS, Issuer, NOW, TOKENS};
use super::{json, refusal};

/// How far the clocks may be apart, by default.
const LEEWAY: f64 = 60.0;

pub fn run(data: &[u8]) {
    match data.split_first() {
        Some((b'S', rest)) => signed(rest),
        Some((b'G', [number, edits @ ..])) => {
            let good = &GOOD[usize::from(*number) % GOOD.len()];
            if let Some(token) = world::edited(good, edits) {
                as_it_stands(&token);
            }
        }
        Some(_) => {
            if let Ok(token) = std::str::from_utf8(data) {
                as_it_stands(token);
            }
        }
        None => {}
    }
}

/// Nobody but the issuers signs, so nothing is accepted but what they have signed.
fn as_it_stands(token: &str) {
    let is_good = GOOD.iter().any(|good| good == token);
    // Before and after the good ones are remembered, and by what remembers them.
    assert_eq!(is_accepted(token), is_good, "{token}");
    for good in GOOD.iter() {
        assert!(is_accepted(good));
    }
    assert_eq!(is_accepted(token), is_good, "{token}");

    let mut buffer = Vec::new();
    let Ok(jws) = Jws::parse(token, MAX_TOKEN_LEN, &mut buffer) else { return };
    assert!(token.len() <= MAX_TOKEN_LEN);
    // One text for what was read: nothing can be said in two ways.
    let mut parts = token.split('.');
    let (header, payload, signature) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    assert_eq!(parts.next(), None);
    assert_eq!(jws.signing_input(), format!("{header}.{payload}").as_bytes());
    assert_eq!(URL_SAFE_NO_PAD.encode(jws.payload()), payload);
    assert_eq!(URL_SAFE_NO_PAD.encode(jws.signature()), signature);
    let header = json::object(&URL_SAFE_NO_PAD.decode(header).unwrap()).expect("a header is a JSON object");
    assert_eq!(header["alg"].as_str().map(Algorithm::from_name), Some(Ok(jws.header().alg)));
    assert_eq!(header.get("kid").and_then(Value::as_str), jws.header().kid.as_deref());
    assert!(!header.contains_key("crit"));
    let Ok(claims) = jws.claims() else { return };
    let payload = json::object(jws.payload()).expect("claims are a JSON object");
    assert_eq!(payload.get("iss").and_then(Value::as_str), claims.iss.as_deref());
    assert_eq!(payload.get("sub").and_then(Value::as_str), claims.sub.as_deref());
    assert_eq!(payload.contains_key("exp"), claims.exp.is_some());
    assert_eq!(payload.contains_key("aud"), claims.aud.is_some());
    assert_eq!(payload.contains_key("cnf"), claims.cnf.is_some());
}

/// What is accepted of an issuer that signs whatever it is given.
fn signed(data: &[u8]) {
    let Some(end) = data.iter().position(|byte| *byte == b'\n') else { return };
    let (header, payload) = (&data[..end], &data[end + 1..]);
    let claims = json::object(payload);
    let named = claims.as_ref().and_then(|claims| claims.get("iss")).and_then(Value::as_str);
    let issuer = ISSUERS.iter().find(|issuer| Some(issuer.url) == named).unwrap_or(&ISSUERS[0]);
    let token = world::sign(&issuer.signer, header, payload);
    if !is_accepted(&token) {
        return;
    }
    assert!(token.len() <= MAX_TOKEN_LEN);
    let header = json::object(header).expect("a header with unique names was accepted");
    check(&header, &claims.expect("claims with unique names were accepted"), issuer);
    assert!(is_accepted(&token), "a verdict that is remembered is the same");
    let changed = format!("{token}A");
    assert!(!is_accepted(&changed));
}

/// The rules once more, by other code.
fn check(header: &Map<String, Value>, claims: &Map<String, Value>, issuer: &Issuer) {
    let text =
        |members: &Map<String, Value>, name: &str| members.get(name).map(|value| value.as_str().unwrap().to_owned());
    let alg = text(header, "alg").expect("`alg`");
    assert_eq!(Algorithm::from_name(&alg), Ok(issuer.signer.algorithm()));
    assert!(!header.contains_key("crit"));
    assert!(header.get("b64").is_none_or(|value| value == true));
    // A shared secret has no id, so whatever id the token names is right.
    assert!(issuer.signer.algorithm().is_symmetric() || text(header, "kid").is_none_or(|kid| kid == "k1"));
    let typ = text(header, "typ").map(|typ| typ.to_ascii_lowercase());
    let typ = typ.as_deref().map(|typ| typ.strip_prefix("application/").unwrap_or(typ));
    match issuer.profile {
        Profile::Rfc9068 => assert_eq!(typ, Some("at+jwt")),
        _ => assert!(matches!(typ, None | Some("jwt"))),
    }

    assert_eq!(text(claims, "iss").as_deref(), Some(issuer.url));
    assert!(json::has(claims.get("aud"), AUDIENCE));
    assert!(text(claims, "sub").is_some_and(|sub| !sub.is_empty()));
    let number = |name: &str| claims.get(name).map(|value| value.as_f64().expect("a date is a number"));
    let now = NOW as f64;
    let exp = number("exp").expect("`exp`");
    assert!(exp.is_finite() && exp + LEEWAY > now, "expired: {exp}");
    for name in ["nbf", "iat"] {
        assert!(number(name).is_none_or(|date| (0.0..=now + LEEWAY).contains(&date)), "{name}");
    }
    if issuer.profile == Profile::Rfc9068 {
        assert!(["client_id", "jti"].iter().all(|name| text(claims, name).is_some_and(|value| !value.is_empty())));
        assert!(claims.contains_key("iat"));
    }
    for foreign in ["nonce", "at_hash", "c_hash", "events", "htm", "htu", "cnf"] {
        assert!(!claims.contains_key(foreign), "{foreign}");
    }
    for name in ["scope", "scp"] {
        let is_text = |value: &Value| value.is_string();
        let fits = |value: &Value| is_text(value) || value.as_array().is_some_and(|list| list.iter().all(is_text));
        assert!(claims.get(name).is_none_or(fits), "{name}");
    }
}

fn is_accepted(token: &str) -> bool {
    match TOKENS.verify_credential(IncomingCredential::bearer(token)).into_result() {
        Ok(verified) => {
            let claims = token.split('.').nth(1).map(|payload| URL_SAFE_NO_PAD.decode(payload).unwrap());
            assert_eq!(Some(verified.claims_json().as_bytes()), claims.as_deref(), "the claims are those of the token");
            let members = json::object(verified.claims_json().as_bytes()).unwrap();
            assert_eq!(members["sub"], verified.subject());
            assert_eq!(members["iss"].as_str(), verified.issuer());
            assert!(verified.scopes().all(|scope| !scope.is_empty() && !scope.contains(' ')));
            assert!(TOKENS.has_verified(&verified));
            true
        }
        Err(refusal) => {
            refusal::check(&refusal);
            assert_eq!(refusal.kind().oauth_error(), Some("invalid_token"), "{refusal}");
            false
        }
    }
}
