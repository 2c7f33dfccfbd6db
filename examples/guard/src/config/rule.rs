use axum::http::Method;
use serde_json::{Value, json};

use super::Requirement;
use super::section::Section;
use crate::http::SentPath;

/// `[[route]]`: what requests to some paths need.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RuleSpec {
    /// The path; what is below it is meant too.
    pub path: String,
    /// The methods that are meant; none are all.
    pub methods: Vec<Method>,
    /// What is needed.
    pub require: Requirement,
}

impl RuleSpec {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let path = section.required("path").and_then(|_| section.parsed("path", path));
        let methods = section.texts("methods").unwrap_or_default();
        let parsed: Vec<Method> = methods.iter().filter_map(|name| method(name)).collect();
        if parsed.len() < methods.len() {
            section.mistake("methods", "a value is no method in capital letters");
        }
        if section.has("methods") && methods.is_empty() {
            section.mistake("methods", "the rule is about no method");
        }
        let require = Requirement::read(&section.section("require"));
        section.finish();
        Some(Self { path: path?, methods: parsed, require })
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "path": self.path,
            "methods": self.methods.iter().map(Method::as_str).collect::<Vec<_>>(),
            "require": self.require.to_json(),
        })
    }
}

fn path(text: &str) -> Result<String, String> {
    SentPath::check(text).map_err(|why| format!("no request has this path: {why}"))?;
    if text.contains('?') {
        return Err("a rule is about paths, and not about queries".to_owned());
    }
    // The slash at the end says nothing: what is below is always meant.
    Ok(if text == "/" { text.to_owned() } else { text.trim_end_matches('/').to_owned() })
}

fn method(name: &str) -> Option<Method> {
    if name.bytes().any(|byte| byte.is_ascii_lowercase()) { None } else { name.parse().ok() }
}
