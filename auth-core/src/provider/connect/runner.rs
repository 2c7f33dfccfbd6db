use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request, Response, Uri};

use super::answer::Answer;
use super::retry::retry_after;
use super::scope::{Scope, unfillable};
use crate::clock::within;
use crate::http::HttpClient;
use crate::oauth::{BodyFormat, Params, Redactor, Target, transport_failure};
use crate::provider::kind::RequestFormat;
use crate::provider::model::{ParamValue, RequestSpec, Response as Rules};
use crate::provider::path::Path;
use crate::{Clock, Credential, Secret, TokenError, TokenErrorKind};

/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 256 * 1024;

/// How much of an error text of the provider is kept, in characters.
const MAX_DESCRIPTION: usize = 200;

/// Sends the requests of a description beside the token request: steps, verification, probe, revocation.
pub(super) struct Runner {
    pub(super) http: HttpClient,
    pub(super) clock: Clock,
    pub(super) timeout: Duration,
    pub(super) redactor: Redactor,
    /// Headers that say when to come back.
    pub(super) retry_after: Vec<http::HeaderName>,
}

/// A request to be sent, and what it is for.
pub(super) struct Task<'a> {
    /// In errors: `verification`.
    pub(super) what: &'static str,
    pub(super) spec: &'a RequestSpec,
    /// Of the method, where the request names none.
    pub(super) format: RequestFormat,
    pub(super) headers: http::HeaderMap,
    pub(super) credential: Option<&'a Credential>,
    pub(super) rules: &'a Rules,
    /// What of the credential goes into the body.
    pub(super) body: Vec<(Path, Secret)>,
    /// Where a part of the credential stands in the path: the path that stays in front of it.
    pub(super) base_path: Option<String>,
    /// What errors must not repeat, beside what the request shows.
    pub(super) hidden: Vec<Secret>,
    /// Whether 3xx counts as success, if the description does not say what does.
    pub(super) lenient: bool,
}

