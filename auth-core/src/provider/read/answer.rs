//! Places in answers, and what answers must look like.

use crate::config::{At, Node, Reader, Value, invalid};
use crate::provider::model::{Capture, Response, Source};
use crate::provider::path::Path;
use crate::provider::predicate::{AnswerShape, Condition, Predicate};
use crate::provider::schema;

use super::parts::{close, header_name, is_name};

pub(super) fn path(reader: &Reader<'_>, text: &str, at: &At) -> Option<Path> {
    match Path::parse(text) {
        Ok(path) => Some(path),
        Err((column, what)) => {
            reader.notes().push(at, invalid(&format!("column {column}: {what}")));
            None
        }
    }
}

/// The nodes of a list, or the one that is not a list, each with its place.
fn each<'a>(reader: &Reader<'a>, name: &'static str) -> Vec<(&'a Node, At)> {
    let Some(node) = reader.get(name) else { return Vec::new() };
    let at = reader.at_key(name);
    match &node.value {
        Value::List(list) => list
            .iter()
            .enumerate()
            .map(|(index, node)| {
                let key = format!("{}[{index}]", at.key);
                (node, At { key, file: at.file.clone(), line: node.line.or(at.line) })
            })
            .collect(),
        _ => vec![(node, at)],
    }
}

fn places(reader: &Reader<'_>, name: &'static str, usual: &[&str]) -> Vec<Source> {
    if !reader.has(name) {
        return usual.iter().filter_map(|text| Path::parse(text).ok()).map(Source::Body).collect();
    }
    each(reader, name).into_iter().filter_map(|(node, at)| place(reader, node, at)).collect()
}

fn place(reader: &Reader<'_>, node: &Node, at: At) -> Option<Source> {
    match &node.value {
        Value::Text(text) => path(reader, text, &at).map(Source::Body),
        Value::Table(_) => {
            let own = Reader::new(at, node, reader.notes())?;
            let source = header_or_cookie(&own);
            close(&own, &schema::SOURCE, &[]);
            source
        }
        _ => {
            reader.notes().push(&at, invalid("the value is not a path, { header = \"…\" } or { cookie = \"…\" }"));
            None
        }
    }
}

fn header_or_cookie(own: &Reader<'_>) -> Option<Source> {
    match (own.text("header"), own.text("cookie")) {
        (Some(name), None) => header_name(own, &name, &own.at_key("header")).map(Source::Header),
        (None, Some(name)) => Some(Source::Cookie(name)),
        _ => {
            own.notes().push(own.at(), invalid("this must have either \"header\" or \"cookie\""));
            None
        }
    }
}

pub(super) fn response(reader: &Reader<'_>) -> Response {
    match reader.section("response") {
        Some(own) => read_response(&own),
        None => read_response(&Reader::empty(reader.notes())),
    }
}

fn read_response(own: &Reader<'_>) -> Response {
    let response = Response {
        token: places(own, "token", &["access_token"]),
        token_type: places(own, "token_type", &["token_type"]),
        refresh_token: places(own, "refresh_token", &["refresh_token"]),
        id_token: places(own, "id_token", &["id_token"]),
        expires: places(own, "expires", &["expires_in"]),
        refresh_expires: places(own, "refresh_expires", &["refresh_token_expires_in", "refresh_expires_in"]),
        scope: places(own, "scope", &["scope"]),
        error: places(own, "error", &["error"]),
        error_description: places(own, "error_description", &["error_description"]),
        success_when: predicate(own, "success_when"),
        error_when: predicate(own, "error_when"),
        capture: captures(own),
    };
    close(own, &schema::RESPONSE, &[("success", "success_when"), ("expires_in", "expires")]);
    response
}

/// `capture` and `capture_headers`.
pub(super) fn captures(own: &Reader<'_>) -> Vec<Capture> {
    let mut captures = Vec::new();
    let sections = own.sections("capture").into_iter().map(|one| (one, true));
    let sections = sections.chain(own.sections("capture_headers").into_iter().map(|one| (one, false)));
    for (one, in_body) in sections {
        let name = one.required("name");
        let source = if in_body {
            let text = one.required("path");
            text.and_then(|text| path(&one, &text, &one.at_key("path"))).map(Source::Body)
        } else {
            header_or_cookie(&one)
        };
        let (required, secret) = (one.boolean("required").unwrap_or(false), one.boolean("secret").unwrap_or(false));
        close(&one, if in_body { &schema::CAPTURE } else { &schema::CAPTURE_HEADER }, &[]);
        let name = name.filter(|name| {
            let fits = is_name(name);
            if !fits {
                one.mistake("name", invalid("a field's name has letters, digits and '_' only"));
            }
            fits
        });
        if let (Some(name), Some(source)) = (name, source) {
            captures.push(Capture { at: one.at().clone(), name, source, required, secret });
        }
    }
    captures
}

