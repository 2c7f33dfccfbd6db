use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::path::{Path, PathBuf};

use super::extend::extended;
use super::spec::{ProviderSpec, parse, read_file, sorted};
use crate::config::{At, Node, Notes, invalid};
use crate::error::{ConfigError, ConfigErrorKind, ConfigErrors};

/// Many provider files, which may extend each other.
///
/// ```
/// use tower_auth_core::ProviderSpecs;
///
/// let specs = ProviderSpecs::from_texts([
///     ("acme.toml", "id = 'acme'\nbase_url = 'https://api.acme.test'\n[[auth]]\nkind = 'api_key'\n"),
///     ("acme-sandbox.toml", "id = 'acme-sandbox'\nextends = 'acme'\nbase_url = 'https://sandbox.acme.test'\n"),
/// ])?;
/// assert_eq!(specs.get("acme-sandbox").map(|spec| spec.methods().len()), Some(1));
/// # Ok::<(), tower_auth_core::ConfigErrors>(())
/// ```
#[derive(Clone, Default)]
pub struct ProviderSpecs {
    specs: BTreeMap<String, ProviderSpec>,
    /// As they were written, for those that extend them.
    nodes: BTreeMap<String, Node>,
}

impl ProviderSpecs {
    /// Reads every `.toml` and `.json` file of a folder, not of folders in it.
    ///
    /// # Errors
    /// When the folder or a file cannot be read, and every mistake in every file, each with file, line and key path.
    pub fn from_folder(path: impl AsRef<Path>) -> Result<Self, ConfigErrors> {
        let path = path.as_ref();
        let unreadable = |error: std::io::Error| {
            let at = At { key: String::new(), file: Some(path.display().to_string().into()), line: None };
            let mistake =
                ConfigError::new(ConfigErrorKind::MissingOption, "the folder cannot be read").with_source(error);
            ConfigErrors::new(vec![at.mistake(mistake)])
        };
        let mut files: Vec<PathBuf> = Vec::new();
        for entry in std::fs::read_dir(path).map_err(unreadable)? {
            let file = entry.map_err(unreadable)?.path();
            let wanted = file.extension().is_some_and(|ending| ending == "toml" || ending == "json");
            if wanted && file.is_file() {
                files.push(file);
            }
        }
        files.sort();
        Self::from_nodes(files.iter().map(|file| read_file(file)))
    }

    /// Reads files whose text is at hand, each under its name: JSON if the name ends with `.json`, else TOML.
    ///
    /// # Errors
    /// Every mistake in every file, each with file, line and key path.
    pub fn from_texts<'t>(files: impl IntoIterator<Item = (&'t str, &'t str)>) -> Result<Self, ConfigErrors> {
        Self::from_nodes(files.into_iter().map(|(name, text)| parse(text, name.ends_with(".json"), Some(name))))
    }

    /// The provider with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&ProviderSpec> {
        self.specs.get(id)
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = &ProviderSpec> {
        self.specs.values()
    }

    pub(super) fn ids(&self) -> Vec<&str> {
        self.nodes.keys().map(String::as_str).collect()
    }

    pub(super) fn node(&self, id: &str) -> Option<Node> {
        self.nodes.get(id).cloned()
    }

    fn from_nodes(files: impl Iterator<Item = Result<Node, ConfigErrors>>) -> Result<Self, ConfigErrors> {
        let notes = Notes::default();
        let mut all = Self::default();
        let mut nameless = Vec::new();
        for file in files {
            let node = match file {
                Ok(node) => node,
                Err(mistakes) => {
                    mistakes.into_vec().into_iter().for_each(|mistake| notes.add(mistake));
                    continue;
                }
            };
            let Some(id) = node.get("id").and_then(Node::text).map(str::to_owned) else {
                nameless.push(node);
                continue;
            };
            match all.nodes.entry(id) {
                Entry::Vacant(entry) => {
                    entry.insert(node);
                }
                Entry::Occupied(entry) => {
                    let place = node.get("id").unwrap_or(&node);
                    let at = At { key: "id".to_owned(), file: place.file.clone(), line: place.line };
                    notes.push(&at, invalid(&format!("there is another provider {:?}", entry.key())));
                }
            }
        }
        for node in all.nodes.values().chain(&nameless) {
            let own = Notes::default();
            let merged = extended(node, &mut |id| all.node(id), &all.ids(), &own);
            let read = match merged {
                Some(merged) => ProviderSpec::from_node(&merged, own),
                None => Err(sorted(own)),
            };
            match read {
                Ok(spec) => {
                    all.specs.insert(spec.id().to_owned(), spec);
                }
                Err(mistakes) => mistakes.into_vec().into_iter().for_each(|mistake| notes.add(mistake)),
            }
        }
        if notes.is_empty() { Ok(all) } else { Err(sorted(notes)) }
    }
}

impl fmt::Debug for ProviderSpecs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.specs.keys()).finish()
    }
}
