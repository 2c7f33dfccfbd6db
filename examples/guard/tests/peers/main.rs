//! guard as a process, between an authorization server and clients that others wrote.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it skips")]

#[path = "../../../../auth-core/tests/interop/browser.rs"]
mod browser;
#[path = "../../../../auth-core/tests/interop/provider.rs"]
mod provider;
#[allow(dead_code, unused_imports, reason = "the other tests use all of it")]
#[path = "../guard/support/mod.rs"]
mod support;

mod bound;
mod clients;
mod grpc;
mod preflight;
mod proxy;
mod tokens;

use serde_json::Value;
use tower_auth::core;

use self::provider::Provider;

/// The resources whose tokens are JWTs, each signed by another algorithm.
const JWTS: [&str; 5] = ["urn:api:rs256", "urn:api:ps256", "urn:api:es256", "urn:api:es384", "urn:api:eddsa"];

/// Callers with tokens of the provider: JWTs, and opaque ones that it is asked about.
fn callers(provider: &Provider) -> String {
    let issuer = provider.issuer();
    let secret = provider.secret("rs");
    format!(
        "realm = \"orders\"\n[[issuer]]\nurl = \"{issuer}\"\naudience = {JWTS:?}\n\
         [[introspection]]\nurl = \"{issuer}/token/introspection\"\nissuer = \"{issuer}\"\nclient_id = \"rs\"\n\
         client_secret = {{ value = \"{secret}\" }}\naudience = \"urn:api:opaque\"\n\
         [[basic]]\nuser = \"a\"\npassword = {{ value = \"b\" }}\n"
    )
}

/// What of an answer a client tells.
fn status(told: &Value) -> u64 {
    told["status"].as_u64().unwrap_or_else(|| panic!("{told}"))
}
