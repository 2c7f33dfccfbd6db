use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::expected::{Assertion, Body, Exchange};
use crate::recorder::Sent;

/// Headers that any client may send, and that say nothing about who it is.
const HARMLESS: &[&str] = &["accept", "content-type", "content-length", "host", "user-agent"];

/// What differs each time and was seen so far.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) state: String,
    pub(crate) challenge: String,
    pub(crate) assertion: Option<String>,
}

/// What is wrong with the requests of a phase.
pub(crate) fn requests(expected: &[Exchange], sent: &[Sent], seen: &mut Seen) -> Vec<String> {
    let mut wrong = Vec::new();
    for (exchange, sent) in expected.iter().zip(sent) {
        let request = format!("{} {}", sent.method, sent.url);
        if !same_url(&exchange.request, &request, seen) {
            wrong.push(format!("sent    {request}\n  instead {}", exchange.request));
        }
        wrong.extend(headers(exchange, sent, seen));
        wrong.extend(body(exchange, sent, seen));
    }
    if expected.len() != sent.len() {
        let lines: Vec<_> = sent.iter().map(|sent| format!("{} {}", sent.method, sent.url)).collect();
        wrong.push(format!("{} requests instead of {}: {lines:?}", sent.len(), expected.len()));
    }
    wrong
}

fn headers(exchange: &Exchange, sent: &Sent, seen: &mut Seen) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, wanted) in &exchange.headers {
        let all: Vec<_> = sent
            .headers
            .get_all(name)
            .iter()
            .map(|value| plain(&String::from_utf8_lossy(value.as_bytes()), seen))
            .collect();
        let same = if name == "cookie" { all.join("; ") == *wanted } else { all == [wanted.clone()] };
        if !same {
            wrong.push(format!("{} has {name}: {all:?} instead of {wanted:?}", sent.url));
        }
    }
    for name in sent.headers.keys().map(http::HeaderName::as_str) {
        if !exchange.headers.contains_key(name) && !HARMLESS.contains(&name) {
            wrong.push(format!("{} has a header {name} that is not documented", sent.url));
        }
    }
    wrong
}

fn body(exchange: &Exchange, sent: &Sent, seen: &mut Seen) -> Option<String> {
    let same = match &exchange.body {
        Body::Empty => sent.body.is_empty(),
        Body::Json(wanted) => serde_json::from_str::<Value>(&sent.body).is_ok_and(|mut body| {
            verified(&mut body, seen);
            body == *wanted
        }),
        Body::Form(wanted) => {
            let mut pairs = decoded(&sent.body);
            let once = pairs.len() == sent.body.split('&').filter(|pair| !pair.is_empty()).count();
            for (name, value) in &mut pairs {
                *value = if name == "code_verifier" { verifier(value, seen) } else { plain(value, seen) };
            }
            once && sorted(pairs) == sorted(wanted.clone())
        }
    };
    (!same).then(|| format!("{} has the body {:?} instead of {:?}", sent.url, sent.body, exchange.body))
}

fn sorted(mut pairs: BTreeMap<String, String>) -> BTreeMap<String, String> {
    if let Some(scope) = pairs.get_mut("scope") {
        *scope = words(scope).into_iter().collect::<Vec<_>>().join(" ");
    }
    pairs
}

fn verified(body: &mut Value, seen: &mut Seen) {
    for (name, value) in body.as_object_mut().into_iter().flatten() {
        if let Value::String(text) = value {
            *text = if name == "code_verifier" { verifier(text, seen) } else { plain(text, seen) };
        }
    }
}

/// `VERIFIER`, if it is the one that the challenge was made of (RFC 7636 section 4.6).
fn verifier(text: &str, seen: &Seen) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    let fits = URL_SAFE_NO_PAD.encode(digest.as_ref()) == seen.challenge;
    if fits { "VERIFIER".to_owned() } else { format!("a verifier of another challenge: {text}") }
}

/// The text with names for what differs each time.
fn plain(text: &str, seen: &mut Seen) -> String {
    let words = text.split(' ').map(|word| {
        if word.starts_with("eyJ") && word.split('.').count() == 3 {
            seen.assertion = Some(word.to_owned());
            "ASSERTION".to_owned()
        } else if !seen.state.is_empty() && word == seen.state {
            "STATE".to_owned()
        } else {
            word.to_owned()
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Whether two URLs are alike: host, path, and each parameter once, in any order. A parameter that is expected with a `+` is
/// compared letter by letter, the others by what they mean.
pub(crate) fn same_url(expected: &str, sent: &str, seen: &Seen) -> bool {
    let (expected_base, expected_query) = expected.split_once('?').unwrap_or((expected, ""));
    let (base, query) = sent.split_once('?').unwrap_or((sent, ""));
    let mut left: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    for wanted in expected_query.split('&').filter(|pair| !pair.is_empty()) {
        let Some(found) = left.iter().position(|pair| same_pair(wanted, pair, seen)) else { return false };
        left.remove(found);
    }
    left.is_empty() && host_lowered(expected_base) == host_lowered(base)
}

fn same_pair(wanted: &str, sent: &str, seen: &Seen) -> bool {
    if wanted.contains('+') {
        return wanted == sent;
    }
    let ((wanted_name, wanted), (name, value)) = (decoded_pair(wanted), decoded_pair(sent));
    if name == "scope" && wanted_name == name {
        return words(&wanted) == words(&value);
    }
    let value_fits = match wanted.as_str() {
        "STATE" => value == seen.state,
        "CHALLENGE" => value == seen.challenge,
        "RANDOM" => value.len() >= 20,
        other => other == value,
    };
    wanted_name == name && value_fits
}

/// Scopes are a set.
fn words(scopes: &str) -> BTreeSet<&str> {
    scopes.split([' ', ',']).collect()
}

fn host_lowered(base: &str) -> String {
    match base.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('/')?))) {
        Some((scheme, (host, path))) => format!("{scheme}://{}/{path}", host.to_ascii_lowercase()),
        None => base.to_owned(),
    }
}

pub(crate) fn decoded(query: &str) -> BTreeMap<String, String> {
    query.split('&').filter(|pair| !pair.is_empty()).map(decoded_pair).collect()
}

fn decoded_pair(pair: &str) -> (String, String) {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    (percent_decoded(name), percent_decoded(value))
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, others)) = rest.split_first() {
        let hex = others.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match (first, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &others[2..];
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = others;
            }
            _ => {
                bytes.push(first);
                rest = others;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// What is wrong with the assertion that was seen.
pub(crate) fn assertion(expected: &Assertion, seen: &Seen) -> Vec<String> {
    let Some(jwt) = &seen.assertion else { return vec!["no assertion was sent".to_owned()] };
    let mut parts = jwt.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    let mut member = || serde_json::from_slice::<Value>(&parts.next().unwrap()).unwrap();
    let (mut header, mut claims) = (member(), member());
    let number = |name: &str| claims.get(name).and_then(Value::as_i64).unwrap_or_default();
    let lifetime = number("exp") - number("iat");
    header.as_object_mut().unwrap().remove("typ");
    for free in ["iat", "exp", "nbf", "jti"] {
        claims.as_object_mut().unwrap().remove(free);
    }
    let mut wrong = Vec::new();
    if header != expected.header {
        wrong.push(format!("the assertion has the header {header} instead of {}", expected.header));
    }
    if claims != expected.claims {
        wrong.push(format!("the assertion has the claims {claims} instead of {}", expected.claims));
    }
    if lifetime != expected.lifetime {
        wrong.push(format!("the assertion lives for {lifetime} s instead of {}", expected.lifetime));
    }
    wrong
}
