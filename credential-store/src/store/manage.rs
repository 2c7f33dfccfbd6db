use super::create::checked_label;
use super::info::{CredentialInfo, CredentialPage, ListQuery, LoggedRequest, read_key, write_key};
use super::store::{CredentialStore, Inner};
use super::stored_credential::CredentialKey;
use crate::backend::{ListFilter, StatusChange};
use crate::error::{FieldError, StoreError, StoreErrorKind};
use crate::model::{CredentialId, CredentialStatus, Owner};
use crate::vault::open_log;

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
        let row = self.0.row(owner, id, "get").await?;
        CredentialInfo::of(&self.0.vault, &row)
    }

    /// The credentials of `owner`, the newest first.
    ///
    /// # Errors
    /// When `after` is no place in a list, and when the database cannot be asked.
    pub async fn list(&self, owner: &Owner, query: ListQuery) -> Result<CredentialPage, StoreError> {
        let digest = self.0.vault.digest(owner);
        let after = match &query.after {
            Some(text) => Some(
                read_key(text)
                    .ok_or_else(|| StoreError::invalid(vec![FieldError::new("after", "this is no place in a list")]))?,
            ),
            None => None,
        };
        let limit = query.limit.unwrap_or(PAGE).clamp(1, MAX_PAGE);
        let filter = ListFilter {
            owner: Some(digest),
            connector: query.connector,
            status: query.status,
            after,
            limit: limit + 1,
        };
        let mut rows = self.0.backend.list(filter).await?;
        let has_more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let credentials = rows.iter().map(|row| CredentialInfo::of(&self.0.vault, row)).collect::<Result<_, _>>()?;
        let next = rows.last().filter(|_| has_more).map(write_key);
        Ok(CredentialPage { credentials, next })
    }

    /// Gives a credential another name.
    ///
    /// # Errors
    /// [`NotFound`](StoreErrorKind::NotFound), [`Invalid`](StoreErrorKind::Invalid), and when the database cannot be asked.
    pub async fn rename(&self, owner: &Owner, id: CredentialId, label: &str) -> Result<CredentialInfo, StoreError> {
        let missing = || StoreError::invalid(vec![FieldError::new("label", "a name must not be empty")]);
        let label = checked_label(Some(label))?.ok_or_else(missing)?;
        let row = self.0.row(owner, id, "rename").await?;
        let sealed = self.0.vault.seal_label(id, &row.connector, &label);
        if !self.0.backend.set_label(row.owner, id, sealed).await? {
            return Err(StoreError::not_found());
        }
        self.0.audit("owner", &row, "rename", "ok", None).await?;
        self.get(owner, id).await
    }

    /// Switches the log of a credential's token requests on or off. It shows no secret, and is off by default.
    ///
    /// # Errors
    /// [`NotFound`](StoreErrorKind::NotFound), and when the database cannot be asked.
    pub async fn set_request_log(&self, owner: &Owner, id: CredentialId, on: bool) -> Result<(), StoreError> {
        let row = self.0.row(owner, id, "log_requests").await?;
        if !self.0.backend.set_logs_requests(row.owner, id, on).await? {
            return Err(StoreError::not_found());
        }
        self.0.forget(owner, id);
        self.0.audit("owner", &row, "log_requests", if on { "on" } else { "off" }, None).await
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

    /// Shows by the description's verification request whether a credential works now, with its present token or a new one, and notes it.
    ///
    /// # Errors
    /// Why it does not work, and when provider or database cannot be asked.
    pub async fn test(&self, owner: &Owner, id: CredentialId) -> Result<CredentialInfo, StoreError> {
        let inner = &*self.0;
        inner.check_open()?;
        let row = inner.row(owner, id, "test").await?;
        let tokens = self.tokens(owner, id)?;
        let outcome = match tokens.current().await {
            Ok(_) => inner.verify(owner, id).await,
            Err(error) => Err(match StoreError::find(&error) {
                Some(own) => own.clone(),
                None => StoreError::provider(error),
            }),
        };
        match &outcome {
            Ok(()) => {
                let change = StatusChange {
                    status: CredentialStatus::Valid,
                    reason: None,
                    provider_error: None,
                    generation: None,
                    is_success: true,
                };
                inner.backend.set_status(id, change).await?;
                inner.audit("owner", &row, "test", "ok", None).await?;
            }
            Err(error) => {
                if error.kind() == StoreErrorKind::Refused {
                    let change = StatusChange {
                        status: CredentialStatus::NeedsReauth,
                        reason: Some("verification_refused".to_owned()),
                        provider_error: error.reason().map(str::to_owned),
                        generation: None,
                        is_success: false,
                    };
                    inner.backend.set_status(id, change).await?;
                    inner.forget(owner, id);
                }
                inner.audit("owner", &row, "test", "failed", Some(error.code().to_owned())).await?;
            }
        }
        outcome?;
        self.get(owner, id).await
    }
}

impl Inner {
    /// Runs the verification of the description with the tokens that are kept.
    async fn verify(&self, owner: &Owner, id: CredentialId) -> Result<(), StoreError> {
        let row = self.row(owner, id, "test").await?;
        let slot = super::live::Slot::default();
        let live = self.enliven(owner, &row, &slot).await?;
        let tokens = crate::vault::open_tokens(&live.opened.sealer, owner, &row, self.clock.wall())?;
        let connection = &live.connection;
        if let (Some(cache), Some(response)) = (connection.tokens(), tokens) {
            cache.publish(response);
        }
        connection.verify().await.map_err(StoreError::provider)
    }

    /// Has whatever is in memory of a credential looked up again before it is used.
    pub(crate) fn forget(&self, owner: &Owner, id: CredentialId) {
        let key = CredentialKey::new(owner.clone(), id);
        if let Some(cache) = self.caches.peek(&key) {
            cache.discard();
        }
    }
}
