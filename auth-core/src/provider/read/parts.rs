//! What many tables have: templates, URLs, parameters, headers.

use http::HeaderName;

use crate::config::{At, Node, Reader, Value, invalid, unknown};
use crate::error::{ConfigError, ConfigErrorKind, printable};
use crate::provider::kind::{URL_KEYS, UrlKey};
use crate::provider::model::{Headers, Located, ParamValue, Params, Urls};
use crate::provider::schema::Table;
use crate::provider::template::{Template, UrlTemplate};

/// Objects to keys that `table` does not have. Every key of the table must have been asked for.
pub(super) fn close(reader: &Reader<'_>, table: &Table, elsewhere: &[(&'static str, &str)]) {
    if cfg!(debug_assertions) {
        let (mut asked, mut listed) = (reader.known(), table.names());
        asked.sort_unstable();
        listed.sort_unstable();
        assert_eq!(asked, listed, "the reader of {} knows other keys than the schema", table.name);
    }
    reader.finish_with(elsewhere);
}

pub(super) fn template(reader: &Reader<'_>, name: &'static str) -> Option<Located<Template>> {
    parse(reader, &reader.text(name)?, reader.at_key(name))
}

pub(super) fn parse(reader: &Reader<'_>, text: &str, at: At) -> Option<Located<Template>> {
    match Template::parse(text) {
        Ok(value) => Some(Located { value, at }),
        Err(what) => {
            reader.notes().push(&at, invalid(&what));
            None
        }
    }
}

pub(super) fn url(reader: &Reader<'_>, name: &'static str) -> Option<Located<UrlTemplate>> {
    let (text, at) = (reader.text(name)?, reader.at_key(name));
    match UrlTemplate::parse(&text) {
        Ok(value) => Some(Located { value, at }),
        Err(what) => {
            reader.notes().push(&at, ConfigError::new(ConfigErrorKind::InvalidUrl, what));
            None
        }
    }
}

/// The URLs of a table. All of them are asked for; those not in `wanted` are not read.
pub(super) fn urls(reader: &Reader<'_>, wanted: &[UrlKey]) -> Urls {
    let wanted = URL_KEYS.iter().filter(|(_, key)| wanted.contains(key));
    wanted.filter_map(|(name, key)| Some((*key, url(reader, name)?))).collect()
}

/// Texts, each with its place.
pub(super) fn texts(reader: &Reader<'_>, name: &'static str) -> Vec<(String, At)> {
    let at = reader.at_key(name);
    let lines: Vec<_> = match reader.get(name).map(|node| &node.value) {
        Some(Value::List(list)) => list.iter().map(|node| node.line).collect(),
        _ => Vec::new(),
    };
    let texts = reader.texts(name).into_iter().enumerate();
    texts
        .map(|(index, text)| {
            let line = lines.get(index).copied().flatten().or(at.line);
            let key = if lines.is_empty() { at.key.clone() } else { format!("{}[{index}]", at.key) };
            (text, At { key, line, file: at.file.clone() })
        })
        .collect()
}

pub(super) fn templates(reader: &Reader<'_>, name: &'static str) -> Vec<Located<Template>> {
    texts(reader, name).into_iter().filter_map(|(text, at)| parse(reader, &text, at)).collect()
}

/// A table whose names are free.
pub(super) fn params(reader: &Reader<'_>, name: &'static str) -> Params {
    let Some(section) = reader.section(name) else { return Vec::new() };
    let entries: Vec<_> = section.entries().map(|(name, node, at)| (name.to_owned(), node, at)).collect();
    entries
        .into_iter()
        .filter_map(|(name, node, at)| Some((name, Located { value: param_value(reader, node, &at)?, at })))
        .collect()
}

