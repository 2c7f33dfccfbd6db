use std::collections::BTreeMap;
use std::fmt;

use super::kind::{ClientProof, FieldScope, FieldSource, URL_KEYS, UrlKey};
use super::model::AuthMethod;
use super::spec::ProviderSpec;
use super::template::{Context, Name, UrlTemplate};
use crate::Secret;

/// A provider's method with its values: everything that is needed to ask for a token or to send a credential.
#[derive(Clone)]
pub struct FilledProvider {
    pub(super) spec: ProviderSpec,
    pub(super) method: usize,
    pub(super) environment: Option<String>,
    pub(super) client_proof: ClientProof,
    pub(super) fields: BTreeMap<String, Value>,
    pub(super) urls: BTreeMap<UrlKey, FilledUrl>,
}

/// The value of a field, and what to call the place it came from.
#[derive(Clone)]
pub(super) struct Value {
    pub(super) value: Secret,
    pub(super) from: String,
}

/// A URL of a provider.
#[derive(Clone)]
pub(crate) struct FilledUrl {
    pub(crate) template: UrlTemplate,
    /// What to call the place it came from.
    pub(crate) from: String,
    /// `None` if it needs values that are known only after connecting.
    pub(crate) text: Option<String>,
}

/// What templates are filled with at one moment: the values, what was captured, and what is known just then.
#[derive(Clone)]
pub(crate) struct Scene<'a> {
    filled: &'a FilledProvider,
    captured: Option<&'a BTreeMap<String, Secret>>,
    meanings: Vec<(&'static str, Secret)>,
    steps: Vec<&'a serde_json::Value>,
}

impl FilledProvider {
    /// The description.
    #[must_use]
    pub fn spec(&self) -> &ProviderSpec {
        &self.spec
    }

    /// The method that was chosen.
    #[must_use]
    pub fn method(&self) -> &AuthMethod {
        &self.spec.0.methods[self.method]
    }

    /// The set of URLs that was chosen, if it has a name.
    #[must_use]
    pub fn environment(&self) -> Option<&str> {
        self.environment.as_deref()
    }

    /// The value of a field, if there is one.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Secret> {
        self.fields.get(name).map(|field| &field.value)
    }

    /// Where the value of a field or URL came from, for messages.
    #[must_use]
    pub fn origin_of(&self, name: &str) -> Option<&str> {
        let field = self.fields.get(name).map(|field| field.from.as_str());
        field.or_else(|| self.urls.get(&key_of(name)?).map(|url| url.from.as_str()))
    }

    /// A URL by its key, `base_url` or `token_url`; `None` if there is none, or if it needs what is known only after connecting.
    #[must_use]
    pub fn url(&self, name: &str) -> Option<&str> {
        self.urls.get(&key_of(name)?)?.text.as_deref()
    }

    /// Whether a value of a user, or an answer of the provider, decides to which host a request goes. A program that gives the
    /// connection an HTTP client gives one that reaches [public addresses only](crate::HttpTransport::public_addresses_only) then.
    #[must_use]
    pub fn is_host_chosen_by_user(&self) -> bool {
        URL_KEYS.iter().any(|(_, key)| self.is_host_given(*key))
    }

    /// Whether there is a request that ends a credential at the provider, or a revocation endpoint.
    #[must_use]
    pub fn can_revoke(&self) -> bool {
        self.method().revoke.is_some() || self.urls.contains_key(&UrlKey::Revoke)
    }

    pub(crate) fn url_of(&self, key: UrlKey) -> Option<&FilledUrl> {
        self.urls.get(&key)
    }

    /// Whether somebody else than the operator decides to which host a URL goes: a user, or a provider's answer. Such a host must not
    /// be a private one.
    pub(crate) fn is_host_given(&self, key: UrlKey) -> bool {
        let Some(url) = self.urls.get(&key) else { return false };
        let given = |name: &str| {
            let field = self.method().field(name);
            field.is_none_or(|field| field.scope() != FieldScope::Connector || field.source() != FieldSource::User)
        };
        url.template.deciding_names().iter().any(|name| match name {
            Name::Plain(name) => match key_of(name) {
                Some(other) => other != key && self.is_host_given(other),
                None => given(name),
            },
            Name::Step(..) => true,
        })
    }

    /// How the client proves itself: as the file says, or as the operator chose.
    pub(crate) fn client_proof(&self) -> ClientProof {
        self.client_proof
    }

    pub(crate) fn scene(&self) -> Scene<'_> {
        Scene { filled: self, captured: None, meanings: Vec::new(), steps: Vec::new() }
    }
}

