use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Response, StatusCode};
use serde_json::{Map, Value};

use super::answer::Answer;
use super::builder::Options;
use super::captures::keep;
use super::client::joined;
use super::known::Known;
use super::late_url::late_url;
use super::lifetime::lifetime;
use super::retry::{asks_to_wait, retry_after};
use super::scope::{Scope, unfillable};
use crate::http::{Endpoint, PlaintextOptions, WipedBuffer};
use crate::oauth::{BodyFormat, Dialect, Outline, Target, Translated};
use crate::provider::filled::FilledProvider;
use crate::provider::kind::{AuthKind, ExpiryKind, RequestFormat};
use crate::provider::model::{GrantType, ParamPlace, ParamValue, SecondaryToken, Source};
use crate::provider::path::Path;
use crate::{Clock, Secret, TokenError};

/// Where an answer keeps when its refresh token ends.
pub(super) const REFRESH_EXPIRES: &str = "refresh_expires_in";

/// The token requests and answers of one provider.
pub(super) struct ProviderDialect {
    filled: Arc<FilledProvider>,
    clock: Clock,
    plaintext: PlaintextOptions,
    /// Scopes beside those of the description.
    chosen: Vec<String>,
    /// The number of the secondary token that is asked for.
    secondary: Option<usize>,
}

/// The standard parameters that a file may rename or drop.
const STANDARD: &[&str] = &[
    "client_id",
    "client_secret",
    "scope",
    "code",
    "redirect_uri",
    "refresh_token",
    "grant_type",
    "username",
    "password",
    "assertion",
    "code_verifier",
];

impl ProviderDialect {
    pub(super) fn new(filled: Arc<FilledProvider>, options: &Options) -> Self {
        Self {
            filled,
            clock: options.clock.clone(),
            plaintext: options.plaintext.clone(),
            chosen: options.scopes.clone(),
            secondary: None,
        }
    }

    pub(super) fn of_secondary(filled: Arc<FilledProvider>, options: &Options, number: usize) -> Self {
        Self { secondary: Some(number), ..Self::new(filled, options) }
    }

    fn secondary(&self) -> Option<&SecondaryToken> {
        self.filled.method().secondary_tokens.get(self.secondary?)
    }

    fn place(target: Target) -> ParamPlace {
        match target {
            Target::Refresh => ParamPlace::Refresh,
            Target::Authorization | Target::PushedAuthorization => ParamPlace::Authorize,
            _ => ParamPlace::Token,
        }
    }
}

impl Dialect for ProviderDialect {
    fn shape(&self, target: Target, request: &mut Outline) -> Result<(), TokenError> {
        let method = self.filled.method();
        let place = Self::place(target);
        let known = Known::now();
        let mut scope = Scope::new(&self.filled, &self.clock).captured(&known.captured);
        if let Some(token) = known.token.as_ref().filter(|_| place == ParamPlace::Refresh) {
            scope = scope.with("token", token.clone());
        }
        for name in ["refresh_token", "token", "assertion", "redirect_uri", "scopes"] {
            let standard = if name == "scopes" { "scope" } else { name };
            if let Some(value) = request.params.get(standard) {
                scope = scope.with(name, value.clone());
            }
        }
        scope = scope.with("scopes", joined(&self.filled, &self.clock, &self.chosen)?);
        let (extra, grant_type) = match place {
            _ if target == Target::DeviceAuthorization => (None, &GrantType::Usual),
            ParamPlace::Token => (Some(&method.token.params), &method.token.grant_type),
            ParamPlace::Refresh => {
                let params = self.secondary().map_or(&method.renewal.params, |secondary| &secondary.params);
                (Some(params), &method.renewal.grant_type)
            }
            ParamPlace::Authorize => (None, &GrantType::Usual),
        };
        match grant_type {
            GrantType::Usual => {}
            GrantType::Other(value) => request.params.set("grant_type", value.as_str()),
            GrantType::Omitted => request.params.rename("grant_type", None),
        }
        // A provider's own login gets what its file says and nothing else.
        if method.kind == AuthKind::Login {
            request.params.rename("assertion", None);
        }
        if method.kind == AuthKind::Login || self.filled.value("client_id").is_none() {
            request.params.rename("client_id", None);
        }
        // The access token that a refresh spends is there for the templates; the file says where it goes.
        request.params.rename("token", None);
        for (name, value) in extra.into_iter().flatten() {
            match &value.value {
                nested @ (ParamValue::List(_) | ParamValue::Table(_)) => {
                    request.params.push_json(name.clone(), &scope.json(name, nested)?);
                }
                plain @ (ParamValue::Integer(_) | ParamValue::Bool(_))
                    if method.token.format == RequestFormat::Json =>
                {
                    request.params.push_json(name.clone(), &scope.json(name, plain)?);
                }
                plain => request.params.set(name.clone(), scope.param(name, plain)?),
            }
        }
        for name in STANDARD {
            match method.token.names.name(place, name) {
                Some(same) if same == *name => {}
                renamed => request.params.rename(name, renamed),
            }
        }
        request.headers.extend(scope.headers(&method.token.headers)?);
        if place == ParamPlace::Refresh {
            request.headers.extend(scope.headers(&method.renewal.headers)?);
        }
        request.may_be_empty = true;
        request.format = match method.token.format {
            RequestFormat::Form => BodyFormat::Form,
            RequestFormat::Json => BodyFormat::Json,
            RequestFormat::Query => BodyFormat::InsecureQuery,
        };
        if method.token.is_get {
            request.method = Method::GET;
            request.format = BodyFormat::InsecureQuery;
        }
        Ok(())
    }

