//! Looks every value up that the chosen method needs, and checks it.

use std::collections::BTreeMap;

use super::check::{UrlUse, check_url};
use super::field::FieldSpec;
use super::filled::{FilledProvider, FilledUrl, Value};
use super::kind::{AuthKind, CLIENT_PROOFS, ClientProof, FieldScope, FieldSource, URL_KEYS, UrlKey};
use super::model::{AuthMethod, Located};
use super::spec::ProviderSpec;
use super::template::{Filling, Name, UrlTemplate};
use super::values::{Given, ProviderValues, result};
use crate::config::{At, Notes, invalid, unknown};
use crate::error::{ConfigError, ConfigErrorKind, ConfigErrors};
use crate::{Clock, Secret};

/// What an operator chooses beside values.
const CHOICES: [&str; 3] = ["auth", "environment", "client_auth"];

/// A value, and where it came from.
struct Found {
    value: Secret,
    from: String,
    at: At,
}

struct Gatherer<'a> {
    spec: &'a ProviderSpec,
    values: &'a ProviderValues,
    notes: Notes,
}

impl ProviderSpec {
    /// Looks up every value that the chosen method needs, and checks it. Nothing is sent.
    ///
    /// # Errors
    /// Every value that is missing or does not fit, by the name of its field, and every URL that cannot be made. No value is
    /// quoted.
    pub fn fill(&self, values: &ProviderValues) -> Result<FilledProvider, ConfigErrors> {
        let gatherer = Gatherer { spec: self, values, notes: Notes::default() };
        values.report(&gatherer.notes);
        gatherer.check_names();
        let filled = gatherer.fill();
        result(filled, gatherer.notes)
    }
}

impl ProviderSpec {
    /// Whether `values` have something for the field or URL called `name`, so that nobody else is to be asked for it. Whether it fits,
    /// [`fill`](Self::fill) says.
    #[must_use]
    pub fn is_given(&self, values: &ProviderValues, name: &str) -> bool {
        let gatherer = Gatherer { spec: self, values, notes: Notes::default() };
        gatherer.find(name).is_some() || !gatherer.notes.is_empty()
    }
}

