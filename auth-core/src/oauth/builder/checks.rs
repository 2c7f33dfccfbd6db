use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING,
    USER_AGENT,
};
use http::{HeaderMap, HeaderValue};

use super::OAuthClientBuilder;
use crate::Secret;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::oauth::redact::Redactor;
use crate::oauth::request::{MIN_SECRET, Params, repeated};

impl OAuthClientBuilder {
    pub(super) fn check_params(&self) -> Result<(), ConfigError> {
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
        if params.has("client_id") && self.identity.method.id_in_body() {
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

    pub(super) fn checked_headers(&self) -> Result<HeaderMap, ConfigError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("tower-auth/", env!("CARGO_PKG_VERSION"))));
        for (name, value) in &self.headers {
            let ours =
                [ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING].contains(name);
            if ours || (*name == AUTHORIZATION && self.identity.method.uses_header()) {
                return Err(invalid(&format!("the header {name} is set by the client itself")));
            }
            let mut value = HeaderValue::from_str(value.expose_secret())
                .map_err(|_| invalid(&format!("the value of the header {name} has a character that cannot be sent")))?;
            value.set_sensitive(true);
            headers.insert(name.clone(), value);
        }
        Ok(headers)
    }

    /// Knows the secret texts that every request of the client may have.
    pub(super) fn redactor(&self, secrets: Vec<Secret>) -> Redactor {
        let headers = self.headers.iter().map(|(_, value)| value.expose_secret());
        let extras = self.params.values().chain(self.refresh_params.values()).chain(headers);
        Redactor::new(extras.filter(|value| value.len() >= MIN_SECRET)).and(secrets)
    }
}

pub(super) fn invalid(message: &str) -> ConfigError {
    ConfigError::new(ConfigErrorKind::InvalidOption, message)
}
