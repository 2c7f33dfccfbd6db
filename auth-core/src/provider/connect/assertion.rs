use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::scope::{Scope, unfillable};
use crate::jose::{Algorithm, Jwk, SigningKey, TokenHeader};
use crate::provider::kind::KeyEncoding;
use crate::provider::model::Assertion;
use crate::{Clock, Secret, TokenError, TokenErrorKind};

/// Signs the assertion that a description has, anew for each request (RFC 7523 section 3).
pub(super) fn sign(assertion: &Assertion, scope: &Scope<'_>, clock: &Clock) -> Result<Secret, TokenError> {
    let key = key(assertion, scope)?;
    let mut header = TokenHeader::new().typ("JWT");
    for (name, template) in [("kid", &assertion.kid), ("x5t", &assertion.x5t)] {
        let Some(template) = template else { continue };
        let text = scope.text(name, &template.value)?;
        if !text.is_empty() {
            header = with(header, name, &Value::from(text.expose_secret()))?;
        }
    }
    for (name, value) in &assertion.header {
        header = with(header, name, &scope.json(name, &value.value)?)?;
    }
    let claims = claims(assertion, scope, clock.wall())?;
    let token = key.sign(&header, &claims).map_err(|error| broken(&error.to_string()))?;
    Ok(Secret::new(token))
}

fn with(header: TokenHeader, name: &str, value: &Value) -> Result<TokenHeader, TokenError> {
    header.field(name, value).map_err(|error| broken(&error.to_string()))
}

fn claims(assertion: &Assertion, scope: &Scope<'_>, now: SystemTime) -> Result<Map<String, Value>, TokenError> {
    let mut claims = Map::new();
    let of_name = |name: &str| scope.filling().text(&crate::provider::template::Template::of_name(name));
    for (claim, name) in [("iss", "client_id"), ("sub", "client_id"), ("aud", "token_url")] {
        if let Ok(value) = of_name(name) {
            if !value.is_empty() {
                claims.insert(claim.to_owned(), Value::from(value.expose_secret()));
            }
        }
    }
    let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    claims.insert("iat".to_owned(), Value::from(now));
    claims.insert("exp".to_owned(), Value::from(now + assertion.lifetime.as_secs()));
    let mut id = [0; 16];
    rand::fill(&mut id).map_err(|_| broken("there is no randomness"))?;
    claims.insert("jti".to_owned(), Value::from(URL_SAFE_NO_PAD.encode(id)));
    for (name, value) in &assertion.claims {
        match scope.json(name, &value.value)? {
            Value::Bool(false) if matches!(name.as_str(), "iss" | "sub" | "aud" | "iat" | "exp" | "jti") => {
                claims.remove(name);
            }
            value => {
                claims.insert(name.clone(), value);
            }
        }
    }
    Ok(claims)
}

/// The key, from PEM or JWK, or for a MAC from its text.
fn key(assertion: &Assertion, scope: &Scope<'_>) -> Result<SigningKey, TokenError> {
    let text = scope.text("the key of the assertion", &assertion.key.value)?;
    let algorithm = assertion.algorithm;
    let made = if matches!(algorithm, Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512) {
        let bytes = match assertion.key_encoding {
            KeyEncoding::Text => Some(text.expose_secret().as_bytes().to_vec()),
            KeyEncoding::Base64 => STANDARD.decode(text.expose_secret().trim()).ok(),
            KeyEncoding::Hex => from_hex(text.expose_secret().trim()),
        };
        let bytes = bytes.ok_or_else(|| unfillable("the key of the assertion", "it is not encoded as described"))?;
        SigningKey::from_hmac_secret(algorithm, &Zeroizing::new(bytes))
    } else if text.expose_secret().trim_start().starts_with('{') {
        Jwk::parse(text.expose_secret().as_bytes()).and_then(|jwk| SigningKey::from_jwk(algorithm, &jwk))
    } else {
        SigningKey::from_pkcs8_pem(algorithm, text.expose_secret())
    };
    made.map_err(|error| unfillable("the key of the assertion", &error.to_string()))
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?, 16).ok())
        .collect()
}

fn broken(why: &str) -> TokenError {
    TokenError::new(TokenErrorKind::Misconfigured, format!("the assertion cannot be signed: {why}"))
}
