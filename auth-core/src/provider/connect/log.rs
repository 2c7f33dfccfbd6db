use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use serde_json::Value;
use tower_service::Service;

use crate::error::{BoxError, printable};
use crate::http::{HttpClient, HttpResponseFuture};
use crate::oauth::{Redactor, decode_form, encode_form};
use crate::provider::filled::FilledProvider;
use crate::{Clock, Secret};

/// What stands for a secret.
const MASK: &str = "[masked]";

/// How much of a body is shown, in characters.
const MAX_BODY: usize = 8 * 1024;

/// Receives the token requests of a connection and their answers, for a support page or a terminal. All secrets are masked: those that were
/// given, and every value of an answer or request that is not known to be harmless.
///
/// ```
/// use tower_auth_core::RequestLog;
///
/// let log = RequestLog::new(|exchange| eprintln!("{exchange}"));
/// ```
#[derive(Clone)]
pub struct RequestLog(Arc<dyn Fn(&LoggedExchange) + Send + Sync>);

/// A request and what came of it, without secrets.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoggedExchange {
    /// The method.
    pub method: Method,
    /// The URL; values of its query are masked.
    pub url: String,
    /// Names and values of the request's headers.
    pub request_headers: Vec<(String, String)>,
    /// The request's body.
    pub request_body: String,
    /// The status; `None` if no answer came.
    pub status: Option<u16>,
    /// Names and values of the answer's headers.
    pub response_headers: Vec<(String, String)>,
    /// The answer's body, or what went wrong.
    pub response_body: String,
    /// When the request was sent.
    pub at: SystemTime,
    /// How long it took.
    pub took: Duration,
}

/// Members and parameters whose values are shown.
const SHOWN: &[&str] = &[
    "active",
    "audience",
    "client_assertion_type",
    "code_challenge_method",
    "error",
    "error_code",
    "error_description",
    "error_uri",
    "exp",
    "expires",
    "expires_at",
    "expires_in",
    "expires_on",
    "grant_type",
    "iat",
    "interval",
    "issued_token_type",
    "message",
    "ok",
    "redirect_uri",
    "refresh_expires_in",
    "refresh_token_expires_in",
    "requested_token_type",
    "resource",
    "response_type",
    "scope",
    "status",
    "subject_token_type",
    "success",
    "token_type",
    "token_type_hint",
];

/// Headers whose values are shown.
const SHOWN_HEADERS: &[&str] = &[
    "accept",
    "cache-control",
    "content-length",
    "content-type",
    "date",
    "retry-after",
    "server",
    "user-agent",
    "www-authenticate",
];

impl RequestLog {
    /// A log that hands each exchange to `take`. It is called on the exchange's way, so it must not wait for anything.
    pub fn new(take: impl Fn(&LoggedExchange) + Send + Sync + 'static) -> Self {
        Self(Arc::new(take))
    }
}

impl fmt::Debug for RequestLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestLog").finish_non_exhaustive()
    }
}

/// `http`, with what it sends handed to `log`.
pub(super) fn logged(http: HttpClient, log: RequestLog, filled: &FilledProvider, clock: &Clock) -> HttpClient {
    let method = filled.method();
    let secrets = method.fields().iter().filter(|field| field.is_secret());
    let secrets = secrets.filter_map(|field| filled.value(field.name()).cloned());
    HttpClient::new(Logged {
        http,
        log,
        shown_fields: method
            .fields()
            .iter()
            .filter(|field| !field.is_secret() && field.name() != "client_id")
            .map(|field| field.name().into())
            .collect(),
        redactor: Arc::new(Redactor::default().and(secrets)),
        clock: clock.clone(),
    })
}

#[derive(Clone)]
struct Logged {
    http: HttpClient,
    log: RequestLog,
    /// Fields that are no secrets, which parameters may be called after.
    shown_fields: Arc<[String]>,
    redactor: Arc<Redactor>,
    clock: Clock,
}

impl Service<Request<Bytes>> for Logged {
    type Response = Response<Bytes>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Bytes>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let (mut own, started) = (self.clone(), self.clock.now());
        let mut exchange = LoggedExchange {
            method: request.method().clone(),
            url: own.url(request.uri()),
            request_headers: own.headers(request.headers()),
            request_body: own.body(request.headers(), request.body()),
            status: None,
            response_headers: Vec::new(),
            response_body: String::new(),
            at: self.clock.wall(),
            took: Duration::ZERO,
        };
        // Servers like to repeat what they object to.
        own.redactor = Arc::new(own.redactor.and(own.masked_in(&request)));
        let response: HttpResponseFuture = self.http.send(request);
        Box::pin(async move {
            let result = response.await;
            exchange.took = own.clock.now().saturating_since(started);
            match &result {
                Ok(response) => {
                    exchange.status = Some(response.status().as_u16());
                    exchange.response_headers = own.headers(response.headers());
                    exchange.response_body = own.body(response.headers(), response.body());
                }
                Err(error) => exchange.response_body = own.redactor.clean(&error.to_string(), MAX_BODY),
            }
            (own.log.0)(&exchange);
            result
        })
    }
}

