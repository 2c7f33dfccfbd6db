use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::clients::{Clients, Recipe};
use super::connect::Dial;
use super::identity::ClientIdentity;
use super::proxy::Path;
use super::resolve::Lookup;
use super::service::{Settings, TransportService};
use super::tls::{Roots, TlsOptions};
use super::{AddressPolicy, Proxy};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::http::{Dangerous, HttpClient, PlaintextOptions};
use crate::{Clock, Secret};

/// Builds the default transport: an [`HttpClient`] over hyper and rustls.
///
/// What it does:
/// - `https` only, HTTP/1.1 and 2 by ALPN, certificates checked against the platform's roots, or against bundled ones
///   where the platform has none. The crypto provider is its own: none is installed for the process, and none is looked
///   for.
/// - No redirects, no cookies, no compression; a compressed answer is an error.
/// - 5 s to connect (name, TCP, proxy and TLS together), 15 s for the whole exchange with its body, 512 KiB of body at
///   most.
/// - User information in a URL is refused.
///
/// ```
/// use std::time::Duration;
/// use tower_auth_core::HttpTransport;
///
/// let client = HttpTransport::new().connect_timeout(Duration::from_secs(2)).public_addresses_only().build()?;
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
///
/// Requests must be sent from within a tokio runtime with I/O and time enabled; building needs none. A transport with the platform's roots reads
/// their files (`SSL_CERT_FILE` and `SSL_CERT_DIR` move them), but for those that another one read within the last minute. Build once and clone the client: clones
/// share connections.
#[derive(Clone)]
#[must_use = "nothing is sent before `build`"]
pub struct HttpTransport {
    tls: TlsOptions,
    proxy: Option<Proxy>,
    policy: AddressPolicy,
    plaintext: PlaintextOptions,
    lookup: Option<Lookup>,
    clock: Clock,
    connect: Duration,
    total: Duration,
    max_body: usize,
    pool_idle: Duration,
}

impl HttpTransport {
    /// The default transport.
    pub fn new() -> Self {
        Self {
            tls: TlsOptions::default(),
            proxy: None,
            policy: AddressPolicy::any(),
            plaintext: PlaintextOptions::default(),
            lookup: None,
            clock: Clock::system(),
            connect: Duration::from_secs(5),
            total: Duration::from_secs(15),
            max_body: 512 * 1024,
            pool_idle: Duration::from_secs(60),
        }
    }

    /// Trusts the bundled roots instead of the platform's.
    pub fn bundled_roots(mut self) -> Self {
        self.tls.roots = Roots::Bundled;
        self
    }

    /// Trusts the certificates in `pem` too.
    pub fn extra_roots(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls.own_roots.push(pem.into());
        self
    }

    /// Trusts the certificates in `pem`, and those of [`extra_roots`](Self::extra_roots), and no other.
    pub fn only_roots(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls.roots = Roots::None;
        self.extra_roots(pem)
    }

    /// Shows a client certificate (RFC 8705): its chain and its private key, both PEM.
    pub fn client_certificate(self, chain: impl Into<Vec<u8>>, key: impl Into<Secret>) -> Self {
        self.identity(ClientIdentity::texts(chain.into(), key.into()))
    }

    /// Shows a client certificate (RFC 8705) from files that somebody else replaces: its chain and its private key, both PEM. A new
    /// pair is used without a restart.
    ///
    /// The files are read at [`build`](Self::build), again before an exchange when that was 60 seconds ago, and after a connection
    /// failed. Requests behind a change go over new connections. While the files cannot be used, because they are missing, broken or
    /// do not belong together, the last good pair is shown, which is logged at `warn`.
    ///
    /// # Security
    /// Replace both files by renames, or the whole directory by a link as Kubernetes does, the key readable by its owner alone.
    pub fn client_certificate_files(self, chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.identity(ClientIdentity::Files { chain: chain.into(), key: key.into() })
    }

    pub(crate) fn identity(mut self, identity: ClientIdentity) -> Self {
        self.tls.client = Some(identity);
        self
    }

