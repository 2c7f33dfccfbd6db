use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{AuthorizationTransaction, TransactionStore};
use crate::{BoxError, Clock};

/// Transactions in memory, for a service of one process: whoever is in the middle of a login when it restarts begins anew.
///
/// Bounded: when it is full the oldest transaction gives way, so that a flood of logins that nobody finishes costs no more than
/// that.
///
/// ```
/// use tower_auth_core::{AuthorizationCallback, AuthorizationError, AuthorizationRequest, BoxError, MemoryTransactions};
/// use tower_auth_core::{OAuthClient, TokenResponse, TransactionStore};
///
/// // Behind `/login`: where to redirect the user.
/// async fn login(
///     request: &AuthorizationRequest,
///     store: &MemoryTransactions,
///     session: &str,
/// ) -> Result<http::Uri, BoxError> {
///     let started = request.clone().bound_to(session).start().await?;
///     store.put(started.transaction).await?;
///     Ok(started.url)
/// }
///
/// // Behind the redirect URI.
/// async fn callback(
///     client: &OAuthClient,
///     store: &MemoryTransactions,
///     session: &str,
///     query: &str,
/// ) -> Result<TokenResponse, AuthorizationError> {
///     let callback = AuthorizationCallback::from_query(query)?.bound_to(session);
///     callback.take_from(store).await?.finish(client, &callback).await
/// }
/// ```
///
/// # Clone
/// Clones are one store.
#[derive(Clone)]
pub struct MemoryTransactions {
    waiting: Arc<Mutex<Waiting>>,
    clock: Clock,
    capacity: usize,
}

#[derive(Default)]
struct Waiting {
    by_key: HashMap<String, (u64, AuthorizationTransaction)>,
    /// In the order in which they came.
    keys: BTreeMap<u64, String>,
    next: u64,
}

impl MemoryTransactions {
    /// An empty store for 10 000 transactions.
    #[must_use]
    pub fn new() -> Self {
        Self { waiting: Arc::default(), clock: Clock::system(), capacity: 10_000 }
    }

    /// Keeps `capacity` transactions at most, and one at least.
    #[must_use]
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = capacity.max(1);
        self
    }

    /// Takes the time from `clock`.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// How many transactions are kept, of which some may have expired.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting().by_key.len()
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn remove(&mut self, key: &str) -> Option<AuthorizationTransaction> {
        let (number, transaction) = self.by_key.remove(key)?;
        self.keys.remove(&number);
        Some(transaction)
    }
}

impl TransactionStore for MemoryTransactions {
    async fn put(&self, transaction: AuthorizationTransaction) -> Result<(), BoxError> {
        let now = self.clock.wall();
        let key = transaction.key();
        let mut waiting = self.waiting();
        waiting.remove(&key);
        // Most live equally long, so the oldest is usually the first to expire.
        while let Some(oldest) = waiting.keys.first_key_value().map(|(_, key)| key.clone()) {
            let expired = waiting.by_key.get(&oldest).is_none_or(|(_, oldest)| oldest.expires_at() <= now);
            if !expired && waiting.by_key.len() < self.capacity {
                break;
            }
            waiting.remove(&oldest);
        }
        let number = waiting.next;
        waiting.next += 1;
        waiting.keys.insert(number, key.clone());
        waiting.by_key.insert(key, (number, transaction));
        Ok(())
    }

    async fn take(&self, key: &str) -> Result<Option<AuthorizationTransaction>, BoxError> {
        Ok(self.waiting().remove(key))
    }
}

impl Default for MemoryTransactions {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryTransactions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTransactions").field("len", &self.len()).finish_non_exhaustive()
    }
}
