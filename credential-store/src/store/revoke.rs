use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tower_auth_core::{Connection, FailureClass, Secret, TokenErrorKind, TokenResponse};
use zeroize::Zeroize;

use super::info::CredentialInfo;
use super::lanes::{Errand, Reached};
use super::live::Live;
use super::news::News;
use super::store::{CredentialStore, Inner};
use crate::backend::{AuditEntry, Claim, CredentialRow, Job, JobKind, NewJob, Record, SecretsChange, StatusChange};
use crate::error::{StoreError, StoreErrorKind};
use crate::event::EventKind;
use crate::model::{CredentialId, CredentialStatus, Owner};
use crate::vault::{Opened, Values, open_tokens, seal_values, secret_json};

/// What it takes to end a credential at its provider, sealed: the credential itself may be gone by then.
#[derive(Serialize, Deserialize)]
struct Order {
    connector: String,
    method: String,
    environment: Option<String>,
    values: String,
    tokens: Option<String>,
}

/// How long a provider may ask to wait.
const MAX_WAIT: Duration = Duration::from_secs(60 * 60);

/// The end of a credential, to be told to its provider.
pub(super) struct Revocation(Box<Connection>);

impl CredentialStore {
    /// Ends a credential: nobody uses it from now on, its tokens are dropped, and the provider is told to end it, however long it takes to reach it. It stays on the
    /// list, and may be connected again. A renewal under way is waited for, so that the provider is told of the newest tokens.
    ///
    /// # Errors
    /// [`NotFound`](StoreErrorKind::NotFound), and when the database or whoever holds the keys cannot be asked.
    ///
    /// # Cancel safety
    /// What was begun goes on to its end in a task of its own.
    pub async fn revoke(&self, owner: &Owner, id: CredentialId) -> Result<CredentialInfo, StoreError> {
        let (own, owner) = (self.clone(), owner.clone());
        self.to_the_end(async move { own.revoke_whole(&owner, id).await }).await
    }

    async fn revoke_whole(&self, owner: &Owner, id: CredentialId) -> Result<CredentialInfo, StoreError> {
        let inner = &*self.0;
        inner.check_open()?;
        let mut row = inner.row(owner, id, "revoke").await?;
        let mut tries = 0;
        while row.status != CredentialStatus::Revoked {
            row = inner.hold(owner, row).await?;
            if row.status == CredentialStatus::Revoked {
                // Somebody else was faster.
                inner.backend.release(id, row.fence).await?;
                break;
            }
            if inner.end(owner, &row).await? {
                break;
            }
            tries += 1;
            if tries == 5 {
                return Err(StoreError::new(StoreErrorKind::Conflict, "the credential was changed at the same time"));
            }
            row = inner.row(owner, id, "revoke").await?;
        }
        self.info(owner, id).await
    }

    /// Deletes a credential: everything secret of it is overwritten, its key with it, and the provider is told to end it, however long it takes to reach it.
    ///
    /// # Errors
    /// [`NotFound`](StoreErrorKind::NotFound), and when the database or whoever holds the keys cannot be asked: the provider could not be told then.
    ///
    /// # Cancel safety
    /// What was begun goes on to its end in a task of its own.
    pub async fn delete(&self, owner: &Owner, id: CredentialId) -> Result<(), StoreError> {
        let (own, owner) = (self.clone(), owner.clone());
        self.to_the_end(async move { own.delete_whole(&owner, id).await }).await
    }

    async fn delete_whole(&self, owner: &Owner, id: CredentialId) -> Result<(), StoreError> {
        let inner = &*self.0;
        inner.check_open()?;
        let mut row = inner.row(owner, id, "delete").await?;
        let mut ordered = None;
        // What was revoked has its order already.
        if row.status != CredentialStatus::Revoked {
            row = inner.hold(owner, row).await?;
        }
        if row.status != CredentialStatus::Revoked {
            match inner.order(owner, &row).await {
                Ok(order) => ordered = order,
                Err(error) if error.is_transient() => {
                    inner.backend.release(id, row.fence).await?;
                    return Err(error);
                }
                // What cannot be opened can be deleted all the same.
                Err(error) => {
                    tracing::warn!(credential = %id, error = %error, "the provider cannot be told of a deletion");
                }
            }
        }
        let gone = CredentialRow { status: CredentialStatus::Revoked, ..row };
        let entry = AuditEntry::of("owner", &gone, "delete", "ok", None);
        let News { mut record, event } = inner.news_with(&gone, EventKind::Deleted, None, Some(entry));
        record.jobs.extend(ordered);
        if !inner.backend.delete(gone.owner, id, record).await? {
            return Err(StoreError::not_found());
        }
        inner.drop_from_memory(owner, id);
        inner.tell(event);
        Ok(())
    }
}

