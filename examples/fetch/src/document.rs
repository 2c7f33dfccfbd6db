use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::failure::{Mistake, Place};
use crate::nearest::nearest;

/// A TOML file that is being read, with the mistakes found in it so far.
///
/// Reading goes on after a mistake, so that all of them are reported at once.
pub(crate) struct Document<'d> {
    file: Arc<str>,
    text: &'d str,
    mistakes: RefCell<Vec<Mistake>>,
}

/// A table of the file.
pub(crate) struct Section<'d> {
    document: &'d Document<'d>,
    place: Place,
    table: &'d DeTable<'d>,
}

/// The keys that a table may have.
pub(crate) struct Keys {
    pub(crate) known: &'static [&'static str],
    /// Keys of the full schema that this program does not act on.
    pub(crate) later: &'static [&'static str],
    /// Keys that belong elsewhere, and where.
    pub(crate) elsewhere: &'static [(&'static str, &'static str)],
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

/// A choice of a fixed set.
pub(crate) struct Choices<T: 'static> {
    pub(crate) known: &'static [(&'static str, T)],
    pub(crate) later: &'static [&'static str],
}

impl<'d> Document<'d> {
    pub(crate) fn new(file: &str, text: &'d str) -> Self {
        Self { file: Arc::from(file), text, mistakes: RefCell::default() }
    }

    /// The tables of the file, for [`root`](Self::root). Syntax errors become mistakes.
    pub(crate) fn parse(&self) -> Spanned<DeTable<'d>> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            let line = error.span().map_or(1, |span| self.line(span.start));
            let place = Place { file: Arc::clone(&self.file), line, path: String::new() };
            self.note(Mistake::at(&place, error.message().replace('\n', ", ")));
        }
        table
    }

    pub(crate) fn root(&'d self, table: &'d Spanned<DeTable<'d>>) -> Section<'d> {
        let place = Place { file: Arc::clone(&self.file), line: 1, path: String::new() };
        Section { document: self, place, table: table.get_ref() }
    }

    pub(crate) fn note(&self, mistake: Mistake) {
        self.mistakes.borrow_mut().push(mistake);
    }

    /// The mistakes, in the order of the file.
    pub(crate) fn into_mistakes(self) -> Vec<Mistake> {
        let mut mistakes = self.mistakes.into_inner();
        mistakes.sort_by_key(|mistake| mistake.place.as_ref().map(|place| place.line));
        mistakes
    }

    fn line(&self, offset: usize) -> usize {
        self.text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
    }
}

impl<'d> Section<'d> {
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn note(&self, place: &Place, text: impl Into<String>) {
        self.document.note(Mistake::at(place, text));
    }

    /// Notes a mistake at `key`, if it is there.
    pub(crate) fn note_key(&self, key: &str, text: impl Into<String>) {
        if let Some((_, place)) = self.get(key) {
            self.note(&place, text);
        }
    }

    /// Objects to every key that is not among `keys`.
    pub(crate) fn check_keys(&self, keys: &Keys) {
        for key in self.table.keys() {
            let name = key.get_ref().as_ref();
            if keys.known.contains(&name) {
                continue;
            }
            let elsewhere = keys.elsewhere.iter().find(|(own, _)| *own == name);
            let text = match elsewhere {
                Some((_, whereto)) => format!("this key belongs to {whereto}"),
                None if keys.later.contains(&name) => "this key is not supported yet by fetch".to_owned(),
                None => unknown("key", name, keys.known),
            };
            self.note(&self.place_of(name, key), text);
        }
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    pub(crate) fn string(&self, key: &str) -> Option<Located<String>> {
        let (value, place) = self.get(key)?;
        match value {
            DeValue::String(text) => Some(Located { value: text.to_string(), place }),
            _ => self.wrong(&place, "a string"),
        }
    }

    pub(crate) fn required(&self, key: &str) -> Option<Located<String>> {
        if !self.has(key) {
            self.note(&self.place, format!("the key {key:?} is missing"));
        }
        self.string(key)
    }

    pub(crate) fn boolean(&self, key: &str) -> Option<bool> {
        let (value, place) = self.get(key)?;
        match value {
            DeValue::Boolean(value) => Some(*value),
            _ => self.wrong(&place, "true or false"),
        }
    }

    pub(crate) fn integer(&self, key: &str) -> Option<Located<u64>> {
        let (value, place) = self.get(key)?;
        match value.as_integer().and_then(|value| u64::from_str_radix(value.as_str(), value.radix()).ok()) {
            Some(value) => Some(Located { value, place }),
            None => self.wrong(&place, "a whole number"),
        }
    }

    /// A number of seconds, or a text such as `"90s"`, `"5m"`, `"24h"`.
    pub(crate) fn duration(&self, key: &str) -> Option<Duration> {
        let (value, place) = self.get(key)?;
        let parsed = match value {
            DeValue::String(text) => parse_duration(text),
            DeValue::Integer(value) => parse_duration(value.as_str()),
            _ => None,
        };
        match parsed {
            Some(duration) if !duration.is_zero() => Some(duration),
            _ => self.wrong(&place, r#"a duration such as 90, "90s", "5m" or "24h""#),
        }
    }

    pub(crate) fn strings(&self, key: &str) -> Vec<Located<String>> {
        let Some((value, place)) = self.get(key) else { return Vec::new() };
        let DeValue::Array(items) = value else {
            let _: Option<()> = self.wrong(&place, "a list of strings");
            return Vec::new();
        };
        let mut strings = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = format!("{}[{index}]", place.path);
            let place = Place { path, line: self.document.line(item.span().start), ..place.clone() };
            match item.get_ref() {
                DeValue::String(text) => strings.push(Located { value: text.to_string(), place }),
                _ => self.note(&place, "this must be a string"),
            }
        }
        strings
    }

    /// A table whose keys are free and whose values are strings.
    pub(crate) fn map(&self, key: &str) -> Vec<(String, Located<String>)> {
        let Some(section) = self.section(key) else { return Vec::new() };
        section.names().into_iter().filter_map(|name| Some((name.clone(), section.string(&name)?))).collect()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.table.keys().map(|key| key.get_ref().to_string()).collect()
    }

    pub(crate) fn section(&self, key: &str) -> Option<Section<'d>> {
        let (value, place) = self.get(key)?;
        match value {
            DeValue::Table(table) => Some(Section { document: self.document, place, table }),
            _ => self.wrong(&place, "a table"),
        }
    }

