use std::time::Duration;

use super::ServerMetadata;
use super::document_request::{DocumentRequest, Failed};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::http::{Dangerous, Endpoint, HttpClient, PlaintextOptions, PlaintextRules};
use crate::metadata::{DocumentError, addresses};
use crate::oauth::limit::Limit;
use crate::{Clock, Origin, TokenError, TokenErrorKind};

/// A fetch of an authorization server's metadata, described. Made by [`ServerMetadata::discovery`].
#[derive(Clone, Debug)]
#[must_use = "a description does nothing before `fetch`"]
pub struct ServerDiscovery {
    issuer: String,
    http: Option<HttpClient>,
    clock: Clock,
    timeout: Duration,
    plaintext: PlaintextOptions,
}

impl ServerDiscovery {
    pub(super) fn new(issuer: String) -> Self {
        Self {
            issuer,
            http: None,
            clock: Clock::system(),
            timeout: Duration::from_secs(15),
            plaintext: PlaintextOptions::default(),
        }
    }

    /// Fetches by `http`. Default: a default transport of its own (feature `http`).
    pub fn http_client(mut self, http: HttpClient) -> Self {
        self.http = Some(http);
        self
    }

    /// Takes the time from `clock`.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// How long it may take, all addresses together. Default 15 s.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// Allows an issuer and endpoints over plain `http` on a literal loopback address (`127.0.0.0/8`, `[::1]`).
    pub fn allow_loopback_http(mut self) -> Self {
        self.plaintext.loopback = true;
        self
    }

    pub(in crate::oauth) fn plaintext(mut self, options: PlaintextOptions) -> Self {
        self.plaintext = options;
        self
    }

    pub(super) fn time_limit(&self) -> Duration {
        self.timeout
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(super) fn time(&self) -> &Clock {
        &self.clock
    }

    /// Options that weaken the protection.
    pub fn dangerous(self) -> Dangerous<Self> {
        Dangerous::new(self)
    }

    /// Fetches the metadata: first from where RFC 8414 has it, then from the places of OpenID Connect.
    ///
    /// # Errors
    /// - [`Misconfigured`](TokenErrorKind::Misconfigured): the issuer is not an `https` URL without query and fragment, it has no
    ///   metadata, or the metadata there is another issuer's.
    /// - [`Unparsable`](TokenErrorKind::Unparsable): what is there is no metadata: not JSON, larger than 256 KiB, a member of the
    ///   wrong type, an endpoint that is not `https`.
    /// - The transient kinds: the server cannot be asked at this time.
    ///
    /// # Cancel safety
    /// Dropping the future gives the fetch up; nothing else is lost.
    pub async fn fetch(&self) -> Result<ServerMetadata, TokenError> {
        self.plaintext.announce();
        self.fetch_again().await
    }

    /// As [`fetch`](Self::fetch), without saying again what weakens the protection.
    pub(super) async fn fetch_again(&self) -> Result<ServerMetadata, TokenError> {
        let prepared = self.prepare();
        let (issuer, rules, http) = prepared.map_err(|error| {
            TokenError::new(TokenErrorKind::Misconfigured, "the metadata cannot be asked for").with_source(error)
        })?;
        let limit = Limit::new(&self.clock, self.timeout);
        let (mut wrong, mut absent) = (None, None);
        let request = DocumentRequest { http: &http, site: issuer.site(), clock: &self.clock, limit };
        for uri in addresses(issuer.uri()) {
            let got = request.send(&uri).await;
            match got.and_then(|body| self.read(&issuer, &rules, &body)) {
                Ok(metadata) => return Ok(metadata),
                Err(Failed::Now(error)) => return Err(error),
                // A document that is wrong says more than one that is absent.
                Err(Failed::Wrong(error)) => wrong = wrong.or(Some(error)),
                Err(Failed::Elsewhere(error)) => absent = Some(error),
            }
        }
        Err(wrong.or(absent).unwrap_or_else(|| {
            TokenError::new(TokenErrorKind::Misconfigured, "the issuer has no address to ask for metadata")
        }))
    }

    fn prepare(&self) -> Result<(Endpoint, PlaintextRules, HttpClient), ConfigError> {
        let rules = self.plaintext.rules()?;
        let issuer = self.checked_issuer(&rules)?;
        let http = match &self.http {
            Some(http) => http.clone(),
            None => self.default_http()?,
        };
        Ok((issuer, rules, http))
    }

    /// The issuer, if metadata can be asked of it (RFC 8414 section 2).
    pub(in crate::oauth) fn checked_issuer(&self, rules: &PlaintextRules) -> Result<Endpoint, ConfigError> {
        let issuer = Endpoint::parse("issuer", &self.issuer, rules)?;
        if self.issuer.contains('?') {
            return Err(ConfigError::new(ConfigErrorKind::InvalidUrl, "the issuer has a query: an issuer has none"));
        }
        Ok(issuer)
    }

    #[cfg(feature = "http")]
    fn default_http(&self) -> Result<HttpClient, ConfigError> {
        crate::http::HttpTransport::new()
            .plaintext(self.plaintext.clone())
            .clock(self.clock.clone())
            .total_timeout(self.timeout)
            .max_body(crate::metadata::MAX_METADATA)
            .build()
    }

    #[cfg(not(feature = "http"))]
    fn default_http(&self) -> Result<HttpClient, ConfigError> {
        Err(ConfigError::new(
            ConfigErrorKind::MissingOption,
            "there is no HTTP client: give one with `http_client`, or enable the feature `http`",
        ))
    }

    fn read(&self, issuer: &Endpoint, rules: &PlaintextRules, body: &[u8]) -> Result<ServerMetadata, Failed> {
        let site = issuer.site();
        let origin = Origin::of(issuer.uri());
        ServerMetadata::read(body, &self.issuer, origin, rules).map_err(|error| {
            Failed::Wrong(match error {
                DocumentError::OtherIssuer(found) => TokenError::new(
                    TokenErrorKind::Misconfigured,
                    format!(
                        "the metadata of {site} is that of the issuer {found:?}, not of {:?}: write the issuer as it writes itself",
                        self.issuer
                    ),
                ),
                other => TokenError::new(TokenErrorKind::Unparsable, format!("the metadata of {site} {other}")),
            })
        })
    }
}

impl Dangerous<ServerDiscovery> {
    /// Allows plain `http` to `origin` (`http://host[:port]`), where something else protects the way.
    ///
    /// # Security
    /// Whoever is on the way decides where the client's secret and its tokens go.
    pub fn allow_plaintext(self, origin: impl Into<String>) -> ServerDiscovery {
        let mut discovery = self.into_inner();
        discovery.plaintext.origins.push(origin.into());
        discovery
    }
}
