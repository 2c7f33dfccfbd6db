use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING,
    USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use zeroize::Zeroizing;

use super::client::Inner;
use super::endpoints::{Endpoints, Target};
use super::redact::Redactor;
use super::request::{MIN_SECRET, Params, repeated};
use super::{BodyFormat, ClientAuth, OAuthClient, form};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::http::{Dangerous, HttpClient, PlaintextOptions};
use crate::{Clock, Secret};

/// Describes an [`OAuthClient`]. Mistakes are found by [`build`](Self::build).
#[derive(Clone)]
#[must_use = "a description does nothing before `build`"]
pub struct OAuthClientBuilder {
    client_id: String,
    secret: Option<Secret>,
    endpoints: Vec<(Target, String)>,
    auth: ClientAuth,
    format: BodyFormat,
    params: Params,
    refresh_params: Params,
    headers: Vec<(HeaderName, Secret)>,
    separator: char,
    skip_empty: bool,
    http: Option<HttpClient>,
    clock: Clock,
    timeout: Duration,
    plaintext: PlaintextOptions,
}

impl OAuthClientBuilder {
    pub(super) fn new(client_id: String) -> Self {
        Self {
            client_id,
            secret: None,
            endpoints: Vec::new(),
            auth: ClientAuth::default(),
            format: BodyFormat::default(),
            params: Params::default(),
            refresh_params: Params::default(),
            headers: Vec::new(),
            separator: ' ',
            skip_empty: false,
            http: None,
            clock: Clock::system(),
            timeout: Duration::from_secs(15),
            plaintext: PlaintextOptions::default(),
        }
    }

    /// The URL of the token endpoint. A query in it is kept; a fragment and user information are refused.
    pub fn token_endpoint(self, url: impl Into<String>) -> Self {
        self.endpoint(Target::Token, url)
    }

    /// Where refresh tokens are spent, if not at the token endpoint.
    pub fn refresh_endpoint(self, url: impl Into<String>) -> Self {
        self.endpoint(Target::Refresh, url)
    }

    /// Where users are sent to grant access (RFC 6749 section 3.1). A query in it is kept.
    pub fn authorization_endpoint(self, url: impl Into<String>) -> Self {
        self.endpoint(Target::Authorization, url)
    }

    /// Where device codes come from (RFC 8628 section 3.1).
    pub fn device_authorization_endpoint(self, url: impl Into<String>) -> Self {
        self.endpoint(Target::DeviceAuthorization, url)
    }

    /// Where authorization requests are pushed to before the user is sent (RFC 9126).
    pub fn pushed_authorization_request_endpoint(self, url: impl Into<String>) -> Self {
        self.endpoint(Target::PushedAuthorization, url)
    }

    /// Where tokens are revoked (RFC 7009).
    pub fn revocation_endpoint(self, url: impl Into<String>) -> Self {
        self.endpoint(Target::Revocation, url)
    }

    fn endpoint(mut self, target: Target, url: impl Into<String>) -> Self {
        self.endpoints.push((target, url.into()));
        self
    }

    /// The client secret.
    pub fn secret(mut self, secret: impl Into<Secret>) -> Self {
        self.secret = Some(secret.into());
        self
    }

    /// How the client proves who it is. Default [`ClientAuth::Basic`].
    pub fn client_auth(mut self, auth: ClientAuth) -> Self {
        self.auth = auth;
        self
    }

    /// How parameters are written. Default [`BodyFormat::Form`].
    pub fn body_format(mut self, format: BodyFormat) -> Self {
        self.format = format;
        self
    }

    /// Adds a parameter to every token request that is not a refresh. Its value is held as a secret.
    pub fn param(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.params.push(name.into(), value);
        self
    }

    /// Adds a parameter to every refresh. Its value is held as a secret.
    pub fn refresh_param(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.refresh_params.push(name.into(), value);
        self
    }

