//! Renewals that nobody waits for.

use std::sync::Arc;
use std::time::Duration;

use tower_auth_core::{MonotonicTime, RefreshCause, SourceRequest};

use super::exchange::Ended;
use super::store::Inner;
use super::stored_credential::CredentialKey;
use crate::backend::CredentialRow;
use crate::error::StoreError;
use crate::vault::open_tokens;

/// How many credentials of a connector are taken at once.
const BATCH: u32 = 10;

impl Inner {
    /// Renews what is due, of every connector, at its pace. How many there were.
    pub(super) async fn sweep(self: &Arc<Self>) -> Result<usize, StoreError> {
        let mut sweeps = tokio::task::JoinSet::new();
        for connector in self.connectors.iter() {
            let (own, id, pace) = (Arc::clone(self), connector.id().to_owned(), connector.pace_of());
            sweeps.spawn(async move { own.sweep_connector(id, pace).await });
        }
        let mut count = 0;
        while let Some(swept) = sweeps.join_next().await {
            count += swept.unwrap_or(Ok(0))?;
        }
        Ok(count)
    }

    async fn sweep_connector(self: Arc<Self>, connector: String, pace: Duration) -> Result<usize, StoreError> {
        if !self.backend.has_due(connector.clone()).await? {
            return Ok(0);
        }
        // So many that the next turn comes within a second or so.
        let batch = match u32::try_from(Duration::from_secs(1).as_nanos() / pace.as_nanos().max(1)) {
            Ok(fits) => fits.clamp(1, BATCH),
            Err(_) => BATCH,
        };
        if !pace.is_zero() && !self.backend.take_turn(connector.clone(), batch, pace).await? {
            // The turn is another process's, or has not come yet: there is something to do all the same.
            return Ok(1);
        }
        let due = self.backend.claim_due(connector, batch, self.settings.lease).await?;
        let count = due.len();
        let mut renewals = tokio::task::JoinSet::new();
        for row in due {
            let own = Arc::clone(&self);
            renewals.spawn(async move { own.renew_due(row).await });
        }
        while renewals.join_next().await.is_some() {}
        Ok(count)
    }

    /// Renews a credential whose lease was taken, and hands the tokens to the cache that has it, if one has.
    async fn renew_due(self: Arc<Self>, row: CredentialRow) {
        let (id, fence) = (row.id, row.fence);
        if let Err(error) = self.try_renew_due(row).await {
            tracing::debug!(credential = %id, error = %error, "a credential was not renewed by the sweep");
            let _ = self.backend.release(id, fence).await;
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
