use toml::{Table, Value};

use crate::files::tables;

/// One way in which providers differ from the standard, and how a file shows it.
pub(crate) struct Quirk {
    pub(crate) group: &'static str,
    pub(crate) name: &'static str,
    pub(crate) shown_by: fn(&Method<'_>) -> bool,
}

/// A method of a file, and the file.
pub(crate) struct Method<'t> {
    pub(crate) file: &'t Table,
    pub(crate) table: &'t Table,
}

impl<'t> Method<'t> {
    fn get(&self, path: &str) -> Option<&'t Value> {
        let mut parts = path.split('.');
        let first = self.table.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    }

    fn text(&self, path: &str) -> &'t str {
        self.get(path).and_then(Value::as_str).unwrap_or_default()
    }

    fn has(&self, path: &str) -> bool {
        self.get(path).is_some()
    }

    fn kind(&self, kind: &str) -> bool {
        self.text("kind") == kind
    }

    fn is_oauth_code(&self) -> bool {
        self.kind("oauth2_code")
    }

    fn is_cc(&self) -> bool {
        self.kind("oauth2_client_credentials")
    }

    fn keys(&self, path: &str) -> Vec<&'t str> {
        self.get(path)
            .and_then(Value::as_table)
            .map(|table| table.keys().map(String::as_str).collect())
            .unwrap_or_default()
    }

    /// The texts of a map, nested ones among them.
    fn said(&self, path: &str) -> String {
        self.get(path).map(json).unwrap_or_default()
    }

    fn placed(&self, place: &str) -> bool {
        tables(self.table, "placement").iter().any(|placement| placement.contains_key(place))
    }

    fn placements(&self) -> Vec<(&'t str, &'t str)> {
        let list = tables(self.table, "placement");
        let text = |table: &'t Table, key: &str| table.get(key).and_then(Value::as_str);
        list.iter()
            .filter_map(|table| Some((text(table, "header")?, text(table, "value").unwrap_or("{token}"))))
            .collect()
    }

    fn urls(&self) -> String {
        let keys = ["base_url", "authorize_url", "token_url", "refresh_url", "revoke_url"];
        let own = keys.iter().map(|key| self.text(key));
        let top = self.file.get("base_url").and_then(Value::as_str).unwrap_or_default();
        let rest: Vec<_> = own.chain([top]).map(|url| url.replace("{base_url}", "")).collect();
        rest.join(" ")
    }

    fn fields(&self) -> Vec<&'t Table> {
        tables(self.table, "fields")
    }

    fn any_field(&self, fits: impl Fn(&str, &Value) -> bool) -> bool {
        self.fields().iter().any(|field| field.iter().any(|(key, value)| fits(key, value)))
    }

    /// Whether a value that a person or operator gives stands in a text.
    fn filled_by_field(&self, text: &str) -> bool {
        let names = self.fields().into_iter().filter_map(|field| field.get("name")?.as_str());
        names.into_iter().any(|name| text.contains(&format!("{{{name}}}")))
    }
}

fn json(value: &Value) -> String {
    serde_json::to_string(value).unwrap()
}

macro_rules! quirks {
    ($($group:literal { $($name:literal: $shown:expr;)+ })+) => {
        pub(crate) const QUIRKS: &[Quirk] = &[$($(Quirk { group: $group, name: $name, shown_by: $shown },)+)+];
    };
}

