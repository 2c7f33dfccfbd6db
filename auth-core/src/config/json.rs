use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::tree::{Lines, Node, Value};
use crate::json::check_strict;

const MAX_DEPTH: usize = 32;
const MAX_MEMBERS: usize = 100_000;

/// Reads a JSON document; every node gets its line, and its file, which is `file`.
pub(super) fn parse(text: &str, file: Option<Arc<str>>) -> Result<Node, (Option<usize>, String)> {
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        return Err((Some(error.line()), "the file is not JSON".to_owned()));
    }
    check_strict(text.as_bytes(), MAX_DEPTH, MAX_MEMBERS)
        .map_err(|error| (None, format!("the JSON is refused: {error}")))?;
    let reader = Reader { text, lines: Lines::new(text), file };
    let root = serde_json::from_str(text).ok().and_then(|raw| reader.node(raw));
    root.ok_or_else(|| (None, "the file is not JSON".to_owned()))
}

struct Reader<'t> {
    text: &'t str,
    lines: Lines,
    file: Option<Arc<str>>,
}

impl<'t> Reader<'t> {
    /// `None` cannot happen after the checks.
    fn node(&self, raw: &'t RawValue) -> Option<Node> {
        let own = raw.get();
        // A raw value borrows from the text, so its place in it is known.
        let at = (own.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let value = match own.as_bytes().first()? {
            b'{' => {
                let members: Members<'_> = serde_json::from_str(own).ok()?;
                let entries = members.0.into_iter().map(|(name, raw)| Some((name, self.node(raw)?)));
                Value::Table(entries.collect::<Option<_>>()?)
            }
            b'[' => {
                let list: Vec<&RawValue> = serde_json::from_str(own).ok()?;
                Value::List(list.into_iter().map(|raw| self.node(raw)).collect::<Option<_>>()?)
            }
            _ => match serde_json::from_str(own).ok()? {
                serde_json::Value::String(text) => Value::Text(text),
                serde_json::Value::Bool(value) => Value::Bool(value),
                serde_json::Value::Number(number) => number.as_i64().map_or(Value::Other, Value::Integer),
                _ => Value::Other,
            },
        };
        Some(Node { file: self.file.clone(), line: Some(self.lines.of(at)), value })
    }
}

/// The members of an object in their order.
struct Members<'t>(Vec<(String, &'t RawValue)>);

impl<'t> Deserialize<'t> for Members<'t> {
    fn deserialize<D: Deserializer<'t>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'t> Visitor<'t> for Collect {
            type Value = Members<'t>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_its_line() {
        let root = parse("{\n \"a\": 1,\n \"b\\u0062\": [true,\n  {\"c\": \"x\"}]\n}", Some("f".into())).ok().unwrap();
        let Value::Table(entries) = &root.value else { panic!("a table") };
        assert_eq!((entries[0].1.line, entries[1].0.as_str()), (Some(2), "bb"));
        let Value::List(list) = &entries[1].1.value else { panic!("a list") };
        let Value::Table(inner) = &list[1].value else { panic!("a table") };
        assert_eq!((list[1].line, inner[0].1.line, inner[0].1.text()), (Some(4), Some(4), Some("x")));
        assert_eq!(inner[0].1.file.as_deref(), Some("f"));
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_line_and_without_a_quote() {
        let refusal = |text: &str| parse(text, None).err().unwrap();
        assert_eq!(refusal("{\n\"sentinel\": }"), (Some(2), "the file is not JSON".to_owned()));
        assert!(refusal("{\"a\":1,\"a\":2}").1.contains("twice"));
        assert!(refusal(&format!("{}{}", "[".repeat(40), "]".repeat(40))).1.contains("deep"));
    }
}
