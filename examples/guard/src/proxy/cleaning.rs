use axum::http::header::HOST;
use axum::http::{HeaderMap, HeaderName};
use tower_auth::core::Verifier;

use super::hop;
use super::identity::{IdentityHeaders, remove_like};
use crate::config::{Config, UpstreamSpec};

/// What is taken off requests, so that what the upstream is told is guard's word alone.
pub(super) struct Cleaning {
    identity: IdentityHeaders,
    verifier: Verifier,
    api_key_header: HeaderName,
    keeps_credential: bool,
}

/// Headers by which some servers let a request say that it means another method.
const OTHER_METHOD: [HeaderName; 3] = [
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-method-override"),
];

impl Cleaning {
    pub(super) fn new(config: &Config, spec: &UpstreamSpec) -> Self {
        let mut identity = spec.identity.headers.clone();
        spec.remove.iter().for_each(|name| identity.remove(name));
        if config.rules.iter().any(|rule| !rule.methods.is_empty()) {
            // Rules have looked at the method, which shall be the one that is meant.
            OTHER_METHOD.iter().for_each(|name| identity.remove(name));
        }
        Self {
            identity,
            verifier: config.verifier.clone(),
            api_key_header: config.api_key_header(),
            keeps_credential: spec.keep_credential,
        }
    }

    /// Cleans headers or trailers.
    pub(super) fn clean(&self, headers: &mut HeaderMap) {
        hop::remove(headers);
        headers.remove(HOST);
        remove_like(headers, &self.api_key_header);
        if !self.keeps_credential {
            self.verifier.strip_credential(headers);
            headers.remove("dpop");
        }
        self.identity.clean(headers);
    }
}
