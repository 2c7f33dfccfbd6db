use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, Method, Request};

use super::answer::Refusal;
use super::params;

/// A request, its parameters decoded.
pub(super) struct Received {
    pub(super) head: Parts,
    pub(super) body: Bytes,
    /// Query first, then body.
    pub(super) params: Vec<(String, String)>,
    pub(super) format: Format,
    has_query: bool,
    broken: Option<&'static str>,
}

/// How a body says that it is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Form,
    Json,
    Empty,
    Other,
}

impl Received {
    pub(super) fn new(request: Request<Bytes>) -> Self {
        let (head, body) = request.into_parts();
        let format = format(&head.headers, &body);
        let mut broken = None;
        let mut params = Vec::new();
        let query = head.uri.query().unwrap_or_default();
        match params::from_form(query.as_bytes()) {
            Some(pairs) => params.extend(pairs),
            None => broken = Some("the query is not form-encoded"),
        }
        let has_query = !params.is_empty();
        let decoded = match format {
            Format::Form => params::from_form(&body),
            Format::Json => params::from_json(&body),
            Format::Empty | Format::Other => Some(Vec::new()),
        };
        match decoded {
            Some(pairs) => params.extend(pairs),
            None => broken = Some("the body is not what its content type says, or not encoded as that demands"),
        }
        Self { head, body, params, format, has_query, broken }
    }

    /// The parameter `name`; one with an empty value is as good as absent (RFC 6749 section 3.2).
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        params::first(&self.params, name)
    }

    /// The rules for every endpoint that takes parameters from clients; what is allowed beside forms is the caller's choice.
    pub(super) fn check(&self, json: bool, query: bool) -> Result<(), Refusal> {
        let refuse = |what: &str| Err(Refusal::invalid_request(what));
        if let Some(broken) = self.broken {
            return refuse(broken);
        }
        match self.format {
            Format::Form => {}
            Format::Json if json => {}
            Format::Empty if query => {}
            _ => return refuse("the body must be application/x-www-form-urlencoded"),
        }
        if self.has_query && !query {
            return refuse("parameters belong into the body, not into the URL");
        }
        self.check_once()
    }

    /// The rules for endpoints that a user agent comes to: the parameters are in the URL, or in a form.
    pub(super) fn check_user_agent(&self) -> Result<(), Refusal> {
        if let Some(broken) = self.broken {
            return Err(Refusal::invalid_request(broken));
        }
        match self.format {
            Format::Form | Format::Empty => self.check_once(),
            Format::Json | Format::Other => Err(Refusal::invalid_request("the body is no form")),
        }
    }

    fn check_once(&self) -> Result<(), Refusal> {
        if params::has_repeated(&self.params) {
            return Err(Refusal::invalid_request("a parameter is there twice"));
        }
        Ok(())
    }

    pub(super) fn has_query(&self) -> bool {
        self.has_query
    }

    pub(super) fn is_post(&self) -> bool {
        self.head.method == Method::POST
    }
}

fn format(headers: &HeaderMap, body: &Bytes) -> Format {
    let essence = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_ascii_lowercase());
    match essence.as_deref() {
        Some("application/x-www-form-urlencoded") => Format::Form,
        Some("application/json") => Format::Json,
        None if body.is_empty() => Format::Empty,
        _ => Format::Other,
    }
}
