use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http::Uri;
use http::header::HeaderValue;
use http::uri::PathAndQuery;

use super::endpoints::Target;
use super::form;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::http::WipedBuffer;
use crate::{ScopeSet, Secret};

/// How the parameters of a token request are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BodyFormat {
    /// `application/x-www-form-urlencoded`, as the standard has it (RFC 6749 section 3.2).
    #[default]
    Form,
    /// A JSON object of strings.
    Json,
    /// Parameters of the URL, behind those that it has; the body is empty.
    ///
    /// # Security
    /// Proxies and servers write URLs into logs, secrets in them included. This exists for servers that take them
    /// nowhere else, and is against RFC 6749 section 2.3.1.
    InsecureQuery,
}

/// What a grant adds to a token request.
pub(crate) struct Grant<'a> {
    /// The grant in spans.
    pub(crate) name: &'static str,
    /// [`Target::Token`] or [`Target::Refresh`].
    pub(crate) target: Target,
    /// The value of `grant_type`; absent where the server wants none.
    pub(crate) grant_type: Option<&'a str>,
    pub(crate) scope: &'a ScopeSet,
    /// Its own parameters; only `resource` may be there more than once (RFC 8707 section 2).
    pub(crate) params: Params,
    pub(crate) keep_refresh_token: bool,
    /// Whether the request spends something that is good once: a code, a refresh token that may rotate. Such a request is never
    /// sent a second time to try another way of authentication.
    pub(crate) single_use: bool,
}

/// Values of other parameters than these are held to be secret from here on, in bytes.
pub(super) const MIN_SECRET: usize = 6;

/// Parameters whose values are secret however short they are.
const SECRET: &[&str] = &[
    "actor_token",
    "assertion",
    "client_assertion",
    "client_secret",
    "code",
    "code_verifier",
    "device_code",
    "id_token_hint",
    "password",
    "refresh_token",
    "subject_token",
    "token",
];

/// Parameters whose values are names, which messages may repeat.
const PUBLIC: &[&str] = &[
    "actor_token_type",
    "audience",
    "authorization_details",
    "client_assertion_type",
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "dpop_jkt",
    "grant_type",
    "redirect_uri",
    "requested_token_type",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "subject_token_type",
    "token_type_hint",
];

/// Parameters in the order in which they are sent. `Debug` does not show what they hold.
#[derive(Clone, Default)]
pub(crate) struct Params {
    pairs: Vec<(Cow<'static, str>, Secret)>,
    /// The names whose values are JSON already.
    json: Vec<Cow<'static, str>>,
}

/// The parts of a request that depend on the format.
pub(crate) struct Encoded {
    pub(crate) uri: Uri,
    pub(crate) content_type: Option<HeaderValue>,
    pub(crate) body: Bytes,
}

impl Params {
    pub(crate) fn push(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Secret>) {
        self.pairs.push((name.into(), value.into()));
    }

    /// Adds a value that is JSON already; where bodies are not, it is sent as its text.
    #[cfg(feature = "provider")]
    pub(crate) fn push_json(&mut self, name: impl Into<Cow<'static, str>>, value: &serde_json::Value) {
        let name = name.into();
        self.json.push(name.clone());
        self.pairs.push((name, Secret::new(value.to_string())));
    }

    /// Gives the parameter `name` a value in place of what it had.
    #[cfg(feature = "provider")]
    pub(crate) fn set(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Secret>) {
        let (name, value) = (name.into(), value.into());
        match self.pairs.iter_mut().find(|(own, _)| *own == name) {
            Some(pair) => pair.1 = value,
            None => self.pairs.push((name, value)),
        }
    }

    /// Sends the parameter `name` under another name, or not at all.
    #[cfg(feature = "provider")]
    pub(crate) fn rename(&mut self, name: &str, new: Option<&str>) {
        match new {
            Some(new) => {
                for (own, _) in self.pairs.iter_mut().filter(|(own, _)| own == name) {
                    *own = Cow::Owned(new.to_owned());
                }
            }
            None => self.pairs.retain(|(own, _)| own != name),
        }
    }

