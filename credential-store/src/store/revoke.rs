use std::time::Duration;

use serde::{Deserialize, Serialize};
use tower_auth_core::{Connection, Secret, TokenResponse};
use zeroize::{Zeroize, Zeroizing};

use super::info::CredentialInfo;
use super::store::{CredentialStore, Inner};
use crate::backend::{CredentialRow, Job, JobKind, NewJob, StatusChange};
use crate::error::{StoreError, StoreErrorKind};
use crate::event::EventKind;
use crate::model::{CredentialId, CredentialStatus, Owner};
use crate::vault::{Values, open_tokens};

/// What it takes to end a credential at its provider, sealed: the credential itself may be gone by then.
#[derive(Serialize, Deserialize)]
struct Order {
    connector: String,
    method: String,
    environment: Option<String>,
    values: String,
    tokens: Option<String>,
}

/// For how long a provider that cannot be asked is asked again.
const GIVE_UP_AFTER: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long one attempt may take before another process takes it over.
const LEASE: Duration = Duration::from_secs(60);

impl CredentialStore {
    /// Ends a credential: nobody uses it from now on, and the provider is told to end it, however long it takes to reach it. It stays on the list, and may be
    /// connected again.
    ///
    /// # Errors
    /// [`NotFound`](StoreErrorKind::NotFound), and when the database or whoever holds the keys cannot be asked.
    pub async fn revoke(&self, owner: &Owner, id: CredentialId) -> Result<CredentialInfo, StoreError> {
        let inner = &*self.0;
        inner.check_open()?;
        let row = inner.row(owner, id, "revoke").await?;
        let jobs: Vec<_> = inner.order(owner, &row).await?.into_iter().collect();
        // The order first: a crash in between leaves a credential that is ended at the provider and says so at its next use.
        inner.backend.add_jobs(jobs).await?;
        let change = StatusChange {
            status: CredentialStatus::Revoked,
            reason: Some("revoked_by_owner".to_owned()),
            provider_error: None,
            generation: None,
            is_success: false,
        };
        inner.backend.set_status(id, change).await?;
        inner.forget(owner, id);
        inner.audit("owner", &row, "revoke", "ok", None).await?;
        inner.tell(&CredentialRow { status: CredentialStatus::Revoked, ..row }, EventKind::Revoked, None).await;
        self.get(owner, id).await
    }

    /// Deletes a credential: everything secret of it is overwritten, its key with it, and the provider is told to end it, however long it takes to reach it.
    ///
    /// # Errors
    /// [`NotFound`](StoreErrorKind::NotFound), and when the database cannot be asked.
    pub async fn delete(&self, owner: &Owner, id: CredentialId) -> Result<(), StoreError> {
        let inner = &*self.0;
        inner.check_open()?;
        let row = inner.row(owner, id, "delete").await?;
        let order = match row.status {
            CredentialStatus::Revoked => None,
            // What cannot be opened can be deleted all the same.
            _ => inner.order(owner, &row).await.unwrap_or_else(|error| {
                tracing::warn!(credential = %id, error = %error, "the provider cannot be told of a deletion");
                None
            }),
        };
        inner.audit("owner", &row, "delete", "ok", None).await?;
        if !inner.backend.delete(row.owner, id, order.into_iter().collect()).await? {
            return Err(StoreError::not_found());
        }
        inner.forget(owner, id);
        inner.tell(&CredentialRow { status: CredentialStatus::Revoked, ..row }, EventKind::Deleted, None).await;
        Ok(())
    }
}

impl Inner {
    /// The order to end a credential at its provider; `None` if its description has no way to.
    async fn order(&self, owner: &Owner, row: &CredentialRow) -> Result<Option<NewJob>, StoreError> {
        let Ok(connector) = self.connectors.get(&row.connector) else { return Ok(None) };
        let opened = self.vault.open_row(owner, row).await?;
        let filled = connector.fill(&row.method, row.environment.as_deref(), &opened.values, true)?;
        if !filled.can_revoke() {
            return Ok(None);
        }
        let now = self.clock.wall();
        let tokens = open_tokens(&opened.sealer, owner, row, now)?;
        let order = Order {
            connector: row.connector.clone(),
            method: row.method.clone(),
            environment: row.environment.clone(),
            values: String::from_utf8_lossy(&opened.values.to_json()).into_owned(),
            tokens: tokens.map(|tokens| tokens.to_secret_json(now).expose_secret().to_owned()),
        };
        let text = Zeroizing::new(serde_json::to_vec(&order).expect("texts can be written"));
        let payload = self.vault.seal_note("jobs.revoke", &row.id.to_string(), &text);
        Ok(Some(NewJob { kind: JobKind::Revoke, credential: row.id, payload }))
    }

    /// Carries out orders that are due. How many there were.
    pub(super) async fn revoke_due(&self) -> Result<usize, StoreError> {
        let jobs = self.backend.claim_jobs(JobKind::Revoke, 10, LEASE).await?;
        let count = jobs.len();
        for job in jobs {
            self.carry_out(job).await?;
        }
        Ok(count)
    }

    async fn carry_out(&self, job: Job) -> Result<(), StoreError> {
        let connection = match self.ordered(&job) {
            Ok(connection) => connection,
            Err(error) => {
                tracing::error!(credential = %job.credential, error = %error, "a revocation cannot be carried out");
                return self.end_job(&job).await;
            }
        };
        let age = Duration::from_millis(u64::try_from(self.backend.now().await?.0 - job.created_at.0).unwrap_or(0));
        match connection.revoke().await {
            Ok(_) => {
                tracing::info!(credential = %job.credential, "the provider has ended a credential");
                self.end_job(&job).await
            }
            Err(error) if error.is_transient() && age < GIVE_UP_AFTER => {
                let wait =
                    Duration::from_secs(5 << job.attempts.clamp(0, 9)).max(error.retry_after().unwrap_or_default());
                self.backend.retry_job(job.id, job.fence, wait).await?;
                Ok(())
            }
            Err(error) => {
                tracing::warn!(credential = %job.credential, code = error.code(), "the provider did not end a credential");
                self.end_job(&job).await
            }
        }
    }

    async fn end_job(&self, job: &Job) -> Result<(), StoreError> {
        self.backend.finish_job(job.id, job.fence).await?;
        Ok(())
    }

    fn ordered(&self, job: &Job) -> Result<Connection, StoreError> {
        let text = self.vault.open_note("jobs.revoke", &job.credential.to_string(), &job.payload)?;
        let damaged = || StoreError::new(StoreErrorKind::Damaged, "an order cannot be read");
        let order: Order = serde_json::from_slice(&text).map_err(|_| damaged())?;
        let connector = self.connectors.get(&order.connector)?;
        let values = Values::from_json(order.values.as_bytes())?;
        let filled = connector.fill(&order.method, order.environment.as_deref(), &values, true)?;
        let http = self.http_for(connector, &filled);
        let mut builder = connector.connect(filled).http_client(http).clock(self.clock.clone());
        if let Some(tokens) = &order.tokens {
            let tokens = TokenResponse::from_secret_json(&Secret::from(tokens.as_str()), self.clock.wall());
            builder = builder.resume(tokens.map_err(|_| damaged())?);
        }
        builder.build().map_err(|error| {
            StoreError::new(StoreErrorKind::Broken, "the connector cannot be used with this credential")
                .with_source(error)
        })
    }
}

impl Drop for Order {
    fn drop(&mut self) {
        self.values.zeroize();
        self.tokens.zeroize();
    }
}
