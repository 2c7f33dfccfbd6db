use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::spec::{parse, sorted};
use crate::Secret;
use crate::config::{At, Lookup, Node, Notes, SecretSpec, Value, invalid};
use crate::error::{ConfigError, ConfigErrorKind, ConfigErrors};

/// The values for a provider's fields, from where they are: the program, the environment, a values file. The first that has one
/// counts, in this order.
///
/// The same places may give the provider's URLs (`token_url`), and choose a method (`auth`), an environment (`environment`) and how the
/// client proves itself (`client_auth`).
///
/// ```
/// use tower_auth_core::ProviderValues;
///
/// let values = ProviderValues::new()
///     .toml("values.toml", "client_id = 'orders'\nclient_secret = { file = '/run/secrets/alvys' }")
///     .value("tenant_id", "acme");
/// ```
///
/// Nothing is looked up before [`ProviderSpec::fill`](crate::ProviderSpec::fill), which also reports what is wrong with a file.
#[derive(Clone)]
pub struct ProviderValues {
    pub(super) given: BTreeMap<String, Secret>,
    pub(super) env: Option<Arc<Lookup>>,
    pub(super) file: BTreeMap<String, Entry>,
    /// Whether what is used once has been used.
    pub(super) resumed: bool,
    /// What is wrong with the file.
    pub(super) notes: Vec<(At, ConfigErrorKind, String)>,
}

/// What stands in a values file.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) at: At,
    pub(super) value: Given,
}

#[derive(Clone)]
pub(super) enum Given {
    Plain(String),
    Elsewhere(SecretSpec),
    /// Its command failed, for this reason.
    #[cfg(feature = "command")]
    Nowhere(String),
}

impl ProviderValues {
    /// Nothing yet but the environment of the process.
    #[must_use]
    pub fn new() -> Self {
        Self { given: BTreeMap::new(), env: None, file: BTreeMap::new(), resumed: false, notes: Vec::new() }
    }

    /// Gives a value.
    #[must_use]
    pub fn value(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.given.insert(name.into(), value.into());
        self
    }

    /// Does without the fields of the scope `once`, such as a typed-in code: an earlier run has used them, and there are tokens to
    /// [go on with](crate::ConnectionBuilder::resume).
    #[must_use]
    pub fn resumed(mut self) -> Self {
        self.resumed = true;
        self
    }

    /// Looks environment variables up by `lookup` instead of in the environment of the process.
    #[must_use]
    pub fn env(mut self, lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        self.env = Some(Arc::new(lookup));
        self
    }

    /// Reads a values file: JSON if its name ends with `.json`, else TOML. Files that it names are looked for beside it.
    #[must_use]
    pub fn file(self, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let name = path.display().to_string();
        match std::fs::read_to_string(path).map(Zeroizing::new) {
            Ok(text) => self.text(&name, &text, path.extension().is_some_and(|ending| ending == "json")),
            Err(error) => self.broken(&name, format!("the values file cannot be read: {error}")),
        }
    }

    /// Reads the text of a values file in TOML; `name` stands for it in messages, and files are looked for beside it.
    #[must_use]
    pub fn toml(self, name: &str, text: &str) -> Self {
        self.text(name, text, false)
    }

    /// Reads the text of a values file in JSON.
    #[must_use]
    pub fn json(self, name: &str, text: &str) -> Self {
        self.text(name, text, true)
    }

    /// Runs the commands that the values file names, and keeps what they print. Without this they are mistakes.
    ///
    /// Each may take 30 seconds. What goes wrong is reported by [`ProviderSpec::fill`](crate::ProviderSpec::fill).
    ///
    /// # Cancel safety
    /// Dropping the future kills the command that runs.
    #[cfg(feature = "command")]
    #[must_use]
    pub async fn run_commands(mut self) -> Self {
        let mut done = Vec::new();
        for (name, entry) in &self.file {
            if let Given::Elsewhere(SecretSpec::Command(words)) = &entry.value {
                done.push((name.clone(), crate::source::run_command(words).await));
            }
        }
        for (name, result) in done {
            let Some(entry) = self.file.get_mut(&name) else { continue };
            match result {
                Ok(secret) => entry.value = Given::Elsewhere(SecretSpec::Value(secret)),
                Err(what) => {
                    entry.value = Given::Nowhere(what);
                }
            }
        }
        self
    }

