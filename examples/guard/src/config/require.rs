use serde_json::{Map, Value, json};
use tower_auth::core::{Policy, Scheme};

use super::section::Section;

/// `require = { … }`: what a caller must have beside a good credential.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Requirement {
    /// All of it as one policy.
    pub policy: Policy,
    /// As it was written, for `--check`.
    shown: Map<String, Value>,
}

const SCHEMES: [Scheme; 4] = [Scheme::Bearer, Scheme::Dpop, Scheme::Basic, Scheme::ApiKey];

impl Requirement {
    pub(super) fn read(section: &Section<'_>) -> Self {
        let mut read = Self::default();
        read.add("scope", section.text("scope"), |policy, scope| policy.scope(scope));
        read.add("any_scope", section.texts("any_scope"), |policy, scopes| policy.any_scope(scopes));
        read.add("role", section.texts("role"), |policy, roles| roles.into_iter().fold(policy, Policy::role));
        read.add("any_role", section.texts("any_role"), |policy, roles| policy.any_role(roles));
        read.add("issuer", section.texts("issuer"), |policy, issuers| policy.any_issuer(issuers));
        read.add("client", section.texts("client"), |policy, clients| policy.any_client(clients));
        read.add("acr", section.texts("acr"), |policy, values| policy.acr_values(values));
        let claims = section.pairs("claim");
        read.add("claim", Some(claims).filter(|claims| !claims.is_empty()), |policy, claims| {
            claims.into_iter().fold(policy, |policy, (place, value)| policy.claim(place, value))
        });
        if let Some(age) = section.duration("max_age") {
            read.shown.insert("max_age".to_owned(), json!(age.as_secs()));
            read.policy = read.policy.max_age(age);
        }
        if let Some(names) = section.texts("scheme") {
            let schemes: Vec<Scheme> = names.iter().filter_map(|name| scheme(name)).collect();
            if schemes.len() < names.len() {
                section.mistake("scheme", "the values are not among bearer, dpop, basic and api_key");
            }
            read.shown.insert("scheme".to_owned(), json!(names));
            read.policy = read.policy.any_scheme(schemes);
        }
        if section.boolean("bound") == Some(true) {
            read.shown.insert("bound".to_owned(), json!(true));
            read.policy = read.policy.bound();
        }
        if let Err(error) = read.policy.check() {
            section.mistaken(&error.to_string());
        }
        section.finish();
        read
    }

    pub(crate) fn to_json(&self) -> Value {
        Value::Object(self.shown.clone())
    }

    fn add<T: serde::Serialize>(&mut self, name: &str, value: Option<T>, demand: impl FnOnce(Policy, T) -> Policy) {
        if let Some(value) = value {
            self.shown.insert(name.to_owned(), json!(value));
            self.policy = demand(std::mem::take(&mut self.policy), value);
        }
    }
}

fn scheme(name: &str) -> Option<Scheme> {
    SCHEMES.into_iter().find(|scheme| scheme.as_str() == name)
}