impl Errand for Revocation {
    const KIND: JobKind = JobKind::Revoke;
    const GIVE_UP_AFTER: Duration = Duration::from_secs(7 * 24 * 60 * 60);

    async fn open(store: &Inner, job: &Job) -> Result<Option<(String, Self)>, StoreError> {
        let error = match store.ordered(job) {
            Ok((connector, connection)) => {
                let lane = lane_of(&connector, &connection);
                return Ok(Some((lane, Self(Box::new(connection)))));
            }
            Err(error) => error,
        };
        // Whatever else it is an operator can mend.
        if error.kind() != StoreErrorKind::Damaged && store.age_of(job).await? < Self::GIVE_UP_AFTER {
            tracing::warn!(credential = %job.credential, error = %error, "a revocation cannot be carried out at the moment");
            store.try_later(job, None).await?;
        } else {
            tracing::error!(credential = %job.credential, error = %error, "a revocation cannot be carried out");
            store.end_job(job).await?;
        }
        Ok(None)
    }

    async fn carry_out(self, store: Arc<Inner>, job: Job) -> Result<Reached, StoreError> {
        let age = store.age_of(&job).await?;
        let Err(error) = self.0.revoke().await else {
            tracing::info!(credential = %job.credential, "the provider has ended a credential");
            store.end_job(&job).await?;
            return Ok(Reached::Yes);
        };
        if error.class() != FailureClass::Refused && age < Self::GIVE_UP_AFTER {
            tracing::debug!(credential = %job.credential, code = error.code(), "a provider was not told of a revocation yet");
            store.try_later(&job, error.retry_after()).await?;
        } else {
            tracing::warn!(credential = %job.credential, code = error.code(), "the provider did not end a credential");
            store.end_job(&job).await?;
        }
        match error.kind() {
            TokenErrorKind::Unreachable | TokenErrorKind::TimedOut => Ok(Reached::No),
            _ => Ok(Reached::Yes),
        }
    }

    fn give_up(&self, job: &Job) {
        tracing::warn!(credential = %job.credential, "a provider was not reached for a week; it is not told of a revocation");
    }
}

/// By connector and host: those of one connector may have hosts of their own.
fn lane_of(connector: &str, connection: &Connection) -> String {
    let provider = connection.provider();
    let url = ["revoke_url", "token_url", "base_url"].iter().find_map(|name| provider.url(name));
    let host = url.and_then(|url| url.parse::<http::Uri>().ok()?.authority().map(ToString::to_string));
    format!("{connector} {}", host.unwrap_or_default())
}

impl Inner {
    /// Takes the lease of a credential, so that no renewal is under way, and reads it anew. After as long as a renewal may take it is done without: what
    /// follows compares generations.
    async fn hold(&self, owner: &Owner, row: CredentialRow) -> Result<CredentialRow, StoreError> {
        let until = self.clock.now() + self.settings.timeout + Duration::from_secs(2);
        loop {
            match self.backend.claim(row.id, self.settings.lease).await? {
                Claim::Missing => return Err(StoreError::not_found()),
                Claim::Taken(row) => return Ok(*row),
                Claim::Held(_) if self.clock.now() >= until => {
                    let row = self.backend.get(self.vault.digest(owner), row.id).await?;
                    return row.ok_or_else(StoreError::not_found);
                }
                Claim::Held(left) => self.clock.sleep(left.min(Duration::from_millis(50))).await,
            }
        }
    }

    /// Drops the tokens of a credential and orders its end, all at once; false if it is another by now. Without the tokens it has, and with another
    /// generation, no renewal that is under way can bring it back.
    async fn end(&self, owner: &Owner, row: &CredentialRow) -> Result<bool, StoreError> {
        let sealed = match self.vault.open_row(owner, row).await {
            Ok(opened) => {
                let version = row.secrets_version + 1;
                Some(seal_values(&opened.sealer, owner, &row.connector, row.id, version, &opened.values))
            }
            Err(error) if error.kind() == StoreErrorKind::Damaged => None,
            Err(error) => return self.let_go(row, error).await,
        };
        let order = match self.order(owner, row).await {
            Ok(order) => order,
            Err(error) if error.is_transient() => return self.let_go(row, error).await,
            Err(error) => {
                tracing::warn!(credential = %row.id, error = %error, "the provider cannot be told of a revocation");
                None
            }
        };
        let now = CredentialRow { status: CredentialStatus::Revoked, ..row.clone() };
        let entry = AuditEntry::of("owner", row, "revoke", "ok", None);
        let News { mut record, event } = self.news_with(&now, EventKind::Revoked, None, Some(entry));
        record.jobs.extend(order);
        let (status, reason) = (now.status, Some("revoked_by_owner".to_owned()));
        let is_ended = match sealed {
            Some(secrets) => {
                let change = SecretsChange {
                    secrets,
                    secrets_version: row.secrets_version,
                    generation: row.generation,
                    method: now.method,
                    environment: now.environment,
                    tokens: None,
                    status,
                    reason,
                    record,
                };
                self.backend.set_secrets(row.owner, row.id, change).await?
            }
            // What cannot be opened cannot be sealed anew.
            None => {
                let change = StatusChange {
                    status,
                    reason,
                    provider_error: None,
                    generation: Some(row.generation),
                    from: Some(row.status),
                    is_success: false,
                    record,
                };
                self.backend.set_status(row.id, change).await?
            }
        };
        if is_ended {
            self.forget(owner, row.id);
            self.tell(event);
        }
        Ok(is_ended)
    }

