use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use super::pool::{Connections, Pool};
use crate::backend::{
    AuditRow, Backend, BackendFuture, Changes, Claim, ConnectorFault, CredentialRow, Due, Exchanged, Failed, Intent,
    Job, JobKind, ListFilter, LogRow, LoginRow, NewCredential, PageKey, Record, SecretsChange, StatusChange,
    StoreKeyRow, Touched,
};
use crate::model::{CredentialId, OwnerDigest, Timestamp};

/// A [`Backend`] on SQLite or PostgreSQL. Clones share the connections.
#[derive(Clone)]
pub struct SqlBackend {
    pub(super) pool: Pool,
    #[cfg(feature = "postgres")]
    listens: bool,
}

impl SqlBackend {
    pub(super) fn new(pool: Pool) -> Self {
        Self {
            pool,
            #[cfg(feature = "postgres")]
            listens: false,
        }
    }

    #[cfg(feature = "postgres")]
    pub(super) fn listening(self, listens: bool) -> Self {
        Self { listens, ..self }
    }
}

impl Backend for SqlBackend {
    fn name(&self) -> &'static str {
        match &self.pool.connections {
            #[cfg(feature = "sqlite")]
            Connections::Sqlite(_) => "sqlite",
            #[cfg(feature = "postgres")]
            Connections::Postgres(_) => "postgres",
        }
    }

    fn now(&self) -> BackendFuture<'_, Timestamp> {
        Box::pin(self.pool.now())
    }

    fn store_key(&self) -> BackendFuture<'_, Option<StoreKeyRow>> {
        Box::pin(self.pool.store_key())
    }

    fn put_store_key(&self, row: StoreKeyRow) -> BackendFuture<'_, bool> {
        Box::pin(self.pool.put_store_key(row))
    }

    fn replace_store_key(&self, old: StoreKeyRow, new: StoreKeyRow) -> BackendFuture<'_, bool> {
        Box::pin(self.pool.replace_store_key(old, new))
    }

    fn insert(&self, new: NewCredential) -> BackendFuture<'_, ()> {
        Box::pin(self.pool.insert(new))
    }

    fn get(&self, owner: OwnerDigest, id: CredentialId) -> BackendFuture<'_, Option<CredentialRow>> {
        Box::pin(self.pool.get(owner, id))
    }

    fn find(&self, id: CredentialId) -> BackendFuture<'_, Option<CredentialRow>> {
        Box::pin(self.pool.find(id))
    }

    fn list(&self, filter: ListFilter) -> BackendFuture<'_, Vec<CredentialRow>> {
        Box::pin(self.pool.list(filter))
    }

    fn count(&self, owner: OwnerDigest) -> BackendFuture<'_, i64> {
        Box::pin(self.pool.count(owner))
    }

    fn set_label(
        &self,
        owner: OwnerDigest,
        id: CredentialId,
        label: Vec<u8>,
        record: Record,
    ) -> BackendFuture<'_, bool> {
        Box::pin(self.pool.set_label(owner, id, label, record))
    }

    fn set_logs_requests(
        &self,
        owner: OwnerDigest,
        id: CredentialId,
        on: bool,
        record: Record,
    ) -> BackendFuture<'_, bool> {
        Box::pin(self.pool.set_logs_requests(owner, id, on, record))
    }

    fn set_status(&self, id: CredentialId, change: StatusChange) -> BackendFuture<'_, bool> {
        Box::pin(self.pool.set_status(id, change))
    }

    fn set_secrets(&self, owner: OwnerDigest, id: CredentialId, change: SecretsChange) -> BackendFuture<'_, bool> {
        Box::pin(self.pool.set_secrets(owner, id, change))
    }

    fn delete(&self, owner: OwnerDigest, id: CredentialId, record: Record) -> BackendFuture<'_, bool> {
        Box::pin(self.pool.whole(move |pool| async move { pool.delete(owner, id, record).await }))
    }

    fn touch(&self, ids: Vec<CredentialId>) -> BackendFuture<'_, ()> {
        Box::pin(self.pool.whole(move |pool| async move { pool.touch(ids).await }))
    }

    fn claim(&self, id: CredentialId, ttl: Duration) -> BackendFuture<'_, Claim> {
        Box::pin(self.pool.claim(id, ttl))
    }

    fn has_due(&self, connector: String, which: Due) -> BackendFuture<'_, bool> {
        Box::pin(self.pool.has_due(connector, which))
    }

    fn claim_due(
        &self,
        connector: String,
        which: Due,
        limit: u32,
        ttl: Duration,
    ) -> BackendFuture<'_, Vec<CredentialRow>> {
        Box::pin(self.pool.claim_due(connector, which, limit, ttl))
    }

    fn extend(&self, id: CredentialId, fence: i64, ttl: Duration) -> BackendFuture<'_, bool> {
        Box::pin(self.pool.extend(id, fence, ttl))
    }

    fn release(&self, id: CredentialId, fence: i64) -> BackendFuture<'_, ()> {
        Box::pin(self.pool.release(id, fence))
    }

    fn begin_exchange(&self, id: CredentialId, fence: i64, generation: i64, intent: Intent) -> BackendFuture<'_, bool> {
        Box::pin(self.pool.begin_exchange(id, fence, generation, intent))
    }

    fn finish_exchange(&self, exchanged: Exchanged) -> BackendFuture<'_, bool> {
        Box::pin(self.pool.finish_exchange(exchanged))
    }

    fn fail_exchange(&self, failed: Failed) -> BackendFuture<'_, bool> {
        Box::pin(self.pool.fail_exchange(failed))
    }

    fn take_turn(&self, connector: String, count: u32, interval: Duration) -> BackendFuture<'_, bool> {
        Box::pin(self.pool.take_turn(connector, count, interval))
    }

    fn ended(&self, limit: u32) -> BackendFuture<'_, Vec<CredentialRow>> {
        Box::pin(self.pool.ended(limit))
    }

    fn ending(&self, lead: Duration, limit: u32) -> BackendFuture<'_, Vec<CredentialRow>> {
        Box::pin(self.pool.ending(lead, limit))
    }

    fn set_warned(&self, id: CredentialId, generation: i64, record: Record) -> BackendFuture<'_, bool> {
        Box::pin(self.pool.set_warned(id, generation, record))
    }

    fn wrapped_otherwise(
        &self,
        key_id: String,
        after: Option<CredentialId>,
        limit: u32,
    ) -> BackendFuture<'_, Vec<CredentialRow>> {
        Box::pin(self.pool.wrapped_otherwise(key_id, after, limit))
    }

    fn keys_in_use(&self) -> BackendFuture<'_, Vec<(String, i64)>> {
        Box::pin(self.pool.keys_in_use())
    }

    fn replace_data_key(
        &self,
        id: CredentialId,
        old: Vec<u8>,
        key_id: String,
        new: Vec<u8>,
        record: Record,
    ) -> BackendFuture<'_, bool> {
        Box::pin(self.pool.replace_data_key(id, old, key_id, new, record))
    }

    fn put_login(&self, owner: OwnerDigest, login: LoginRow, lifetime: Duration, keep: u32) -> BackendFuture<'_, ()> {
        Box::pin(self.pool.whole(move |pool| async move { pool.put_login(owner, login, lifetime, keep).await }))
    }

    fn take_login(&self, state: String) -> BackendFuture<'_, Option<LoginRow>> {
        Box::pin(self.pool.take_login(state))
    }

    fn note_use(&self, name: String, lifetime: Duration) -> BackendFuture<'_, bool> {
        Box::pin(self.pool.note_use(name, lifetime))
    }

    fn record(&self, record: Record) -> BackendFuture<'_, ()> {
        Box::pin(self.pool.record(record))
    }

    fn claim_jobs(&self, kind: JobKind, limit: u32, ttl: Duration) -> BackendFuture<'_, Vec<Job>> {
        Box::pin(self.pool.claim_jobs(kind, limit, ttl))
    }

    fn finish_job(&self, id: i64, fence: i64) -> BackendFuture<'_, bool> {
        Box::pin(self.pool.finish_job(id, fence))
    }

    fn retry_job(&self, id: i64, fence: i64, wait: Duration) -> BackendFuture<'_, bool> {
        Box::pin(self.pool.retry_job(id, fence, wait))
    }

    fn put_off_jobs(&self, jobs: Vec<(i64, i64, Duration)>) -> BackendFuture<'_, ()> {
        Box::pin(self.pool.whole(move |pool| async move { pool.put_off_jobs(jobs).await }))
    }

    fn count_jobs(&self, kind: JobKind) -> BackendFuture<'_, i64> {
        Box::pin(self.pool.count_jobs(kind))
    }

    fn audit_trail(
        &self,
        credential: Option<CredentialId>,
        after: i64,
        limit: u32,
    ) -> BackendFuture<'_, Vec<AuditRow>> {
        Box::pin(self.pool.audit_trail(credential, after, limit))
    }

    fn trim_audit(&self, age: Duration, limit: u32) -> BackendFuture<'_, u64> {
        Box::pin(self.pool.trim_audit(age, limit))
    }

    fn log(&self, id: CredentialId, sealed: Vec<u8>, keep: u32) -> BackendFuture<'_, ()> {
        Box::pin(self.pool.whole(move |pool| async move { pool.log(id, sealed, keep).await }))
    }

    fn logged(&self, owner: OwnerDigest, id: CredentialId, limit: u32) -> BackendFuture<'_, Vec<LogRow>> {
        Box::pin(self.pool.logged(owner, id, limit))
    }

    fn set_connector_fault(&self, connector: String, code: Option<String>, record: Record) -> BackendFuture<'_, bool> {
        Box::pin(self.pool.set_connector_fault(connector, code, record))
    }

    fn connector_faults(&self) -> BackendFuture<'_, Vec<ConnectorFault>> {
        Box::pin(self.pool.connector_faults())
    }

    fn changes_since(&self, since: Timestamp, after: Option<PageKey>, limit: u32) -> BackendFuture<'_, Vec<Touched>> {
        Box::pin(self.pool.changes_since(since, after, limit))
    }

    fn purge(&self, age: Duration) -> BackendFuture<'_, ()> {
        Box::pin(self.pool.purge(age))
    }

    fn listen(&self) -> BackendFuture<'_, Option<Box<dyn Changes>>> {
        Box::pin(async move {
            match &self.pool.connections {
                #[cfg(feature = "postgres")]
                Connections::Postgres(pool) if self.listens => {
                    let channel = format!("{}changes", self.pool.texts.prefix());
                    let announced = super::listen::Announced::new(pool, &channel).await?;
                    Ok(Some(Box::new(announced) as Box<dyn Changes>))
                }
                _ => Ok(None),
            }
        })
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.pool.close())
    }
}

impl fmt::Debug for SqlBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlBackend").field("database", &self.name()).finish_non_exhaustive()
    }
}
