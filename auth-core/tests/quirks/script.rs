//! A server that expects certain requests, each exactly, in their order.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use tower_auth_core::{BoxError, HttpClient};

/// What a server expects and answers. When it is dropped everything must have been asked, and nothing else.
pub(crate) struct Script(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    expected: VecDeque<(String, Option<Response<Bytes>>)>,
    wrong: Vec<String>,
    asked: usize,
}

impl Script {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// Expects `request`, as [`shown`] writes it, where `*` stands for any text without `&`, blanks and quotes; and answers it.
    pub(crate) fn on(self, request: impl Into<String>, answer: Response<Bytes>) -> Self {
        self.0.lock().unwrap().expected.push_back((request.into(), Some(answer)));
        self
    }

    /// Expects `request` and loses the answer.
    pub(crate) fn lose(self, request: impl Into<String>) -> Self {
        self.0.lock().unwrap().expected.push_back((request.into(), None));
        self
    }

    /// How many requests came.
    pub(crate) fn asked(&self) -> usize {
        self.0.lock().unwrap().asked
    }

    pub(crate) fn http(&self) -> HttpClient {
        let inner = Arc::clone(&self.0);
        HttpClient::new(tower::service_fn(move |request: Request<Bytes>| {
            let mut inner = inner.lock().unwrap();
            inner.asked += 1;
            let got = shown(&request);
            let answer = match inner.expected.pop_front() {
                Some((expected, answer)) if fits(&expected, &got) => {
                    answer.ok_or_else(|| BoxError::from("the connection was lost"))
                }
                expected => {
                    let expected = expected.map_or_else(|| "nothing".to_owned(), |(expected, _)| expected);
                    inner.wrong.push(format!("--- expected\n{expected}\n--- got\n{got}\n"));
                    Ok(json(400, r#"{"error":"unexpected_request"}"#))
                }
            };
            std::future::ready(answer)
        }))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let inner = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let left: Vec<_> = inner.expected.iter().map(|(expected, _)| expected.as_str()).collect();
        let text = inner.wrong.join("\n");
        if std::thread::panicking() {
            eprintln!("{text}");
        } else {
            assert!(text.is_empty(), "other requests came:\n{text}");
            assert!(left.is_empty(), "these requests never came:\n{}", left.join("\n\n"));
        }
    }
}

/// Method and URL; the headers but those that say nothing; the body.
pub(crate) fn shown(request: &Request<Bytes>) -> String {
    let mut text = format!("{} {}\n", request.method(), request.uri());
    let mut headers: Vec<_> = request
        .headers()
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "accept" | "user-agent"))
        .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()))
        .collect();
    headers.sort();
    headers.iter().for_each(|header| text.push_str(header));
    text.push_str(std::str::from_utf8(request.body()).unwrap());
    text
}

/// Whether `got` is `expected`, in which `*` stands for something.
pub(crate) fn fits(expected: &str, got: &str) -> bool {
    let mut parts = expected.split('*');
    let Some(mut rest) = got.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    for part in parts {
        let Some(at) = (if part.is_empty() { Some(rest.len()) } else { rest.find(part) }) else { return false };
        if at == 0 || rest[..at].contains(['&', ' ', '"', '\n']) {
            return false;
        }
        rest = &rest[at + part.len()..];
    }
    rest.is_empty()
}

pub(crate) fn answer(status: u16, content_type: &str, body: impl Into<Bytes>) -> Response<Bytes> {
    Response::builder().status(status).header("content-type", content_type).body(body.into()).unwrap()
}

pub(crate) fn json(status: u16, body: impl Into<Bytes>) -> Response<Bytes> {
    answer(status, "application/json", body)
}

/// A plain answer with `token`, good for an hour.
pub(crate) fn grants(token: &str) -> Response<Bytes> {
    json(200, format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":3600}}"#))
}

/// One with a refresh token.
pub(crate) fn grants_both(token: &str, refresh: &str) -> Response<Bytes> {
    let text =
        format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":3600,"refresh_token":"{refresh}"}}"#);
    json(200, text)
}

/// A form posted to `url`.
pub(crate) fn form(url: &str, body: &str) -> String {
    format!("POST {url}\ncontent-type: application/x-www-form-urlencoded\n{body}")
}

/// The same with a Basic pair.
pub(crate) fn form_by(pair: &str, url: &str, body: &str) -> String {
    let pair = basic(pair);
    format!("POST {url}\nauthorization: {pair}\ncontent-type: application/x-www-form-urlencoded\n{body}")
}

pub(crate) fn json_body(url: &str, body: &str) -> String {
    format!("POST {url}\ncontent-type: application/json\n{body}")
}

pub(crate) fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}
