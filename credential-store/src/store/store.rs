use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use tower_auth_core::{Clock, Connection, ConnectionBuilder, FilledProvider, HttpClient, RequestLog, TokenCaches};

use super::live::Slot;
use super::news::News;
use super::settings::Settings;
use super::stored_credential::{CredentialKey, StoredCredential};
use super::tasks::Tasks;
use super::{StoreBuilder, info};
use crate::backend::{AuditEntry, Backend, CredentialRow};
use crate::connector::{Connector, Connectors};
use crate::error::{StoreError, StoreErrorKind};
use crate::event::{EventKind, Hub};
use crate::keys::Keys;
use crate::model::{CredentialId, Owner};
use crate::vault::{Opened, Values, Vault, seal_log};

/// Credentials of many users, encrypted in a database, and renewed safely by however many processes share it.
///
/// Every operation names the [`Owner`] who asks. A credential of somebody else is unknown to them, and the attempt is on the audit trail.
///
/// # Clone
/// Clones share everything.
#[derive(Clone)]
pub struct CredentialStore(pub(crate) Arc<Inner>);

/// HTTP clients, by who chose where requests go.
pub(crate) struct Clients {
    /// For hosts that operators chose.
    pub(crate) operators: HttpClient,
    /// For hosts that users, or answers of providers, choose: they reach public addresses only.
    pub(crate) users: HttpClient,
    /// For plain http on loopback addresses, where an operator allowed that.
    pub(crate) loopback: HttpClient,
}

impl Clients {
    /// The operator's own client for everything.
    pub(super) fn one(http: HttpClient) -> Self {
        Self { operators: http.clone(), users: http.clone(), loopback: http }
    }
}

pub(crate) struct Inner {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) vault: Vault,
    pub(crate) connectors: Connectors,
    pub(crate) clock: Clock,
    clients: Clients,
    pub(crate) settings: Settings,
    pub(crate) caches: TokenCaches<CredentialKey>,
    pub(crate) tasks: Tasks,
    pub(crate) hub: Hub,
    /// Credentials in memory by id, for changes that other processes announce, with the slots of the store's own caches.
    pub(crate) known: papaya::HashMap<CredentialId, (CredentialKey, Slot)>,
    /// Used since the last note was taken. Who uses one that stands here already writes nothing that threads share.
    used: papaya::HashSet<CredentialId>,
}

impl CredentialStore {
    /// A store over `backend`, sealed with `keys`, to be configured.
    pub fn builder(backend: impl Backend, keys: impl Into<Keys>) -> StoreBuilder {
        StoreBuilder::new(Arc::new(backend), keys.into())
    }

    /// The connectors, by id.
    pub fn connectors(&self) -> impl Iterator<Item = &Connector> {
        self.0.connectors.iter()
    }

    /// The connector of that id.
    ///
    /// # Errors
    /// When there is none.
    pub fn connector(&self, id: &str) -> Result<&Connector, StoreError> {
        self.0.connectors.get(id)
    }

    /// Does `work` to its end, whoever waits: a request that was given up cuts nothing off between its steps.
    pub(super) async fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let ended = || StoreError::new(StoreErrorKind::Unavailable, "the runtime ended before the work did");
        self.0.tasks.run(work).await.unwrap_or_else(|| Err(ended()))
    }

    /// Ends it: nothing new is begun, rotations in flight come to their end and are made durable, connections are closed. Tokens in memory go on serving until
    /// they end.
    pub async fn close(&self) {
        self.0.tasks.close();
        self.0.tasks.drained().await;
        self.0.flush_uses().await;
        self.0.backend.close().await;
    }
}

impl Inner {
    pub(super) fn new(
        backend: Arc<dyn Backend>,
        vault: Vault,
        connectors: Connectors,
        clock: Clock,
        clients: Clients,
        settings: Settings,
    ) -> Arc<Self> {
        Arc::new_cyclic(|own: &Weak<Self>| {
            let weak = Weak::clone(own);
            let (lease, timeout, time) = (settings.lease, settings.timeout, clock.clone());
            let made = AtomicU64::new(0);
            let make = move |key: &CredentialKey| {
                let slot = Slot::numbered(made.fetch_add(1, Ordering::Relaxed) + 1);
                StoredCredential::new(Weak::clone(&weak), key.clone(), slot)
                    .cache_builder()
                    .name("stored")
                    .clock(time.clone())
                    // Another process may have to be waited for first.
                    .exchange_timeout(lease + timeout * 2)
            };
            let idle = std::time::Duration::from_secs(60 * 60);
            let caches = TokenCaches::with_limits(make, settings.in_memory, idle, clock.clone());
            Self {
                backend,
                vault,
                connectors,
                clock,
                clients,
                settings,
                caches,
                tasks: Tasks::default(),
                hub: Hub::new(),
                known: papaya::HashMap::new(),
                used: papaya::HashSet::new(),
            }
        })
    }

