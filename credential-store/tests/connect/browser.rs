use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::world::ORIGIN;

/// A browser as far as the pages need one: it keeps cookies, and sends forms. It follows no redirect by itself.
pub(crate) struct Browser {
    router: Router,
    cookies: Mutex<Vec<Cookie>>,
    heard: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Cookie {
    pub(crate) name: String,
    pub(crate) value: String,
    path: String,
    pub(crate) line: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn location(&self) -> String {
        self.headers.get("location").map(|own| own.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    /// The value of a hidden field.
    pub(crate) fn hidden(&self, name: &str) -> String {
        let mark = format!("name=\"{name}\" value=\"");
        let rest = self.text.split_once(&mark).unwrap_or_else(|| panic!("no {name} in {}", self.text)).1;
        rest.split('"').next().unwrap().to_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    #[track_caller]
    pub(crate) fn has(&self, text: &str) {
        assert!(self.text.contains(text), "no {text:?} in {} {}", self.status, self.text);
    }

    #[track_caller]
    pub(crate) fn lacks(&self, text: &str) {
        assert!(!self.text.contains(text), "{text:?} in {}", self.text);
    }
}

impl Browser {
    pub(crate) fn new(router: Router, heard: Arc<Mutex<Vec<String>>>) -> Self {
        Self { router, cookies: Mutex::default(), heard }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(local(path)), String::new()).await
    }

    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let body: Vec<_> = form.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        let request = Request::post(local(path)).header("content-type", "application/x-www-form-urlencoded");
        self.send(request, body.join("&")).await
    }

    /// Opens the page at `path` and sends its form, with `fields` filled in.
    pub(crate) async fn fill(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let page = self.get(path).await;
        let mut form = vec![("csrf".to_owned(), page.hidden("csrf"))];
        for name in ["method", "flow", "window"] {
            if page.text.contains(&format!("name=\"{name}\" value=")) {
                form.push((name.to_owned(), page.hidden(name)));
            }
        }
        form.retain(|(name, _)| !fields.iter().any(|(own, _)| own == name));
        let mut all: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        all.extend(fields);
        // The address without its query is where the form goes.
        self.post(path.split('?').next().unwrap(), &all).await
    }

    pub(crate) async fn json(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<serde_json::Value>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(local(path));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        self.send(request, body.map(|body| body.to_string()).unwrap_or_default()).await
    }

    pub(crate) async fn send(&self, request: http::request::Builder, body: String) -> Answer {
        let mut request = request.body(Body::from(body)).unwrap();
        let path = request.uri().path().to_owned();
        let sent: Vec<_> = {
            let cookies = self.cookies.lock().unwrap();
            let own = cookies.iter().filter(|cookie| path.starts_with(&cookie.path));
            own.map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect()
        };
        if !sent.is_empty() {
            request.headers_mut().insert("cookie", sent.join("; ").parse().unwrap());
        }
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        self.heard.lock().unwrap().push(format!("{path} {:?} {} {text}", head.status, headers_text(&head.headers)));
        for line in head.headers.get_all("set-cookie") {
            self.keep(line.to_str().unwrap());
        }
        Answer { status: head.status.as_u16(), headers: head.headers, text }
    }

    fn keep(&self, line: &str) {
        let (name, rest) = line.split_once('=').unwrap();
        let value = rest.split(';').next().unwrap().to_owned();
        let path = line.split("; ").find_map(|part| part.strip_prefix("Path=")).unwrap().to_owned();
        let mut cookies = self.cookies.lock().unwrap();
        cookies.retain(|cookie| cookie.name != name);
        if !line.contains("Max-Age=0;") {
            cookies.push(Cookie { name: name.to_owned(), value, path, line: line.to_owned() });
        }
    }

    pub(crate) fn cookies(&self) -> Vec<Cookie> {
        self.cookies.lock().unwrap().clone()
    }

    pub(crate) fn take_cookies(&self, other: &Browser) {
        *self.cookies.lock().unwrap() = other.cookies();
    }
}

/// `HeaderMap` does not show values that are marked sensitive.
fn headers_text(headers: &HeaderMap) -> String {
    headers.iter().map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()))).collect()
}

fn local(path: &str) -> String {
    path.strip_prefix(ORIGIN).unwrap_or(path).to_owned()
}

pub(crate) fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
