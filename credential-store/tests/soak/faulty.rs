//! A backend that fails, hangs or ends the process where a test says.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tower_auth_store::{
    AuditRow, Backend, BackendError, BackendErrorKind, BackendFuture, Changes, Claim, ConnectorFault, CredentialId,
    CredentialRow, Due, Exchanged, Failed, Intent, Job, JobKind, ListFilter, LogRow, LoginRow, NewCredential,
    OwnerDigest, PageKey, Record, SecretsChange, SqlBackend, StatusChange, StoreKeyRow, Timestamp, Touched,
};

/// Where a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Nothing has reached the database.
    Before,
    /// All of it has happened, and nobody knows yet.
    After,
}

/// What a hook does: nothing, wait, fail, or end the process.
pub(crate) type Hooked = Pin<Box<dyn Future<Output = Result<(), BackendError>> + Send>>;

/// Sees every call by its name, before and after.
pub(crate) type Hook = Arc<dyn Fn(&'static str, When) -> Hooked + Send + Sync>;

/// A backend with a hook around each call.
pub(crate) struct Faulty {
    inner: SqlBackend,
    hook: Hook,
}

impl Faulty {
    pub(crate) fn new(inner: SqlBackend, hook: Hook) -> Self {
        Self { inner, hook }
    }
}

/// What a database says that is not there.
pub(crate) fn down() -> BackendError {
    BackendError::new(BackendErrorKind::Unavailable, "the database is down")
}

macro_rules! hooked {
    ($(fn $name:ident($($arg:ident: $type:ty),*) -> $out:ty;)*) => {
        $(fn $name(&self, $($arg: $type),*) -> BackendFuture<'_, $out> {
            let work = self.inner.$name($($arg),*);
            let (before, hook) = ((self.hook)(stringify!($name), When::Before), Arc::clone(&self.hook));
            Box::pin(async move {
                before.await?;
                let done = work.await?;
                hook(stringify!($name), When::After).await?;
                Ok(done)
            })
        })*
    };
}

impl Backend for Faulty {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    hooked! {
        fn now() -> Timestamp;
        fn store_key() -> Option<StoreKeyRow>;
        fn put_store_key(row: StoreKeyRow) -> bool;
        fn replace_store_key(old: StoreKeyRow, new: StoreKeyRow) -> bool;
        fn insert(new: NewCredential) -> ();
        fn get(owner: OwnerDigest, id: CredentialId) -> Option<CredentialRow>;
        fn find(id: CredentialId) -> Option<CredentialRow>;
        fn list(filter: ListFilter) -> Vec<CredentialRow>;
        fn count(owner: OwnerDigest) -> i64;
        fn set_label(owner: OwnerDigest, id: CredentialId, label: Vec<u8>, record: Record) -> bool;
        fn set_logs_requests(owner: OwnerDigest, id: CredentialId, on: bool, record: Record) -> bool;
        fn set_status(id: CredentialId, change: StatusChange) -> bool;
        fn set_secrets(owner: OwnerDigest, id: CredentialId, change: SecretsChange) -> bool;
        fn delete(owner: OwnerDigest, id: CredentialId, record: Record) -> bool;
        fn touch(ids: Vec<CredentialId>) -> ();
        fn claim(id: CredentialId, ttl: Duration) -> Claim;
        fn has_due(connector: String, which: Due) -> bool;
        fn claim_due(connector: String, which: Due, limit: u32, ttl: Duration) -> Vec<CredentialRow>;
        fn extend(id: CredentialId, fence: i64, ttl: Duration) -> bool;
        fn release(id: CredentialId, fence: i64) -> ();
        fn begin_exchange(id: CredentialId, fence: i64, generation: i64, intent: Intent) -> bool;
        fn finish_exchange(exchanged: Exchanged) -> bool;
        fn fail_exchange(failed: Failed) -> bool;
        fn take_turn(connector: String, count: u32, interval: Duration) -> bool;
        fn ended(limit: u32) -> Vec<CredentialRow>;
        fn ending(lead: Duration, limit: u32) -> Vec<CredentialRow>;
        fn set_warned(id: CredentialId, generation: i64, record: Record) -> bool;
        fn wrapped_otherwise(key_id: String, after: Option<CredentialId>, limit: u32) -> Vec<CredentialRow>;
        fn keys_in_use() -> Vec<(String, i64)>;
        fn replace_data_key(id: CredentialId, old: Vec<u8>, key_id: String, new: Vec<u8>, record: Record) -> bool;
        fn put_login(owner: OwnerDigest, login: LoginRow, lifetime: Duration, keep: u32) -> ();
        fn take_login(state: String) -> Option<LoginRow>;
        fn note_use(name: String, lifetime: Duration) -> bool;
        fn record(record: Record) -> ();
        fn claim_jobs(kind: JobKind, limit: u32, ttl: Duration) -> Vec<Job>;
        fn finish_job(id: i64, fence: i64) -> bool;
        fn retry_job(id: i64, fence: i64, wait: Duration) -> bool;
        fn put_off_jobs(jobs: Vec<(i64, i64, Duration)>) -> ();
        fn count_jobs(kind: JobKind) -> i64;
        fn trim_audit(age: Duration, limit: u32) -> u64;
        fn audit_trail(credential: Option<CredentialId>, after: i64, limit: u32) -> Vec<AuditRow>;
        fn log(id: CredentialId, sealed: Vec<u8>, keep: u32) -> ();
        fn logged(owner: OwnerDigest, id: CredentialId, limit: u32) -> Vec<LogRow>;
        fn set_connector_fault(connector: String, code: Option<String>, record: Record) -> bool;
        fn connector_faults() -> Vec<ConnectorFault>;
        fn changes_since(since: Timestamp, after: Option<PageKey>, limit: u32) -> Vec<Touched>;
        fn listen() -> Option<Box<dyn Changes>>;
        fn purge(age: Duration) -> ();
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.inner.close()
    }
}
