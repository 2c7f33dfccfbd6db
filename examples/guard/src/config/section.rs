use std::cell::RefCell;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

/// The mistakes found so far, by line. Reading goes on after each, so that all of them are reported at once.
pub(crate) struct Notes<'f> {
    text: &'f str,
    found: RefCell<Vec<(usize, String)>>,
}

/// One table of the file.
pub(crate) struct Section<'f> {
    notes: &'f Notes<'f>,
    /// Where it is: `server`, `route[0].require`; empty for the whole file.
    path: String,
    line: usize,
    /// `None` for a table that is not in the file.
    table: Option<&'f DeTable<'f>>,
    known: RefCell<Vec<&'static str>>,
}

impl<'f> Notes<'f> {
    pub(crate) fn new(text: &'f str) -> Self {
        Self { text, found: RefCell::default() }
    }

    /// The mistakes in the order of their lines.
    pub(crate) fn into_sorted(self) -> Vec<(usize, String)> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|(line, _)| *line);
        found
    }

    fn line_of(&self, at: usize) -> usize {
        self.text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
    }

    fn add(&self, line: usize, path: &str, message: &str) {
        // Escaped, because it goes to a terminal.
        self.found.borrow_mut().push((line, format!("{}: {message}", path.escape_debug())));
    }
}

impl<'f> Section<'f> {
    pub(crate) fn root(notes: &'f Notes<'f>, table: Option<&'f DeTable<'f>>) -> Self {
        Self { notes, path: String::new(), line: 1, table, known: RefCell::default() }
    }

    /// Whether the file has it.
    pub(crate) fn is_there(&self) -> bool {
        self.table.is_some()
    }

    pub(crate) fn has(&self, name: &'static str) -> bool {
        self.get(name).is_some()
    }

