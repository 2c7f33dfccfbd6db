#[cfg(feature = "http")]
use std::path::PathBuf;
use std::time::Duration;

use super::OAuthClientBuilder;
use crate::Clock;
#[cfg(feature = "http")]
use crate::Secret;
use crate::error::{ConfigError, ConfigErrorKind};
#[cfg(feature = "http")]
use crate::http::ClientIdentity;
use crate::http::{Dangerous, HttpClient, PlaintextOptions};

/// How requests are sent.
impl OAuthClientBuilder {
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

    pub(in crate::oauth) fn with_plaintext(mut self, options: PlaintextOptions) -> Self {
        self.plaintext = options;
        self
    }

    /// Options that weaken the protection.
    pub fn dangerous(self) -> Dangerous<Self> {
        Dangerous::new(self)
    }

    /// Shows a client certificate to the server: its chain and its private key, both PEM. It is the proof of
    /// [`ClientAuth::TlsClientAuth`](crate::ClientAuth::TlsClientAuth) and
    /// [`SelfSignedTlsClientAuth`](crate::ClientAuth::SelfSignedTlsClientAuth), and tokens may be bound to it (RFC 8705).
    ///
    /// The default transport is built with it. An HTTP client given by [`http_client`](Self::http_client) has its own instead.
    #[cfg(feature = "http")]
    pub fn client_certificate(mut self, chain: impl Into<Vec<u8>>, key: impl Into<Secret>) -> Self {
        self.certificate = Some(ClientIdentity::texts(chain.into(), key.into()));
        self
    }

    /// As [`client_certificate`](Self::client_certificate), from files that somebody else replaces: a new pair is used without a
    /// restart. See [`HttpTransport::client_certificate_files`](crate::HttpTransport::client_certificate_files).
    #[cfg(feature = "http")]
    pub fn client_certificate_files(mut self, chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.certificate = Some(ClientIdentity::Files { chain: chain.into(), key: key.into() });
        self
    }

    pub(super) fn http(&self) -> Result<HttpClient, ConfigError> {
        let shows = self.shows_certificate();
        match &self.http {
            Some(_) if shows => Err(ConfigError::new(
                ConfigErrorKind::InvalidOption,
                "the client certificate belongs to the HTTP client that was given: set it there",
            )),
            Some(http) => {
                self.plaintext.announce();
                Ok(http.clone())
            }
            None if self.identity.method.uses_certificate() && !shows => Err(ConfigError::new(
                ConfigErrorKind::MissingOption,
                "the client certificate is missing: give `client_certificate` or `client_certificate_files`, or an HTTP client that has one",
            )),
            None => self.default_http(),
        }
    }

    #[cfg(feature = "http")]
    pub(super) fn shows_certificate(&self) -> bool {
        self.certificate.is_some()
    }

    #[cfg(not(feature = "http"))]
    pub(super) fn shows_certificate(&self) -> bool {
        false
    }

    #[cfg(feature = "http")]
    fn default_http(&self) -> Result<HttpClient, ConfigError> {
        let mut transport = crate::http::HttpTransport::new()
            .plaintext(self.plaintext.clone())
            .clock(self.clock.clone())
            .total_timeout(self.timeout)
            .max_body(crate::oauth::response::MAX_ANSWER);
        if let Some(identity) = &self.certificate {
            transport = transport.identity(identity.clone());
        }
        transport.build()
    }

    #[cfg(not(feature = "http"))]
    fn default_http(&self) -> Result<HttpClient, ConfigError> {
        Err(ConfigError::new(
            ConfigErrorKind::MissingOption,
            "there is no HTTP client: give one with `http_client`, or enable the feature `http`",
        ))
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