    fn endpoint(&self, target: Target) -> Result<Option<Endpoint>, TokenError> {
        if target == Target::Refresh && self.secondary().is_some_and(|own| own.url.is_some()) {
            return Ok(None);
        }
        let known = Known::now();
        let scope = Scope::new(&self.filled, &self.clock).captured(&known.captured);
        let what = target.name();
        let Some(url) = late_url(&self.filled, target, &scope).map_err(|why| unfillable(what, &why))? else {
            return Ok(None);
        };
        let rules = self.plaintext.rules();
        let endpoint = rules.and_then(|rules| Endpoint::parse(what, &url, &rules));
        endpoint.map(Some).map_err(|error| unfillable(what, "the URL cannot be used").with_source(error))
    }

    fn translate(&self, target: Target, response: Response<Bytes>, now: SystemTime) -> Result<Translated, TokenError> {
        let response = self.with_retry_after(response, now);
        if target == Target::DeviceAuthorization {
            return Ok(Translated { response, extras: Vec::new() });
        }
        let answer = Answer::new(&response);
        let told = |members: &Map<String, Value>| members.contains_key("access_token") || members.contains_key("error");
        Ok(match self.read(&answer, target, now)? {
            // The usual reader calls a web page, or whatever else it is, by its name.
            Some((members, ..)) if answer.members().is_none() && !told(&members) => {
                Translated { response, extras: Vec::new() }
            }
            Some((members, extras, status)) => Translated { response: rewrite(response, status, &members), extras },
            None => Translated { response, extras: Vec::new() },
        })
    }
}

type Read = (Map<String, Value>, Vec<(String, Secret)>, StatusCode);

