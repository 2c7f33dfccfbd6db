//! Renewals that nobody waits for.

use std::sync::Arc;
use std::time::Duration;

use tower_auth_core::{MonotonicTime, RefreshCause, SourceRequest};

use super::exchange::Ended;
use super::run::Next;
use super::store::Inner;
use super::stored_credential::CredentialKey;
use crate::backend::{CredentialRow, Failed, Record};
use crate::error::{StoreError, StoreErrorKind};
use crate::vault::open_tokens;

/// How far apart attempts are for a connector that has a fault.
const FAULTY: Duration = Duration::from_secs(15);

/// How many credentials of a connector are taken at once.
const BATCH: u32 = 10;

impl Inner {
    /// Renews what is due of `connector`, at its pace.
    pub(super) async fn sweep(self: &Arc<Self>, connector: &str) -> Result<Next, StoreError> {
        if !self.backend.has_due(connector.to_owned()).await? {
            return Ok(Next::Later);
        }
        let (mut pace, mut batch) = (self.connectors.get(connector)?.pace_of(), BATCH);
        let faults = self.backend.connector_faults().await?;
        if faults.iter().any(|fault| fault.connector == connector) {
            // The provider turns the application away, whatever credential it comes with: one now and then is enough to see the end of that.
            (pace, batch) = (pace.max(FAULTY), 1);
        }
        if !pace.is_zero() {
            // So many that the next turn comes within a second or so.
            let fits = Duration::from_secs(1).as_nanos() / pace.as_nanos();
            batch = u32::try_from(fits).unwrap_or(BATCH).clamp(1, batch);
            if !self.backend.take_turn(connector.to_owned(), batch, pace).await? {
                // It is another process's, or has not come yet.
                return Ok(Next::After(pace.saturating_mul(batch) / 8));
            }
        }
        let due = self.backend.claim_due(connector.to_owned(), batch, self.settings.lease).await?;
        let next = if due.is_empty() { Next::Later } else { Next::AtOnce };
        let mut renewals = tokio::task::JoinSet::new();
        for row in due {
            let own = Arc::clone(self);
            renewals.spawn(async move { own.renew_due(row).await });
        }
        while renewals.join_next().await.is_some() {}
        Ok(next)
    }

    /// Renews a credential whose lease was taken, and hands the tokens to the cache that has it, if one has.
    async fn renew_due(self: Arc<Self>, row: CredentialRow) {
        let (id, fence, generation, attempts) = (row.id, row.fence, row.generation, row.attempts);
        let Err(error) = self.try_renew_due(row).await else { return };
        tracing::debug!(credential = %id, error = %error, "a credential was not renewed by the sweep");
        if error.kind() == StoreErrorKind::Closed {
            return self.give_back(id, fence).await;
        }
        // What did not come as far as the provider is due again at once, and again: a row that cannot be opened, a connector that is not set up. What did has
        // been noted, and this finds another lease or changes nothing that matters.
        let row = match self.backend.find(id).await {
            Ok(Some(row)) if row.fence == fence && row.generation == generation && row.attempts == attempts => row,
            _ => return,
        };
        let wait = Duration::from_secs(60 << attempts.clamp(0, 5));
        let failed = Failed {
            id,
            fence,
            generation,
            status: None,
            reason: Some(error.code().to_owned()),
            provider_error: None,
            retry_in: Some(wait),
            keeps_intent: row.intent.is_some(),
            record: Record::default(),
        };
        if let Err(error) = self.backend.fail_exchange(failed).await {
            tracing::debug!(credential = %id, error = %error, "a failure of the sweep was not noted");
        }
    }

    async fn try_renew_due(self: &Arc<Self>, row: CredentialRow) -> Result<(), StoreError> {
        let owner = self.vault.owner_of(&row)?;
        let key = CredentialKey::new(owner.clone(), row.id);
        let slot = self.known.pin().get(&row.id).map(|(_, slot)| slot.clone()).unwrap_or_default();
        let live = self.enliven(&owner, &row, &slot).await?;
        // As a cache asks that has the present tokens: they are to be replaced although they serve.
        let previous = open_tokens(&live.opened.sealer, &owner, &row, self.clock.wall())?.map(Arc::new);
        let request = SourceRequest::new(RefreshCause::Ahead, previous, MonotonicTime::NEVER);
        if let (Ended::With(response), Some(cache)) =
            (self.renew(&owner, row, &slot, &request).await?, self.caches.peek(&key))
        {
            cache.publish(live.due(response));
        }
        Ok(())
    }
}
