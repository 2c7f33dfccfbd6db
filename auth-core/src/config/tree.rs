use std::sync::Arc;

/// A value of a configuration, with its file and line where they are known. Its text may be a secret, so there is no `Debug`.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) file: Option<Arc<str>>,
    pub(crate) line: Option<usize>,
    pub(crate) value: Value,
}

#[derive(Clone)]
pub(crate) enum Value {
    Text(String),
    Integer(i64),
    Bool(bool),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
    /// A date or a time of TOML, in letters.
    Time(String),
    /// Fractions and null, none of which any key has.
    Other,
}

impl Node {
    /// Reads a TOML document.
    ///
    /// # Errors
    /// Line and reason, when it is not well-formed. The reason quotes nothing.
    pub(crate) fn from_toml(text: &str, file: Option<&str>) -> Result<Self, (Option<usize>, String)> {
        super::toml::parse(text, file.map(Arc::from))
    }

    /// Reads a JSON document.
    ///
    /// # Errors
    /// Line and reason, when it is not well-formed. The reason quotes nothing.
    pub(crate) fn from_json_text(text: &str, file: Option<&str>) -> Result<Self, (Option<usize>, String)> {
        super::json::parse(text, file.map(Arc::from))
    }

    /// Takes a part of somebody else's configuration, whose lines are not known.
    pub(crate) fn from_json(value: serde_json::Value) -> Self {
        let value = match value {
            serde_json::Value::String(text) => Value::Text(text),
            serde_json::Value::Bool(value) => Value::Bool(value),
            serde_json::Value::Number(number) => number.as_i64().map_or(Value::Other, Value::Integer),
            serde_json::Value::Array(list) => Value::List(list.into_iter().map(Self::from_json).collect()),
            serde_json::Value::Object(members) => {
                Value::Table(members.into_iter().map(|(name, value)| (name, Self::from_json(value))).collect())
            }
            serde_json::Value::Null => Value::Other,
        };
        Self { file: None, line: None, value }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value of `name`, if this is a table that has it.
    #[cfg(feature = "provider")]
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match &self.value {
            Value::Table(entries) => entries.iter().find(|(own, _)| own == name).map(|(_, node)| node),
            _ => None,
        }
    }
}

/// Where the lines of a text start.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn new(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self([0].into_iter().chain(breaks).collect())
    }

    /// The line of the byte at `at`, from one.
    pub(super) fn of(&self, at: usize) -> usize {
        self.0.partition_point(|start| *start <= at)
    }
}