    /// Adds a header to every token request, such as the API key of a gateway. Its value is held as a secret.
    pub fn header(mut self, name: HeaderName, value: impl Into<Secret>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// What parts scopes, in requests and (beside a space) in answers. Default a space.
    pub fn scope_separator(mut self, separator: char) -> Self {
        self.separator = separator;
        self
    }

    /// Leaves parameters with an empty value out.
    pub fn skip_empty(mut self) -> Self {
        self.skip_empty = true;
        self
    }

    /// Sends requests by `http`. Default: a default transport of its own (feature `http`).
    pub fn http_client(mut self, http: HttpClient) -> Self {
        self.http = Some(http);
        self
    }

    /// Takes the time from `clock`.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// How long one exchange may take, retries of the HTTP client included. Default 15 s.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// Allows a token endpoint over plain `http` on a literal loopback address (`127.0.0.0/8`, `[::1]`).
    ///
    /// An HTTP client given by [`http_client`](Self::http_client) has its own rule beside this one.
    pub fn allow_loopback_http(mut self) -> Self {
        self.plaintext.loopback = true;
        self
    }

    /// Options that weaken the protection.
    pub fn dangerous(self) -> Dangerous<Self> {
        Dangerous::new(self)
    }

    /// The client.
    ///
    /// # Errors
    /// - Client id, secret or token endpoint are missing where they are needed.
    /// - The URL of the token endpoint cannot be used, or is plain `http` where that was not allowed.
    /// - Id or secret have a character outside printable ASCII (RFC 6749 appendix A); an id with a colon cannot be sent
    ///   by `BasicRaw`.
    /// - An extra parameter would be sent twice, or carry the client's secret past the chosen method.
    /// - An extra header is one that the client sets itself, or has a value that no header can have.
    /// - There is no HTTP client: none was given, and the feature `http` is off.
    pub fn build(self) -> Result<OAuthClient, ConfigError> {
        let secret = self.checked_secret()?;
        let rules = self.plaintext.rules()?;
        let endpoints = Endpoints::parse(&self.endpoints, &rules)?;
        if endpoints.get(Target::Token).is_none() {
            return Err(ConfigError::new(ConfigErrorKind::MissingOption, "the URL of the token endpoint is missing"));
        }
        self.check_params()?;
        let headers = self.checked_headers()?;
        let authorization = self.auth.header(&self.client_id, &secret)?;
        let redactor = self.redactor(&secret);
        if self.separator.is_ascii_control() || !self.separator.is_ascii() || self.separator.is_ascii_alphanumeric() {
            return Err(invalid("the scope separator must be a punctuation character or a space"));
        }
        let http = match self.http {
            Some(http) => {
                self.plaintext.announce();
                http
            }
            None => default_http(&self.plaintext, &self.clock, self.timeout)?,
        };
        Ok(OAuthClient(Arc::new(Inner {
            client_id: self.client_id,
            secret,
            auth: self.auth,
            authorization,
            endpoints,
            format: self.format,
            headers,
            params: self.params,
            refresh_params: self.refresh_params,
            separator: self.separator,
            skip_empty: self.skip_empty,
            http,
            clock: self.clock,
            timeout: self.timeout,
            redactor,
        })))
    }

    /// The secret, or an empty one where none is needed.
    fn checked_secret(&self) -> Result<Secret, ConfigError> {
        let missing =
            |what: &str| Err(ConfigError::new(ConfigErrorKind::MissingOption, format!("the {what} is missing")));
        if self.client_id.is_empty() {
            return missing("client id (client_id)");
        }
        let secret = match &self.secret {
            Some(secret) if !secret.is_empty() => secret.clone(),
            _ if self.auth == ClientAuth::None => Secret::new(""),
            _ => return missing("client secret (client_secret)"),
        };
        for (what, text) in [("id", self.client_id.as_str()), ("secret", secret.expose_secret())] {
            if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
                return Err(ConfigError::new(
                    ConfigErrorKind::InvalidCredential,
                    format!(
                        "the client {what} has a character outside printable ASCII; a line break at its end, perhaps"
                    ),
                ));
            }
        }
        Ok(secret)
    }

