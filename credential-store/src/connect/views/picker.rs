use askama::Template;
use tower_auth_core::ProviderSpec;

use super::connector::ConnectorLabel;
use super::field::sentence;
use super::shell::Shell;

/// The connectors from which a person chooses.
#[derive(Clone, Debug, Template)]
#[template(path = "connect/picker.html")]
pub(crate) struct Picker {
    pub(crate) shell: Shell,
    /// What was searched for; empty if nothing was.
    pub(crate) query: String,
    /// Those that fit the query.
    pub(crate) entries: Vec<PickerEntry>,
}

/// A connector to choose.
#[derive(Clone, Debug)]
pub(crate) struct PickerEntry {
    pub(crate) connector: ConnectorLabel,
    pub(crate) categories: Vec<String>,
    /// How many connections to it the person has already.
    pub(crate) connected: u64,
}

impl PickerEntry {
    pub(crate) fn from_spec(spec: &ProviderSpec, connected: u64) -> Self {
        let categories = spec.categories().iter().map(|word| sentence(&word.replace('_', " "))).collect();
        Self { connector: ConnectorLabel::from_spec(spec), categories, connected }
    }

    /// Whether it fits what is searched for: each word is somewhere in name, id, description or categories. The script does the same.
    pub(crate) fn matches(&self, query: &str) -> bool {
        let text = self.search_text();
        query.to_lowercase().split_whitespace().all(|word| text.contains(word))
    }

    fn search_text(&self) -> String {
        let connector = &self.connector;
        let description = connector.description.as_deref().unwrap_or_default();
        format!("{} {} {description} {}", connector.name, connector.id, self.categories.join(" ")).to_lowercase()
    }
}