    /// An array of tables.
    pub(crate) fn sections(&self, key: &str) -> Vec<Section<'d>> {
        let Some((value, place)) = self.get(key) else { return Vec::new() };
        let DeValue::Array(items) = value else {
            let _: Option<()> = self.wrong(&place, "a list of tables");
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = format!("{}[{index}]", place.path);
            let place = Place { path, line: self.document.line(item.span().start), ..place.clone() };
            match item.get_ref() {
                DeValue::Table(table) => sections.push(Section { document: self.document, place, table }),
                _ => self.note(&place, "this must be a table"),
            }
        }
        sections
    }

    /// One of a fixed set of words.
    pub(crate) fn choice<T: Copy>(&self, key: &str, choices: &Choices<T>) -> Option<Located<T>> {
        let Located { value, place } = self.string(key)?;
        if let Some((_, choice)) = choices.known.iter().find(|(name, _)| *name == value) {
            return Some(Located { value: *choice, place });
        }
        let text = if choices.later.contains(&value.as_str()) {
            format!("{value:?} is not supported yet by fetch")
        } else {
            {
                let known: Vec<_> = choices.known.iter().map(|(name, _)| *name).collect();
                unknown(&format!("value {value:?}"), &value, &known)
            }
        };
        self.note(&place, text);
        None
    }

    /// Whether the value of `key` is the boolean `expected`.
    pub(crate) fn is_boolean(&self, key: &str, expected: bool) -> bool {
        self.get(key).is_some_and(|(value, _)| value.as_bool() == Some(expected))
    }

    /// Whether the value of `key` is a table.
    pub(crate) fn is_table(&self, key: &str) -> bool {
        self.get(key).is_some_and(|(value, _)| value.is_table())
    }

    fn get(&self, key: &str) -> Option<(&'d DeValue<'d>, Place)> {
        let (name, value) = self.table.get_key_value(key)?;
        Some((value.get_ref(), self.place_of(key, name)))
    }

    fn place_of<T>(&self, key: &str, at: &Spanned<T>) -> Place {
        let path = if self.place.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.place.path) };
        Place { file: Arc::clone(&self.document.file), line: self.document.line(at.span().start), path }
    }

    fn wrong<T>(&self, place: &Place, expected: &str) -> Option<T> {
        self.note(place, format!("this must be {expected}"));
        None
    }
}

/// Says that nobody knows the thing called `name`, and what was probably meant, or else what there is.
pub(crate) fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    match nearest(name, known) {
        Some(candidate) => format!("unknown {what}; did you mean {candidate:?}?"),
        None if known.is_empty() => format!("unknown {what}; there is none"),
        None => format!("unknown {what}; known are {}", known.join(", ")),
    }
}

/// `90`, `90s`, `250ms`, `5m`, `24h` or `7d`.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let number: u64 = digits.parse().ok()?;
    let seconds = match unit {
        "ms" => return Some(Duration::from_millis(number)),
        "" | "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, millis) in [("90", 90_000), ("90s", 90_000), ("250ms", 250), ("5m", 300_000), ("24h", 86_400_000)] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "s", "-1", "1.5", "1 s", "1w", "18446744073709551615d"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }
}
