//! Keys for the tests of keys and of key sets.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use serde_json::{Value, json};
use tower_auth_core::jose::{Algorithm, JoseError, Jwk, SigningKey, VerifyingKey};

/// A key of 2048 bits and its thumbprint, from RFC 7638 section 3.1.
pub const RFC7638_N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRX\
     jBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d\
     0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-\
     kEgU8awapJzKnqDKgw";
pub const RFC7638_THUMBPRINT: &str = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
/// RFC 8037 appendix A: seed, public key, thumbprint.
pub const ED25519_D: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
pub const ED25519_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
pub const ED25519_THUMBPRINT: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";

pub fn jwk(value: &Value) -> Result<Jwk, JoseError> {
    Jwk::parse(value.to_string().as_bytes())
}

pub fn verifying(value: &Value) -> Result<VerifyingKey, JoseError> {
    VerifyingKey::from_jwk(&jwk(value)?)
}

pub fn rsa() -> Value {
    json!({"kty": "RSA", "n": RFC7638_N, "e": "AQAB"})
}

pub fn ed25519() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": ED25519_X})
}

pub fn ec(algorithm: Algorithm) -> Value {
    let mut key = public(&SigningKey::generate(algorithm).unwrap());
    key.as_object_mut().unwrap().remove("alg");
    key
}

pub fn public(key: &SigningKey) -> Value {
    serde_json::from_str(&key.public_jwk(None).unwrap()).unwrap()
}

pub fn with(mut key: Value, name: &str, value: impl Into<Value>) -> Value {
    key[name] = value.into();
    key
}

pub fn without(mut key: Value, name: &str) -> Value {
    key.as_object_mut().unwrap().remove(name);
    key
}
