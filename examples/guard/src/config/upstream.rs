use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Uri};
use serde_json::{Map, Value, json};

use super::section::Section;
use crate::http::SentPath;
use crate::proxy::{Fact, IdentityHeaders, is_reserved};

/// `[upstream]`: the service that guard stands in front of.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UpstreamSpec {
    /// Where it is. What stands behind the host is put before every path.
    pub url: Uri,
    /// Whether it is spoken to by HTTP/2 alone, as gRPC needs; over plain `http` without asking before.
    pub http2: bool,
    /// Roots that its certificate is trusted by, instead of those of the platform: a file in PEM, and what is in it.
    pub ca: Option<(String, Vec<u8>)>,
    /// What its `Host` is told; by default the host of `url`.
    pub host: Option<HeaderValue>,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long it may take until an answer begins.
    pub timeout: Duration,
    /// Whether it sees the credential.
    pub keep_credential: bool,
    /// Whether answers that are still being written end with the credential of their caller.
    pub end_at_expiry: bool,
    /// Whether WebSockets are passed through.
    pub websockets: bool,
    /// Paths that begin so need no credential.
    pub allow: Vec<String>,
    /// More headers that requests must not bring along.
    pub remove: Vec<HeaderName>,
    /// The headers that tell it who calls.
    pub identity: IdentitySpec,
}

/// `[upstream.identity]`: which headers tell the upstream who calls.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IdentitySpec {
    /// The headers.
    pub headers: IdentityHeaders,
}

impl UpstreamSpec {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        if !section.is_there() {
            return None;
        }
        let url = section.required("url").and_then(|_| section.parsed("url", url));
        let spec = Self {
            url: url.clone().unwrap_or_default(),
            http2: section.boolean("http2").unwrap_or(false),
            ca: section.parsed("ca", |path| Ok((path.to_owned(), super::tls::pem_file(path)?))),
            host: section.parsed("host", host),
            connect_timeout: section.duration("connect_timeout").unwrap_or(Duration::from_secs(5)),
            timeout: section.duration("timeout").unwrap_or(Duration::from_secs(30)),
            keep_credential: section.boolean("keep_credential").unwrap_or(false),
            end_at_expiry: section.boolean("end_at_expiry").unwrap_or(false),
            websockets: section.boolean("websockets").unwrap_or(false),
            allow: section.texts("allow").unwrap_or_default(),
            remove: names(section, "remove"),
            identity: IdentitySpec::read(&section.section("identity")),
        };
        if let Some(bad) = spec.allow.iter().find(|prefix| SentPath::check(prefix).is_err() || prefix.contains('?')) {
            section.mistake("allow", &format!("no path begins with {bad:?}"));
        }
        if spec.http2 && (spec.websockets || spec.host.is_some()) {
            section.mistake("http2", "`websockets` and `host` are for HTTP/1.1");
        }
        section.finish();
        url.map(|_| spec)
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "url": self.url.to_string(),
            "http2": self.http2,
            "ca": self.ca.as_ref().map(|(path, _)| path),
            "host": self.host.as_ref().and_then(|host| host.to_str().ok()),
            "connect_timeout": self.connect_timeout.as_secs_f64(),
            "timeout": self.timeout.as_secs_f64(),
            "keep_credential": self.keep_credential,
            "end_at_expiry": self.end_at_expiry,
            "websockets": self.websockets,
            "allow": self.allow,
            "remove": self.remove.iter().map(HeaderName::as_str).collect::<Vec<_>>(),
            "identity": self.identity.to_json(),
        })
    }
}

/// Each fact, its key, its header where the file names none, and whether it is told without being asked for.
const FACTS: &[(Fact, &str, &str, bool)] = &[
    (Fact::Subject, "subject", "x-auth-subject", true),
    (Fact::Issuer, "issuer", "x-auth-issuer", true),
    (Fact::Client, "client", "x-auth-client", true),
    (Fact::Scope, "scope", "x-auth-scope", true),
    (Fact::Roles, "roles", "x-auth-roles", true),
    (Fact::Method, "method", "x-auth-method", true),
    (Fact::Claims, "claims", "x-auth-claims", false),
    (Fact::ClaimsBase64, "claims_base64", "x-auth-claims-base64", false),
];

impl IdentitySpec {
    fn read(section: &Section<'_>) -> Self {
        let mut headers = IdentityHeaders::default();
        for (fact, key, default, is_told) in FACTS {
            let default = HeaderName::from_static(default);
            // A header that is not set must not come from the caller either.
            headers.remove(&default);
            let chosen = match section.value(key).map(|value| value.as_bool()) {
                None => is_told.then_some(default),
                Some(Some(told)) => told.then_some(default),
                Some(None) => section.parsed(key, name),
            };
            if let Some(name) = chosen {
                set(section, key, &mut headers, name, fact.clone());
            }
        }
        for (header, place) in section.pairs("claim") {
            match name(&header) {
                Ok(name) => set(section, "claim", &mut headers, name, Fact::Claim(place)),
                Err(message) => section.mistake("claim", &message),
            }
        }
        section.finish();
        Self { headers }
    }

    fn to_json(&self) -> Value {
        let mut shown = Map::new();
        for (name, fact) in self.headers.set() {
            let what = match fact {
                Fact::Claim(place) => format!("claim {place}"),
                fact => FACTS.iter().find(|(own, ..)| own == fact).map_or("", |(_, key, ..)| key).to_owned(),
            };
            shown.insert(name.as_str().to_owned(), json!(what));
        }
        Value::Object(shown)
    }
}

fn set(section: &Section<'_>, key: &'static str, headers: &mut IdentityHeaders, name: HeaderName, fact: Fact) {
    if !headers.add(name.clone(), fact) {
        section.mistake(key, &format!("the header {name} tells something else already, or an upstream may think so"));
    }
}

fn names(section: &Section<'_>, key: &'static str) -> Vec<HeaderName> {
    let texts = section.texts(key).unwrap_or_default();
    let parsed: Vec<HeaderName> = texts.iter().filter_map(|text| text.parse().ok()).collect();
    if parsed.len() < texts.len() {
        section.mistake(key, "a value is no name of a header");
    }
    parsed
}

fn name(text: &str) -> Result<HeaderName, String> {
    let name: HeaderName = text.parse().map_err(|_| "the value is no name of a header".to_owned())?;
    if is_reserved(&name) {
        return Err("this header means something else to HTTP or to proxies".to_owned());
    }
    Ok(name)
}

fn url(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|_| "the value is no URL".to_owned())?;
    let has_host = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    if !has_host || !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("the value is no URL such as http://127.0.0.1:9000".to_owned());
    }
    if uri.query().is_some() || SentPath::check(uri.path()).is_err() {
        return Err("the URL of an upstream has a plain path and no query".to_owned());
    }
    Ok(uri)
}

fn host(text: &str) -> Result<HeaderValue, String> {
    let is_authority =
        text.parse::<axum::http::uri::Authority>().is_ok_and(|authority| !authority.as_str().contains('@'));
    if is_authority { text.parse().map_err(|_| String::new()) } else { Err("the value is no host".to_owned()) }
}
