use std::time::Duration;

use super::{ApiKeyProvider, OAuthProvider};
use crate::RefreshPolicy;

/// What descriptions say of `policy`.
pub(super) fn rotation_of(policy: RefreshPolicy) -> &'static str {
    match policy {
        RefreshPolicy::Rotate | RefreshPolicy::Exhaust => "rotating",
        RefreshPolicy::Keep | RefreshPolicy::Repeat => "stable",
    }
}

/// The description of `provider` as a provider file.
pub(super) fn oauth_description(provider: &OAuthProvider, id: &str, rotation: &str) -> String {
    let mut lines = head(id, &provider.display_name, &provider.url(""));
    lines.extend([
        "[[auth]]".to_owned(),
        "kind = \"oauth2_code\"".to_owned(),
        format!("issuer = {}", quoted(&provider.server.issuer())),
        format!("authorize_url = {}", quoted(&provider.authorize_url())),
        format!("token_url = {}", quoted(&provider.token_url())),
        format!("revoke_url = {}", quoted(&provider.revoke_url())),
        format!("rotation = {}", quoted(rotation)),
    ]);
    if !provider.reuse_grace.is_zero() {
        lines.push(format!("reuse_grace = {}", quoted(&duration(provider.reuse_grace))));
    }
    lines.extend(field("client_id", "Client ID", "scope = \"connector\""));
    lines.extend(field("client_secret", "Client secret", "scope = \"connector\"\nsecret = true"));
    lines.extend(account_requests("{base_url}/api/me"));
    lines.join("\n")
}

/// The description of `provider` as a provider file.
pub(super) fn api_key_description(provider: &ApiKeyProvider, id: &str) -> String {
    let mut lines = head(id, provider.display_name(), &provider.url(""));
    lines.extend(["[[auth]]".to_owned(), "kind = \"api_key\"".to_owned()]);
    if let Some(header) = provider.header() {
        lines.push(format!("placement = [{{ header = {}, value = \"{{token}}\" }}]", quoted(header.as_str())));
    }
    lines.extend(field("api_key", "API key", "secret = true"));
    lines.extend(account_requests("{base_url}/api/v1/me"));
    lines.join("\n")
}

fn head(id: &str, display_name: &str, base_url: &str) -> Vec<String> {
    vec![
        format!("id = {}", quoted(id)),
        format!("display_name = {}", quoted(display_name)),
        format!("base_url = {}", quoted(base_url)),
        String::new(),
    ]
}

fn field(name: &str, title: &str, more: &str) -> [String; 5] {
    [
        String::new(),
        "[[auth.fields]]".to_owned(),
        format!("name = {}", quoted(name)),
        format!("title = {}", quoted(title)),
        more.to_owned(),
    ]
}

/// Whose credential it is, asked at `url`, for the verification and for the probe.
fn account_requests(url: &str) -> [String; 8] {
    [
        String::new(),
        "[[auth.verify]]".to_owned(),
        format!("url = {}", quoted(url)),
        String::new(),
        "[[auth.probe]]".to_owned(),
        format!("url = {}", quoted(url)),
        "capture = [{ name = \"account_name\", path = \"name\" }, { name = \"account_id\", path = \"id\" }]".to_owned(),
        String::new(),
    ]
}

/// In seconds if they are whole.
fn duration(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => format!("{}s", duration.as_secs()),
        _ => format!("{}ms", duration.as_millis()),
    }
}

/// A TOML string: the escapes of JSON are among those of TOML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