    /// The table `name`; an empty one if there is none.
    pub(crate) fn section(&self, name: &'static str) -> Section<'f> {
        let path = self.below(name);
        let Some((line, value)) = self.get(name) else {
            return Section { notes: self.notes, path, line: self.line, table: None, known: RefCell::default() };
        };
        let table = if let DeValue::Table(table) = value { Some(table) } else { None };
        if table.is_none() {
            self.mistake(name, "the value is not a table");
        }
        Section { notes: self.notes, path, line, table, known: RefCell::default() }
    }

    /// The tables of the list `name`.
    pub(crate) fn sections(&self, name: &'static str) -> Vec<Section<'f>> {
        let Some((_, value)) = self.get(name) else { return Vec::new() };
        let DeValue::Array(list) = value else {
            self.mistake(name, &format!("the value is not a list of tables ([[{name}]])"));
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (index, one) in list.iter().enumerate() {
            let line = self.notes.line_of(one.span().start);
            match one.get_ref() {
                DeValue::Table(table) => sections.push(Section {
                    notes: self.notes,
                    path: format!("{}[{index}]", self.below(name)),
                    line,
                    table: Some(table),
                    known: RefCell::default(),
                }),
                _ => self.notes.add(line, &format!("{}[{index}]", self.below(name)), "the value is not a table"),
            }
        }
        sections
    }

    pub(crate) fn text(&self, name: &'static str) -> Option<String> {
        match self.get(name)?.1.as_str() {
            Some(text) => Some(text.to_owned()),
            None => self.fail(name, "the value is not a text"),
        }
    }

    /// A text that must be there.
    pub(crate) fn required(&self, name: &'static str) -> Option<String> {
        if !self.has(name) {
            return self.fail(name, "the key is missing");
        }
        self.text(name)
    }

    /// A text that `parse` makes something of, or says why not.
    pub(crate) fn parsed<T>(&self, name: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        match parse(&self.text(name)?) {
            Ok(value) => Some(value),
            Err(message) => self.fail(name, &message),
        }
    }

    /// A text or a list of texts; `None` if it is not in the file.
    pub(crate) fn texts(&self, name: &'static str) -> Option<Vec<String>> {
        let texts = match self.get(name)?.1 {
            DeValue::String(text) => Some(vec![text.to_string()]),
            DeValue::Array(list) => list.iter().map(|one| one.get_ref().as_str().map(str::to_owned)).collect(),
            _ => None,
        };
        texts.or_else(|| self.fail(name, "the value is not a text or a list of texts"))
    }

    /// The texts of a table whose keys are free.
    pub(crate) fn pairs(&self, name: &'static str) -> Vec<(String, String)> {
        let section = self.section(name);
        let entries = section.table.into_iter().flat_map(|table| table.iter());
        let mut pairs = Vec::new();
        for (key, value) in entries {
            match value.get_ref().as_str() {
                Some(text) => pairs.push((key.get_ref().to_string(), text.to_owned())),
                None => self.mistake(name, "a value in it is not a text"),
            }
        }
        pairs
    }

    pub(crate) fn boolean(&self, name: &'static str) -> Option<bool> {
        match self.get(name)?.1.as_bool() {
            Some(value) => Some(value),
            None => self.fail(name, "the value is not true or false"),
        }
    }

    /// A number of seconds, or a text such as `90s`, `5m`, `24h`.
    pub(crate) fn duration(&self, name: &'static str) -> Option<Duration> {
        let duration = match self.get(name)?.1 {
            DeValue::Integer(number) if number.radix() == 10 => parse_duration(&number.as_str().replace('_', "")),
            DeValue::String(text) => parse_duration(text),
            _ => None,
        };
        duration.or_else(|| self.fail(name, r#"the value is no duration such as 90, "90s", "5m" or "24h""#))
    }

    /// The value as it was written.
    pub(crate) fn value(&self, name: &'static str) -> Option<&'f DeValue<'f>> {
        self.get(name).map(|(_, value)| value)
    }

    /// Takes note of a mistake at a key of this table.
    pub(crate) fn mistake(&self, name: &'static str, message: &str) {
        let line = self.get(name).map_or(self.line, |(line, _)| line);
        self.notes.add(line, &self.below(name), message);
    }

    /// Takes note of a mistake of the table as a whole.
    pub(crate) fn mistaken(&self, message: &str) {
        self.notes.add(self.line, &self.path, message);
    }

    pub(crate) fn fail<T>(&self, name: &'static str, message: &str) -> Option<T> {
        self.mistake(name, message);
        None
    }

    /// Takes note of every key that nobody asked for.
    pub(crate) fn finish(&self) {
        let known = self.known.borrow();
        for key in self.table.into_iter().flat_map(|table| table.keys()) {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let message = match known.iter().find(|known| near(name, known)) {
                Some(near) => format!("unknown key; did you mean {near:?}?"),
                None => format!("unknown key; known are {}", known.join(", ")),
            };
            self.notes.add(self.notes.line_of(key.span().start), &self.below(name), &message);
        }
    }

    fn get(&self, name: &'static str) -> Option<(usize, &'f DeValue<'f>)> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&name) {
            known.push(name);
        }
        let (key, value) = self.table?.get_key_value(name)?;
        Some((self.notes.line_of(key.span().start), value.get_ref()))
    }

    fn below(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

/// `90`, `90s`, `250ms`, `5m`, `24h` or `7d`.
fn parse_duration(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at(text.find(|one: char| !one.is_ascii_digit()).unwrap_or(text.len()));
    let number: u32 = digits.parse().ok()?;
    let seconds = match unit {
        "ms" => return Some(Duration::from_millis(number.into())),
        "" | "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    Some(Duration::from_secs(u64::from(number) * seconds))
}

/// Whether two names begin or end alike for all but two of their characters.
fn near(name: &str, known: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (name.chars().collect(), known.chars().collect());
    let start = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let end = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    start + end + 2 >= a.len().max(b.len()) && start + end > 0
}
