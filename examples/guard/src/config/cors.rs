use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use tower_http::cors::{Any, CorsLayer};

use super::section::Section;

/// `[cors]`: which pages may call from a browser.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CorsSpec {
    /// The origins of those pages; `*` is any.
    pub origins: Vec<HeaderValue>,
    /// The methods they may use.
    pub methods: Vec<Method>,
    /// The headers they may send.
    pub headers: Vec<HeaderName>,
    /// The headers of answers that their scripts may read.
    pub expose: Vec<HeaderName>,
    /// Whether browsers may send cookies and the like along.
    pub credentials: bool,
    /// How long browsers may remember this.
    pub max_age: Duration,
}

const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
/// What a script needs to authenticate.
const HEADERS: &[&str] = &["authorization", "content-type", "dpop"];
/// What a script must read to learn why it was refused, and to make the next proof.
const EXPOSED: &[&str] = &["www-authenticate", "dpop-nonce"];

impl CorsSpec {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        if !section.is_there() {
            return None;
        }
        if !section.has("origins") {
            section.mistake("origins", "the key is missing");
        }
        let spec = Self {
            origins: list(section, "origins", &[], origin),
            methods: list(section, "methods", METHODS, |text| text.parse().ok()),
            headers: list(section, "headers", HEADERS, |text| text.parse().ok()),
            expose: list(section, "expose", EXPOSED, |text| text.parse().ok()),
            credentials: section.boolean("credentials").unwrap_or(false),
            max_age: section.duration("max_age").unwrap_or(Duration::from_secs(600)),
        };
        if spec.is_for_any() && spec.origins.len() > 1 {
            section.mistake("origins", "beside \"*\" no other origin makes sense");
        }
        if spec.is_for_any() && spec.credentials {
            section.mistake("credentials", "pages of any origin must not use a browser's cookies: name the origins");
            section.finish();
            return None;
        }
        section.finish();
        Some(spec)
    }

    /// The layer that answers preflight requests, and tells browsers what scripts may read.
    pub fn layer(&self) -> CorsLayer {
        let layer = CorsLayer::new()
            .allow_methods(self.methods.clone())
            .allow_headers(self.headers.clone())
            .expose_headers(self.expose.clone())
            .allow_credentials(self.credentials)
            .max_age(self.max_age);
        if self.is_for_any() { layer.allow_origin(Any) } else { layer.allow_origin(self.origins.clone()) }
    }

    fn is_for_any(&self) -> bool {
        self.origins.iter().any(|origin| origin == "*")
    }

    pub(crate) fn to_json(&self) -> Value {
        let names = |names: &[HeaderName]| names.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>();
        json!({
            "origins": self.origins.iter().filter_map(|origin| origin.to_str().ok()).collect::<Vec<_>>(),
            "methods": self.methods.iter().map(Method::as_str).collect::<Vec<_>>(),
            "headers": names(&self.headers),
            "expose": names(&self.expose),
            "credentials": self.credentials,
            "max_age": self.max_age.as_secs(),
        })
    }
}

/// An origin as browsers write it: scheme, host and port alone.
fn origin(text: &str) -> Option<HeaderValue> {
    let is_origin = text.split_once("://").is_some_and(|(scheme, rest)| {
        !scheme.is_empty() && !rest.is_empty() && !rest.contains(['/', '?', '#', '@', ' ', '*', ','])
    });
    if text == "*" || (is_origin && text.to_ascii_lowercase() == text) { text.parse().ok() } else { None }
}

fn list<T>(section: &Section<'_>, name: &'static str, default: &[&str], parse: impl Fn(&str) -> Option<T>) -> Vec<T> {
    let texts = section.texts(name).unwrap_or_else(|| default.iter().map(|text| (*text).to_owned()).collect());
    let parsed: Vec<Option<T>> = texts.iter().map(|text| parse(text)).collect();
    if let Some(place) = parsed.iter().position(Option::is_none) {
        section.mistake(name, &format!("{:?} cannot stand here", texts[place]));
    }
    parsed.into_iter().flatten().collect()
}