impl Runner {
    /// Sends the request; an answer that is not as expected is an error.
    pub(super) async fn run(&self, task: Task<'_>, scope: &Scope<'_>) -> Result<Answer, TokenError> {
        let mut request = request(&task, scope)?;
        // What the description says comes first.
        let agent = HeaderValue::from_static(concat!("tower-auth/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().entry(ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        request.headers_mut().entry(USER_AGENT).or_insert(agent);
        let site = request.uri().authority().map_or_else(String::new, ToString::to_string);
        let redactor = self.redactor.and(secrets(&request).into_iter().chain(task.hidden.iter().cloned()));
        let response = match within(&self.clock, self.timeout, self.http.send(request)).await {
            Some(Ok(response)) => response,
            Some(Err(error)) => return Err(transport_failure(Target::Token, &site, &redactor, error)),
            None => {
                let message = format!("{site} did not answer the {} within {:?}", task.what, self.timeout);
                return Err(TokenError::new(TokenErrorKind::TimedOut, message));
            }
        };
        self.judge(&task, &site, &redactor, &response)
    }

    fn judge(
        &self,
        task: &Task<'_>,
        site: &str,
        redactor: &Redactor,
        response: &Response<Bytes>,
    ) -> Result<Answer, TokenError> {
        if response.body().len() > MAX_ANSWER {
            let message = format!("{site} answered the {} with more than 256 KiB", task.what);
            return Err(TokenError::new(TokenErrorKind::Unparsable, message));
        }
        let answer = Answer::new(response);
        let status = answer.status();
        let expected = match &task.spec.expect {
            Some(predicate) => answer.holds(predicate),
            None => status.is_success() || task.lenient && status.is_redirection(),
        };
        if expected {
            return Ok(answer);
        }
        let (kind, advice) = match status.as_u16() {
            401 | 403 => (TokenErrorKind::Refused, "the credential was refused: check the values that were given"),
            404 => (TokenErrorKind::Misconfigured, "check the URL, and the values in it"),
            408 | 500.. => (TokenErrorKind::ServerError, "the server failed; try again later"),
            429 => (TokenErrorKind::Throttled, "it asks for fewer requests"),
            200..=399 => {
                (TokenErrorKind::Refused, "the answer is not the expected one: check the values that were given")
            }
            _ => (TokenErrorKind::Misconfigured, "check the values that were given"),
        };
        let shown = |sources| {
            answer
                .first_text(sources)
                .map(|text| redactor.clean(text.expose_secret(), MAX_DESCRIPTION).replace('"', "'"))
                .filter(|text| !text.is_empty())
        };
        let code = shown(&task.rules.error);
        let mut message = format!("{site} did not accept the {} (status {}", task.what, status.as_u16());
        for text in [&code, &shown(&task.rules.error_description)].into_iter().flatten() {
            message.push_str(&format!(", \"{text}\""));
        }
        message.push_str(&format!("): {advice}"));
        let mut error = TokenError::new(kind, message).with_status(status.as_u16());
        if let Some(code) = &code {
            error = error.with_oauth_error(code);
        }
        Err(match retry_after(response.headers(), &self.retry_after, self.clock.wall()) {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        })
    }
}

fn request(task: &Task<'_>, scope: &Scope<'_>) -> Result<Request<Bytes>, TokenError> {
    let spec = task.spec;
    let url = scope.filling().url(&spec.url.value).map_err(|why| unfillable("the URL", &why))?;
    let uri: Uri = url.parse().map_err(|_| unfillable("the URL", "with its values it is not a URL"))?;
    let bodiless = matches!(spec.method, Method::GET | Method::HEAD | Method::DELETE);
    let format = match spec.format.unwrap_or(task.format) {
        _ if bodiless => BodyFormat::InsecureQuery,
        RequestFormat::Form => BodyFormat::Form,
        RequestFormat::Json => BodyFormat::Json,
        RequestFormat::Query => BodyFormat::InsecureQuery,
    };
    let mut params = Params::default();
    for (name, value) in &spec.params {
        match &value.value {
            ParamValue::Text(_) => params.push(name.clone(), scope.param(name, &value.value)?),
            other => params.push_json(name.clone(), &scope.json(name, other)?),
        }
    }
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = uri;
    if let Some(body) = &spec.body {
        *request.body_mut() = Bytes::from(scope.text("the body", &body.value)?.expose_secret().to_owned());
    } else if !spec.params.is_empty() {
        let encoded = params
            .encode(format, request.uri())
            .ok_or_else(|| unfillable("the parameters", "they do not fit into a URL"))?;
        *request.uri_mut() = encoded.uri;
        *request.body_mut() = encoded.body;
        if let Some(content_type) = encoded.content_type {
            request.headers_mut().insert(CONTENT_TYPE, content_type);
        }
    }
    *request.method_mut() = spec.method.clone();
    request.headers_mut().extend(task.headers.clone());
    request.headers_mut().extend(scope.headers(&spec.headers)?);
    super::body::fill_request(&mut request, &task.body)?;
    let Some(credential) = task.credential else { return Ok(request) };
    let base = task.base_path.as_deref().filter(|base| !base.is_empty());
    let short = base.and_then(|base| without(request.uri(), base));
    if let Some(short) = &short {
        *request.uri_mut() = short.clone();
    }
    let (target, body) = (request.uri().clone(), request.body().clone());
    credential.sign(&mut request, &target, Some(&body)).map_err(|error| {
        TokenError::new(TokenErrorKind::Misconfigured, "the request could not be signed").with_source(error)
    })?;
    if let (Some(base), Some(_)) = (base, short) {
        let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let whole = with_path(request.uri(), &format!("{base}{path}"));
        *request.uri_mut() = whole.ok_or_else(|| unfillable("the URL", "with the credential it is not a URL"))?;
    }
    Ok(request)
}

/// `uri` without `base` in front of its path.
fn without(uri: &Uri, base: &str) -> Option<Uri> {
    let rest = uri.path_and_query()?.as_str().strip_prefix(base).filter(|rest| rest.starts_with('/'))?.to_owned();
    with_path(uri, &rest)
}

fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// The texts of a request that its answer must not repeat into an error.
fn secrets(request: &Request<Bytes>) -> Vec<Secret> {
    let headers = request.headers().values().filter(|value| value.is_sensitive());
    let texts = headers.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(' '));
    texts.filter(|text| text.len() >= 6).map(Secret::from).collect()
}
