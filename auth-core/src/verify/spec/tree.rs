use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value of a configuration, with its line where that is known. Its text may be a secret, so there is no `Debug`.
pub(super) struct Node {
    pub(super) line: Option<usize>,
    pub(super) value: Value,
}

pub(super) enum Value {
    Text(String),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
    /// Numbers, truth values and dates, none of which any key has.
    Other,
}

impl Node {
    /// Reads a TOML document.
    ///
    /// # Errors
    /// Line and reason, when it is not well-formed. The reason quotes nothing.
    pub(super) fn from_toml(text: &str) -> Result<Self, (Option<usize>, String)> {
        let lines = Lines::new(text);
        let table = DeTable::parse(text).map_err(|error| {
            (error.span().map(|span| lines.of(span.start)), format!("the file is not TOML: {}", error.message()))
        })?;
        Ok(lines.table(table.get_ref(), None))
    }

    pub(super) fn from_json(value: serde_json::Value) -> Self {
        let value = match value {
            serde_json::Value::String(text) => Value::Text(text),
            serde_json::Value::Array(list) => Value::List(list.into_iter().map(Self::from_json).collect()),
            serde_json::Value::Object(members) => {
                Value::Table(members.into_iter().map(|(name, value)| (name, Self::from_json(value))).collect())
            }
            serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => Value::Other,
        };
        Self { line: None, value }
    }
}

/// Where the lines of a text start.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self([0].into_iter().chain(breaks).collect())
    }

    /// The line of the byte at `at`, from one.
    fn of(&self, at: usize) -> usize {
        self.0.partition_point(|start| *start <= at)
    }

    fn table(&self, table: &DeTable<'_>, line: Option<usize>) -> Node {
        let mut entries: Vec<_> = table
            .iter()
            .map(|(name, value)| {
                let line = self.of(name.span().start);
                (line, (name.get_ref().to_string(), self.node(value, line)))
            })
            .collect();
        entries.sort_by_key(|(line, _)| *line);
        Node { line, value: Value::Table(entries.into_iter().map(|(_, entry)| entry).collect()) }
    }

    /// A value under a key that stands on `line`. An element of a list has a line of its own.
    fn node(&self, value: &Spanned<DeValue<'_>>, line: usize) -> Node {
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Array(list) => {
                Value::List(list.iter().map(|one| self.node(one, self.of(one.span().start))).collect())
            }
            DeValue::Table(table) => return self.table(table, Some(line)),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => Value::Other,
        };
        Node { line: Some(line), value }
    }
}
