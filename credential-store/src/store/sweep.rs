//! Renewals that nobody waits for.

use std::sync::Arc;
use std::time::Duration;

use tower_auth_core::{MonotonicTime, RefreshCause, SourceRequest};

use super::exchange::Ended;
use super::run::Next;
use super::store::Inner;
use super::stored_credential::CredentialKey;
use super::window::Window;
use crate::backend::{CredentialRow, Due, Failed, Record};
use crate::error::{StoreError, StoreErrorKind};
use crate::vault::open_tokens;

/// How far apart attempts are for a connector that has a fault.
const FAULTY: Duration = Duration::from_secs(15);

/// How many renewals of a connector are under way at once in a process, but for those that have taken long.
const WIDTH: usize = 16;

/// A renewal that has taken so long makes room for another one beside it: most likely its host does not answer, and others of the connector may have hosts of
/// their own.
pub(super) const PATIENCE: Duration = Duration::from_millis(500);

/// How many there are at once all the same.
const LIMIT: usize = 128;

/// Each time so many have been claimed, those that failed before are asked for first, so that they are not forgotten either.
const ROUND: u32 = 4;

/// The renewals of one connector.
pub(super) struct Sweep {
    connector: String,
    window: Window<Due, ()>,
    claims: u32,
}

/// For how many more of each kind there is room, and in all.
struct Room {
    all: usize,
    failing: usize,
}

impl Sweep {
    pub(super) fn new(connector: String) -> Self {
        Self { connector, window: Window::new(), claims: 0 }
    }

    /// Ends when there may be more room.
    pub(super) async fn moved(&mut self, clock: &tower_auth_core::Clock) {
        self.window.moved(clock, PATIENCE).await;
    }

    /// Those that failed before have half of the places at the most, however many there are.
    fn room(&self, now: MonotonicTime) -> Room {
        let count = |which: fn(Due) -> bool, longest| self.window.count(now, |due, age| which(*due) && age < longest);
        let left = |which, places: usize, limit: usize| {
            let (quick, all) = (count(which, PATIENCE), count(which, Duration::MAX));
            places.saturating_sub(quick).min(limit.saturating_sub(all))
        };
        let all = left(|_| true, WIDTH, LIMIT);
        Room { all, failing: left(|due| due == Due::Failing, WIDTH / 2, LIMIT / 2).min(all) }
    }

    fn order(&self) -> [Due; 2] {
        match self.claims % ROUND == ROUND - 1 {
            true => [Due::Failing, Due::Sound],
            false => [Due::Sound, Due::Failing],
        }
    }
}

impl Room {
    fn of(&self, due: Due) -> usize {
        match due {
            Due::Sound => self.all,
            Due::Failing => self.failing,
        }
    }
}

impl Inner {
    /// Begins to renew what is due of a connector, at its pace, and as far as there is room beside what is under way.
    pub(super) async fn sweep(self: &Arc<Self>, sweep: &mut Sweep) -> Result<Next, StoreError> {
        let now = self.clock.now();
        sweep.window.ended(now);
        let (connector, room) = (sweep.connector.clone(), sweep.room(now));
        let mut due = Vec::new();
        for which in sweep.order() {
            if room.of(which) > 0 && self.backend.has_due(connector.clone(), which).await? {
                due.push(which);
            }
        }
        if due.is_empty() {
            return Ok(if room.failing == 0 { Next::Room } else { Next::Later });
        }
        let (mut pace, mut batch) = (self.connectors.get(&connector)?.pace_of(), room.all);
        let faults = self.backend.connector_faults().await?;
        if faults.iter().any(|fault| fault.connector == connector) {
            // The provider turns the application away, whatever credential it comes with: one now and then is enough to see the end of that.
            (pace, batch) = (pace.max(FAULTY), 1);
        }
        let mut left = u32::try_from(batch).unwrap_or(u32::MAX);
        if !pace.is_zero() {
            // So many that the next turn comes within a second or so.
            let fits = Duration::from_secs(1).as_nanos() / pace.as_nanos();
            left = u32::try_from(fits).unwrap_or(u32::MAX).clamp(1, left);
            if !self.backend.take_turn(connector.clone(), left, pace).await? {
                // It is another process's, or has not come yet.
                return Ok(Next::After(pace.saturating_mul(left) / 8));
            }
        }
        sweep.claims = sweep.claims.wrapping_add(1);
        let mut next = Next::Later;
        for which in due {
            let limit = left.min(u32::try_from(room.of(which)).unwrap_or(u32::MAX));
            for row in self.backend.claim_due(connector.clone(), which, limit, self.settings.lease).await? {
                left = left.saturating_sub(1);
                next = Next::AtOnce;
                let own = Arc::clone(self);
                sweep.window.begin(which, self.clock.now(), async move { own.renew_due(row).await });
            }
            if left == 0 {
                break;
            }
        }
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