impl ProviderDialect {
    /// What `answer` says, as the standard would say it. `None` if it says nothing that a description could help to understand.
    fn read(&self, answer: &Answer, target: Target, now: SystemTime) -> Result<Option<Read>, TokenError> {
        let method = self.filled.method();
        let rules = &method.response;
        let mut members = answer.members().cloned().unwrap_or_default();
        let mut status = answer.status();
        let failed = rules.error_when.as_ref().is_some_and(|when| answer.holds(when))
            || rules.success_when.as_ref().is_some_and(|when| !answer.holds(when));
        let code = answer.first_text(&rules.error).filter(|code| !matches!(code.expose_secret(), "false" | "0" | "[]"));
        let succeeded = !failed && rules.success_when.is_some();
        // The usual reader finds an error of the usual name by itself.
        let failed = failed || code.is_some() && !succeeded && !is_usual(&rules.error, "error");
        if failed || !status.is_success() && !succeeded {
            let elsewhere = !is_usual(&rules.error, "error");
            if !failed && !elsewhere && is_usual(&rules.error_description, "error_description") {
                return Ok(None);
            }
            if let Some(code) = &code {
                members.insert("error".to_owned(), Value::from(code.expose_secret()));
            } else if failed {
                members.insert("error".to_owned(), Value::from("request_failed"));
            }
            if let Some(text) = answer.first_text(&rules.error_description) {
                members.insert("error_description".to_owned(), Value::from(text.expose_secret()));
            }
            return Ok(Some((members, Vec::new(), status)));
        }
        if succeeded {
            status = StatusCode::OK;
            members.retain(|name, _| !matches!(name.as_str(), "error" | "error_description" | "ok"));
        }
        let renewed = succeeded && target == Target::Refresh;
        let prolonged = || Known::now().token.clone().filter(|_| renewed);
        let Some(token) = answer.first_text(&rules.token).or_else(prolonged) else {
            // The usual reader says what is wrong, unless it would find another token than the one that was meant.
            if !is_usual(&rules.token, "access_token") {
                members.remove("access_token");
            }
            return Ok(Some((members, Vec::new(), status)));
        };
        members.insert("access_token".to_owned(), Value::from(token.expose_secret()));
        for (name, sources) in [
            ("token_type", &rules.token_type),
            ("refresh_token", &rules.refresh_token),
            ("id_token", &rules.id_token),
            ("scope", &rules.scope),
        ] {
            match answer.first(sources) {
                Some(value) => members.insert(name.to_owned(), value),
                None => members.remove(name),
            };
        }
        // A description that says where the token goes understands it, whatever the server calls it.
        let kind_alone = method.kind == AuthKind::Login && is_usual(&rules.token_type, "token_type");
        let known = members.get("token_type").and_then(Value::as_str).and_then(crate::TokenKind::from_token_type);
        if kind_alone || known.is_none() && !method.placement.is_empty() {
            members.remove("token_type");
        }
        self.put_lifetime(&mut members, answer, token.expose_secret(), now);
        if self.secondary.is_some() {
            return Ok(Some((members, Vec::new(), status)));
        }
        let mut extras = keep(&self.filled, answer, &rules.capture)?;
        if let Some(end) = answer.first_text(&rules.refresh_expires) {
            extras.push((REFRESH_EXPIRES.to_owned(), end));
        }
        Ok(Some((members, extras, status)))
    }

    /// Says in the usual header what the description's own say about when to come back.
    fn with_retry_after(&self, mut response: Response<Bytes>, now: SystemTime) -> Response<Bytes> {
        let names = &self.filled.method().limits.retry_after;
        if !names.is_empty() && asks_to_wait(response.status()) {
            if let Some(wait) = retry_after(response.headers(), names, now) {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_millis().div_ceil(1000) as u64));
            }
        }
        response
    }

    fn put_lifetime(&self, members: &mut Map<String, Value>, answer: &Answer, token: &str, now: SystemTime) {
        let method = self.filled.method();
        let own = self.secondary().and_then(|secondary| secondary.expires.as_ref());
        let (rules, expires) = (&method.response.expires, own.unwrap_or(&method.expires));
        let text = answer.first_text(rules);
        let found = lifetime(expires.kind, text.as_ref().map(Secret::expose_secret), token, now);
        let usual = expires.kind == ExpiryKind::RelativeSeconds && is_usual(rules, "expires_in");
        let points = ["expires_at", "expires_on"].into_iter().filter_map(|name| members.get(name).map(as_written));
        let point =
            || points.filter(|_| usual).find_map(|at| lifetime(ExpiryKind::AbsoluteAuto, Some(&at), token, now));
        let found = found.or_else(point);
        // The usual reader says in the log what it cannot read.
        if usual && found.is_none() && expires.default.is_none() {
            return;
        }
        if found.is_none() && text.is_some() && expires.kind != ExpiryKind::Never {
            tracing::warn!(provider = %self.filled.spec().id(), "the provider gave a lifetime that cannot be read; it is taken as unknown");
        }
        // What introspection tells comes before the default.
        let default = expires.default.filter(|_| expires.kind != ExpiryKind::Introspect);
        let length = found.or(default).map(|length| expires.max.map_or(length, |max| length.min(max)));
        for name in ["expires_in", "expires_at", "expires_on"] {
            members.remove(name);
        }
        if let Some(length) = length {
            members.insert("expires_in".to_owned(), Value::from(length.as_secs()));
        }
    }
}

/// Whether `sources` is the member that the standard names.
fn is_usual(sources: &[Source], name: &str) -> bool {
    matches!(sources, [Source::Body(path)] if Path::parse(name).is_ok_and(|usual| *path == usual))
}

/// A member as the text that it is read as.
fn as_written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn rewrite(response: Response<Bytes>, status: StatusCode, members: &Map<String, Value>) -> Response<Bytes> {
    let (mut parts, _) = response.into_parts();
    let mut body = WipedBuffer::with_capacity(1024);
    // A buffer takes whatever is written into it, and a map of texts and numbers is always JSON.
    let _ = serde_json::to_writer(&mut body, members);
    parts.status = status;
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, body.into_bytes())
}