    #[cfg(feature = "provider")]
    pub(crate) fn get(&self, name: &str) -> Option<&Secret> {
        self.pairs.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    pub(super) fn insert_first(&mut self, name: &'static str, value: impl Into<Secret>) {
        self.pairs.insert(0, (Cow::Borrowed(name), value.into()));
    }

    pub(super) fn extend(&mut self, other: &Self) {
        self.pairs.extend(other.pairs.iter().cloned());
        self.json.extend(other.json.iter().cloned());
    }

    /// Puts `other` where readers of a request look for who sends it.
    pub(super) fn insert_behind_grant_type(&mut self, other: Self) {
        let at = usize::from(self.names().next() == Some("grant_type"));
        self.pairs.splice(at..at, other.pairs);
    }

    #[cfg(feature = "authorization-code")]
    pub(super) fn remove(&mut self, name: &str) {
        self.pairs.retain(|(own, _)| own != name);
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(own, _)| own == name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(|(name, _)| &**name)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(|(_, value)| value.expose_secret())
    }

    /// The values that nobody may show. Where a name does not say, short ones are flags and versions: taking them out of a text
    /// would spoil it.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let is_secret = |name: &str, value: &Secret| {
            !PUBLIC.contains(&name) && (SECRET.contains(&name) || value.expose_secret().len() >= MIN_SECRET)
        };
        self.pairs.iter().filter(move |(name, value)| is_secret(name, value)).map(|(_, value)| value)
    }

    /// The values of the parameters called `name`.
    #[cfg(feature = "verify")]
    pub(super) fn values_of(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.expose_secret())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    pub(super) fn drop_empty(&mut self) {
        self.pairs.retain(|(_, value)| !value.is_empty());
    }

    /// Refuses a name that is empty or there twice (RFC 6749 section 3.2).
    pub(super) fn check_names(&self) -> Result<(), ConfigError> {
        for (index, name) in self.names().enumerate() {
            if name.is_empty() {
                return Err(ConfigError::new(ConfigErrorKind::InvalidOption, "an extra parameter has no name"));
            }
            if self.names().take(index).any(|earlier| earlier == name) {
                return Err(repeated(name));
            }
        }
        Ok(())
    }

    /// Writes the parameters in `format`, for the endpoint at `uri`; `None` if they do not fit into a URL.
    pub(crate) fn encode(&self, format: BodyFormat, uri: &Uri) -> Option<Encoded> {
        let typed = |content_type, body| {
            Some(Encoded { uri: uri.clone(), content_type: Some(HeaderValue::from_static(content_type)), body })
        };
        match format {
            BodyFormat::Form => typed("application/x-www-form-urlencoded", self.form().into_bytes()),
            BodyFormat::Json => typed("application/json", self.json().into_bytes()),
            BodyFormat::InsecureQuery => {
                Some(Encoded { uri: self.with_query(uri)?, content_type: None, body: Bytes::new() })
            }
        }
    }

    fn form(&self) -> WipedBuffer {
        let mut buffer = WipedBuffer::with_capacity(self.size() * 3);
        for (name, value) in &self.pairs {
            form::encode_pair(name, value.expose_secret(), &mut buffer);
        }
        buffer
    }

    /// An object; a name that is there more than once becomes one member with a list.
    fn json(&self) -> WipedBuffer {
        let mut buffer = WipedBuffer::with_capacity(self.size() * 2);
        let write = |buffer: &mut WipedBuffer, text: &str| {
            serde_json::to_writer(buffer, text).expect("a buffer takes every string");
        };
        let write_value = |buffer: &mut WipedBuffer, name: &str, value: &Secret| {
            if self.json.iter().any(|own| own == name) {
                buffer.extend(value.expose_secret().as_bytes());
            } else {
                write(buffer, value.expose_secret());
            }
        };
        buffer.push(b'{');
        for (index, name) in self.names().enumerate() {
            if self.names().take(index).any(|earlier| earlier == name) {
                continue;
            }
            if index > 0 {
                buffer.push(b',');
            }
            write(&mut buffer, name);
            buffer.push(b':');
            let values: Vec<_> = self.pairs.iter().filter(|(own, _)| own == name).map(|(_, value)| value).collect();
            match &values[..] {
                [only] => write_value(&mut buffer, name, only),
                several => {
                    for (index, value) in several.iter().enumerate() {
                        buffer.push(if index == 0 { b'[' } else { b',' });
                        write_value(&mut buffer, name, value);
                    }
                    buffer.push(b']');
                }
            }
        }
        buffer.push(b'}');
        buffer
    }

