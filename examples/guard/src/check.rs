//! The effective configuration, for `--check`.

use serde_json::{Map, Value, json};

use crate::config::{Config, CorsSpec, MetadataSpec, RuleSpec, TlsSpec, UpstreamSpec};

const MASK: &str = "[masked]";

/// Keys whose texts are secrets, or tell something of them. A table in their place says where the secret is.
const SECRETS: &[&str] = &[
    "value",
    "digest",
    "digests",
    "password",
    "password_hash",
    "client_secret",
    "private_key",
    "bearer_token",
    "nonce_secret",
    "secret",
    "hash",
    "hashes",
    "key",
    "keys",
];

/// The effective configuration as JSON. Secrets and digests are masked; where a secret is read from is shown.
#[must_use]
pub fn effective(config: &Config) -> String {
    let mut all = Map::new();
    all.insert("realm".into(), json!("api"));
    all.insert("api_key_header".into(), json!("X-API-Key"));
    for (key, value) in &config.callers {
        all.insert(key.clone(), masked(key, value));
    }
    all.insert("server".into(), config.server.to_json());
    all.insert("tls".into(), config.tls.as_ref().map_or(Value::Null, TlsSpec::to_json));
    all.insert("metadata".into(), config.metadata.as_ref().map_or(Value::Null, MetadataSpec::to_json));
    all.insert("cors".into(), config.cors.as_ref().map_or(Value::Null, CorsSpec::to_json));
    all.insert("route".into(), config.rules.iter().map(RuleSpec::to_json).collect());
    all.insert("upstream".into(), config.upstream.as_ref().map_or(Value::Null, UpstreamSpec::to_json));
    all.insert("grpc".into(), config.grpc.to_json());
    format!("{:#}", Value::Object(all))
}

fn masked(key: &str, value: &toml::Value) -> Value {
    match value {
        toml::Value::Table(table) => table.iter().map(|(key, value)| (key.clone(), masked(key, value))).collect(),
        toml::Value::Array(list) => list.iter().map(|one| masked(key, one)).collect(),
        _ if SECRETS.contains(&key) => json!(MASK),
        toml::Value::String(text) => json!(text),
        toml::Value::Integer(number) => json!(number),
        toml::Value::Float(number) => json!(number),
        toml::Value::Boolean(yes) => json!(yes),
        toml::Value::Datetime(time) => json!(time.to_string()),
    }
}
