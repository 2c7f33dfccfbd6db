use std::time::Duration;

use serde_json::{Value, json};
use tower_auth::core::{ConfigError, Verifier};
use tower_auth_tonic::GrpcValidateLayer;

use super::Requirement;
use super::section::Section;

/// `[grpc]`: what calls of methods need.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct GrpcSpec {
    /// Methods and services that need no credential.
    pub allow: Vec<String>,
    /// What the others need.
    pub rules: Vec<GrpcRule>,
    /// Whether a call ends with the credential it began with.
    pub end_at_expiry: bool,
    /// How often the credential of a long call is verified again.
    pub recheck: Option<Duration>,
    /// The name of the service in error details that programs can read; `None` gives none.
    pub error_domain: Option<String>,
}

/// `[[grpc.rule]]`
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GrpcRule {
    /// `/package.Service/Method`, or `package.Service`.
    pub name: String,
    /// What is needed.
    pub require: Requirement,
}

impl GrpcSpec {
    pub(super) fn read(section: &Section<'_>) -> Self {
        let mut spec = Self {
            allow: section.texts("allow").unwrap_or_default(),
            rules: Vec::new(),
            end_at_expiry: section.boolean("end_at_expiry").unwrap_or(false),
            recheck: section.duration("recheck"),
            error_domain: section.text("error_domain"),
        };
        for rule in section.sections("rule") {
            let (name, require) = (rule.required("name"), Requirement::read(&rule.section("require")));
            rule.finish();
            spec.rules.extend(name.map(|name| GrpcRule { name, require }));
        }
        section.finish();
        spec
    }

    /// The layer that does this.
    ///
    /// # Errors
    /// When a name is none of a method or service, has two rules, or a scope cannot be one.
    pub fn layer(&self, verifier: Verifier) -> Result<GrpcValidateLayer, ConfigError> {
        let mut layer = GrpcValidateLayer::new(verifier);
        for rule in &self.rules {
            let policy = rule.require.policy.clone();
            layer = match rule.name.starts_with('/') {
                true => layer.method_policy(&rule.name, policy)?,
                false => layer.service_policy(&rule.name, policy)?,
            };
        }
        for name in &self.allow {
            layer = layer.allow_anonymous(name)?;
        }
        if self.end_at_expiry {
            layer = layer.end_at_expiry();
        }
        if let Some(domain) = &self.error_domain {
            layer = layer.error_details(domain);
        }
        match self.recheck {
            Some(every) => layer.recheck(every),
            None => Ok(layer),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "allow": self.allow,
            "rule": self.rules.iter().map(GrpcRule::to_json).collect::<Vec<_>>(),
            "end_at_expiry": self.end_at_expiry,
            "recheck": self.recheck.map(|every| every.as_secs()),
            "error_domain": self.error_domain,
        })
    }
}

impl GrpcRule {
    fn to_json(&self) -> Value {
        json!({ "name": self.name, "require": self.require.to_json() })
    }
}