impl<'a> Scene<'a> {
    /// Adds what was captured from callbacks, answers and probes.
    pub(crate) fn captured(mut self, captured: &'a BTreeMap<String, Secret>) -> Self {
        self.captured = Some(captured);
        self
    }

    /// Adds a name with a meaning, such as `token`.
    pub(crate) fn meaning(mut self, name: &'static str, value: Secret) -> Self {
        self.meanings.push((name, value));
        self
    }

    /// Adds the answer of the next step.
    pub(crate) fn step(mut self, answer: &'a serde_json::Value) -> Self {
        self.steps.push(answer);
        self
    }
}

impl Context for Scene<'_> {
    fn value(&self, name: &Name) -> Option<Secret> {
        match name {
            Name::Step(number, path) => {
                let answer = self.steps.get(number.checked_sub(1)?)?;
                path.find_text(answer).map(Secret::new)
            }
            Name::Plain(name) => {
                let meaning = self.meanings.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
                let captured = || self.captured.and_then(|captured| captured.get(name).cloned());
                let field = || self.filled.value(name).cloned();
                let url = || self.filled.url(name).map(Secret::from);
                let default = || self.filled.method().field(name)?.default_value().map(Secret::from);
                meaning.or_else(captured).or_else(field).or_else(url).or_else(default)
            }
        }
    }
}

fn key_of(name: &str) -> Option<UrlKey> {
    URL_KEYS.iter().find(|(own, _)| *own == name).map(|(_, key)| *key)
}

impl fmt::Debug for FilledProvider {
    /// Without the values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilledProvider")
            .field("id", &self.spec.id())
            .field("method", &self.method().key())
            .field("environment", &self.environment)
            .field("fields", &self.fields.keys())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Clock;
    use crate::provider::ProviderValues;
    use crate::provider::template::{Filling, Template};

    fn filled(base: &str, fields: &str) -> FilledProvider {
        let text = format!(
            "id = 'a'\n[[auth]]\nkind = 'oauth2_client_credentials'\nbase_url = '{base}'\ntoken_url = '{{base_url}}/token'\n{fields}"
        );
        let spec = ProviderSpec::from_toml(&text).unwrap_or_else(|errors| panic!("{errors}"));
        let values = ProviderValues::new().env(|_| None).value("client_id", "i").value("client_secret", "s");
        spec.fill(&values.value("host", "b.test")).unwrap_or_else(|errors| panic!("{errors}"))
    }

    // THREAT-T6
    #[test]
    fn a_host_that_a_user_chose_is_known_as_such() {
        let field = "[[auth.fields]]\nname = 'host'\nformat = 'hostname'\n";
        let users = filled("https://{host}/v1", field);
        assert!(users.is_host_given(UrlKey::Base) && users.is_host_given(UrlKey::Token));
        let operators = filled("https://{host}/v1", &format!("{field}scope = 'connector'\n"));
        assert!(!operators.is_host_given(UrlKey::Base) && !operators.is_host_given(UrlKey::Token));
        let fixed = filled("https://{host}.acme.test/v1", field);
        assert!(!fixed.is_host_given(UrlKey::Token) && !fixed.is_host_given(UrlKey::Revoke));
    }

    #[test]
    fn what_is_known_just_then_comes_before_what_was_captured_and_that_before_values() {
        let filled = filled("https://a.test", "[[auth.fields]]\nname = 'host'\n");
        let answer = serde_json::json!({"a": {"b": 7}});
        let captured =
            BTreeMap::from([("host".to_owned(), Secret::from("captured")), ("x".to_owned(), Secret::from("y"))]);
        let scene = filled.scene().captured(&captured).meaning("token", Secret::from("t0")).step(&answer);
        let text = |source: &str| {
            let template = Template::parse(source).unwrap();
            Filling::new(&scene, &Clock::system()).text(&template).unwrap().expose_secret().to_owned()
        };
        assert_eq!(text("{token} {host} {client_id} {x} {step1.a.b} {base_url}"), "t0 captured i y 7 https://a.test");
        assert_eq!(text("{step2.a||absent||\"-\"}"), "-");
    }
}