quirks! {
    "Token request" {
        "code, client by Basic": |m| m.is_oauth_code() && m.text("client_auth") == "basic";
        "code, client in the body": |m| m.is_oauth_code() && ["", "body"].contains(&m.text("client_auth"));
        "client credentials by Basic": |m| m.is_cc() && m.text("client_auth") == "basic";
        "client credentials in the body": |m| m.is_cc() && ["", "body"].contains(&m.text("client_auth"));
        "client by a signed assertion": |m| m.text("client_auth") == "private_key_jwt";
        "client certificate": |m| m.has("client_certificate") || m.text("client_auth") == "mtls";
        "no client secret": |m| m.is_oauth_code() && m.text("client_auth") == "none";
        "secret as the user of Basic, no password": |m| m.has("basic_user") && m.is_oauth_code();
        "JSON body": |m| m.text("body_format") == "json" || m.kind("login") && m.has("token_params") && !m.has("body_format");
        "nested JSON body": |m| m.get("token_params").and_then(Value::as_table).is_some_and(|params| params.values().any(Value::is_table));
        "empty body": |m| m.kind("login") && m.has("token_url") && !m.has("token_params");
        "parameters in the query": |m| m.text("body_format") == "query" || m.text("method") == "GET";
        "scopes not parted by a blank": |m| m.has("scope_separator");
        "scopes not percent-encoded": |m| m.has("scope_raw");
        "empty parameters left out": |m| m.has("skip_empty");
        "static parameters on the consent page": |m| m.has("authorize_params");
        "offline access by a parameter": |m| { let said = m.said("authorize_params"); said.contains("offline") || said.contains("permanent") };
        "prompt": |m| m.has("authorize_params.prompt");
        "audience or resource": |m| ["authorize_params", "token_params"].iter().any(|p| m.keys(p).iter().any(|k| ["audience", "resource"].contains(k)));
        "nonce": |m| m.has("authorize_params.nonce");
        "consent parameters from fields": |m| m.filled_by_field(&m.said("authorize_params"));
        "further parameters of the token request": |m| !m.kind("login") && m.has("token_params");
        "further parameters of the renewal": |m| m.has("refresh_params") && m.text("refresh") != "by_access_token";
        "another grant_type": |m| m.get("grant_type").is_some_and(Value::is_str);
        "no grant_type": |m| m.get("grant_type").is_some_and(Value::is_bool);
        "renewal at another URL": |m| m.has("refresh_url") || m.said("refresh_grant_type") == "false" || m.file.get("environments").is_some_and(|all| json(all).contains("refresh_url"));
        "PKCE off": |m| m.text("pkce") == "off";
        "parameters renamed or dropped": |m| m.has("param_names");
        "response_type other than code": |m| m.has("authorize_params.response_type");
        "code under another name": |m| m.has("callback.code_param");
        "headers on the token request": |m| m.has("token_headers");
        "GET for the token": |m| m.text("method") == "GET";
        "password grant": |m| m.kind("oauth2_password");
        "password in a login": |m| m.kind("login") && m.fields().iter().any(|field| field.get("name").and_then(Value::as_str) == Some("password"));
        "assertion grant": |m| m.kind("oauth2_jwt_bearer");
        "signed assertion is the token": |m| m.kind("login") && m.has("assertion") && !m.has("token_url");
        "further requests": |m| m.has("steps");
    }
    "Answer and lifetime" {
        "token elsewhere in the answer": |m| m.get("response.token").is_some_and(Value::is_str);
        "token is the whole body": |m| m.get("response.token").is_some_and(|path| path.as_str() == Some(""));
        "token at several places": |m| m.get("response.token").is_some_and(Value::is_array);
        "token in a header or cookie": |m| { let said = m.said("response.token"); said.contains("header") || said.contains("cookie") };
        "errors with a status of success": |m| m.has("response.error_when") || m.has("response.success_when");
        "end as a moment": |m| m.text("expires.kind") == "absolute_auto";
        "lifetime as text of days, hours and minutes": |m| m.text("expires.kind") == "relative_text";
        "lifetime fixed by the description": |m| m.text("expires.kind") == "fixed";
        "lifetime in the token": |m| m.text("expires.kind") == "jwt_exp";
        "lifetime by introspection": |m| m.text("expires.kind") == "introspect";
        "tokens that do not end": |m| m.text("expires.kind") == "never";
        "own refresh margin": |m| m.has("refresh_margin");
        "values kept from the token answer": |m| m.has("response.capture");
        "values kept from headers": |m| m.has("response.capture_headers");
        "values kept from the callback": |m| m.has("callback.capture");
        "probe after connecting": |m| m.has("probe");
        "probe fills a URL or header": |m| m.fields().iter().any(|field| field.get("source").and_then(Value::as_str) == Some("probe"));
        "renewal by the access token": |m| m.text("refresh") == "by_access_token";
        "two live tokens": |m| m.has("secondary_tokens") || m.said("response.capture").contains("user_token");
        "refresh token works once": |m| m.text("rotation") == "rotating";
        "old refresh token taken again for a while": |m| m.has("reuse_grace");
        "another sign of a dead token": |m| m.has("expired_signal");
    }
    "Where the credential goes" {
        "key as Bearer": |m| m.kind("api_key") && !m.has("placement");
        "key in Authorization, with another prefix or none": |m| m.kind("api_key") && m.placements().iter().any(|(header, _)| *header == "authorization");
        "key in another header": |m| m.kind("api_key") && m.placements().iter().any(|(header, _)| *header != "authorization");
        "key of several parts": |m| m.kind("api_key") && tables(m.table, "placement").len() > 1;
        "key in the query": |m| m.placed("query");
        "key in the body": |m| m.placed("body");
        "key in the path": |m| m.placed("path");
        "token in another header": |m| !m.kind("api_key") && m.placements().iter().any(|(header, _)| *header != "authorization");
        "token with another prefix": |m| !m.kind("api_key") && m.placements().iter().any(|(header, _)| *header == "authorization");
        "token in a cookie": |m| m.placed("cookie");
        "API headers from fields": |m| m.filled_by_field(&m.said("api_headers"));
        "fixed API headers": |m| m.get("api_headers").and_then(Value::as_table).is_some_and(|all| all.iter().any(|(name, value)| name != "accept" && !json(value).contains('{')));
        "Basic without password or user": |m| m.kind("basic") && m.has("basic_user") != m.has("basic_password");
        "Basic with a dummy half": |m| m.kind("basic") && ["basic_user", "basic_password"].iter().any(|half| m.has(half) && !m.text(half).contains('{'));
        "Basic with a shaped half": |m| m.kind("basic") && ["basic_user", "basic_password"].iter().any(|half| { let text = m.text(half); text.contains('{') && !text.ends_with('}') });
        "signed requests": |m| m.has("signer");
    }
    "Fields and URLs" {
        "fields in URLs": |m| m.filled_by_field(&m.urls());
        "fallback in a URL": |m| m.urls().contains("||");
        "values of the provider in URLs": |m| m.fields().iter().any(|field| {
            let name = field.get("name").and_then(Value::as_str).unwrap_or_default();
            field.contains_key("source") && m.urls().contains(&format!("{{{name}"))
        }) || m.file.get("environments").is_some_and(|all| json(all).contains("{realm_id}"));
        "environments": |m| m.file.contains_key("environments");
        "pattern": |m| m.any_field(|key, _| key == "pattern");
        "host name": |m| m.any_field(|key, value| key == "format" && value.as_str() == Some("hostname"));
        "UUID": |m| m.any_field(|key, value| key == "format" && value.as_str() == Some("uuid"));
        "e-mail address": |m| m.any_field(|key, value| key == "format" && value.as_str() == Some("email"));
        "address": |m| m.any_field(|key, value| key == "format" && value.as_str() == Some("uri"));
        "choice": |m| m.any_field(|key, _| key == "enum");
        "text around the input": |m| m.any_field(|key, _| ["prefix", "suffix"].contains(&key));
        "optional": |m| m.any_field(|key, value| key == "required" && value.as_bool() == Some(false));
        "default": |m| m.any_field(|key, _| key == "default");
        "hidden": |m| m.any_field(|key, _| key == "hidden");
        "PEM": |m| m.any_field(|key, value| key == "type" && value.as_str() == Some("pem"));
        "verification": |m| m.has("verify");
        "revocation by the provider's own request": |m| m.has("revoke");
        "revocation by RFC 7009": |m| m.has("revoke_url") || m.file.get("environments").is_some_and(|all| json(all).contains("revoke_url"));
        "limits": |m| m.has("limits");
    }
}

/// Those of which fewer than two public providers are described.
pub(crate) const SINGLE: &[&str] = &[
    "secret as the user of Basic, no password",
    "scopes not percent-encoded",
    "nonce",
    "token is the whole body",
    "lifetime as text of days, hours and minutes",
    "lifetime by introspection",
    "values kept from headers",
    "token in a cookie",
    "Basic with a shaped half",
    "fallback in a URL",
];
