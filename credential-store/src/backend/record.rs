#![allow(
    clippy::exhaustive_structs,
    clippy::exhaustive_enums,
    reason = "backends of other crates write and read them whole"
)]

use crate::model::{CredentialId, OwnerDigest, Timestamp};

/// What is kept together with a change, in its transaction: if the change takes effect, and only then. Nobody finds a change without what tells of it,
/// wherever the process that made it died.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// What remains to be done, and who is to be told.
    pub jobs: Vec<NewJob>,
    /// What stands on the audit trail.
    pub audit: Option<AuditEntry>,
}

impl Record {
    /// Whether there is nothing to be kept: the change is one statement then.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty() && self.audit.is_none()
    }
}

impl From<AuditEntry> for Record {
    fn from(entry: AuditEntry) -> Self {
        Self { jobs: Vec::new(), audit: Some(entry) }
    }
}

impl From<Vec<NewJob>> for Record {
    fn from(jobs: Vec<NewJob>) -> Self {
        Self { jobs, audit: None }
    }
}

/// What remains to be done outside the database, until it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// End a credential at its provider.
    Revoke,
    /// Tell the application.
    Webhook,
}

/// A job to be added.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// What it is.
    pub kind: JobKind,
    /// The credential that it is about.
    pub credential: CredentialId,
    /// What it needs, sealed.
    pub payload: Vec<u8>,
}

/// A job that the caller has taken.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its number.
    pub id: i64,
    /// The lease.
    pub fence: i64,
    /// What it is.
    pub kind: JobKind,
    /// The credential that it is about.
    pub credential: CredentialId,
    /// What it needs, sealed.
    pub payload: Vec<u8>,
    /// How often it was tried before.
    pub attempts: i64,
    /// When it was added.
    pub created_at: Timestamp,
}

/// An entry to be added to the audit trail.
#[derive(Clone, Debug)]
pub struct AuditEntry {
    /// Who did it, as the application says: a digest of the owner stands beside it.
    pub actor: String,
    /// The owner that the actor named.
    pub owner: Option<OwnerDigest>,
    /// The credential, as the actor named it.
    pub credential: Option<CredentialId>,
    /// The connector, if it is known.
    pub connector: Option<String>,
    /// What was done: a fixed name.
    pub action: &'static str,
    /// What came of it: a fixed name.
    pub result: &'static str,
    /// A code that says more.
    pub detail: Option<String>,
}

/// An entry of the audit trail.
#[derive(Clone, Debug)]
pub struct AuditRow {
    /// Its number, which grows.
    pub id: i64,
    /// When it happened.
    pub at: Timestamp,
    /// As in [`AuditEntry`].
    pub actor: String,
    /// As in [`AuditEntry`].
    pub owner: Option<OwnerDigest>,
    /// As in [`AuditEntry`].
    pub credential: Option<CredentialId>,
    /// As in [`AuditEntry`].
    pub connector: Option<String>,
    /// As in [`AuditEntry`].
    pub action: String,
    /// As in [`AuditEntry`].
    pub result: String,
    /// As in [`AuditEntry`].
    pub detail: Option<String>,
}
