use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error as _};

use super::check;
use super::extend::extended;
use super::kind::UrlKey;
use super::model::AuthMethod;
use super::read::{Draft, whole};
use super::schema::provider_schema;
use super::specs::ProviderSpecs;
use crate::config::{At, Node, Notes, unknown};
use crate::error::{ConfigError, ConfigErrorKind, ConfigErrors};

/// A system that we call, as a provider file describes it: how it authenticates its callers, which values that needs, and where
/// the credential goes.
///
/// ```
/// use tower_auth_core::{ProviderSpec, ProviderValues};
///
/// let spec = ProviderSpec::from_toml(r#"
///     id = "alvys"
///     base_url = "https://integrations.alvys.com"
///
///     [[auth]]
///     kind = "oauth2_client_credentials"
///     token_url = "https://integrations.alvys.com/api/authentication/{tenant_id}/token"
///
///     [[auth.fields]]
///     name = "tenant_id"
///     help = "The tenant the application was registered for."
/// "#)?;
///
/// let values = ProviderValues::new()
///     .env(|name| (name == "ALVYS__CLIENT_SECRET").then(|| "s3cret".to_owned()))
///     .value("client_id", "orders")
///     .value("tenant_id", "acme/eu");
/// let filled = spec.fill(&values)?;
/// assert_eq!(filled.url("token_url"), Some("https://integrations.alvys.com/api/authentication/acme%2Feu/token"));
/// # Ok::<(), tower_auth_core::ConfigErrors>(())
/// ```
///
/// Every key is described in `docs/provider-files.md`, and for editors in `docs/provider.schema.json`. The description is data: it
/// holds no secret, and nothing is sent by reading it. Clones are cheap.
#[derive(Clone)]
pub struct ProviderSpec(pub(super) Arc<Draft>);

impl ProviderSpec {
    /// Reads a TOML text.
    ///
    /// # Errors
    /// Every mistake in it, each with line and key path.
    pub fn from_toml(text: &str) -> Result<Self, ConfigErrors> {
        Self::alone(parse(text, false, None))
    }

    /// Reads a JSON text.
    ///
    /// # Errors
    /// Every mistake in it, each with line and key path.
    pub fn from_json(text: &str) -> Result<Self, ConfigErrors> {
        Self::alone(parse(text, true, None))
    }

    /// Reads a TOML text that may extend one of `others`.
    ///
    /// # Errors
    /// Every mistake in it, each with line and key path.
    pub fn from_toml_beside(text: &str, others: &ProviderSpecs) -> Result<Self, ConfigErrors> {
        Self::beside(parse(text, false, None), others)
    }

    /// Reads a JSON text that may extend one of `others`.
    ///
    /// # Errors
    /// Every mistake in it, each with line and key path.
    pub fn from_json_beside(text: &str, others: &ProviderSpecs) -> Result<Self, ConfigErrors> {
        Self::beside(parse(text, true, None), others)
    }