    fn text(mut self, name: &str, text: &str, json: bool) -> Self {
        let node = match parse(text, json, Some(name)) {
            Ok(node) => node,
            Err(mistakes) => {
                for mistake in mistakes.into_vec() {
                    let at = At { key: String::new(), file: Some(name.into()), line: mistake.line() };
                    self.notes.push((
                        at,
                        ConfigErrorKind::InvalidOption,
                        "the values file is not well-formed".to_owned(),
                    ));
                }
                return self;
            }
        };
        let folder = Path::new(name).parent().map(Path::to_path_buf).unwrap_or_default();
        let Value::Table(entries) = node.value else {
            return self.broken(name, "the values file is not a table".to_owned());
        };
        for (key, node) in entries {
            let at = At { key: key.clone(), file: node.file.clone(), line: node.line };
            match given(&node, &folder) {
                Ok(value) => {
                    self.file.insert(key, Entry { at, value });
                }
                Err(what) => self.notes.push((at, ConfigErrorKind::InvalidOption, what)),
            }
        }
        self
    }

    fn broken(mut self, name: &str, what: String) -> Self {
        let at = At { key: String::new(), file: Some(name.into()), line: None };
        self.notes.push((at, ConfigErrorKind::MissingOption, what));
        self
    }

    /// What is wrong with the file.
    pub(super) fn report(&self, notes: &Notes) {
        for (at, kind, what) in &self.notes {
            notes.push(at, ConfigError::new(*kind, what.as_str()));
        }
    }

    /// What the environment says; an empty variable counts as not set.
    pub(super) fn lookup(&self, variable: &str) -> Option<Secret> {
        match &self.env {
            Some(lookup) => Secret::lookup(variable, &**lookup),
            None => Secret::env(variable),
        }
        .ok()
    }
}

/// A plain text, number or truth value, or a table that says where the value is. Files are looked for in `folder`.
fn given(node: &Node, folder: &Path) -> Result<Given, String> {
    match &node.value {
        Value::Text(text) => Ok(Given::Plain(text.clone())),
        Value::Integer(number) => Ok(Given::Plain(number.to_string())),
        Value::Bool(value) => Ok(Given::Plain(value.to_string())),
        Value::Table(_) => match SecretSpec::read(node) {
            Ok(SecretSpec::File(file)) => {
                let path: PathBuf = folder.join(file);
                Ok(Given::Elsewhere(SecretSpec::File(path.display().to_string())))
            }
            Ok(spec) => Ok(Given::Elsewhere(spec)),
            Err(_) if node.get("command").is_some() => {
                Err("command must be a list of a program and its arguments, and stand alone".to_owned())
            }
            Err(_) => Err("this must have exactly one of: env, file, command, value".to_owned()),
        },
        Value::List(_) | Value::Time(_) | Value::Other => {
            Err("the value is not a text, nor { env = \"…\" } or { file = \"…\" }".to_owned())
        }
    }
}

impl Default for ProviderValues {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ProviderValues {
    /// Names without values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderValues")
            .field("given", &self.given.keys())
            .field("file", &self.file.keys())
            .finish_non_exhaustive()
    }
}

/// All mistakes of filling.
pub(super) fn result<T>(value: Option<T>, notes: Notes) -> Result<T, ConfigErrors> {
    match value {
        Some(value) if notes.is_empty() => Ok(value),
        _ => {
            if notes.is_empty() {
                notes.push(&At::default(), invalid("the values cannot be used"));
            }
            Err(sorted(notes))
        }
    }
}