    fn check_params(&self) -> Result<(), ConfigError> {
        // Some servers want `scope` in a refresh, though by the standard the scope granted before is the default.
        self.check(&self.params, &["grant_type", "scope"])?;
        self.check(&self.refresh_params, &["grant_type", "refresh_token"])
    }

    /// Refuses extra parameters that are `taken`, or authenticate the client.
    fn check(&self, params: &Params, taken: &[&str]) -> Result<(), ConfigError> {
        params.check_names()?;
        if let Some(name) = taken.iter().find(|name| params.has(name)) {
            return Err(repeated(name));
        }
        if params.has("client_id") && self.auth.id_in_body() {
            return Err(repeated("client_id"));
        }
        // One method of authentication per request (RFC 6749 section 2.3).
        match ["client_secret", "client_assertion", "client_assertion_type"].into_iter().find(|name| params.has(name)) {
            Some(name) => {
                Err(invalid(&format!("the extra parameter {name:?} would be a second authentication: choose a method")))
            }
            None => Ok(()),
        }
    }

    fn checked_headers(&self) -> Result<HeaderMap, ConfigError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("tower-auth/", env!("CARGO_PKG_VERSION"))));
        for (name, value) in &self.headers {
            let ours =
                [ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING].contains(name);
            if ours || (*name == AUTHORIZATION && self.auth != ClientAuth::None && self.auth != ClientAuth::Body) {
                return Err(invalid(&format!("the header {name} is set by the client itself")));
            }
            let mut value = HeaderValue::from_str(value.expose_secret())
                .map_err(|_| invalid(&format!("the value of the header {name} has a character that cannot be sent")))?;
            value.set_sensitive(true);
            headers.insert(name.clone(), value);
        }
        Ok(headers)
    }

    /// Knows the secret texts of a request.
    fn redactor(&self, secret: &Secret) -> Redactor {
        let (id, secret) = (self.client_id.as_str(), secret.expose_secret());
        let pair = |id: &str, secret: &str| {
            Zeroizing::new(if secret.is_empty() { String::new() } else { format!("{id}:{secret}") })
        };
        let pairs = [pair(id, secret), pair(&form::encoded(id), &form::encoded(secret))];
        let headers = self.headers.iter().map(|(_, value)| value.expose_secret());
        let extras = self
            .params
            .values()
            .chain(self.refresh_params.values())
            .chain(headers)
            .filter(|value| value.len() >= MIN_SECRET);
        Redactor::new([secret].into_iter().chain(pairs.iter().map(|pair| pair.as_str())).chain(extras))
    }
}

impl Dangerous<OAuthClientBuilder> {
    /// Allows plain `http` to `origin` (`http://host[:port]`), where something else protects the way, such as a service
    /// mesh. It is logged when the client is built.
    ///
    /// # Security
    /// The client's secret and the tokens cross the network as they are.
    pub fn allow_plaintext(self, origin: impl Into<String>) -> OAuthClientBuilder {
        let mut builder = self.into_inner();
        builder.plaintext.origins.push(origin.into());
        builder
    }
}

#[cfg(feature = "http")]
fn default_http(plaintext: &PlaintextOptions, clock: &Clock, timeout: Duration) -> Result<HttpClient, ConfigError> {
    crate::http::HttpTransport::new()
        .plaintext(plaintext.clone())
        .clock(clock.clone())
        .total_timeout(timeout)
        .max_body(super::response::MAX_ANSWER)
        .build()
}

#[cfg(not(feature = "http"))]
fn default_http(_: &PlaintextOptions, _: &Clock, _: Duration) -> Result<HttpClient, ConfigError> {
    Err(ConfigError::new(
        ConfigErrorKind::MissingOption,
        "there is no HTTP client: give one with `http_client`, or enable the feature `http`",
    ))
}

fn invalid(message: &str) -> ConfigError {
    ConfigError::new(ConfigErrorKind::InvalidOption, message)
}

impl fmt::Debug for OAuthClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthClientBuilder")
            .field("client_id", &self.client_id)
            .field("auth", &self.auth)
            .field("format", &self.format)
            .field("params", &self.params.names().collect::<Vec<_>>())
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