pub(super) fn predicate(reader: &Reader<'_>, name: &'static str) -> Option<Predicate> {
    if !reader.has(name) {
        return None;
    }
    let shapes: Vec<_> = each(reader, name).into_iter().filter_map(|(node, at)| shape(reader, node, at)).collect();
    if shapes.is_empty() {
        // Either each was objected to already, or there was none.
        if matches!(reader.get(name).map(|node| &node.value), Some(Value::List(list)) if list.is_empty()) {
            reader.mistake(name, invalid("the list is empty"));
        }
        return None;
    }
    Some(Predicate(shapes))
}

fn shape(reader: &Reader<'_>, node: &Node, at: At) -> Option<AnswerShape> {
    let Value::Table(_) = &node.value else {
        return match status(node) {
            Some(range) => Some(AnswerShape { status: vec![range], ..AnswerShape::default() }),
            None => {
                reader
                    .notes()
                    .push(&at, invalid("the value is not a status such as 200, \"2xx\" or \"400-403\", nor a table"));
                None
            }
        };
    };
    let own = Reader::new(at, node, reader.notes())?;
    let mut statuses = Vec::new();
    for (node, at) in each(&own, "status") {
        match status(node) {
            Some(range) => statuses.push(range),
            None => own.notes().push(&at, invalid("the value is not a status such as 200, \"2xx\" or \"400-403\"")),
        }
    }
    let header = own.section("header").and_then(|part| {
        let name = part.required("name").and_then(|name| header_name(&part, &name, &part.at_key("name")));
        let condition = condition(&part);
        close(&part, &schema::ANSWER_HEADER, &[]);
        Some((name?, condition))
    });
    let body = own.section("body").and_then(|part| {
        let found = part.required("path").and_then(|text| path(&part, &text, &part.at_key("path")));
        let condition = condition(&part);
        close(&part, &schema::ANSWER_BODY, &[]);
        Some((found?, condition))
    });
    if !own.has("status") && !own.has("header") && !own.has("body") {
        own.notes().push(own.at(), invalid("this must have at least one of: status, header, body"));
    }
    close(
        &own,
        &schema::ANSWER,
        &[("path", "body = { path = \"…\" }"), ("equals", "body = { path = \"…\", equals = … }")],
    );
    Some(AnswerShape { status: statuses, header, body })
}

fn condition(part: &Reader<'_>) -> Condition {
    let mut values = Vec::new();
    for (node, at) in each(part, "equals") {
        match &node.value {
            Value::Text(text) => values.push(text.clone()),
            Value::Integer(number) => values.push(number.to_string()),
            Value::Bool(value) => values.push(value.to_string()),
            _ => part.notes().push(&at, invalid("the value is not a text, whole number, true or false")),
        }
    }
    let (contains, present) = (part.text("contains"), part.boolean("present"));
    let given = ["equals", "contains", "present"].into_iter().filter(|name| part.has(name)).count();
    if given > 1 {
        part.notes().push(part.at(), invalid("this must have only one of: equals, contains, present"));
    }
    match (contains, present) {
        (Some(text), _) => Condition::Contains(text),
        (None, Some(present)) => Condition::Present(present),
        (None, None) if part.has("equals") => Condition::Equals(values),
        (None, None) => Condition::Present(true),
    }
}

/// `200`, `"2xx"` or `"400-403"`.
fn status(node: &Node) -> Option<(u16, u16)> {
    let range = match &node.value {
        Value::Integer(value) => u16::try_from(*value).ok().map(|status| (status, status)),
        Value::Text(text) => match (text.strip_suffix("xx"), text.split_once('-')) {
            (Some(hundreds), _) => {
                hundreds.parse::<u16>().ok().filter(|hundreds| *hundreds < 10).map(|h| (h * 100, h * 100 + 99))
            }
            (None, Some((from, to))) => from.parse().ok().zip(to.parse().ok()),
            (None, None) => text.parse().ok().map(|status| (status, status)),
        },
        _ => None,
    };
    range.filter(|(from, to)| from <= to && (100..=599).contains(from) && (100..=599).contains(to))
}
