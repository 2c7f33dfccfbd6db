//! The work that a store does by itself.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tower_auth_core::{Clock, TokenCache};

use super::lanes::Lanes;
use super::live::Slot;
use super::news::News;
use super::obtain::lives;
use super::revoke::Revocation;
use super::store::{CredentialStore, Inner};
use super::stored_credential::CredentialKey;
use super::sweep::Sweep;
use super::webhooks::Delivery;
use crate::backend::{Changes, CredentialRow, PageKey, StatusChange, Touched};
use crate::error::StoreError;
use crate::event::EventKind;
use crate::model::{CredentialStatus, Timestamp};
use crate::vault::open_tokens;

/// How often changes are looked for where the database announces none.
const POLL: Duration = Duration::from_secs(1);
/// How often they are looked for all the same where it does: an announcement may be lost.
const POLL_BESIDE: Duration = Duration::from_secs(20);
/// How far back each look goes: a change may be visible only some time after its time.
const OVERLAP: Duration = Duration::from_secs(5);
/// How long remains of deleted credentials are kept, for processes that look for changes.
const KEEP_DELETED: Duration = Duration::from_secs(24 * 60 * 60);
/// How often what is over is dropped, and uses are noted.
const TIDY: Duration = Duration::from_secs(30);
/// How many old entries of the audit trail are dropped at once, and how often in a row.
const TRIMMED: u32 = 500;
const TRIMS: usize = 40;

impl CredentialStore {
    /// The work that nobody asks for: takes in what other processes change, renews what is due, tells providers of revocations and applications of events, and drops what is
    /// over. Spawn it, in every process; they share the work.
    ///
    /// It ends when the store is closed or dropped, and never because of an error. Without it credentials are renewed when they are used, and that is all.
    pub fn run(&self) -> impl Future<Output = ()> + Send + 'static {
        let own = Arc::downgrade(&self.0);
        let closing = self.0.tasks.clone();
        let connectors: Vec<_> = self.0.connectors.iter().map(|connector| connector.id().to_owned()).collect();
        async move {
            // Each connector by itself: a provider that does not answer holds up no other's.
            let sweeps = connectors.into_iter().map(|connector| Work::Sweep(Sweep::new(connector)));
            let jobs = [Work::Revocations(Lanes::new()), Work::Messages(Lanes::new())];
            let works = sweeps.chain(jobs).chain([Work::Ends, Work::Tidy]);
            let work = async {
                let mut tasks = tokio::task::JoinSet::new();
                for work in works {
                    tasks.spawn(repeat(Weak::clone(&own), work));
                }
                follow(own).await;
                while tasks.join_next().await.is_some() {}
            };
            tokio::select! {
                () = work => {}
                () = closing.closing() => {}
            }
        }
    }
}

/// Work that is done again and again.
enum Work {
    /// Of one connector.
    Sweep(Sweep),
    Revocations(Lanes),
    Messages(Lanes),
    Ends,
    Tidy,
}

impl Work {
    /// Ends when there may be more room for what is to be done.
    async fn moved(&mut self, clock: &Clock) {
        match self {
            Self::Sweep(sweep) => sweep.moved(clock).await,
            Self::Revocations(lanes) => lanes.moved(clock).await,
            Self::Messages(lanes) => lanes.moved(clock).await,
            Self::Ends | Self::Tidy => std::future::pending().await,
        }
    }
}

/// When to look again.
pub(super) enum Next {
    /// There may be more.
    AtOnce,
    /// There is more, and its time comes.
    After(Duration),
    /// There may be more, and no room for it before something ends.
    Room,
    /// When it is time again.
    Later,
}

impl Next {
    fn of(count: usize) -> Self {
        match count {
            0 => Self::Later,
            _ => Self::AtOnce,
        }
    }
}

async fn repeat(store: Weak<Inner>, mut work: Work) {
    let mut failures = 0_u32;
    loop {
        let Some(store) = store.upgrade() else { return };
        let interval = store.settings.sweep_interval;
        let (outcome, pause) = match &mut work {
            Work::Sweep(sweep) => (store.sweep(sweep).await, interval),
            Work::Revocations(lanes) => (store.carry_out::<Revocation>(lanes).await, Duration::from_secs(1)),
            Work::Messages(lanes) => (store.carry_out::<Delivery>(lanes).await, Duration::from_secs(1)),
            Work::Ends => (store.note_ends().await.map(Next::of), interval),
            Work::Tidy => (store.tidy().await.map(|()| Next::Later), TIDY),
        };
        if outcome.is_ok() {
            failures = 0;
        }
        let waits_for_room = matches!(outcome, Ok(Next::Room));
        let pause = match outcome {
            Ok(Next::AtOnce) => Duration::from_millis(20),
            Ok(Next::After(wait)) => wait.min(pause).max(Duration::from_millis(20)),
            Ok(Next::Later | Next::Room) => pause.mul_f64(0.75 + 0.5 * fastrand::f64()),
            Err(error) => {
                failures = failures.saturating_add(1);
                if failures == 1 {
                    tracing::warn!(error = %error, "the store cannot do its work at the moment");
                }
                Duration::from_secs(1 << failures.min(5)).mul_f64(0.5 + 0.5 * fastrand::f64())
            }
        };
        let clock = store.clock.clone();
        drop(store);
        tokio::select! {
            () = clock.sleep(pause) => {}
            () = work.moved(&clock), if waits_for_room => {}
        }
    }
}

