use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::guarded_http::GuardedHttp;
use super::issuer_clients::{Accepts, IssuerClient, IssuerClients, OnRegistration};
use super::{ProtectedResourceMetadata, ResourceDiscovery};
use crate::Clock;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::http::HttpClient;
use crate::oauth::{ClientRegistration, OAuthClientBuilder, RegisteredClient};

/// Describes a [`ResourceDiscovery`]. Mistakes are found by [`build`](Self::build).
#[derive(Clone, Default)]
#[must_use = "a description does nothing before `build`"]
pub struct ResourceDiscoveryBuilder {
    clients: Vec<(String, OAuthClientBuilder)>,
    issuers: Vec<String>,
    accepts: Option<Arc<Accepts>>,
    registration: Option<ClientRegistration>,
    on_registration: Option<Arc<OnRegistration>>,
    identifiers: Vec<(String, String)>,
    http: Option<HttpClient>,
    clock: Clock,
    timeout: Option<Duration>,
    loopback: bool,
}

impl ResourceDiscoveryBuilder {
    /// The client that is registered with the authorization server `issuer`, which is allowed by this. Each issuer has one.
    pub fn client(mut self, issuer: impl Into<String>, client: OAuthClientBuilder) -> Self {
        self.clients.push((issuer.into(), client));
        self
    }

    /// Allows the authorization server `issuer`, with which a client [registers itself](Self::register). May be repeated.
    pub fn allow_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuers.push(issuer.into());
        self
    }

    /// Allows those issuers for which `accepts` says so, beside the named ones.
    ///
    /// # Security
    /// Any resource can name any issuer. Compare the whole text, or parse it: a check of how it ends lets `https://evil-example.com` pass
    /// for `example.com`.
    pub fn allow_issuers_if(mut self, accepts: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.accepts = Some(Arc::new(accepts));
        self
    }

    /// Registers a client with allowed issuers that have none yet (RFC 7591), once for each while the program runs.
    pub fn register(mut self, registration: ClientRegistration) -> Self {
        self.registration = Some(registration);
        self
    }

    /// Tells `registered` of each new registration, so that it can be kept: at the next start it is given as [`client`](Self::client).
    pub fn on_registration(mut self, registered: impl Fn(&RegisteredClient) + Send + Sync + 'static) -> Self {
        self.on_registration = Some(Arc::new(registered));
        self
    }

    /// The identifier of the resource at `url`, if it is not that URL itself.
    ///
    /// # Security
    /// Write what is documented: that the metadata says just this is what is checked.
    pub fn resource_identifier(mut self, url: impl Into<String>, identifier: impl Into<String>) -> Self {
        self.identifiers.push((url.into(), identifier.into()));
        self
    }

    /// Fetches the metadata of resources by `http`. Default: a default transport that connects to public addresses only (feature `http`).
    ///
    /// # Security
    /// As [`ResourceMetadataRequest::http_client`](crate::ResourceMetadataRequest::http_client). Servers that only
    /// [`allow_issuers_if`](Self::allow_issuers_if) lets pass are asked by it too.
    pub fn http_client(mut self, http: HttpClient) -> Self {
        self.http = Some(http);
        self
    }

    /// Takes the time from `clock`.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// How long the metadata of a resource may take. Default 15 s.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Allows resources over plain `http` on a literal loopback address (`127.0.0.0/8`, `[::1]`), for tests.
    pub fn allow_loopback_http(mut self) -> Self {
        self.loopback = true;
        self
    }

    /// The discovery.
    ///
    /// # Errors
    /// - No issuer is allowed, or one without a client and without a registration.
    /// - Two clients are for one issuer (RFC 9207 section 2.4), or a URL has two identifiers.
    /// - A client, or the identifier of a resource, has a mistake of its own.
    /// - There is no HTTP client: none was given, and the feature `http` is off.
    pub fn build(self) -> Result<ResourceDiscovery, ConfigError> {
        let missing = |what: &str| ConfigError::new(ConfigErrorKind::MissingOption, what);
        if self.clients.is_empty() && self.issuers.is_empty() && self.accepts.is_none() {
            return Err(missing(
                "no authorization server is allowed: give `client`, `allow_issuer` or `allow_issuers_if`",
            ));
        }
        if self.registration.is_none() && (!self.issuers.is_empty() || self.accepts.is_some()) {
            return Err(missing("an issuer is allowed for which there is no client: give `client`, or `register`"));
        }
        let mut known = BTreeMap::new();
        for (issuer, client) in self.clients {
            let client = IssuerClient::new(client, &issuer)?;
            if known.insert(issuer.clone(), client).is_some() {
                let message =
                    format!("there are two clients of the issuer {issuer:?}: their answers could not be told apart");
                return Err(ConfigError::new(ConfigErrorKind::InvalidOption, message));
            }
        }
        let mut identifiers = BTreeMap::new();
        for (url, identifier) in self.identifiers {
            let request = ProtectedResourceMetadata::request(&url).identifier(&identifier);
            if self.loopback { request.allow_loopback_http() } else { request }.address()?;
            if identifiers.insert(url, identifier).is_some() {
                return Err(ConfigError::new(ConfigErrorKind::InvalidOption, "a resource has two identifiers"));
            }
        }
        let timeout = self.timeout.unwrap_or(Duration::from_secs(15));
        Ok(ResourceDiscovery::from_parts(super::resource_discovery::Parts {
            clients: IssuerClients {
                known,
                named: self.issuers,
                accepts: self.accepts,
                registration: self.registration,
                on_registration: self.on_registration,
                registered: Mutex::default(),
            },
            identifiers,
            http: GuardedHttp::new(self.http.as_ref(), &self.clock, timeout, self.loopback)?,
            clock: self.clock,
            timeout,
            loopback: self.loopback,
            resources: Mutex::default(),
        }))
    }
}

impl fmt::Debug for ResourceDiscoveryBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceDiscoveryBuilder")
            .field("clients", &self.clients)
            .field("issuers", &self.issuers)
            .field("registration", &self.registration)
            .finish_non_exhaustive()
    }
}