impl Gatherer<'_> {
    fn fill(&self) -> Option<FilledProvider> {
        let method_at = self.method();
        let environment = self.environment();
        let (index, environment) = (method_at?, environment?);
        let method = self.spec.0.methods.get(index)?;
        let client_proof = self.client_proof(method);
        let fields = self.fields(method, client_proof);
        let mut filled = FilledProvider {
            spec: self.spec.clone(),
            method: index,
            environment,
            client_proof,
            fields,
            urls: BTreeMap::new(),
        };
        let templates = self.url_templates(method, filled.environment.as_deref());
        let known = self.notes.is_empty();
        // The base URL comes first, since others begin with it.
        for (key, (template, from, at)) in templates {
            // Without all values the URL would be wrong for that reason alone.
            let text = if known { self.render(&filled, key, &template, &at) } else { None };
            filled.urls.insert(key, FilledUrl { template, from, text });
        }
        Some(filled)
    }

    /// The position of the chosen method; the first if nobody chose.
    fn method(&self) -> Option<usize> {
        let Some(found) = self.find("auth") else { return Some(0) };
        let key = found.value.expose_secret();
        let index = self.spec.0.methods.iter().position(|method| method.key() == key);
        if index.is_none() {
            self.notes.push(&found.at, invalid(&self.spec.unknown_method(key)));
        }
        index
    }

    /// The chosen environment; `production` if the file has it and nobody chose. `None` after a mistake.
    fn environment(&self) -> Option<Option<String>> {
        let known = &self.spec.0.environments;
        let Some(found) = self.find("environment") else {
            return Some(known.contains_key("production").then(|| "production".to_owned()));
        };
        let name = found.value.expose_secret();
        if known.contains_key(name) {
            return Some(Some(name.to_owned()));
        }
        let names: Vec<_> = known.keys().map(String::as_str).collect();
        self.notes.push(&found.at, invalid(&unknown(&format!("environment {name:?}"), name, &names)));
        None
    }

    fn client_proof(&self, method: &AuthMethod) -> ClientProof {
        let written = method.token.client_proof;
        let Some(found) = self.find("client_auth") else { return written };
        let word = found.value.expose_secret();
        let Some((_, proof)) = CLIENT_PROOFS.iter().find(|(own, _)| *own == word) else {
            let known: Vec<_> = CLIENT_PROOFS.iter().map(|(word, _)| *word).collect();
            self.notes.push(&found.at, invalid(&unknown(&format!("way {word:?} to prove the client"), word, &known)));
            return written;
        };
        // Others need a key, a certificate or a rule that only a file describes.
        let plain =
            |proof| matches!(proof, ClientProof::Basic | ClientProof::Body | ClientProof::Both | ClientProof::None);
        let once = matches!(method.kind, AuthKind::OAuth2Code | AuthKind::OAuth2StaticCode);
        let possible = *proof == written
            || method.kind.is_oauth()
                && (plain(written) || written == ClientProof::Auto)
                && (plain(*proof) || *proof == ClientProof::Auto && !once);
        let secret = !proof.uses_secret() || method.field("client_secret").is_some();
        if possible && secret {
            return *proof;
        }
        let text = format!("the method {:?} has {:?}, which cannot become {word:?}", method.key(), written.as_str());
        self.notes.push(&found.at, invalid(&text));
        written
    }

    fn fields(&self, method: &AuthMethod, proof: ClientProof) -> BTreeMap<String, Value> {
        let mut fields = BTreeMap::new();
        // Those that decide whether others are visible are always visible themselves.
        let (first, then): (Vec<_>, Vec<_>) = method.fields.iter().partition(|field| field.visible_when.is_none());
        for field in first.into_iter().chain(then) {
            if field.source != FieldSource::User {
                continue;
            }
            let visible = field.visible_when.as_ref().is_none_or(|when| {
                let value = fields.get(&when.field).map(|field: &Value| field.value.expose_secret());
                value.is_some_and(|value| when.equals.iter().any(|wanted| wanted == value))
            });
            let unused =
                field.name() == "client_secret" && !proof.uses_secret() && method.token.client_proof.uses_secret();
            let spent = self.values.resumed && field.scope() == FieldScope::Once;
            if !visible || unused || spent {
                continue;
            }
            if let Some(value) = self.field(field) {
                fields.insert(field.name().to_owned(), value);
            }
        }
        fields
    }

    fn field(&self, field: &FieldSpec) -> Option<Value> {
        let Some(found) = self.find_field(field) else {
            if let Some(default) = field.default_value() {
                return Some(Value { value: Secret::from(default), from: "the provider file's default".to_owned() });
            }
            if field.is_required() {
                self.missing(field.name(), field.is_secret(), &field.about());
            }
            return None;
        };
        let found = found?;
        match field.check(found.value.expose_secret()) {
            Ok(value) if value.len() == found.value.expose_secret().len() => {
                Some(Value { value: found.value, from: found.from })
            }
            Ok(value) => Some(Value { value: Secret::from(value), from: found.from }),
            Err(error) => {
                self.notes.push(&At { key: field.name().to_owned(), ..found.at }, error);
                None
            }
        }
    }

    fn missing(&self, name: &str, secret: bool, about: &str) {
        let variable = self.spec.variable(name);
        let way = if secret { " = { file = \"…\" }" } else { "" };
        let about = if about.is_empty() { String::new() } else { format!(" ({about})") };
        let text = format!(
            "{} needs a value for {name}{about}; set {variable}, or write {name}{way} into a values file",
            self.spec.display_name()
        );
        let at = At { key: name.to_owned(), ..At::default() };
        self.notes.push(&at, ConfigError::new(ConfigErrorKind::MissingOption, text));
    }

    /// The URLs that the method has, from the first of: operator, environment, method, top of the file.
    fn url_templates(
        &self,
        method: &AuthMethod,
        environment: Option<&str>,
    ) -> BTreeMap<UrlKey, (UrlTemplate, String, At)> {
        let of_environment = environment.and_then(|name| self.spec.0.environments.get(name));
        let mut urls = BTreeMap::new();
        for (name, key) in URL_KEYS {
            if !method.knows_url(*key) {
                continue;
            }
            if let Some(found) = self.find(name) {
                if let Some(template) = self.operators_url(method, *key, &found) {
                    urls.insert(*key, (template, found.from, found.at));
                }
                continue;
            }
            let written = of_environment.and_then(|urls| urls.get(key));
            let written = written.or_else(|| method.urls.get(key)).or_else(|| self.spec.0.urls.get(key));
            if let Some(url) = written {
                urls.insert(*key, (url.value.clone(), place(&url.at), url.at.clone()));
            }
        }
        let uses_base = urls.values().any(|(url, _, _)| uses(url, "base_url"));
        if uses_base && !urls.contains_key(&UrlKey::Base) {
            self.missing("base_url", false, "where the API is");
        }
        for (key, about) in [(UrlKey::Authorize, "where people consent"), (UrlKey::Token, "where tokens are issued")] {
            if method.needs_url(key) && !urls.contains_key(&key) && self.find(key.as_str()).is_none() {
                self.missing(key.as_str(), false, about);
            }
        }
        urls
    }

    fn operators_url(&self, method: &AuthMethod, key: UrlKey, found: &Found) -> Option<UrlTemplate> {
        let at = At { key: key.as_str().to_owned(), ..found.at.clone() };
        match UrlTemplate::parse(found.value.expose_secret()) {
            Ok(value) => {
                let url = Located { value, at };
                check_url(method, UrlUse { key }, &url, &self.notes);
                Some(url.value)
            }
            Err(what) => {
                self.notes.push(&at, ConfigError::new(ConfigErrorKind::InvalidUrl, what));
                None
            }
        }
    }

    /// The URL with its values; `None` if it needs those that are known only after connecting.
    fn render(&self, filled: &FilledProvider, key: UrlKey, template: &UrlTemplate, at: &At) -> Option<String> {
        let method = filled.method();
        let late = |name: &&Name| match name {
            Name::Plain(name) if URL_KEYS.iter().any(|(own, _)| own == name) => filled.url(name).is_none(),
            Name::Plain(name) => method.field(name).is_some_and(|field| field.source() != FieldSource::User),
            Name::Step(..) => true,
        };
        if template.names().iter().any(late) {
            return None;
        }
        let scene = filled.scene();
        match Filling::new(&scene, &Clock::system()).url(template) {
            Ok(url) => Some(url),
            Err(what) => {
                let at = At { key: key.as_str().to_owned(), ..at.clone() };
                self.notes.push(&at, ConfigError::new(ConfigErrorKind::InvalidUrl, what));
                None
            }
        }
    }

    /// Objects to names that nobody knows.
    fn check_names(&self) {
        let fields = self.spec.0.methods.iter().flat_map(AuthMethod::fields);
        let mut known: Vec<&str> =
            fields.filter(|field| field.source() == FieldSource::User).map(FieldSpec::name).collect();
        known.extend(URL_KEYS.iter().map(|(name, _)| *name));
        known.extend(CHOICES);
        known.sort_unstable();
        known.dedup();
        let given = self.values.given.keys().map(|name| (name, At { key: name.clone(), ..At::default() }));
        let written = self.values.file.iter().map(|(name, entry)| (name, entry.at.clone()));
        for (name, at) in given.chain(written) {
            if !known.contains(&name.as_str()) {
                self.notes.push(&at, invalid(&unknown("field", name, &known)));
            }
        }
    }

    fn find_field(&self, field: &FieldSpec) -> Option<Option<Found>> {
        let in_place = match self.values.file.get(field.name()) {
            Some(entry) if matches!(entry.value, Given::Plain(_)) && field.is_secret() => Some(entry),
            _ => None,
        };
        let found = self.try_find(field.name());
        // Only where the file is what counts.
        if let (Some(entry), Some(Ok(Found { at, .. }))) = (in_place, &found) {
            if at.line.is_some() || at.file.is_some() {
                let text = "this field is secret: write { env = \"…\" }, { file = \"…\" } or { command = [\"…\"] }, or, if it \
                            must stand here, { value = \"…\" }";
                self.notes.push(&entry.at, invalid(text));
                return Some(None);
            }
        }
        match found? {
            Ok(found) => Some(Some(found)),
            Err((at, error)) => {
                self.notes.push(&at, error);
                Some(None)
            }
        }
    }

    /// The value of `name` from the first place that has one. That a place does not yield it is noted.
    fn find(&self, name: &str) -> Option<Found> {
        match self.try_find(name)? {
            Ok(found) => Some(found),
            Err((at, error)) => {
                self.notes.push(&at, error);
                None
            }
        }
    }

    fn try_find(&self, name: &str) -> Option<Result<Found, (At, ConfigError)>> {
        let nowhere = At { key: name.to_owned(), ..At::default() };
        if let Some(value) = self.values.given.get(name) {
            return Some(Ok(Found { value: value.clone(), from: "the program".to_owned(), at: nowhere }));
        }
        let variable = self.spec.variable(name);
        if let Some(value) = self.values.lookup(&variable) {
            return Some(Ok(Found { value, from: format!("the environment, {variable}"), at: nowhere }));
        }
        let entry = self.values.file.get(name)?;
        let value = match &entry.value {
            Given::Plain(text) => Ok(Secret::from(text.as_str())),
            Given::Elsewhere(spec) => spec.resolve(self.values.env.as_deref()),
            #[cfg(feature = "command")]
            Given::Nowhere(what) => Err(ConfigError::new(ConfigErrorKind::MissingSecret, what.as_str())),
        };
        Some(match value {
            Ok(value) => Ok(Found { value, from: place(&entry.at), at: entry.at.clone() }),
            Err(error) => Err((entry.at.clone(), error)),
        })
    }
}

fn uses(url: &UrlTemplate, name: &str) -> bool {
    url.names().iter().any(|own| matches!(own, Name::Plain(own) if own == name))
}

/// `orders.toml:7`
fn place(at: &At) -> String {
    match (&at.file, at.line) {
        (Some(file), Some(line)) => format!("{file}:{line}"),
        (Some(file), None) => file.to_string(),
        (None, Some(line)) => format!("line {line} of the provider file"),
        (None, None) => "the provider file".to_owned(),
    }
}
