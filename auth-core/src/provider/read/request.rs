use http::Method;

use crate::config::{Reader, invalid};
use crate::provider::kind::{FORMATS, RequestFormat};
use crate::provider::model::RequestSpec;
use crate::provider::schema::{self, Table};

use super::answer::{captures, predicate};
use super::parts::{check_flat, close, headers, params, template, unknown_word, url};

/// What kind of request it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Step,
    Verify,
    Probe,
    Revoke,
}

/// A request; `usual` is the format of its parameters if it names none.
pub(super) fn request(reader: &Reader<'_>, purpose: Purpose, usual: RequestFormat) -> Option<RequestSpec> {
    let table: &Table = match purpose {
        Purpose::Step => &schema::STEP,
        Purpose::Verify => &schema::VERIFY,
        Purpose::Probe => &schema::PROBE,
        Purpose::Revoke => &schema::REVOKE,
    };
    let default = if matches!(purpose, Purpose::Step | Purpose::Revoke) { Method::POST } else { Method::GET };
    if !reader.has("url") {
        reader.required("url");
    }
    let url = url(reader, "url");
    let method = match reader.text("method") {
        None => default,
        Some(word) if schema::REQUEST_METHODS.contains(&word.as_str()) => word.parse().unwrap_or(default),
        Some(word) => {
            unknown_word(reader, &reader.at_key("method"), "method", &word, schema::REQUEST_METHODS);
            default
        }
    };
    let headers = headers(reader, "headers");
    let params = params(reader, "params");
    let format = reader.word("body_format", FORMATS);
    let body = template(reader, "body");
    let expect = predicate(reader, "expect");
    let captures = if matches!(purpose, Purpose::Step | Purpose::Probe) { captures(reader) } else { Vec::new() };
    let authorized = match purpose {
        Purpose::Step => false,
        Purpose::Verify | Purpose::Probe => reader.boolean("authorized").unwrap_or(true),
        Purpose::Revoke => reader.boolean("authorized").unwrap_or(false),
    };
    close(reader, table, &[("query", "params, with body_format = \"query\""), ("authorised", "authorized")]);
    if body.is_some() && !params.is_empty() {
        reader.mistake("body", invalid("this must have either \"body\" or \"params\""));
    }
    let bodiless = matches!(method, Method::GET | Method::HEAD);
    if body.is_some() && bodiless {
        reader.mistake("body", invalid(&format!("a {method} has no body")));
    }
    if bodiless || method == Method::DELETE || format.unwrap_or(usual) != RequestFormat::Json {
        check_flat(reader, &params);
    }
    Some(RequestSpec { url: url?, method, headers, params, format, body, expect, capture: captures, authorized })
}
