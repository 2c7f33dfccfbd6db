use std::sync::Arc;

use tower_auth_core::{TokenError, TokenResponse};

use super::create::checked_label;
use super::info::{CredentialInfo, CredentialPage, ListQuery, LoggedRequest, read_key, write_key};
use super::live::{Live, Slot};
use super::news::News;
use super::store::{CredentialStore, Inner};
use super::stored_credential::CredentialKey;
use crate::backend::{AuditEntry, CredentialRow, ListFilter, StatusChange};
use crate::error::{FieldError, StoreError, StoreErrorKind};
use crate::event::EventKind;
use crate::model::{CredentialId, CredentialStatus, Owner, OwnerDigest};
use crate::vault::{open_log, open_tokens};

/// How many credentials a part of a list has if nobody says.
const PAGE: u32 = 50;
/// How many at the most.
const MAX_PAGE: u32 = 500;

impl CredentialStore {
    /// What may be told about a credential.
    ///
    /// # Errors
    /// [`NotFound`](StoreErrorKind::NotFound), also for a credential of somebody else, and when the database cannot be asked.
    pub async fn get(&self, owner: &Owner, id: CredentialId) -> Result<CredentialInfo, StoreError> {
        self.0.check_open()?;
        self.info(owner, id).await
    }

    /// The scopes of its present token, as far as they are known.
    #[cfg(feature = "connect")]
    pub(crate) async fn scopes(&self, owner: &Owner, id: CredentialId) -> Result<Vec<String>, StoreError> {
        let inner = &*self.0;
        let row = inner.row(owner, id, "get").await?;
        if row.tokens.is_none() {
            return Ok(Vec::new());
        }
        let opened = inner.vault.open_row(owner, &row).await?;
        let response = open_tokens(&opened.sealer, owner, &row, inner.clock.wall())?;
        let scope = response.as_ref().and_then(|response| response.token().scope());
        Ok(scope.map_or_else(Vec::new, |scope| scope.iter().map(str::to_owned).collect()))
    }

    /// The same after a change, which is no error because the store is closed meanwhile.
    pub(super) async fn info(&self, owner: &Owner, id: CredentialId) -> Result<CredentialInfo, StoreError> {
        let row = self.0.row(owner, id, "get").await?;
        CredentialInfo::of(&self.0.vault, &row)
    }

    /// The credentials of `owner`, the newest first. One whose name cannot be opened is there without it.
    ///
    /// # Errors
    /// When `after` is no place in a list, and when the database cannot be asked.
    pub async fn list(&self, owner: &Owner, query: ListQuery) -> Result<CredentialPage, StoreError> {
        self.0.check_open()?;
        let digest = self.0.vault.digest(owner);
        let (rows, next) = self.0.page(Some(digest), query).await?;
        let credentials = rows.iter().map(|row| CredentialInfo::listed(&self.0.vault, row)).collect();
        Ok(CredentialPage { credentials, next })
    }

    /// Gives a credential another name.
    ///
    /// # Errors
    /// [`NotFound`](StoreErrorKind::NotFound), [`Invalid`](StoreErrorKind::Invalid), and when the database cannot be asked.
    pub async fn rename(&self, owner: &Owner, id: CredentialId, label: &str) -> Result<CredentialInfo, StoreError> {
        let missing = || StoreError::invalid(vec![FieldError::new("label", "a name must not be empty")]);
        self.0.check_open()?;
        let label = checked_label(Some(label))?.ok_or_else(missing)?;
        let row = self.0.row(owner, id, "rename").await?;
        let sealed = self.0.vault.seal_label(id, &row.connector, &label);
        let entry = AuditEntry::of("owner", &row, "rename", "ok", None);
        if !self.0.backend.set_label(row.owner, id, sealed, entry.into()).await? {
            return Err(StoreError::not_found());
        }
        self.info(owner, id).await
    }

    /// Switches the log of a credential's token requests on or off. It shows no secret, and is off by default.
    ///
    /// # Errors
    /// [`NotFound`](StoreErrorKind::NotFound), and when the database cannot be asked.
    pub async fn set_request_log(&self, owner: &Owner, id: CredentialId, on: bool) -> Result<(), StoreError> {
        self.0.check_open()?;
        let row = self.0.row(owner, id, "log_requests").await?;
        let entry = AuditEntry::of("owner", &row, "log_requests", if on { "on" } else { "off" }, None);
        if !self.0.backend.set_logs_requests(row.owner, id, on, entry.into()).await? {
            return Err(StoreError::not_found());
        }
        self.0.forget(owner, id);
        Ok(())
    }

    /// The logged token requests of a credential, the newest first.
    ///
    /// # Errors
    /// [`NotFound`](StoreErrorKind::NotFound), and when the database or whoever holds the keys cannot be asked.
    pub async fn requests(
        &self,
        owner: &Owner,
        id: CredentialId,
        limit: u32,
    ) -> Result<Vec<LoggedRequest>, StoreError> {
        self.0.check_open()?;
        let row = self.0.row(owner, id, "requests").await?;
        let logged = self.0.backend.logged(row.owner, id, limit.clamp(1, MAX_PAGE)).await?;
        if logged.is_empty() {
            return Ok(Vec::new());
        }
        let opened = self.0.vault.open_row(owner, &row).await?;
        let read = |entry: &crate::backend::LogRow| {
            let text = open_log(&opened.sealer, owner, &row, &entry.sealed)?;
            let damaged = |_| StoreError::new(StoreErrorKind::Damaged, "a logged request cannot be read");
            let request: LoggedRequest = serde_json::from_slice(&text).map_err(damaged)?;
            Ok(LoggedRequest { id: entry.id, at: entry.at.0, ..request })
        };
        logged.iter().map(read).collect()
    }