/// Takes in what other processes change.
async fn follow(store: Weak<Inner>) {
    let (mut since, mut announced): (Option<Timestamp>, Option<Box<dyn Changes>>) = (None, None);
    let mut has_failed = false;
    loop {
        let Some(own) = store.upgrade() else { return };
        if announced.is_none() {
            match own.backend.listen().await {
                Ok(listening) => (announced, has_failed) = (listening, false),
                Err(error) if !has_failed => {
                    has_failed = true;
                    tracing::warn!(error = %error, "changes are not announced at the moment; they are looked for");
                }
                Err(_) => {}
            }
        }
        // Whatever was missed while nobody listened, or was not announced.
        match own.look_for_changes(since).await {
            Ok(now) => since = Some(now),
            Err(error) => tracing::debug!(error = %error, "changes cannot be looked for at the moment"),
        }
        let clock = own.clock.clone();
        drop(own);
        let Some(changes) = &mut announced else {
            clock.sleep(POLL).await;
            continue;
        };
        let until = clock.now() + POLL_BESIDE;
        loop {
            let next = tokio::select! {
                next = changes.next() => next,
                () = clock.sleep_until(until) => break,
            };
            let Some(own) = store.upgrade() else { return };
            match next {
                Ok(id) => own.take_in(id).await,
                Err(error) => {
                    tracing::warn!(error = %error, "the connection that listens was lost");
                    announced = None;
                    drop(own);
                    clock.sleep(Duration::from_millis(500)).await;
                    break;
                }
            }
        }
    }
}

impl Inner {
    /// Takes in every change since then, of credentials in memory. When it looked, by the database.
    async fn look_for_changes(&self, since: Option<Timestamp>) -> Result<Timestamp, StoreError> {
        let now = self.backend.now().await?;
        let Some(since) = since else { return Ok(now) };
        let since = Timestamp(since.0.saturating_sub(i64::try_from(OVERLAP.as_millis()).unwrap_or(0)));
        let mut after: Option<PageKey> = None;
        loop {
            let changes = self.backend.changes_since(since, after, 1_000).await?;
            let Some(last) = changes.last() else { return Ok(now) };
            after = Some(PageKey { created_at: last.updated_at, id: last.id });
            for Touched { id, .. } in &changes {
                self.take_in(*id).await;
            }
        }
    }

    /// Looks again at a credential that somebody else may have changed, if it is in memory.
    async fn take_in(&self, id: crate::model::CredentialId) {
        let Some((key, slot)) = self.known.pin().get(&id).cloned() else { return };
        let Some(cache) = self.caches.peek(&key) else {
            self.known.pin().remove(&id);
            return;
        };
        match self.backend.find(id).await {
            Ok(Some(row)) => match self.take_in_row(&key, &slot, &row, &cache).await {
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!(credential = %id, error = %error, "a change cannot be taken in");
                    cache.discard();
                }
            },
            Ok(None) => self.drop_from_memory(&key.owner, id),
            Err(error) => tracing::debug!(error = %error, "a change cannot be looked at"),
        }
    }

    async fn take_in_row(
        &self,
        key: &CredentialKey,
        slot: &Slot,
        row: &CredentialRow,
        cache: &TokenCache,
    ) -> Result<(), StoreError> {
        let before = slot.get();
        let live = self.enliven(&key.owner, row, slot).await?;
        let is_same = before.is_some_and(|before| Arc::ptr_eq(&before, &live));
        if !is_same || StoreError::of_status(row).is_some() {
            cache.discard();
        }
        if lives(row)
            && StoreError::of_status(row).is_none()
            && let Some(tokens) = open_tokens(&live.opened.sealer, &key.owner, row, self.clock.wall())?
        {
            cache.publish(live.due(tokens));
        }
        Ok(())
    }

    /// Drops what is over, and notes uses.
    async fn tidy(&self) -> Result<(), StoreError> {
        self.flush_uses().await;
        self.tidy_known();
        self.backend.purge(KEEP_DELETED).await?;
        self.trim_audit().await
    }

    /// Drops old entries of the audit trail, a few at once, so that nobody waits for long. Others are left for the next time.
    async fn trim_audit(&self) -> Result<(), StoreError> {
        let Some(age) = self.settings.keep_audit else { return Ok(()) };
        for _ in 0..TRIMS {
            if self.backend.trim_audit(age, TRIMMED).await? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Tells owners whose credentials end, or will soon, and need a person then. Every process finds them, and the one whose change takes effect tells. How
    /// many this one told: where others are faster they go on.
    async fn note_ends(&self) -> Result<usize, StoreError> {
        let mut told = 0;
        for row in self.backend.ended(100).await? {
            let (id, reason) = (row.id, "token_ended");
            let (generation, from) = (Some(row.generation), Some(row.status));
            let now = CredentialRow { status: CredentialStatus::ExpiredManual, ..row };
            let News { record, event } = self.news(&now, EventKind::Ended, Some(reason));
            let change = StatusChange {
                status: now.status,
                reason: Some(reason.to_owned()),
                provider_error: now.provider_error,
                generation,
                from,
                is_success: false,
                record,
            };
            if self.backend.set_status(id, change).await? {
                told += 1;
                self.tell(event);
            }
        }
        for row in self.backend.ending(self.settings.warn_lead, 100).await? {
            let News { record, event } = self.news(&row, EventKind::EndsSoon, None);
            if self.backend.set_warned(row.id, row.generation, record).await? {
                told += 1;
                self.tell(event);
            }
        }
        Ok(told)
    }
}
