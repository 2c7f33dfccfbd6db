//! What stands in hostile answers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;

use super::answers::Meaning;

/// The secrets of an answer.
pub(crate) const ACCESS: &str = "acc3ss-of-the-answer-0123456789";
pub(crate) const REFRESH: &str = "r3fresh-of-the-answer-0123456789";

/// The largest body that is read.
pub(crate) const LIMIT: usize = 64 * 1024;

/// Codes of error answers.
pub(crate) const CODES: &[&str] = &[
    "invalid_client",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_target",
    "invalid_request",
    "invalid_grant",
    "access_denied",
    "unsupported_token_type",
    "slow_down",
    "server_error",
    "temporarily_unavailable",
    "interaction_required",
    "x\\u0000\\r\\nSet-Cookie: a=b",
    "\\u202e\\ud83d\\ude00",
];

/// Lifetimes that servers have written, and some that none would.
const LIFETIMES: &[&str] = &[
    "3600",
    "0",
    "-1",
    "1e400",
    "-1e400",
    "3.7",
    "1e-400",
    "\"3600\"",
    "\"1e3\"",
    "\"NaN\"",
    "\"inf\"",
    "null",
    "true",
    "[]",
    "{}",
    "\"\"",
    "18446744073709551616",
    "\"0x10\"",
    "00",
    "9007199254740993",
];

/// A body, its type, and what it says.
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    pub(crate) is_form: bool,
    pub(crate) meaning: Meaning,
}

impl Body {
    fn json(text: impl Into<Vec<u8>>, meaning: Meaning) -> Self {
        Self { bytes: text.into(), is_form: false, meaning }
    }
}

/// A body that may repeat `echo`, something secret that came with the request.
pub(crate) fn body(rng: &mut Rng, echo: &str) -> Body {
    match rng.usize(..20) {
        0..=4 => token(rng),
        5..=9 => error(rng, echo),
        10 => form(rng, echo),
        11..=14 => junk(rng, echo),
        15 => at_the_limit(rng),
        _ => mutated(rng),
    }
}

fn lifetime(rng: &mut Rng) -> &'static str {
    // One that is no JSON belongs to the junk.
    loop {
        let text = LIFETIMES[rng.usize(..LIFETIMES.len())];
        if text != "00" {
            return text;
        }
    }
}

fn members(rng: &mut Rng) -> Vec<(&'static str, String)> {
    let mut members = vec![
        ("access_token", quoted(ACCESS)),
        ("refresh_token", quoted(REFRESH)),
        ("expires_in", lifetime(rng).to_owned()),
        ("issued_token_type", quoted("urn:ietf:params:oauth:token-type:access_token")),
        ("request_uri", quoted("urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c")),
    ];
    for (name, values) in [
        ("token_type", &["\"Bearer\"", "\"bEARER\"", "\"\"", "null", "17", "[\"Bearer\"]"][..]),
        ("scope", &["\"a b\"", "[\"a\",\"b\"]", "null", "17", "{}", "\"\\\"\\u0000\\\\\"", "[1]", "\"\""]),
        ("refresh_in", &["1800", "-1", "\"x\"", "1e400"]),
        ("expires_at", &["1e400", "-5", "\"soon\"", "1767229200"]),
        ("id_token", &["\"a.b.c\"", "17", "null"]),
        ("error", &["null", "false", "0", "\"\"", "[]"]),
        ("x", &["1e999999", "-0.0", "{\"a\":[[[1]]]}", "\"\\ud800\\udc00\""]),
    ] {
        if rng.bool() {
            members.push((name, values[rng.usize(..values.len())].to_owned()));
        }
    }
    rng.shuffle(&mut members);
    members
}

