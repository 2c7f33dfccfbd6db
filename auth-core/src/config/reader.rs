use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::secret::SecretSpec;
use super::tree::{Node, Value};
use crate::error::{ConfigError, ConfigErrorKind, ConfigMistake, printable, unknown};

/// The mistakes found so far. Reading goes on after each, so that all of them are reported at once.
#[derive(Default)]
pub(crate) struct Notes(RefCell<Vec<ConfigMistake>>);

/// Reads one table, and takes note of every mistake on the way instead of ending at the first.
pub(crate) struct Reader<'a> {
    at: At,
    entries: &'a [(String, Node)],
    known: RefCell<Vec<&'static str>>,
    notes: &'a Notes,
}

/// Where something is: its key path, and file and line where they are known.
#[derive(Clone, Debug, Default)]
pub(crate) struct At {
    pub(crate) key: String,
    pub(crate) file: Option<Arc<str>>,
    pub(crate) line: Option<usize>,
}

impl At {
    pub(crate) fn mistake(&self, error: ConfigError) -> ConfigMistake {
        let mistake = ConfigMistake::new(self.key.clone(), self.line, error);
        if self.file.is_some() { mistake.in_file(self.file.as_deref()) } else { mistake }
    }

    fn below(&self, name: &str, node: &Node) -> Self {
        Self { key: join(&self.key, name), file: node.file.clone().or_else(|| self.file.clone()), line: node.line }
    }
}

impl Notes {
    pub(crate) fn push(&self, at: &At, error: ConfigError) {
        self.0.borrow_mut().push(at.mistake(error));
    }

    pub(crate) fn add(&self, mistake: ConfigMistake) {
        self.0.borrow_mut().push(mistake);
    }

    #[cfg(feature = "provider")]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    pub(crate) fn into_vec(self) -> Vec<ConfigMistake> {
        self.0.into_inner()
    }
}

impl<'a> Reader<'a> {
    /// The table at `at`; `None` if it is none.
    pub(crate) fn new(at: At, node: &'a Node, notes: &'a Notes) -> Option<Self> {
        match &node.value {
            Value::Table(entries) => Some(Self { at, entries, known: RefCell::default(), notes }),
            _ => {
                notes.push(&at, wrong("a table"));
                None
            }
        }
    }

    /// The whole of a configuration.
    pub(crate) fn root(node: &'a Node, notes: &'a Notes) -> Option<Self> {
        Self::new(At { key: String::new(), file: node.file.clone(), line: node.line }, node, notes)
    }

    /// Where the table is.
    pub(crate) fn at(&self) -> &At {
        &self.at
    }

    /// Where the value of `name` is; where the table is, if there is none.
    pub(crate) fn at_key(&self, name: &'static str) -> At {
        match self.get(name) {
            Some(node) => self.at.below(name, node),
            None => At { key: join(&self.at.key, name), ..self.at.clone() },
        }
    }

    pub(crate) fn text(&self, name: &'static str) -> Option<String> {
        let node = self.get(name)?;
        match &node.value {
            Value::Text(text) => Some(text.clone()),
            _ => self.fail(name, node, wrong("a text")),
        }
    }

    /// A text that must be there.
    pub(crate) fn required(&self, name: &'static str) -> Option<String> {
        if self.get(name).is_none() {
            self.missing(name);
        }
        self.text(name)
    }

    /// A text or a list of texts.
    pub(crate) fn texts(&self, name: &'static str) -> Vec<String> {
        let Some(node) = self.get(name) else { return Vec::new() };
        let list = match &node.value {
            Value::Text(text) => Some(vec![text.clone()]),
            Value::List(list) => list.iter().map(|one| one.text().map(str::to_owned)).collect(),
            _ => None,
        };
        list.or_else(|| self.fail(name, node, wrong("a text or a list of texts"))).unwrap_or_default()
    }

    /// What says where a secret is; it must be there. Commands are refused.
    pub(crate) fn secret(&self, name: &'static str) -> Option<SecretSpec> {
        let Some(node) = self.get(name) else {
            self.missing(name);
            return None;
        };
        match SecretSpec::read(node) {
            Ok(SecretSpec::Command(_)) => {
                self.fail(name, node, invalid("no command is run for this secret: use env or file"))
            }
            Ok(spec) => Some(spec),
            Err(error) => self.fail(name, node, error),
        }
    }