    /// The client for webhooks, whose addresses the operator chose: https, or on a loopback address.
    pub(super) fn webhooks_http(&self) -> &HttpClient {
        &self.clients.loopback
    }

    /// A connection of `connector`, with what `change` adds, by the client that fits who chose its hosts.
    pub(crate) fn connect(
        &self,
        connector: &Connector,
        filled: &FilledProvider,
        values: &Values,
        change: impl Fn(ConnectionBuilder) -> ConnectionBuilder,
    ) -> Result<Connection, StoreError> {
        let build = |http: &HttpClient| {
            let builder = connector.connect(filled.clone(), self.settings.timeout);
            let builder = connector.bind(builder.http_client(http.clone()).clock(self.clock.clone()), values)?;
            change(builder).build().map_err(|error| {
                StoreError::new(StoreErrorKind::Broken, "the connector cannot be used with these values")
                    .with_source(error)
            })
        };
        if let Some(http) = connector.http() {
            return build(http);
        }
        let connection = build(match filled.is_host_chosen_by_user() {
            true => &self.clients.users,
            false => &self.clients.operators,
        })?;
        // Plain http leaves the process only where the connector's operator allowed it, which a connection alone knows.
        match connection.allows_loopback_http() {
            true => build(&self.clients.loopback),
            false => Ok(connection),
        }
    }

    /// The row of a credential that `owner` asks for, to do `action` with it. Unknown and foreign ones are told apart on the audit trail only.
    pub(crate) async fn row(
        &self,
        owner: &Owner,
        id: CredentialId,
        action: &'static str,
    ) -> Result<CredentialRow, StoreError> {
        let digest = self.vault.digest(owner);
        if let Some(row) = self.backend.get(digest, id).await? {
            return Ok(row);
        }
        // Asked for either way, so that the two take the same time.
        let foreign = self.backend.find(id).await?;
        let entry = AuditEntry {
            actor: "owner".to_owned(),
            owner: Some(digest),
            credential: Some(id),
            connector: None,
            action,
            result: if foreign.is_some() { "ownership_denied" } else { "not_found" },
            detail: None,
        };
        let News { record, event } = match &foreign {
            Some(row) => self.news_with(row, EventKind::OwnershipDenied, Some(action), Some(entry)),
            None => News { record: entry.into(), event: None },
        };
        self.backend.record(record).await?;
        self.tell(event);
        Err(StoreError::not_found())
    }

    /// Remembers a use until the next [`flush_uses`](Self::flush_uses).
    pub(crate) fn note_use(&self, id: CredentialId) {
        let used = self.used.pin();
        if !used.contains(&id) && used.len() < self.settings.in_memory {
            used.insert(id);
        }
    }

    /// Notes in the database what was used.
    pub(crate) async fn flush_uses(&self) {
        // Taken out before it is noted: a use meanwhile stands here anew.
        let used = self.take_uses();
        for part in used.chunks(500) {
            if let Err(error) = self.backend.touch(part.to_vec()).await {
                tracing::debug!(error = %error, "uses could not be noted");
                return;
            }
        }
    }

    fn take_uses(&self) -> Vec<CredentialId> {
        let used = self.used.pin();
        let taken: Vec<_> = used.iter().copied().collect();
        for id in &taken {
            used.remove(id);
        }
        taken
    }

    /// A log that keeps the token requests of a credential, sealed with its key.
    pub(crate) fn request_log(&self, row: &CredentialRow, opened: &Opened) -> RequestLog {
        let (backend, tasks, keep) = (Arc::clone(&self.backend), self.tasks.clone(), self.settings.log_entries);
        let (id, connector, opened) = (row.id, row.connector.clone(), opened.clone());
        RequestLog::new(move |exchange| {
            let text = info::exchange_text(exchange);
            let sealed = seal_log(&opened.sealer, &opened.owner, &connector, id, &text);
            let (backend, tasks) = (Arc::clone(&backend), tasks.clone());
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(async move {
                    let kept = async move { backend.log(id, sealed, keep).await };
                    if let Some(Err(error)) = tasks.run(kept).await {
                        tracing::warn!(error = %error, "a token request could not be logged");
                    }
                });
            }
        })
    }
}

impl Drop for Inner {
    /// Ends the store's own work, which holds it only while it does something.
    fn drop(&mut self) {
        self.tasks.close();
    }
}

impl fmt::Debug for CredentialStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialStore").field("backend", &self.0.backend.name()).finish_non_exhaustive()
    }
}