fn object(members: &[(&str, String)]) -> String {
    let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

fn token(rng: &mut Rng) -> Body {
    let text = object(&members(rng));
    let text = if rng.u8(..8) == 0 { format!("\u{feff}{text}") } else { text };
    Body::json(text, Meaning::Token)
}

/// An error, often with what servers repeat in its description: secrets of the request in several spellings, and tokens
/// that stand in the answer beside it.
fn error(rng: &mut Rng, echo: &str) -> Body {
    let code = CODES[rng.usize(..CODES.len())];
    let mut description = spelled(rng, echo);
    let mut parts = Vec::new();
    if rng.u8(..4) == 0 {
        description = format!("{description} {ACCESS} {REFRESH} {}", &ACCESS[..20]);
        parts.push(("access_token", quoted(ACCESS)));
        parts.push(("refresh_token", quoted(REFRESH)));
    }
    if rng.u8(..16) == 0 {
        description = description.repeat(1 + 2_000 / description.len().max(1));
    }
    let code_name = if rng.u8(..8) == 0 { format!("{code} {}", escaped(&spelled(rng, echo))) } else { code.to_owned() };
    let is_plain = code_name == code;
    match rng.u8(..4) {
        0 => {
            let nested = format!("{{\"code\":\"{code_name}\",\"message\":{}}}", quoted(&description));
            parts.push(("error", nested));
        }
        _ => {
            parts.push(("error", format!("\"{code_name}\"")));
            parts.push(("error_description", quoted(&description)));
            parts.push(("error_uri", quoted(&format!("https://x/{echo}"))));
        }
    }
    rng.shuffle(&mut parts);
    Body::json(object(&parts), if is_plain { Meaning::Error(code) } else { Meaning::Error("other") })
}

/// `secret` as a server may repeat it.
fn spelled(rng: &mut Rng, secret: &str) -> String {
    // The pair of Basic credentials is encoded already.
    let first = if secret.starts_with("b3JkZXJzO") { 2 } else { 0 };
    match rng.u8(first..8) {
        0 => form_encoded(secret),
        1 => STANDARD.encode(secret),
        2 => secret.chars().flat_map(|c| [c, '\u{200b}']).collect(),
        3 if secret.len() >= 20 => secret.chars().take(12 + rng.usize(..8)).collect(),
        4 => format!("{secret}{secret}"),
        5 => format!("{{\"token\":\"{}\"}}", secret.replace('\\', "\\\\").replace('"', "\\\"").replace('/', "\\/")),
        6 => format!("{}{secret}", "x".repeat(rng.usize(150..210))),
        _ => format!("the value {secret} is wrong"),
    }
}

/// `text` as it stands in a form.
pub(crate) fn form_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b' ' => "+".to_owned(),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn form(rng: &mut Rng, echo: &str) -> Body {
    let (text, meaning) = match rng.u8(..4) {
        0 => (format!("access_token={ACCESS}&expires_in=60&scope=a+b&issued_token_type=x"), Meaning::FormToken),
        1 => ("error=invalid_grant&error_description=The+code".to_owned(), Meaning::Error("invalid_grant")),
        2 => (format!("access_token={ACCESS}&access_token={ACCESS}&{echo}=%zz"), Meaning::Junk),
        _ => (format!("{{\"access_token\":\"{ACCESS}\"}}"), Meaning::Junk),
    };
    Body { bytes: text.into_bytes(), is_form: true, meaning }
}

fn junk(rng: &mut Rng, echo: &str) -> Body {
    let token = object(&members(rng));
    let bytes: Vec<u8> = match rng.u8(..20) {
        0 => Vec::new(),
        1 => b"\xef\xbb\xbf".to_vec(),
        2 => format!("<!DOCTYPE html><title>{echo}</title>").into_bytes(),
        3 => token.as_bytes()[..token.len() - 1].to_vec(),
        4 => token.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        5 => [b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec(), token.into_bytes()].concat(),
        6 => format!("{{\"access_token\":\"{ACCESS}\",\"access_token\":\"{ACCESS}\"}}").into_bytes(),
        7 => format!("{{\"access_token\":\"{ACCESS}\",\"\\u0061ccess_token\":\"{ACCESS}\"}}").into_bytes(),
        8 => format!("{{\"access_token\":\"{ACCESS}\",\"x\":{}1{}}}", "[".repeat(16), "]".repeat(16)).into_bytes(),
        9 => "[{\"a\":".repeat(10_000).into_bytes(),
        10 => {
            let many: Vec<_> = (0..1_000).map(|at| format!("\"m{at}\":0")).collect();
            format!("{{\"access_token\":\"{ACCESS}\",{}}}", many.join(",")).into_bytes()
        }
        11 => format!("{{\"access_token\":\"{ACCESS}\",\"expires_in\":NaN}}").into_bytes(),
        12 => format!("{{\"access_token\":\"{ACCESS}\",\"expires_in\":-Infinity}}").into_bytes(),
        13 => format!("{{\"access_token\":\"{ACCESS}\",\"expires_in\":00}}").into_bytes(),
        14 => [b"{\"access_token\":\"\xff\xfe".to_vec(), ACCESS.as_bytes().to_vec(), b"\"}".to_vec()].concat(),
        15 => format!("{token}{token}").into_bytes(),
        16 => format!("[{token}]").into_bytes(),
        17 => quoted(ACCESS).into_bytes(),
        18 => format!("{{\"access_token\":[\"{ACCESS}\"],\"token_type\":\"Bearer\"}}").into_bytes(),
        _ => std::iter::repeat_with(|| rng.u8(..)).take(300).collect(),
    };
    Body::json(bytes, Meaning::Junk)
}

fn at_the_limit(rng: &mut Rng) -> Body {
    // Rarely, since each costs as much as a hundred others.
    if rng.u8(..4) != 0 {
        return token(rng);
    }
    let over = rng.usize(..2);
    let head = format!("{{\"access_token\":\"{ACCESS}\",\"issued_token_type\":\"x\",\"x\":\"");
    let text = format!("{head}{}\"}}", "x".repeat(LIMIT + over - head.len() - 2));
    assert_eq!(text.len(), LIMIT + over);
    Body::json(text, if over == 0 { Meaning::Token } else { Meaning::Junk })
}

/// A good answer with a few bytes changed, dropped, doubled or swapped.
fn mutated(rng: &mut Rng) -> Body {
    let mut bytes = object(&members(rng)).into_bytes();
    for _ in 0..rng.usize(1..6) {
        let at = rng.usize(..bytes.len());
        // One byte is always left.
        match rng.u8(..6) {
            0 => bytes[at] = rng.u8(..),
            1 => bytes[at] = b"{}[]\",:\\0-e\0"[rng.usize(..12)],
            2 if bytes.len() > 1 => drop(bytes.remove(at)),
            3 => bytes.insert(at, rng.u8(..)),
            4 => {
                let end = (at + rng.usize(..40)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => bytes.truncate(at.max(1)),
        }
    }
    Body::json(bytes, Meaning::Anything)
}
