use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tower_auth_core::{Connection, Lifetime, MonotonicTime, Secret, TokenResponse};

use super::store::Inner;
use super::stored_credential::CredentialKey;
use crate::backend::CredentialRow;
use crate::error::StoreError;
use crate::vault::Opened;

/// An opened credential in memory, with the connection that says how its tokens go on requests.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) opened: Opened,
    pub(crate) connection: Connection,
    /// What it was made of.
    secrets_version: i64,
    logs_requests: bool,
}

/// Where a cache's source leaves the opened credential for the one that makes credentials of tokens.
#[derive(Clone, Default)]
pub(crate) struct Slot {
    held: Arc<Mutex<Held>>,
    /// Which of the store's own caches it is of, in the order in which they were made; 0 if of none.
    number: u64,
}

#[derive(Default)]
struct Held {
    live: Option<Arc<Live>>,
    /// When the API refused what was new.
    refusals: Vec<MonotonicTime>,
}

/// For how long a refusal counts.
const WINDOW: Duration = Duration::from_secs(10 * 60);

impl Slot {
    pub(super) fn numbered(number: u64) -> Self {
        Self { number, ..Self::default() }
    }

    pub(crate) fn get(&self) -> Option<Arc<Live>> {
        self.held().live.clone()
    }

    fn set(&self, live: Arc<Live>) {
        self.held().live = Some(live);
    }

    /// How many times the API has refused the credential within ten minutes, this time included.
    pub(crate) fn count_refusal(&self, now: MonotonicTime) -> usize {
        let mut held = self.held();
        held.refusals.retain(|at| now.saturating_since(*at) < WINDOW);
        held.refusals.push(now);
        held.refusals.len()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Nothing under the lock panics half-way; a poisoned lock still holds a whole value.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    /// Whether the client, or the host, is the user's own: what the provider holds against it is no fault of the connector.
    pub(crate) fn is_own_client(&self) -> bool {
        let own = |name: &String| matches!(name.as_str(), "client_id" | "client_secret");
        self.opened.values.0.keys().any(own) || self.connection.provider().is_host_chosen_by_user()
    }

    /// How far apart token requests are, so that no more are sent in a time than the provider allows, whichever process sends them. The first renewal may come soon after
    /// the grant.
    pub(crate) fn pace(&self, generation: i64) -> Duration {
        match self.connection.provider().method().token_calls() {
            Some((count, per)) if generation > 1 || count < 2 => {
                per / u32::try_from(count.saturating_sub(1)).unwrap_or(u32::MAX).max(1)
            }
            _ => Duration::ZERO,
        }
    }

    /// The response with the time when the cache is to ask for the next one, where the description has a margin of its own.
    pub(crate) fn due(&self, response: TokenResponse) -> TokenResponse {
        match (response.lifetime(), self.connection.provider().method().refresh_margin()) {
            (Lifetime::For(length), Some(margin)) => response.refresh_in(length - margin.min(length / 2)),
            _ => response,
        }
    }
}

impl Inner {
    /// The credential of `row`, opened for `owner`; the one in `slot` if it is of the same values.
    pub(crate) async fn enliven(
        &self,
        owner: &crate::model::Owner,
        row: &CredentialRow,
        slot: &Slot,
    ) -> Result<Arc<Live>, StoreError> {
        let known = slot.get().filter(|live| {
            live.secrets_version == row.secrets_version
                && live.logs_requests == row.logs_requests
                && live.opened.owner == *owner
        });
        if let Some(live) = known {
            return Ok(live);
        }
        let opened = self.vault.open_row(owner, row).await?;
        let connection = self.connection(row, &opened)?;
        self.prune_known();
        let live = Arc::new(Live {
            opened,
            connection,
            secrets_version: row.secrets_version,
            logs_requests: row.logs_requests,
        });
        slot.set(Arc::clone(&live));
        Ok(live)
    }

    /// A connection of the credential with nothing in its memory.
    pub(crate) fn connection(&self, row: &CredentialRow, opened: &Opened) -> Result<Connection, StoreError> {
        let connector = self.connectors.get(&row.connector)?;
        let environment = row.environment.as_deref();
        let filled = connector.refill(&row.method, environment, &opened.values)?;
        self.connect(connector, &filled, &opened.values, |builder| match row.logs_requests {
            true => builder.request_log(self.request_log(row, opened)),
            false => builder,
        })
    }

    /// Has changes that others make reach the cache whose source has `slot`, if it is one of the store's own. There may be two of a key, of which one was evicted and
    /// somebody still has it: the newer one is what changes are told to.
    pub(super) fn know(&self, key: &CredentialKey, slot: &Slot) {
        if slot.number == 0 {
            return;
        }
        let own = || (key.clone(), slot.clone());
        let newer = |known: &(CredentialKey, Slot)| if known.1.number > slot.number { known.clone() } else { own() };
        self.known.pin().update_or_insert_with(key.id, newer, own);
    }

    /// Drops what no cache has any more, where nobody tidies up: a program may never [run](crate::CredentialStore::run) the store's own work.
    fn prune_known(&self) {
        if self.known.len() > self.settings.in_memory.saturating_mul(2) {
            self.tidy_known();
        }
    }

    /// Drops what no cache has any more.
    pub(super) fn tidy_known(&self) {
        let known = self.known.pin();
        let gone: Vec<_> =
            known.iter().filter(|(_, (key, _))| self.caches.peek(key).is_none()).map(|(id, _)| *id).collect();
        for id in gone {
            known.remove(&id);
        }
    }
}

/// What the provider told about the account, from the values that probes and answers kept.
pub(crate) fn account_name(response: Option<&TokenResponse>, found: &BTreeMap<String, Secret>) -> Option<String> {
    const NAMES: &[&str] =
        &["account_name", "account", "account_label", "email", "name", "username", "login", "team_name"];
    NAMES.iter().find_map(|name| {
        let told = found.get(*name).or_else(|| response.and_then(|response| response.extra(name)));
        told.map(|value| value.expose_secret().chars().filter(|c| !c.is_control()).take(100).collect())
    })
}
