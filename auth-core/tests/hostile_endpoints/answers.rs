//! Hostile answers: any status, any headers, any body, at any time or never.

use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::bodies::{self, Body};

/// What an answer says, whatever its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Token,
    /// A token in a form, which only a token endpoint may answer with.
    FormToken,
    Error(&'static str),
    Junk,
    /// Nobody knows.
    Anything,
}

/// When an answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timing {
    Now,
    After(Duration),
    Never,
    /// The connection breaks after the request was sent.
    Lost,
    /// No connection comes about.
    Unsent,
    /// An error that the HTTP client's author made up, with the request in it.
    Foreign,
}

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) timing: Timing,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) meaning: Meaning,
}

/// How long an exchange may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(15);

impl Answer {
    /// The next answer, which may repeat `echo`.
    pub(crate) fn next(rng: &mut Rng, echo: &str) -> Self {
        let timing = match rng.u8(..100) {
            0..=88 => Timing::Now,
            89..=90 => Timing::After(Duration::from_millis(rng.u64(1..14_999))),
            91..=92 => Timing::After(Duration::from_millis(rng.u64(15_001..10_000_000))),
            93 => Timing::Never,
            94..=95 => Timing::Lost,
            96..=97 => Timing::Unsent,
            _ => Timing::Foreign,
        };
        let Body { bytes, is_form, meaning } = bodies::body(rng, echo);
        let mut headers = HeaderMap::new();
        content_type(rng, is_form, &mut headers);
        for _ in 0..rng.usize(..4) {
            odd_header(rng, echo, &mut headers);
        }
        Self { timing, status: status(rng), headers, body: bytes.into(), meaning }
    }
}

fn status(rng: &mut Rng) -> StatusCode {
    const COMMON: &[u16] =
        &[200, 200, 200, 201, 201, 204, 400, 400, 400, 401, 401, 403, 404, 405, 408, 429, 500, 502, 503, 504];
    let code = if rng.u8(..10) == 0 { rng.u16(100..1000) } else { COMMON[rng.usize(..COMMON.len())] };
    StatusCode::from_u16(code).unwrap()
}

fn content_type(rng: &mut Rng, is_form: bool, headers: &mut HeaderMap) {
    const FORM: &[&[u8]] =
        &[b"application/x-www-form-urlencoded", b"Application/X-WWW-Form-URLEncoded ; charset=utf-8"];
    const OTHER: &[&[u8]] = &[
        b"application/json",
        b"application/json; charset=utf-8; charset=latin1",
        b"text/html",
        b"text/plain",
        b";;;",
        b"\xff\xfe",
        b"",
        b"application/x-www-form-urlencodedx",
    ];
    let types = if is_form { FORM } else { OTHER };
    let name = http::header::CONTENT_TYPE;
    if is_form || rng.u8(..8) != 0 {
        headers.append(&name, HeaderValue::from_bytes(types[rng.usize(..types.len())]).unwrap());
        // The first one counts.
        if rng.u8(..8) == 0 {
            headers.append(&name, HeaderValue::from_static("application/x-www-form-urlencoded"));
            headers.append(&name, HeaderValue::from_static("application/json"));
        }
    }
}

fn odd_header(rng: &mut Rng, echo: &str, headers: &mut HeaderMap) {
    let long = "x".repeat(if rng.u8(..64) == 0 { 60_000 } else { 300 });
    let values: &[(&str, &[&str])] = &[
        (
            "retry-after",
            &[
                "0",
                "-1",
                "1e9",
                "99999999999999999999999999",
                "soon",
                "",
                "Thu, 01 Jan 1970 00:00:00 GMT",
                "Fri, 31 Dec 9999 23:59:60 GMT",
                "Fri, 31 Feb 2026 25:61:61 GMT",
                "\t 7 \t",
                "Sun, 06 Nov 1994 08:49:37 GMT, 5",
            ],
        ),
        ("dpop-nonce", &["", "n0nce", "a b", "\"", &long, "eyJ7S_zG.eyJH0-Z.HX4w-7v"]),
        ("location", &["https://evil.example/", "//evil.example", "", "javascript:alert(1)", "http://[::1", &long]),
        ("content-encoding", &["gzip", "identity", "br, gzip", "\"", &long]),
        ("content-length", &["0", "-1", "18446744073709551616", "1, 2"]),
        ("www-authenticate", &["Basic", "DPoP error=\"use_dpop_nonce\"", "Bearer realm=\"", &long]),
        ("set-cookie", &["a=b", &long]),
        ("x-echo", &[echo, &long]),
        ("date", &["soon", "Thu, 01 Jan 1970 00:00:00 GMT"]),
    ];
    let (name, values) = values[rng.usize(..values.len())];
    let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
    for _ in 0..rng.usize(1..4) {
        let value = match rng.u8(..8) {
            0 => HeaderValue::from_bytes(&[0x80, 0xff, b'\t', b'7']),
            _ => HeaderValue::from_bytes(values[rng.usize(..values.len())].as_bytes()),
        };
        headers.append(&name, value.unwrap());
    }
}