    fn with_query(&self, uri: &Uri) -> Option<Uri> {
        let mut query = WipedBuffer::with_capacity(self.size() * 3);
        query.extend(uri.path().as_bytes());
        query.push(b'?');
        if let Some(own) = uri.query().filter(|own| !own.is_empty()) {
            query.extend(own.as_bytes());
            query.push(b'&');
        }
        query.extend(&self.form().into_bytes());
        let mut parts = uri.clone().into_parts();
        // `Uri` copies what it is given, so wiping ends here.
        parts.path_and_query = Some(PathAndQuery::from_maybe_shared(query.into_bytes()).ok()?);
        Uri::from_parts(parts).ok()
    }

    /// About how long it all is.
    fn size(&self) -> usize {
        self.pairs.iter().map(|(name, value)| name.len() + value.expose_secret().len() + 6).sum()
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// The mistake of an extra parameter that is sent already.
pub(super) fn repeated(name: &str) -> ConfigError {
    ConfigError::new(
        ConfigErrorKind::InvalidOption,
        format!("the extra parameter {name:?} is sent already: no parameter may be sent twice"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(pairs: &[(&'static str, &str)]) -> Params {
        let mut params = Params::default();
        for (name, value) in pairs {
            params.push(*name, *value);
        }
        params
    }

    fn text(params: &Params, format: BodyFormat) -> String {
        String::from_utf8(params.encode(format, &Uri::from_static("https://a/t")).unwrap().body.to_vec()).unwrap()
    }

    // R6749-3.2a, SYS-V13
    #[test]
    fn values_survive_every_format() {
        let value = "a&b=c+d %\"\\\u{e4}\n";
        let params = params(&[("grant_type", "client_credentials"), ("x", value)]);
        let form = text(&params, BodyFormat::Form);
        assert_eq!(form, "grant_type=client_credentials&x=a%26b%3Dc%2Bd+%25%22%5C%C3%A4%0A");
        let json: serde_json::Value = serde_json::from_str(&text(&params, BodyFormat::Json)).unwrap();
        assert_eq!(json, serde_json::json!({"grant_type": "client_credentials", "x": value}));
        let encoded = params.encode(BodyFormat::InsecureQuery, &Uri::from_static("https://a/t?v=2")).unwrap();
        assert_eq!(encoded.uri.to_string(), format!("https://a/t?v=2&{form}"));
        assert!(encoded.body.is_empty() && encoded.content_type.is_none());
        let mut huge = Params::default();
        huge.push("x", "y".repeat(70_000));
        assert!(huge.encode(BodyFormat::InsecureQuery, &Uri::from_static("https://a/t")).is_none());
    }

    // R8707-2b
    #[test]
    fn several_resources_are_sent_as_several_or_as_a_list() {
        let params = params(&[("resource", "https://a"), ("x", "1"), ("resource", "https://b")]);
        assert_eq!(text(&params, BodyFormat::Form), "resource=https%3A%2F%2Fa&x=1&resource=https%3A%2F%2Fb");
        assert_eq!(text(&params, BodyFormat::Json), r#"{"resource":["https://a","https://b"],"x":"1"}"#);
        assert_eq!(text(&Params::default(), BodyFormat::Json), "{}");
    }

    // R6749-3.1b
    #[test]
    fn names_are_checked() {
        assert!(params(&[("a", ""), ("b", "")]).check_names().is_ok());
        assert!(params(&[("a", "1"), ("a", "2")]).check_names().is_err());
        assert!(params(&[("", "1")]).check_names().is_err());
    }
}
