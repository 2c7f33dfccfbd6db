use super::nearest::nearest;
use super::secret::SecretSpec;
use super::tree::{Node, Value};
use crate::error::{ConfigError, ConfigErrorKind, ConfigMistake, printable};

/// Reads one table, and takes note of every mistake on the way instead of ending at the first.
pub(super) struct Reader<'a> {
    path: String,
    line: Option<usize>,
    entries: &'a [(String, Node)],
    known: Vec<&'static str>,
    mistakes: &'a mut Vec<ConfigMistake>,
}

/// Where a section is, for mistakes that show when it is built.
#[derive(Clone, Debug, Default)]
pub(super) struct At {
    pub(super) key: String,
    pub(super) line: Option<usize>,
}

impl At {
    pub(super) fn mistake(&self, error: ConfigError) -> ConfigMistake {
        ConfigMistake::new(self.key.clone(), self.line, error)
    }
}

impl<'a> Reader<'a> {
    /// The table at `path`; `None` if it is none.
    pub(super) fn new(path: String, node: &'a Node, mistakes: &'a mut Vec<ConfigMistake>) -> Option<Self> {
        match &node.value {
            Value::Table(entries) => Some(Self { path, line: node.line, entries, known: Vec::new(), mistakes }),
            Value::Text(_) | Value::List(_) | Value::Other => {
                mistakes.push(ConfigMistake::new(path, node.line, wrong("a table")));
                None
            }
        }
    }

    /// Where the table is.
    pub(super) fn at(&self) -> At {
        At { key: self.path.clone(), line: self.line }
    }

    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        let node = self.get(name)?;
        match &node.value {
            Value::Text(text) => Some(text.clone()),
            Value::List(_) | Value::Table(_) | Value::Other => self.fail(name, node, wrong("a text")),
        }
    }

    /// A text that must be there.
    pub(super) fn required(&mut self, name: &'static str) -> Option<String> {
        if self.get(name).is_none() {
            self.missing(name);
        }
        self.text(name)
    }

    /// A text or a list of texts.
    pub(super) fn texts(&mut self, name: &'static str) -> Vec<String> {
        let Some(node) = self.get(name) else { return Vec::new() };
        let list = match &node.value {
            Value::Text(text) => Some(vec![text.clone()]),
            Value::List(list) => list.iter().map(|one| one.text().map(str::to_owned)).collect(),
            Value::Table(_) | Value::Other => None,
        };
        list.or_else(|| self.fail(name, node, wrong("a text or a list of texts"))).unwrap_or_default()
    }

    /// What says where a secret is; it must be there.
    pub(super) fn secret(&mut self, name: &'static str) -> Option<SecretSpec> {
        let Some(node) = self.get(name) else {
            self.missing(name);
            return None;
        };
        match SecretSpec::read(node) {
            Ok(spec) => Some(spec),
            Err(error) => self.fail(name, node, error),
        }
    }

    /// The tables of a list, each read by `read`.
    pub(super) fn sections<T>(
        &mut self,
        name: &'static str,
        mut read: impl FnMut(&mut Reader<'_>) -> Option<T>,
    ) -> Vec<T> {
        let Some(node) = self.get(name) else { return Vec::new() };
        let Value::List(list) = &node.value else {
            return self.fail(name, node, wrong(&format!("a list of tables ([[{name}]])"))).unwrap_or_default();
        };
        let prefix = self.key(name);
        let mut sections = Vec::new();
        for (index, node) in list.iter().enumerate() {
            if let Some(mut reader) = Reader::new(format!("{prefix}[{index}]"), node, self.mistakes) {
                sections.extend(read(&mut reader));
                reader.finish();
            }
        }
        sections
    }

    /// Takes note of a mistake at a key of this table.
    pub(super) fn mistake(&mut self, name: &'static str, error: ConfigError) {
        let line = self.get(name).and_then(|node| node.line).or(self.line);
        self.mistakes.push(ConfigMistake::new(self.key(name), line, error));
    }

    pub(super) fn has(&mut self, name: &'static str) -> bool {
        self.get(name).is_some()
    }

    /// Takes note of every key that nobody asked for.
    pub(super) fn finish(self) {
        for (name, node) in self.entries {
            if !self.known.contains(&name.as_str()) {
                let hint = nearest(name, &self.known).map_or_else(
                    || format!("known are {}", self.known.join(", ")),
                    |near| format!("did you mean {near:?}?"),
                );
                let error = ConfigError::new(ConfigErrorKind::InvalidOption, format!("unknown key; {hint}"));
                self.mistakes.push(ConfigMistake::new(join(&self.path, &printable(name, 64)), node.line, error));
            }
        }
    }

    fn get(&mut self, name: &'static str) -> Option<&'a Node> {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
        self.entries.iter().find(|(own, _)| own == name).map(|(_, node)| node)
    }

    fn missing(&mut self, name: &'static str) {
        let error = ConfigError::new(ConfigErrorKind::MissingOption, "the key is missing");
        self.mistakes.push(ConfigMistake::new(self.key(name), self.line, error));
    }

    fn fail<T>(&mut self, name: &str, node: &Node, error: ConfigError) -> Option<T> {
        self.mistakes.push(ConfigMistake::new(self.key(name), node.line, error));
        None
    }

    fn key(&self, name: &str) -> String {
        join(&self.path, name)
    }
}

impl Node {
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::List(_) | Value::Table(_) | Value::Other => None,
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn wrong(expected: &str) -> ConfigError {
    ConfigError::new(ConfigErrorKind::InvalidOption, format!("the value is not {expected}"))
}