    async fn let_go(&self, row: &CredentialRow, error: StoreError) -> Result<bool, StoreError> {
        self.backend.release(row.id, row.fence).await?;
        Err(error)
    }

    /// The order to end a credential at its provider; `None` if its description has no way to.
    async fn order(&self, owner: &Owner, row: &CredentialRow) -> Result<Option<NewJob>, StoreError> {
        let Ok(connector) = self.connectors.get(&row.connector) else { return Ok(None) };
        let opened = self.vault.open_row(owner, row).await?;
        let filled = connector.refill(&row.method, row.environment.as_deref(), &opened.values)?;
        if !filled.can_revoke() {
            return Ok(None);
        }
        let tokens = open_tokens(&opened.sealer, owner, row, self.clock.wall())?;
        Ok(Some(self.sealed_order(row, &opened, tokens.as_ref())))
    }

    /// Orders the end of tokens that came when their credential was gone already.
    pub(super) async fn end_at_provider(
        &self,
        row: &CredentialRow,
        live: &Live,
        tokens: &TokenResponse,
    ) -> Result<(), StoreError> {
        if live.connection.provider().can_revoke() {
            let order = self.sealed_order(row, &live.opened, Some(tokens));
            self.backend.record(Record::from(vec![order])).await?;
        }
        Ok(())
    }

    fn sealed_order(&self, row: &CredentialRow, opened: &Opened, tokens: Option<&TokenResponse>) -> NewJob {
        let now = self.clock.wall();
        let order = Order {
            connector: row.connector.clone(),
            method: row.method.clone(),
            environment: row.environment.clone(),
            values: String::from_utf8_lossy(&opened.values.to_json()).into_owned(),
            tokens: tokens.map(|tokens| tokens.to_secret_json(now).expose_secret().to_owned()),
        };
        let length = order.values.len() + order.tokens.as_ref().map_or(0, String::len);
        let text = secret_json(&order, 2 * length + 2 * 1024);
        let payload = self.vault.seal_note("jobs.revoke", &row.id.to_string(), &text);
        NewJob { kind: JobKind::Revoke, credential: row.id, payload }
    }

    /// After 5 s first, then twice as long each time, up to 43 minutes or what the provider asks for.
    async fn try_later(&self, job: &Job, asked: Option<Duration>) -> Result<(), StoreError> {
        let own = Duration::from_secs(5 << job.attempts.clamp(0, 9)).mul_f64(0.75 + 0.5 * fastrand::f64());
        let wait = own.max(asked.unwrap_or_default().min(MAX_WAIT));
        self.backend.retry_job(job.id, job.fence, wait).await?;
        Ok(())
    }

    pub(super) async fn age_of(&self, job: &Job) -> Result<Duration, StoreError> {
        Ok(self.backend.now().await?.since(job.created_at))
    }

    pub(super) async fn end_job(&self, job: &Job) -> Result<(), StoreError> {
        self.backend.finish_job(job.id, job.fence).await?;
        Ok(())
    }

    /// The connector of an order, and the connection to be ended.
    fn ordered(&self, job: &Job) -> Result<(String, Connection), StoreError> {
        let text = self.vault.open_note("jobs.revoke", &job.credential.to_string(), &job.payload)?;
        let damaged = || StoreError::new(StoreErrorKind::Damaged, "an order cannot be read");
        let order: Order = serde_json::from_slice(&text).map_err(|_| damaged())?;
        let connector = self.connectors.get(&order.connector)?;
        let values = Values::from_json(order.values.as_bytes())?;
        let filled = connector.refill(&order.method, order.environment.as_deref(), &values)?;
        let read = |tokens: &String| TokenResponse::from_secret_json(&Secret::from(tokens.as_str()), self.clock.wall());
        let tokens = order.tokens.as_ref().map(read).transpose().map_err(|_| damaged())?;
        let connection = self.connect(connector, &filled, &values, |builder| match &tokens {
            Some(tokens) => builder.resume(tokens.clone()),
            None => builder,
        })?;
        Ok((order.connector.clone(), connection))
    }
}

impl Drop for Order {
    fn drop(&mut self) {
        self.values.zeroize();
        self.tokens.zeroize();
    }
}