impl Logged {
    /// The values of a request that are not shown.
    fn masked_in(&self, request: &Request<Bytes>) -> Vec<Secret> {
        let mut masked = Vec::new();
        for (name, value) in request.headers() {
            if !SHOWN_HEADERS.contains(&name.as_str()) {
                masked.extend(value.to_str().ok().into_iter().flat_map(|text| text.split(' ')).map(Secret::from));
            }
        }
        let query = request.uri().query().unwrap_or_default().as_bytes();
        for text in [query, request.body()] {
            let pairs = decode_form(text, 1000).unwrap_or_default();
            masked.extend(
                pairs.iter().filter(|(name, _)| !self.is_shown(name)).map(|(_, value)| Secret::from(value.as_str())),
            );
        }
        if let Ok(body) = serde_json::from_slice::<Value>(request.body()) {
            self.collect_masked("", &body, &mut masked);
        }
        masked.retain(|value| value.expose_secret().len() >= 6);
        masked
    }

    fn collect_masked(&self, name: &str, value: &Value, masked: &mut Vec<Secret>) {
        match value {
            Value::Object(members) => members.iter().for_each(|(name, value)| self.collect_masked(name, value, masked)),
            Value::Array(list) => list.iter().for_each(|value| self.collect_masked(name, value, masked)),
            Value::String(text) if !self.is_shown(name) => masked.push(Secret::from(text.as_str())),
            _ => {}
        }
    }

    fn is_shown(&self, name: &str) -> bool {
        SHOWN.contains(&name) || self.shown_fields.iter().any(|own| own == name)
    }

    /// The value of `name` if it may be shown, and without secrets in it.
    fn value(&self, name: &str, value: &str) -> String {
        if self.is_shown(name) { self.redactor.clean(value, MAX_BODY) } else { MASK.to_owned() }
    }

    fn url(&self, uri: &http::Uri) -> String {
        let site = uri.authority().map_or("", http::uri::Authority::as_str);
        let mut text = format!("{}://{site}{}", uri.scheme_str().unwrap_or("https"), uri.path());
        if let Some(query) = uri.query() {
            text.push('?');
            text.push_str(&self.form(query.as_bytes()));
        }
        self.redactor.clean(&text, MAX_BODY)
    }

    fn headers(&self, headers: &HeaderMap) -> Vec<(String, String)> {
        let shown = |name: &http::HeaderName, value: &http::HeaderValue| {
            let text = value.to_str().ok().filter(|_| SHOWN_HEADERS.contains(&name.as_str()) && !value.is_sensitive());
            text.map_or_else(|| MASK.to_owned(), |text| self.redactor.clean(text, 1024))
        };
        headers.iter().map(|(name, value)| (name.as_str().to_owned(), shown(name, value))).collect()
    }

    fn body(&self, headers: &HeaderMap, body: &[u8]) -> String {
        if body.is_empty() {
            return String::new();
        }
        let content_type = headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if content_type.is_some_and(|name| name.starts_with("application/x-www-form-urlencoded")) {
            return printable(&self.form(body), MAX_BODY);
        }
        match serde_json::from_slice::<Value>(body) {
            Ok(mut value) => {
                self.mask("", &mut value);
                printable(&value.to_string(), MAX_BODY)
            }
            // Nobody knows what it is.
            Err(_) => format!("[{} bytes that are not JSON]", body.len()),
        }
    }

    fn form(&self, text: &[u8]) -> String {
        let Some(pairs) = decode_form(text, 1000) else { return MASK.to_owned() };
        let shown = pairs.iter().map(|(name, value)| {
            let name = self.redactor.clean(name, 100);
            if self.is_shown(&name) {
                format!("{}={}", name, encode_form(&self.value(&name, value)).as_str())
            } else {
                format!("{name}={MASK}")
            }
        });
        shown.collect::<Vec<_>>().join("&")
    }

    fn mask(&self, name: &str, value: &mut Value) {
        match value {
            Value::Object(members) => members.iter_mut().for_each(|(name, value)| self.mask(name, value)),
            Value::Array(list) => list.iter_mut().for_each(|value| self.mask(name, value)),
            Value::String(text) => *text = self.value(name, text),
            Value::Number(_) if !self.is_shown(name) => *value = Value::from(MASK),
            Value::Number(_) | Value::Bool(_) | Value::Null => {}
        }
    }
}

impl fmt::Display for LoggedExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "> {} {}", self.method, self.url)?;
        for (name, value) in &self.request_headers {
            writeln!(f, "> {name}: {value}")?;
        }
        if !self.request_body.is_empty() {
            writeln!(f, "> {}", self.request_body)?;
        }
        let millis = self.took.as_secs_f64() * 1000.0;
        match self.status {
            Some(status) => writeln!(f, "< {status} after {millis:.1} ms")?,
            None => writeln!(f, "< no answer after {millis:.1} ms")?,
        }
        for (name, value) in &self.response_headers {
            writeln!(f, "< {name}: {value}")?;
        }
        write!(f, "< {}", self.response_body)
    }
}