fn param_value(reader: &Reader<'_>, node: &Node, at: &At) -> Option<ParamValue> {
    Some(match &node.value {
        Value::Text(text) => ParamValue::Text(parse(reader, text, at.clone())?.value),
        Value::Integer(value) => ParamValue::Integer(*value),
        Value::Bool(value) => ParamValue::Bool(*value),
        Value::List(list) => {
            let values = list.iter().enumerate().map(|(index, node)| {
                let at = At { key: format!("{}[{index}]", at.key), file: at.file.clone(), line: node.line.or(at.line) };
                param_value(reader, node, &at)
            });
            ParamValue::List(values.collect::<Option<_>>()?)
        }
        Value::Table(entries) => {
            let values = entries.iter().map(|(name, node)| {
                let key = format!("{}.{}", at.key, printable(name, 64));
                let at = At { key, file: at.file.clone(), line: node.line.or(at.line) };
                Some((name.clone(), param_value(reader, node, &at)?))
            });
            ParamValue::Table(values.collect::<Option<_>>()?)
        }
        Value::Time(_) | Value::Other => {
            reader.notes().push(at, invalid("the value is not a text, whole number, true, false, list or table"));
            return None;
        }
    })
}

/// Whether every value is a text, a number or a truth value; the others are objected to.
pub(super) fn check_flat(reader: &Reader<'_>, params: &Params) {
    for (_, value) in params {
        if matches!(value.value, ParamValue::List(_) | ParamValue::Table(_)) {
            reader.notes().push(&value.at, invalid("lists and tables are for bodies in JSON (body_format = \"json\")"));
        }
    }
}

pub(super) fn headers(reader: &Reader<'_>, name: &'static str) -> Headers {
    let mut headers: Headers = Vec::new();
    for (name, value) in params(reader, name) {
        let at = value.at;
        let template = match value.value {
            ParamValue::Text(template) => Some(template),
            ParamValue::Integer(number) => Some(Template::of_text(&number.to_string())),
            ParamValue::Bool(value) => Some(Template::of_text(if value { "true" } else { "false" })),
            ParamValue::List(_) | ParamValue::Table(_) => None,
        };
        let template = template.filter(|template| template.literal().is_none_or(|text| is_header_value(&text)));
        let Some(value) = template else {
            reader.notes().push(&at, invalid("the value is no text that a header may have"));
            continue;
        };
        let Some(name) = header_name(reader, &name, &at) else { continue };
        if headers.iter().any(|(own, _)| *own == name) {
            reader.notes().push(&at, invalid(&format!("the header {name} is there twice")));
        }
        headers.push((name, Located { value, at }));
    }
    headers
}

fn is_header_value(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'))
}

pub(super) fn header_name(reader: &Reader<'_>, name: &str, at: &At) -> Option<HeaderName> {
    let parsed = HeaderName::from_bytes(name.as_bytes()).ok();
    // Those belong to the transport, and a second one of them splits requests.
    let refused = parsed.as_ref().is_some_and(|name| {
        matches!(
            name.as_str(),
            "host" | "content-length" | "transfer-encoding" | "connection" | "upgrade" | "te" | "trailer"
        )
    });
    match parsed {
        Some(name) if !refused => Some(name),
        Some(name) => {
            reader.notes().push(at, invalid(&format!("the header {name} belongs to the transport")));
            None
        }
        None => {
            reader.notes().push(at, invalid(&format!("{:?} is not the name of a header", printable(name, 64))));
            None
        }
    }
}

/// A URL that people follow.
pub(super) fn page(reader: &Reader<'_>, name: &'static str) -> Option<String> {
    let text = reader.text(name)?;
    let parsed: Option<http::Uri> = text.parse().ok();
    let web = parsed.is_some_and(|uri| matches!(uri.scheme_str(), Some("https" | "http")) && uri.host().is_some());
    if !web {
        reader.mistake(name, ConfigError::new(ConfigErrorKind::InvalidUrl, "the value is not an absolute https URL"));
    }
    Some(text)
}

/// Whether `name` can be the name of a field.
pub(super) fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// A word that nobody knows.
pub(super) fn unknown_word(reader: &Reader<'_>, at: &At, what: &str, word: &str, known: &[&str]) {
    reader.notes().push(at, invalid(&unknown(&format!("{what} {:?}", printable(word, 64)), word, known)));
}
