use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;

use super::checks::invalid;
#[cfg(feature = "dpop")]
use crate::DpopKey;
use crate::error::ConfigError;
use crate::http::{HttpClient, PlaintextOptions};
use crate::oauth::client::Inner;
use crate::oauth::client_auth::{AssertionOptions, Authenticator, Halves, Identity, SecretOrigin};
use crate::oauth::endpoints::{Endpoints, Target};
use crate::oauth::metadata::MetadataCache;
use crate::oauth::request::Params;
use crate::oauth::{BodyFormat, ClientAuth, OAuthClient};
use crate::{Clock, Secret, TokenCache};

/// Describes an [`OAuthClient`]. Mistakes are found by [`build`](Self::build).
#[derive(Clone)]
#[must_use = "a description does nothing before `build`"]
pub struct OAuthClientBuilder {
    pub(super) identity: Identity,
    pub(super) secrets: Vec<SecretOrigin>,
    #[cfg(feature = "http")]
    pub(super) certificate: Option<crate::http::ClientIdentity>,
    #[cfg(feature = "dpop")]
    pub(super) dpop: Option<DpopKey>,
    pub(super) takes_bearer: bool,
    pub(super) issuer: Option<String>,
    pub(super) endpoints: Vec<(Target, String)>,
    pub(super) endpoint_origins: Vec<String>,
    pub(super) metadata: Option<Arc<MetadataCache>>,
    pub(super) format: BodyFormat,
    pub(super) params: Params,
    pub(super) refresh_params: Params,
    pub(super) headers: Vec<(HeaderName, Secret)>,
    pub(super) separator: char,
    pub(super) skip_empty: bool,
    pub(super) http: Option<HttpClient>,
    pub(super) clock: Clock,
    pub(super) timeout: Duration,
    pub(super) plaintext: PlaintextOptions,
    pub(super) introspection_tokens: Option<TokenCache>,
    #[cfg(feature = "provider")]
    pub(super) dialect: Option<Arc<dyn crate::oauth::Dialect>>,
}

impl OAuthClientBuilder {
    pub(in crate::oauth) fn new(client_id: String) -> Self {
        Self {
            identity: Identity {
                id: client_id,
                method: ClientAuth::default(),
                halves: Halves::default(),
                assertion: AssertionOptions::default(),
            },
            secrets: Vec::new(),
            #[cfg(feature = "http")]
            certificate: None,
            #[cfg(feature = "dpop")]
            dpop: None,
            takes_bearer: true,
            issuer: None,
            endpoints: Vec::new(),
            endpoint_origins: Vec::new(),
            metadata: None,
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
            introspection_tokens: None,
            #[cfg(feature = "provider")]
            dialect: None,
        }
    }

    /// Departs from the standard in requests and answers of the token endpoint as `dialect` does.
    #[cfg(feature = "provider")]
    pub(crate) fn dialect(mut self, dialect: Arc<dyn crate::oauth::Dialect>) -> Self {
        self.dialect = Some(dialect);
        self
    }

    /// The client.
    ///
    /// # Errors
    /// - Client id or secret are missing where they are needed; there is neither a token endpoint (nor one for introspection) nor an issuer
    ///   that can be asked for it.
    /// - The URL of the token endpoint cannot be used, or is plain `http` where that was not allowed.
    /// - Id or secret have a character outside printable ASCII (RFC 6749 appendix A); an id with a colon cannot be sent
    ///   by `BasicRaw`.
    /// - An extra parameter would be sent twice, or carry the client's secret past the chosen method.
    /// - An extra header is one that the client sets itself, or has a value that no header can have.
    /// - There is no HTTP client: none was given, and the feature `http` is off.
    pub fn build(self) -> Result<OAuthClient, ConfigError> {
        let auth = Authenticator::new(self.identity.clone(), self.secrets.clone(), &self.clock)?;
        self.identity.assertion.check(self.identity.method, self.issuer.is_some())?;
        let rules = self.plaintext.rules()?;
        let endpoints = Endpoints::parse(&self.endpoints, &rules)?;
        let (site, metadata) = self.discovery(&endpoints, &rules)?;
        let endpoint_rules = self.endpoint_rules()?;
        self.check_params()?;
        let headers = self.checked_headers()?;
        let redactor = self.redactor(auth.known_secrets());
        if self.separator.is_ascii_control() || !self.separator.is_ascii() || self.separator.is_ascii_alphanumeric() {
            return Err(invalid("the scope separator must be a punctuation character or a space"));
        }
        let http = self.http()?;
        Ok(OAuthClient(Arc::new(Inner {
            client_id: self.identity.id,
            auth,
            #[cfg(feature = "dpop")]
            dpop: self.dpop.map(|key| key.with_clock(self.clock.clone())),
            takes_bearer: self.takes_bearer,
            issuer: self.issuer,
            endpoints,
            metadata,
            endpoint_rules,
            site,
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
            introspection_tokens: self.introspection_tokens,
            #[cfg(feature = "provider")]
            dialect: self.dialect,
        })))
    }
}

impl fmt::Debug for OAuthClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthClientBuilder")
            .field("client_id", &self.identity.id)
            .field("auth", &self.identity.method)
            .field("format", &self.format)
            .field("params", &self.params.names().collect::<Vec<_>>())
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
