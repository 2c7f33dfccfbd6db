use std::collections::BTreeMap;
use std::fmt;

use serde_json::value::RawValue;

/// A place in a JSON value: `data.items[0].token`. The empty path is the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Path(Vec<Segment>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Name(String),
    Index(usize),
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// The column, from one, and what is wrong there.
    pub(crate) fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut rest = Cursor { text, at: 0 };
        let mut segments = Vec::new();
        if text.is_empty() {
            return Ok(Self(segments));
        }
        if !text.starts_with('[') {
            segments.push(rest.name()?);
        }
        while let Some(next) = rest.next() {
            segments.push(match next {
                '.' => rest.name()?,
                '[' => rest.index()?,
                _ => return Err((rest.at, "names of a path are parted by '.', and positions stand in [ ]".to_owned())),
            });
        }
        Ok(Self(segments))
    }

    /// Whether it is the whole.
    pub(crate) fn is_whole(&self) -> bool {
        self.0.is_empty()
    }

    /// What is there. Null counts as nothing.
    pub(crate) fn find<'v>(&self, value: &'v serde_json::Value) -> Option<&'v serde_json::Value> {
        let found = self.0.iter().try_fold(value, |value, segment| match segment {
            Segment::Name(name) => value.get(name),
            Segment::Index(index) => value.get(index),
        });
        found.filter(|value| !value.is_null())
    }

    /// `json` with the text `new` there. Objects on the way are made where they are missing; `None` if something else stands in the way.
    pub(crate) fn put(&self, json: &str, new: &str) -> Option<String> {
        let new = serde_json::value::to_raw_value(new).ok()?;
        let whole: Box<RawValue> = serde_json::from_str(json).ok()?;
        Some(put(Some(&whole), &self.0, new)?.get().to_owned())
    }

    /// The name, if the path is one name alone.
    pub(crate) fn as_name(&self) -> Option<&str> {
        match &self.0[..] {
            [Segment::Name(name)] => Some(name),
            _ => None,
        }
    }

    /// What is there, as a text: of a string without its quotes, of anything else as JSON.
    pub(crate) fn find_text(&self, value: &serde_json::Value) -> Option<String> {
        self.find(value).map(|found| match found {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    }
}

fn put(place: Option<&RawValue>, path: &[Segment], new: Box<RawValue>) -> Option<Box<RawValue>> {
    let Some((segment, rest)) = path.split_first() else { return Some(new) };
    let place = place.map(RawValue::get).filter(|text| *text != "null");
    match segment {
        Segment::Name(name) => {
            let mut members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(place.unwrap_or("{}")).ok()?;
            let member = put(members.get(name).map(|member| &**member), rest, new)?;
            members.insert(name.clone(), member);
            serde_json::value::to_raw_value(&members).ok()
        }
        Segment::Index(index) => {
            let mut items: Vec<Box<RawValue>> = serde_json::from_str(place?).ok()?;
            let item = items.get_mut(*index)?;
            *item = put(Some(&**item), rest, new)?;
            serde_json::value::to_raw_value(&items).ok()
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(number) => write!(f, "[{number}]")?,
                Segment::Name(name) => {
                    let dot = if index > 0 { "." } else { "" };
                    let quote = if name.is_empty() || !name.chars().all(is_plain) { "\"" } else { "" };
                    write!(f, "{dot}{quote}{name}{quote}")?;
                }
            }
        }
        Ok(())
    }
}

struct Cursor<'t> {
    text: &'t str,
    at: usize,
}

impl Cursor<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.text.get(self.at..)?.chars().next()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn take_while(&mut self, fits: impl Fn(char) -> bool) -> &str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let end = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn name(&mut self) -> Result<Segment, (usize, String)> {
        let start = self.at + 1;
        if self.text.get(self.at..).is_some_and(|rest| rest.starts_with('"')) {
            self.at += 1;
            let name = self.take_while(|c| c != '"').to_owned();
            return match self.next() {
                Some(_) => Ok(Segment::Name(name)),
                None => Err((start, "the quote is not closed".to_owned())),
            };
        }
        let name = self.take_while(is_plain).to_owned();
        if name.is_empty() {
            return Err((
                start,
                "a name is missing; names with other characters than letters, digits, '_', '-', '$', '@' \
                                and ':' stand in quotes"
                    .to_owned(),
            ));
        }
        Ok(Segment::Name(name))
    }

    fn index(&mut self) -> Result<Segment, (usize, String)> {
        let start = self.at + 1;
        let index = self.take_while(|c| c.is_ascii_digit()).parse().ok();
        match (index, self.next()) {
            (Some(index), Some(']')) => Ok(Segment::Index(index)),
            _ => Err((start, "a position is a number in [ ]".to_owned())),
        }
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-$@:".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_finds_what_is_there() {
        let value = serde_json::json!({"data": {"items": [{"a.b": "x", "n": 7}], "none": null}, "ok": false});
        let text = |path: &str| Path::parse(path).unwrap().find_text(&value);
        assert_eq!(text(r#"data.items[0]."a.b""#).as_deref(), Some("x"));
        assert_eq!(text("data.items[0].n").as_deref(), Some("7"));
        assert_eq!(text("ok").as_deref(), Some("false"));
        assert_eq!(text("data.none"), None);
        assert_eq!(text("data.items[1]"), None);
        assert_eq!(Path::parse("[0].id").unwrap().find_text(&serde_json::json!([{"id": "y"}])).as_deref(), Some("y"));
        assert!(Path::parse("").unwrap().is_whole());
    }

    #[test]
    fn a_path_is_shown_as_it_was_written_and_a_wrong_one_is_refused_at_its_column() {
        for path in ["", "a", "a.b[2].c", "[0][1]", r#"a."b c""#] {
            assert_eq!(Path::parse(path).unwrap().to_string(), path);
        }
        for (bad, column) in [("a..b", 3), ("a.", 3), (".a", 1), ("a[x]", 3), ("a[1", 3), ("a b", 2), ("\"a", 1)] {
            assert_eq!(Path::parse(bad).unwrap_err().0, column, "{bad}");
        }
    }
}
