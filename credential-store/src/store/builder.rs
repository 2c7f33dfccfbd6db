use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tower_auth_core::{Clock, HttpClient};

use super::CredentialStore;
use super::settings::Settings;
use super::store::{Clients, Inner};
use crate::backend::Backend;
use crate::connector::{Connector, Connectors};
use crate::error::{StoreError, StoreErrorKind};
use crate::event::Webhook;
use crate::keys::Keys;
use crate::vault::Vault;

/// Configures a [`CredentialStore`]. Every option has a default.
#[must_use = "a builder does nothing until `open` is called"]
pub struct StoreBuilder {
    backend: Arc<dyn Backend>,
    keys: Keys,
    connectors: Vec<Connector>,
    clock: Clock,
    http: Option<HttpClient>,
    settings: Settings,
}

impl StoreBuilder {
    pub(super) fn new(backend: Arc<dyn Backend>, keys: Keys) -> Self {
        Self {
            backend,
            keys,
            connectors: Vec::new(),
            clock: Clock::system(),
            http: None,
            settings: Settings::default(),
        }
    }

    /// Adds a connector.
    pub fn connector(mut self, connector: Connector) -> Self {
        self.connectors.push(connector);
        self
    }

    /// Takes the time of caches and requests from `clock`. What is in the database goes by the database's own.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Sends requests to providers by `http`, in place of a transport of its own (feature `http`).
    ///
    /// # Security
    /// Where users choose the host, such a client must keep them from private addresses itself.
    pub fn http_client(mut self, http: HttpClient) -> Self {
        self.http = Some(http);
        self
    }

    /// How long a process that renews a credential is waited for when it says nothing more; 30 s if not set. Twice the time that a token
    /// request may take, at least.
    pub fn lease(mut self, length: Duration) -> Self {
        self.settings.lease = length;
        self
    }

    /// How long one token request may take if the description does not say; 15 s if not set.
    pub fn request_timeout(mut self, limit: Duration) -> Self {
        self.settings.timeout = limit;
        self
    }

    /// After how long a credential that nobody uses is renewed, so that the provider does not end it; a day if not set, `None` for never. What a
    /// description says comes first.
    pub fn keep_alive(mut self, idle: Option<Duration>) -> Self {
        self.settings.keep_alive = idle;
        self
    }

    /// Has the sweep renew every token ahead of its end, used or not: no first use waits then, and a revocation is noticed early. It costs a token
    /// request for each credential and lifetime.
    pub fn renew_all_ahead(mut self) -> Self {
        self.settings.ahead = true;
        self
    }

    /// How often credentials that never change, such as API keys, are looked up again while they are used; a minute if not set. Changes that the database
    /// announces count at once.
    pub fn recheck(mut self, interval: Duration) -> Self {
        self.settings.recheck = interval;
        self
    }

    /// How many credentials one owner may have; 1,000 if not set. To be under a limit they are counted when one comes; with [`u32::MAX`], any number, they
    /// are not.
    pub fn max_per_owner(mut self, count: u32) -> Self {
        self.settings.per_owner = count;
        self
    }

    /// How many credentials are in memory at the most; 10,000 if not set.
    pub fn max_in_memory(mut self, count: usize) -> Self {
        self.settings.in_memory = count;
        self
    }

    /// How many logged token requests of a credential are kept; 50 if not set.
    pub fn log_entries(mut self, count: u32) -> Self {
        self.settings.log_entries = count;
        self
    }

    /// How long entries of the audit trail are kept; for ever if not set. [`CredentialStore::run`] drops those that are older, some minutes after their time.
    pub fn keep_audit(mut self, length: Duration) -> Self {
        self.settings.keep_audit = Some(length);
        self
    }

    /// How long before a credential ends that needs a person then its owner is told by an event; three days if not set.
    pub fn warn_before_end(mut self, lead: Duration) -> Self {
        self.settings.warn_lead = lead;
        self
    }

    /// Lets logins end at this redirect URI of the application, character by character.
    pub fn allow_redirect(mut self, uri: impl Into<String>) -> Self {
        self.settings.redirects.push(uri.into());
        self
    }

    /// Tells events to `webhook`.
    pub fn webhook(mut self, webhook: Webhook) -> Self {
        self.settings.webhooks.push(webhook);
        self
    }

    /// How often the sweep looks for work when there is none; 5 s if not set.
    pub fn sweep_interval(mut self, interval: Duration) -> Self {
        self.settings.sweep_interval = interval;
        self
    }

    /// Opens the store. Spawns nothing.
    ///
    /// # Errors
    /// When a key that something is sealed with is not there, the database cannot be asked, two connectors have one id, or no HTTP client can be made.
    pub async fn open(self) -> Result<CredentialStore, StoreError> {
        let broken = |error: tower_auth_core::ConfigError| {
            StoreError::new(StoreErrorKind::Broken, "the store is not configured well").with_source(error)
        };
        if self.settings.lease < self.settings.timeout.saturating_mul(2) || self.settings.timeout.is_zero() {
            let text = "the lease must be at least twice as long as a token request may take, and neither may be zero";
            return Err(StoreError::new(StoreErrorKind::Broken, text));
        }
        let connectors = Connectors::new(self.connectors).map_err(broken)?;
        let clients = match self.http {
            Some(http) => Clients::one(http),
            None => default_clients(&self.clock).map_err(broken)?,
        };
        let vault = Vault::open(&*self.backend, self.keys).await?;
        Ok(CredentialStore(Inner::new(self.backend, vault, connectors, self.clock, clients, self.settings)))
    }
}

#[cfg(feature = "http")]
fn default_clients(clock: &Clock) -> Result<Clients, tower_auth_core::ConfigError> {
    let transport = || tower_auth_core::HttpTransport::new().clock(clock.clone());
    Ok(Clients {
        operators: transport().build()?,
        users: transport().public_addresses_only().build()?,
        loopback: transport().allow_loopback_http().build()?,
    })
}

#[cfg(not(feature = "http"))]
fn default_clients(_: &Clock) -> Result<Clients, tower_auth_core::ConfigError> {
    Err(tower_auth_core::ConfigError::new(
        tower_auth_core::ConfigErrorKind::MissingOption,
        "there is no HTTP client: give one with `http_client`, or enable the feature `http`",
    ))
}

impl fmt::Debug for StoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreBuilder")
            .field("backend", &self.backend.name())
            .field("connectors", &self.connectors)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