    /// Reaches `https` endpoints through a proxy. Without this no proxy is used, whatever the environment says.
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = Some(proxy);
        self
    }

    /// Connects to public addresses only: for URLs that a tenant supplied or a challenge named.
    pub fn public_addresses_only(self) -> Self {
        self.address_policy(AddressPolicy::public_only())
    }

    /// Connects to the addresses that `policy` permits.
    pub fn address_policy(mut self, policy: AddressPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Resolves host names by `lookup` instead of the system. The address policy judges its answers too.
    pub fn resolver<F, R>(mut self, lookup: F) -> Self
    where
        F: Fn(String) -> R + Send + Sync + 'static,
        R: Future<Output = io::Result<Vec<IpAddr>>> + Send + 'static,
    {
        self.lookup = Some(Lookup::new(lookup));
        self
    }

    /// Allows plain `http` to literal loopback addresses (`127.0.0.0/8`, `[::1]`; not `localhost`, which is a name).
    pub fn allow_loopback_http(mut self) -> Self {
        self.plaintext.loopback = true;
        self
    }

    /// Takes over what another builder collected.
    #[cfg(any(feature = "oauth", feature = "jwt"))]
    pub(crate) fn plaintext(mut self, options: PlaintextOptions) -> Self {
        self.plaintext = options;
        self
    }

    /// Options that weaken the protection.
    pub fn dangerous(self) -> Dangerous<Self> {
        Dangerous::new(self)
    }

    /// Takes the time from `clock`.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// How long it may take to open a connection: name, TCP, proxy and TLS together. Default 5 s.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect = limit;
        self
    }

    /// How long the whole exchange may take, from the call to the last byte of the body. Default 15 s.
    pub fn total_timeout(mut self, limit: Duration) -> Self {
        self.total = limit;
        self
    }

    /// How many bytes of body are read. Default 512 KiB. A success that is larger is an error; another answer comes without its body.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// How long an idle connection is kept. Default 60 s.
    pub fn pool_idle_timeout(mut self, limit: Duration) -> Self {
        self.pool_idle = limit;
        self
    }

    /// The client.
    ///
    /// # Errors
    /// - A certificate or key cannot be read or used, they do not belong together, or there is no root to trust.
    /// - A plain-http origin is not one.
    /// - An address policy stands beside a proxy, which would resolve names out of its sight, or beside plain `http`.
    pub fn build(self) -> Result<HttpClient, ConfigError> {
        let rules = self.plaintext.rules()?;
        self.plaintext.announce();
        let guarded = !self.policy.is_any();
        if guarded && self.proxy.is_some() {
            return Err(ConfigError::new(
                ConfigErrorKind::InvalidOption,
                "public addresses only cannot be promised behind a proxy, which resolves names itself: let the proxy guard them",
            ));
        }
        if guarded && !rules.is_strict() {
            return Err(ConfigError::new(
                ConfigErrorKind::InvalidOption,
                "a transport for public addresses only is for https only: plain http cannot be allowed on it",
            ));
        }
        let path = self.proxy.as_ref().map_or(Path::Direct, Proxy::path);
        let dial = Dial::new(self.lookup.unwrap_or_else(Lookup::system), self.policy, path, self.connect);
        let recipe =
            Recipe { dial, tls: self.tls, clock: self.clock.clone(), connect: self.connect, pool_idle: self.pool_idle };
        let clients = Clients::new(recipe)?;
        let settings = Settings { clients, rules, clock: self.clock, total: self.total, max_body: self.max_body };
        Ok(HttpClient::new(TransportService(Arc::new(settings))))
    }
}

impl Dangerous<HttpTransport> {
    /// Allows plain `http` to `origin` (`http://host[:port]`), where something else protects the way, such as a service
    /// mesh. Each such origin is logged when the client is built.
    ///
    /// # Security
    /// Client secrets and tokens cross the network as they are.
    pub fn allow_plaintext(self, origin: impl Into<String>) -> HttpTransport {
        let mut transport = self.into_inner();
        transport.plaintext.origins.push(origin.into());
        transport
    }
}

impl Default for HttpTransport {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport")
            .field("roots", &self.tls.roots)
            .field("client_certificate", &self.tls.client.is_some())
            .field("proxy", &self.proxy)
            .field("address_policy", &self.policy)
            .field("loopback_http", &self.plaintext.loopback)
            .field("plaintext_origins", &self.plaintext.origins.len())
            .field("connect_timeout", &self.connect)
            .field("total_timeout", &self.total)
            .field("max_body", &self.max_body)
            .finish_non_exhaustive()
    }
}

impl Default for HttpClient {
    /// The [default transport](HttpTransport) with its default options.
    fn default() -> Self {
        HttpTransport::new()
            .build()
            .expect("default options hold no material of a user, and some root is always trusted")
    }
}
