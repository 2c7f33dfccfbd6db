//! The effective configuration, for `--check`.

use serde_json::{Map, Value, json};

use crate::config::Config;
use crate::server_spec::Plaintext;

const MASK: &str = "[masked]";

/// The effective configuration as JSON. Secrets and digests are masked; where a secret is read from is shown.
#[must_use]
pub fn effective(config: &Config) -> String {
    let server = &config.server;
    let plaintext = match &server.plaintext {
        Plaintext::Never => json!(false),
        Plaintext::Loopback => json!(true),
        Plaintext::Origins(origins) => json!(origins),
    };
    let mut all = Map::new();
    all.insert("realm".into(), json!("api"));
    all.insert("api_key_header".into(), json!("X-API-Key"));
    for (key, value) in &config.callers {
        all.insert(key.clone(), masked(key, value));
    }
    all.insert(
        "server".into(),
        json!({
            "http": server.http.to_string(), "grpc": server.grpc.to_string(),
            "scope": server.scope, "allow_plaintext_issuer": plaintext,
        }),
    );
    format!("{:#}", Value::Object(all))
}

fn masked(key: &str, value: &toml::Value) -> Value {
    match value {
        _ if key == "digest" || key == "value" => json!(MASK),
        toml::Value::Table(table) => table.iter().map(|(key, value)| (key.clone(), masked(key, value))).collect(),
        toml::Value::Array(list) => list.iter().map(|one| masked(key, one)).collect(),
        toml::Value::String(text) => json!(text),
        // The file was accepted, and no key of it has a value of another type.
        _ => json!(MASK),
    }
}
