//! What operators ask, of every owner's credentials.

use serde::Serialize;

use super::info::{CredentialInfo, ListQuery};
use super::store::CredentialStore;
use crate::backend::{AuditRow, ConnectorFault, Due, JobKind};
use crate::error::StoreError;
use crate::model::{CredentialId, Owner, OwnerDigest, Timestamp};

/// How the store is doing, for a readiness probe and for operators.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoreStatus {
    /// Connectors whose provider does not accept this application. Their credentials serve to the end of their tokens.
    pub faults: Vec<ConnectorFault>,
    /// Connectors that have credentials which are due, and have not been renewed yet: none, or a few for moments, where the store [runs](CredentialStore::run).
    pub behind: Vec<String>,
    /// How many revocations providers have not been told of yet.
    pub revocations_waiting: u64,
    /// How many messages webhooks have not been told yet.
    pub messages_waiting: u64,
    /// How many credentials are wrapped with which key. A key that is not here is needed by backups alone, and by the store's own key until
    /// [`rotate_keys`](CredentialStore::rotate_keys) has run.
    pub keys: Vec<(String, u64)>,
    /// How many credentials have a cache in this process.
    pub in_memory: usize,
}

/// A credential, and whose it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OwnedCredential {
    /// Whose it is; `None` if that cannot be opened.
    pub owner: Option<Owner>,
    /// What may be told about it.
    pub credential: CredentialInfo,
}

/// A part of a list of every owner's credentials, the newest first.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OwnedPage {
    /// The credentials.
    pub credentials: Vec<OwnedCredential>,
    /// Where the next part begins; `None` if this is the last.
    pub next: Option<String>,
}

/// An entry of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AuditRecord {
    /// Its number, which grows.
    pub id: i64,
    /// When it happened.
    pub at: Timestamp,
    /// Who did it: `owner`, or `store` for what nobody asked for.
    pub actor: String,
    /// Who asked, as [`CredentialStore::digest_of`] has it.
    #[serde(skip)]
    pub owner: Option<OwnerDigest>,
    /// The credential, as it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialId>,
    /// Its connector, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connector: Option<String>,
    /// What was done.
    pub action: String,
    /// What came of it: `ok`, `failed`, `not_found`, or `ownership_denied` where somebody asked for another's.
    pub result: String,
    /// A code that says more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// How many entries of the audit trail are read at once, at the most.
const MAX_ENTRIES: u32 = 1_000;

impl CredentialStore {
    /// How the store is doing. That the database answers is shown by the fact that this does.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn status(&self) -> Result<StoreStatus, StoreError> {
        let (inner, count) = (&*self.0, |number: i64| u64::try_from(number).unwrap_or(0));
        inner.check_open()?;
        let mut behind = Vec::new();
        for connector in inner.connectors.iter() {
            for which in [Due::Sound, Due::Failing] {
                if inner.backend.has_due(connector.id().to_owned(), which).await? {
                    behind.push(connector.id().to_owned());
                    break;
                }
            }
        }
        let keys = inner.backend.keys_in_use().await?;
        Ok(StoreStatus {
            faults: inner.backend.connector_faults().await?,
            behind,
            revocations_waiting: count(inner.backend.count_jobs(JobKind::Revoke).await?),
            messages_waiting: count(inner.backend.count_jobs(JobKind::Webhook).await?),
            keys: keys.into_iter().map(|(key, number)| (key, count(number))).collect(),
            in_memory: inner.caches.len(),
        })
    }

    /// The credentials of all owners, the newest first: for an operator's tool, never for a user.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    pub async fn list_all(&self, query: ListQuery) -> Result<OwnedPage, StoreError> {
        self.0.check_open()?;
        let (rows, next) = self.0.page(None, query).await?;
        let owned = |row| OwnedCredential {
            owner: self.0.vault.owner_of(row).ok(),
            credential: CredentialInfo::listed(&self.0.vault, row),
        };
        Ok(OwnedPage { credentials: rows.iter().map(owned).collect(), next })
    }

    /// What stands for an owner on the audit trail: to find out who tried something, compare it with those of suspects.
    #[must_use]
    pub fn digest_of(&self, owner: &Owner) -> OwnerDigest {
        self.0.vault.digest(owner)
    }

    /// What was done with a credential, the oldest first, after the entry numbered `after`: who asked for it, what became of that, and what the store did by itself.
    ///
    /// # Errors
    /// [`NotFound`](crate::StoreErrorKind::NotFound), and when the database cannot be asked.
    pub async fn audit_trail(
        &self,
        owner: &Owner,
        id: CredentialId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        self.0.check_open()?;
        self.0.row(owner, id, "audit_trail").await?;
        self.audit_trail_all(Some(id), after, limit).await
    }

    /// The same for an operator, never for a user: of any credential, also one that was deleted, or of all.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn audit_trail_all(
        &self,
        credential: Option<CredentialId>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        self.0.check_open()?;
        let rows = self.0.backend.audit_trail(credential, after, limit.clamp(1, MAX_ENTRIES)).await?;
        Ok(rows.into_iter().map(AuditRecord::of).collect())
    }
}

impl AuditRecord {
    fn of(row: AuditRow) -> Self {
        let AuditRow { id, at, actor, owner, credential, connector, action, result, detail } = row;
        Self { id, at, actor, owner, credential, connector, action, result, detail }
    }
}