    /// Reads a file: JSON if its name ends with `.json`, else TOML. A file that it extends is looked for beside it, by the id as
    /// its name.
    ///
    /// # Errors
    /// When it cannot be read, and every mistake in it, each with file, line and key path.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigErrors> {
        let path = path.as_ref();
        let folder = path.parent().unwrap_or(Path::new(""));
        let notes = Notes::default();
        let node = read_file(path)?;
        let mut broken = None;
        let mut find = |id: &str| {
            // An id is a name and no path, so nothing outside of the folder is read.
            if !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
                return None;
            }
            let files = ["toml", "json"].map(|ending| folder.join(format!("{id}.{ending}")));
            let file = files.iter().find(|file| file.is_file())?;
            match read_file(file) {
                Ok(node) => Some(node),
                Err(mistakes) => {
                    broken = Some(mistakes);
                    None
                }
            }
        };
        let merged = extended(&node, &mut find, &[], &notes);
        match (broken, merged) {
            (Some(mistakes), _) => Err(mistakes),
            (None, Some(node)) => Self::from_node(&node, notes),
            (None, None) => Err(sorted(notes)),
        }
    }

    /// The JSON Schema of provider files, for editors. What depends on several keys is judged by the reader alone.
    #[must_use]
    pub fn json_schema() -> String {
        provider_schema()
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Its name for people.
    #[must_use]
    pub fn display_name(&self) -> &str {
        self.0.display_name.as_deref().unwrap_or(&self.0.id)
    }

    /// The provider's page about authentication.
    #[must_use]
    pub fn docs_url(&self) -> Option<&str> {
        self.0.docs_url.as_deref()
    }

    /// URL or file name of a picture.
    #[must_use]
    pub fn logo(&self) -> Option<&str> {
        self.0.logo.as_deref()
    }

    /// The lists that it belongs into.
    #[must_use]
    pub fn categories(&self) -> &[String] {
        &self.0.categories
    }

    /// The methods of authentication; there is at least one. The first is used if nobody chooses.
    #[must_use]
    pub fn methods(&self) -> &[AuthMethod] {
        &self.0.methods
    }

    /// The method called `key`.
    #[must_use]
    pub fn method(&self, key: &str) -> Option<&AuthMethod> {
        self.0.methods.iter().find(|method| method.key == key)
    }

    /// Whether the description says how a credential of the method called `key` is ended at the provider.
    #[must_use]
    pub fn can_revoke(&self, key: &str) -> bool {
        let everywhere = self.0.environments.values().chain([&self.0.urls]);
        self.method(key).is_some_and(|method| {
            method.revoke.is_some() || everywhere.chain([&method.urls]).any(|urls| urls.contains_key(&UrlKey::Revoke))
        })
    }

    /// The names of its sets of URLs.
    pub fn environments(&self) -> impl Iterator<Item = &str> {
        self.0.environments.keys().map(String::as_str)
    }

    /// The environment variable for the field or URL `name`: `ALVYS__CLIENT_SECRET`.
    #[must_use]
    pub fn variable(&self, name: &str) -> String {
        let upper = |text: &str| -> String {
            text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
        };
        format!("{}__{}", upper(self.id()), upper(name))
    }

    fn alone(node: Result<Node, ConfigErrors>) -> Result<Self, ConfigErrors> {
        Self::beside(node, &ProviderSpecs::default())
    }

    fn beside(node: Result<Node, ConfigErrors>, others: &ProviderSpecs) -> Result<Self, ConfigErrors> {
        let notes = Notes::default();
        match extended(&node?, &mut |id| others.node(id), &others.ids(), &notes) {
            Some(merged) => Self::from_node(&merged, notes),
            None => Err(sorted(notes)),
        }
    }

    /// Reads a whole file whose parents are merged in.
    pub(super) fn from_node(node: &Node, notes: Notes) -> Result<Self, ConfigErrors> {
        let draft = whole(node, &notes).map(|mut draft| {
            check::complete(&mut draft, &notes);
            draft
        });
        match draft {
            Some(draft) if notes.is_empty() && !draft.methods.is_empty() => Ok(Self(Arc::new(draft))),
            Some(draft) if notes.is_empty() => {
                let what = "there is no [[auth]]: at least one method of authentication is needed";
                let at = At { key: "auth".to_owned(), ..At::default() };
                notes.push(&at, ConfigError::new(ConfigErrorKind::MissingOption, what));
                drop(draft);
                Err(sorted(notes))
            }
            _ => Err(sorted(notes)),
        }
    }

    /// Says that there is no method called `key`.
    pub(super) fn unknown_method(&self, key: &str) -> String {
        let known: Vec<_> = self.0.methods.iter().map(AuthMethod::key).collect();
        unknown(&format!("method {key:?}"), key, &known)
    }
}

/// Parses a text.
pub(super) fn parse(text: &str, json: bool, file: Option<&str>) -> Result<Node, ConfigErrors> {
    let node = if json { Node::from_json_text(text, file) } else { Node::from_toml(text, file) };
    node.map_err(|(line, message)| {
        let at = At { key: String::new(), file: file.map(Arc::from), line };
        ConfigErrors::new(vec![at.mistake(ConfigError::new(ConfigErrorKind::InvalidOption, message))])
    })
}

/// Reads and parses a file.
pub(super) fn read_file(path: &Path) -> Result<Node, ConfigErrors> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        let at = At { key: String::new(), file: Some(name.as_str().into()), line: None };
        let mistake = ConfigError::new(ConfigErrorKind::MissingOption, "the file cannot be read").with_source(error);
        ConfigErrors::new(vec![at.mistake(mistake)])
    })?;
    parse(&text, path.extension().is_some_and(|ending| ending == "json"), Some(&name))
}

/// The mistakes in the order of the file.
pub(super) fn sorted(notes: Notes) -> ConfigErrors {
    let mut mistakes = notes.into_vec();
    mistakes.sort_by(|one, other| (one.file(), one.line()).cmp(&(other.file(), other.line())));
    // A template of the whole file is looked at once for each method.
    mistakes.dedup_by(|one, other| one.to_string() == other.to_string());
    ConfigErrors::new(mistakes)
}

impl<'de> Deserialize<'de> for ProviderSpec {
    /// Reads a description that is a part of a larger configuration. Lines are not known then, and nothing can be extended.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Self::alone(Ok(Node::from_json(value))).map_err(D::Error::custom)
    }
}

impl fmt::Debug for ProviderSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderSpec")
            .field("id", &self.0.id)
            .field("methods", &self.0.methods.iter().map(AuthMethod::key).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
