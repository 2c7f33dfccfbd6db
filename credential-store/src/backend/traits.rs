use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::{
    AuditRow, BackendError, Claim, ConnectorFault, CredentialRow, Due, Exchanged, Failed, Intent, Job, JobKind,
    ListFilter, LogRow, LoginRow, NewCredential, PageKey, Record, SecretsChange, StatusChange, StoreKeyRow, Touched,
};
use crate::model::{CredentialId, OwnerDigest, Timestamp};

/// What the methods of a backend return.
pub type BackendFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, BackendError>> + Send + 'a>>;

/// A database that keeps credentials. [`CredentialStore`](crate::CredentialStore) has one for SQLite and one for PostgreSQL; the conformance suite
/// (feature `conformance`) shows whether another one behaves.
///
/// Each method is atomic: all of it happens, or nothing. A [`Record`] that comes with a change is a part of it, and is kept if the change takes effect, and
/// only then. Times are the database's own. A credential that was deleted is never returned, but by [`changes_since`](Self::changes_since).
pub trait Backend: Send + Sync + 'static {
    /// What the database is called in events: `sqlite`, `postgres`.
    fn name(&self) -> &'static str;

    /// The database's time.
    fn now(&self) -> BackendFuture<'_, Timestamp>;

    /// The store's own key.
    fn store_key(&self) -> BackendFuture<'_, Option<StoreKeyRow>>;

    /// Keeps the store's own key if there is none; false if there is.
    fn put_store_key(&self, row: StoreKeyRow) -> BackendFuture<'_, bool>;

    /// Replaces the store's own key if it is still `old`.
    fn replace_store_key(&self, old: StoreKeyRow, new: StoreKeyRow) -> BackendFuture<'_, bool>;

    /// Keeps a new credential.
    fn insert(&self, new: NewCredential) -> BackendFuture<'_, ()>;

    /// The credential of that owner.
    fn get(&self, owner: OwnerDigest, id: CredentialId) -> BackendFuture<'_, Option<CredentialRow>>;

    /// The credential, whoever owns it: for work in the background, never for a caller.
    fn find(&self, id: CredentialId) -> BackendFuture<'_, Option<CredentialRow>>;

    /// Credentials, the newest first.
    fn list(&self, filter: ListFilter) -> BackendFuture<'_, Vec<CredentialRow>>;

    /// How many credentials of that owner there are.
    fn count(&self, owner: OwnerDigest) -> BackendFuture<'_, i64>;

    /// Sets the label; false if there is no such credential.
    fn set_label(
        &self,
        owner: OwnerDigest,
        id: CredentialId,
        label: Vec<u8>,
        record: Record,
    ) -> BackendFuture<'_, bool>;

    /// Sets whether token requests are logged; false if there is no such credential.
    fn set_logs_requests(
        &self,
        owner: OwnerDigest,
        id: CredentialId,
        on: bool,
        record: Record,
    ) -> BackendFuture<'_, bool>;

    /// Sets how the credential is doing; false if there is none of that generation that is doing as `from` says.
    fn set_status(&self, id: CredentialId, change: StatusChange) -> BackendFuture<'_, bool>;

    /// Replaces the values; false if there is no such credential of that version and generation.
    fn set_secrets(&self, owner: OwnerDigest, id: CredentialId, change: SecretsChange) -> BackendFuture<'_, bool>;

    /// Overwrites everything secret of the credential and makes it unknown. False if there is none.
    fn delete(&self, owner: OwnerDigest, id: CredentialId, record: Record) -> BackendFuture<'_, bool>;

    /// Notes that these were used.
    fn touch(&self, ids: Vec<CredentialId>) -> BackendFuture<'_, ()>;

    /// Takes the lease of a credential for `ttl`, unless somebody has it.
    fn claim(&self, id: CredentialId, ttl: Duration) -> BackendFuture<'_, Claim>;

    /// Whether [`claim_due`](Self::claim_due) would find something.
    fn has_due(&self, connector: String, which: Due) -> BackendFuture<'_, bool>;

    /// Takes the leases of at most `limit` credentials of `connector` that are due: `refresh_at` has come, they renew themselves, are valid or
    /// degraded, may be tried again, and nobody has them. The most overdue first, of one kind: so those that fail again and again, which stay the most overdue, hold
    /// up no others.
    fn claim_due(
        &self,
        connector: String,
        which: Due,
        limit: u32,
        ttl: Duration,
    ) -> BackendFuture<'_, Vec<CredentialRow>>;

    /// Makes the lease last for `ttl` from now; false if it is not the caller's any more.
    fn extend(&self, id: CredentialId, fence: i64, ttl: Duration) -> BackendFuture<'_, bool>;

    /// Ends the lease.
    fn release(&self, id: CredentialId, fence: i64) -> BackendFuture<'_, ()>;

    /// Notes that a token request is about to be sent; false if the lease is not the caller's any more, or the generation is another. The time in
    /// `intent` is the database's; if the row has an intent already that spends the same, the time of that one stays.
    fn begin_exchange(&self, id: CredentialId, fence: i64, generation: i64, intent: Intent) -> BackendFuture<'_, bool>;

    /// Keeps new tokens if the generation is the expected one, ends the intent, and the lease if it is the caller's; the credential is valid then,
    /// unless it was revoked meanwhile. False if the generation is another.
    fn finish_exchange(&self, exchanged: Exchanged) -> BackendFuture<'_, bool>;

    /// Notes that an exchange failed; false if the lease or the generation is another.
    fn fail_exchange(&self, failed: Failed) -> BackendFuture<'_, bool>;

    /// Lets `count` token requests to `connector` pass if none has to wait, and makes the next ones wait `count` times `interval`. Counts for the whole
    /// fleet.
    fn take_turn(&self, connector: String, count: u32, interval: Duration) -> BackendFuture<'_, bool>;

    /// Credentials whose token has ended, that do not renew themselves, and that are valid or degraded all the same: the first to end first. They are
    /// returned until [`set_status`](Self::set_status) says otherwise.
    fn ended(&self, limit: u32) -> BackendFuture<'_, Vec<CredentialRow>>;

    /// Valid and degraded credentials that end within `lead` and need a person then. They are returned until
    /// [`set_warned`](Self::set_warned).
    fn ending(&self, lead: Duration, limit: u32) -> BackendFuture<'_, Vec<CredentialRow>>;

    /// Notes that the end of a credential is told. False if it was already, or the generation is another. New tokens end the note if their end is
    /// another: more than a minute later, if it is the refresh token's.
    fn set_warned(&self, id: CredentialId, generation: i64, record: Record) -> BackendFuture<'_, bool>;

    /// Credentials whose data key is wrapped with another key than `key_id`, in the order of their names, after `after`.
    fn wrapped_otherwise(
        &self,
        key_id: String,
        after: Option<CredentialId>,
        limit: u32,
    ) -> BackendFuture<'_, Vec<CredentialRow>>;

    /// How many credentials are wrapped with which key.
    fn keys_in_use(&self) -> BackendFuture<'_, Vec<(String, i64)>>;

    /// Replaces a data key if it is still `old`.
    fn replace_data_key(
        &self,
        id: CredentialId,
        old: Vec<u8>,
        key_id: String,
        new: Vec<u8>,
        record: Record,
    ) -> BackendFuture<'_, bool>;

    /// Keeps a login of that owner that waits for its user, and of the others that end before it only the last ones: `keep` in all. Of those that are put at the same time
    /// a few more may stay.
    fn put_login(&self, owner: OwnerDigest, login: LoginRow, lifetime: Duration, keep: u32) -> BackendFuture<'_, ()>;

    /// Takes a login out, unless it is over. Of several who ask at once, one gets it.
    fn take_login(&self, state: String) -> BackendFuture<'_, Option<LoginRow>>;

    /// Notes that something was used that is good once, and forgets it after `lifetime`; `false` if it was noted before. Of several who note the
    /// same at once, one is first.
    fn note_use(&self, name: String, lifetime: Duration) -> BackendFuture<'_, bool>;

    /// Keeps what no change caused.
    fn record(&self, record: Record) -> BackendFuture<'_, ()>;

    /// Takes jobs that are due, the oldest first.
    fn claim_jobs(&self, kind: JobKind, limit: u32, ttl: Duration) -> BackendFuture<'_, Vec<Job>>;

    /// Drops a job that is done.
    fn finish_job(&self, id: i64, fence: i64) -> BackendFuture<'_, bool>;

    /// Has a job tried again after `wait`.
    fn retry_job(&self, id: i64, fence: i64, wait: Duration) -> BackendFuture<'_, bool>;

    /// Has jobs, by number and fence, each taken again after its wait, which is no attempt: nobody tried. Those that are not the caller's any more are left alone.
    fn put_off_jobs(&self, jobs: Vec<(i64, i64, Duration)>) -> BackendFuture<'_, ()>;

    /// How many jobs of that kind wait.
    fn count_jobs(&self, kind: JobKind) -> BackendFuture<'_, i64>;

    /// The audit trail after the entry numbered `after`, the oldest first; of one credential if one is named.
    fn audit_trail(&self, credential: Option<CredentialId>, after: i64, limit: u32)
    -> BackendFuture<'_, Vec<AuditRow>>;

    /// Drops at most `limit` entries of the audit trail that are older than `age`, the oldest first. How many it dropped; none if no such entry is left.
    fn trim_audit(&self, age: Duration, limit: u32) -> BackendFuture<'_, u64>;

    /// Keeps a logged token request, and only the last `keep` of that credential.
    fn log(&self, id: CredentialId, sealed: Vec<u8>, keep: u32) -> BackendFuture<'_, ()>;

    /// The logged token requests of a credential, the newest first.
    fn logged(&self, owner: OwnerDigest, id: CredentialId, limit: u32) -> BackendFuture<'_, Vec<LogRow>>;

    /// Sets, or with `None` ends, what is wrong with a connector. False if nothing changed.
    fn set_connector_fault(&self, connector: String, code: Option<String>, record: Record) -> BackendFuture<'_, bool>;

    /// What is wrong with connectors.
    fn connector_faults(&self) -> BackendFuture<'_, Vec<ConnectorFault>>;

    /// Credentials that were changed at or after `since`, deleted ones too, the oldest change first. A change may be visible only some time after its
    /// time: whoever polls asks from a few seconds before the last time on.
    fn changes_since(&self, since: Timestamp, after: Option<PageKey>, limit: u32) -> BackendFuture<'_, Vec<Touched>>;

    /// Changes as the database announces them; `None` if it does not.
    fn listen(&self) -> BackendFuture<'_, Option<Box<dyn Changes>>>;

    /// Drops what is over: logins, remains of credentials that were deleted more than `age` ago.
    fn purge(&self, age: Duration) -> BackendFuture<'_, ()>;

    /// Ends the connections.
    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// Changes as a database announces them.
pub trait Changes: Send {
    /// The next credential that was changed. An error ends it: changes may have been missed.
    fn next(&mut self) -> BackendFuture<'_, CredentialId>;
}
