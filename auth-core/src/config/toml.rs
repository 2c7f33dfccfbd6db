use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::tree::{Lines, Node, Value};

/// Reads a TOML document; every node gets its line, and its file, which is `file`.
pub(super) fn parse(text: &str, file: Option<Arc<str>>) -> Result<Node, (Option<usize>, String)> {
    let reader = Reader { lines: Lines::new(text), file };
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map(|span| reader.lines.of(span.start));
        (line, format!("the file is not TOML: {}", error.message().replace('\n', ", ")))
    })?;
    Ok(reader.table(table.get_ref(), None))
}

struct Reader {
    lines: Lines,
    file: Option<Arc<str>>,
}

impl Reader {
    fn table(&self, table: &DeTable<'_>, line: Option<usize>) -> Node {
        let mut entries: Vec<_> = table
            .iter()
            .map(|(name, value)| {
                let line = self.lines.of(name.span().start);
                (name.span().start, (name.get_ref().to_string(), self.node(value, line)))
            })
            .collect();
        entries.sort_by_key(|(at, _)| *at);
        self.at(line, Value::Table(entries.into_iter().map(|(_, entry)| entry).collect()))
    }

    /// A value under a key that stands on `line`. An element of a list has a line of its own.
    fn node(&self, value: &Spanned<DeValue<'_>>, line: usize) -> Node {
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) => {
                i64::from_str_radix(number.as_str(), number.radix()).map_or(Value::Other, Value::Integer)
            }
            DeValue::Boolean(value) => Value::Bool(*value),
            DeValue::Array(list) => {
                Value::List(list.iter().map(|one| self.node(one, self.lines.of(one.span().start))).collect())
            }
            DeValue::Table(table) => return self.table(table, Some(line)),
            DeValue::Datetime(time) => Value::Time(time.to_string()),
            DeValue::Float(_) => Value::Other,
        };
        self.at(Some(line), value)
    }

    fn at(&self, line: Option<usize>, value: Value) -> Node {
        Node { file: self.file.clone(), line, value }
    }
}