    /// The tables of a list.
    pub(crate) fn sections(&self, name: &'static str) -> Vec<Reader<'a>> {
        let Some(node) = self.get(name) else { return Vec::new() };
        let Value::List(list) = &node.value else {
            return self.fail(name, node, wrong(&format!("a list of tables ([[{name}]])"))).unwrap_or_default();
        };
        let readers = list.iter().enumerate().filter_map(|(index, node)| {
            Reader::new(self.at.below(&format!("{name}[{index}]"), node), node, self.notes)
        });
        readers.collect()
    }

    /// A table.
    pub(crate) fn section(&self, name: &'static str) -> Option<Reader<'a>> {
        let node = self.get(name)?;
        Reader::new(self.at.below(name, node), node, self.notes)
    }

    pub(crate) fn boolean(&self, name: &'static str) -> Option<bool> {
        let node = self.get(name)?;
        match node.value {
            Value::Bool(value) => Some(value),
            _ => self.fail(name, node, wrong("true or false")),
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn integer(&self, name: &'static str) -> Option<u64> {
        let node = self.get(name)?;
        match node.value {
            Value::Integer(value) if value >= 0 => u64::try_from(value).ok(),
            _ => self.fail(name, node, wrong("a whole number")),
        }
    }

    /// A number of seconds, or a text such as `"90s"`, `"5m"`, `"24h"`.
    pub(crate) fn duration(&self, name: &'static str, zero: bool) -> Option<Duration> {
        let node = self.get(name)?;
        let parsed = match &node.value {
            Value::Text(text) => super::parse_duration(text),
            Value::Integer(value) => super::parse_duration(&value.to_string()),
            _ => None,
        };
        match parsed {
            Some(duration) if zero || !duration.is_zero() => Some(duration),
            _ => self.fail(name, node, wrong(r#"a duration such as 90, "90s", "5m" or "24h""#)),
        }
    }

    /// A moment, as RFC 3339 writes it.
    pub(crate) fn time(&self, name: &'static str) -> Option<SystemTime> {
        let node = self.get(name)?;
        let text = match &node.value {
            Value::Text(text) | Value::Time(text) => text,
            _ => "",
        };
        let expected = "a date and time with an offset, such as 2027-01-31T23:59:59Z";
        super::time::parse_time(text).or_else(|| self.fail(name, node, wrong(expected)))
    }

    /// One of a fixed set of words.
    pub(crate) fn word<T: Copy>(&self, name: &'static str, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.text(name)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let what = format!("value {:?}", printable(&text, 64));
            self.mistake(name, invalid(&unknown(&what, &text, &known)));
        }
        found
    }

    /// Takes note of a mistake at a key of this table.
    pub(crate) fn mistake(&self, name: &'static str, error: ConfigError) {
        self.notes.push(&self.at_key(name), error);
    }

    pub(crate) fn has(&self, name: &'static str) -> bool {
        self.get(name).is_some()
    }

    /// Takes note of every key that nobody asked for.
    pub(crate) fn finish(&self) {
        let known = self.known.borrow();
        for (name, node) in self.entries {
            if !known.contains(&name.as_str()) {
                self.notes.push(&self.at.below(&printable(name, 64), node), invalid(&unknown("key", name, &known)));
            }
        }
    }

    /// The value of `name`.
    pub(crate) fn get(&self, name: &'static str) -> Option<&'a Node> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&name) {
            known.push(name);
        }
        self.entries.iter().find(|(own, _)| own == name).map(|(_, node)| node)
    }

    fn missing(&self, name: &'static str) {
        let error = ConfigError::new(ConfigErrorKind::MissingOption, "the key is missing");
        self.notes.push(&At { key: join(&self.at.key, name), ..self.at.clone() }, error);
    }

    fn fail<T>(&self, name: &str, node: &Node, error: ConfigError) -> Option<T> {
        self.notes.push(&self.at.below(name, node), error);
        None
    }
}

#[cfg(feature = "provider")]
impl<'a> Reader<'a> {
    /// A table without keys, for what is not written.
    pub(crate) fn empty(notes: &'a Notes) -> Self {
        Self { at: At::default(), entries: &[], known: RefCell::default(), notes }
    }

    pub(crate) fn notes(&self) -> &'a Notes {
        self.notes
    }

    /// The keys and values that are there, with where they are.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Node, At)> {
        self.entries.iter().map(|(name, node)| (name.as_str(), node, self.at.below(&printable(name, 64), node)))
    }

    /// The names that were asked for.
    pub(crate) fn known(&self) -> Vec<&'static str> {
        self.known.borrow().clone()
    }

    /// As [`finish`](Self::finish); keys in `elsewhere` are said to belong there.
    pub(crate) fn finish_with(&self, elsewhere: &[(&'static str, &str)]) {
        let known = self.known.borrow();
        for (name, _, at) in self.entries() {
            if known.contains(&name) {
                continue;
            }
            let text = match elsewhere.iter().find(|(own, _)| *own == name) {
                Some((_, place)) => format!("this key belongs to {place}"),
                None => unknown("key", name, &known),
            };
            self.notes.push(&at, invalid(&text));
        }
    }
}

/// A value that cannot be used.
pub(crate) fn invalid(message: &str) -> ConfigError {
    ConfigError::new(ConfigErrorKind::InvalidOption, message)
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn wrong(expected: &str) -> ConfigError {
    invalid(&format!("the value is not {expected}"))
}