    /// Shows by the description's verification request whether a credential works now, with its present token or a new one, and notes it: one that
    /// works is valid from now on, and one that the API refuses with 401 needs its owner. Any other failure says nothing against the credential, and
    /// changes nothing.
    ///
    /// # Errors
    /// Why it does not work, and when provider or database cannot be asked.
    pub async fn test(&self, owner: &Owner, id: CredentialId) -> Result<CredentialInfo, StoreError> {
        let inner = &*self.0;
        inner.check_open()?;
        let (row, live) = self.ready(owner, id).await?;
        let verified = inner.verify(owner, &row, &live).await?;
        // What is noted is about the tokens that were shown: not if there are others, or none, by now.
        let note = |status, error: Option<&TokenError>, record| StatusChange {
            status,
            reason: error.map(|_| "verification_refused".to_owned()),
            provider_error: error.and_then(TokenError::oauth_error).map(str::to_owned),
            generation: Some(row.generation),
            from: None,
            is_success: error.is_none(),
            record,
        };
        let Err(error) = verified else {
            let kind = match row.status {
                CredentialStatus::Valid => EventKind::Verified,
                _ => EventKind::Recovered,
            };
            let entry = AuditEntry::of("owner", &row, "test", "ok", None);
            let now = CredentialRow { status: CredentialStatus::Valid, ..row.clone() };
            let News { record, event } = inner.news_with(&now, kind, None, Some(entry));
            if inner.backend.set_status(id, note(CredentialStatus::Valid, None, record)).await? {
                if kind == EventKind::Recovered {
                    inner.forget(owner, id);
                }
                inner.tell(event);
            }
            return self.info(owner, id).await;
        };
        let entry = AuditEntry::of("owner", &row, "test", "failed", Some(error.code().to_owned()));
        if error.status() == Some(401) && row.status != CredentialStatus::NeedsReauth {
            let now = CredentialRow { status: CredentialStatus::NeedsReauth, ..row.clone() };
            let reason = Some("verification_refused");
            let News { record, event } = inner.news_with(&now, EventKind::NeedsReauth, reason, Some(entry.clone()));
            if inner.backend.set_status(id, note(CredentialStatus::NeedsReauth, Some(&error), record)).await? {
                inner.forget(owner, id);
                inner.tell(event);
                return Err(StoreError::provider(error));
            }
        }
        // It was asked for, whatever came of it.
        inner.backend.record(entry.into()).await?;
        Err(StoreError::provider(error))
    }

    /// A credential with tokens that serve, or with values that never change, whatever was noted of those.
    async fn ready(&self, owner: &Owner, id: CredentialId) -> Result<(CredentialRow, Arc<Live>), StoreError> {
        let inner = &*self.0;
        let row = inner.row(owner, id, "test").await?;
        let live = inner.enliven(owner, &row, &Slot::default()).await?;
        if live.connection.tokens().is_none() {
            return match row.status {
                CredentialStatus::Revoked | CredentialStatus::Pending => {
                    Err(StoreError::of_status(&row).unwrap_or_else(StoreError::not_found))
                }
                _ => Ok((row, live)),
            };
        }
        if let Err(error) = self.tokens(owner, id)?.current().await {
            let own = StoreError::find(&error).cloned().unwrap_or_else(|| StoreError::provider(error));
            let entry = AuditEntry::of("owner", &row, "test", "failed", Some(own.code().to_owned()));
            inner.backend.record(entry.into()).await?;
            return Err(own);
        }
        let row = inner.row(owner, id, "test").await?;
        let live = inner.enliven(owner, &row, &Slot::default()).await?;
        Ok((row, live))
    }
}

impl Inner {
    /// Rows of a list, and where the next part begins.
    pub(super) async fn page(
        &self,
        owner: Option<OwnerDigest>,
        query: ListQuery,
    ) -> Result<(Vec<CredentialRow>, Option<String>), StoreError> {
        let nowhere = || StoreError::invalid(vec![FieldError::new("after", "this is no place in a list")]);
        let after = query.after.map(|text| read_key(&text).ok_or_else(nowhere)).transpose()?;
        let limit = query.limit.unwrap_or(PAGE).clamp(1, MAX_PAGE);
        let filter = ListFilter { owner, connector: query.connector, status: query.status, after, limit: limit + 1 };
        let mut rows = self.backend.list(filter).await?;
        let has_more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next = rows.last().filter(|_| has_more).map(write_key);
        Ok((rows, next))
    }

    /// Runs the verification of the description with the tokens of `row`.
    async fn verify(
        &self,
        owner: &Owner,
        row: &CredentialRow,
        live: &Live,
    ) -> Result<Result<(), TokenError>, StoreError> {
        let tokens = open_tokens(&live.opened.sealer, owner, row, self.clock.wall())?;
        if let (Some(cache), Some(response)) = (live.connection.tokens(), tokens) {
            // Without its refresh token and its end: this connection renews nothing, for it has no lease.
            let shown = TokenResponse::new(response.token().clone());
            let shown = response.extras().fold(shown, |shown, (name, value)| shown.with_extra(name, value.clone()));
            cache.publish(shown);
        }
        Ok(live.connection.verify().await)
    }

    /// Has nothing of a credential in memory any more; who holds its cache learns that it is gone.
    pub(super) fn drop_from_memory(&self, owner: &Owner, id: CredentialId) {
        self.forget(owner, id);
        self.caches.remove(&CredentialKey::new(owner.clone(), id));
        self.known.pin().remove(&id);
    }

    /// Has whatever is in memory of a credential looked up again before it is used.
    pub(crate) fn forget(&self, owner: &Owner, id: CredentialId) {
        let key = CredentialKey::new(owner.clone(), id);
        if let Some(cache) = self.caches.peek(&key) {
            cache.discard();
        }
    }
}
