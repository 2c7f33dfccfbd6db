//! Credentials as their owners see them.

use super::bind::Bind;
use super::pool::Pool;
use super::row::Row;
use crate::backend::{
    BackendError, BackendErrorKind, CredentialRow, ListFilter, LoginRow, NewCredential, Record, SecretsChange,
    StatusChange, Tokens,
};
use crate::model::{CredentialId, OwnerDigest};

impl Pool {
    pub(super) async fn insert(&self, new: NewCredential) -> Result<(), BackendError> {
        let sql = "INSERT INTO {credentials} (id, owner, owner_sealed, connector, method, environment, label, status, status_since, \
                key_id, data_key, secrets, secrets_version, generation, revision, logs_requests, created_at, updated_at, \
                tokens, renews, expires_at, refresh_at, refresh_expires_at, last_success_at) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, {now}, $9, $10, $11, 1, $12, 1, $13, {now}, {now}, \
                $14, $15, {now} + $16, {now} + $17, {now} + $18, CASE WHEN $8 = 'valid' THEN {now} END) \
            ON CONFLICT (id) DO NOTHING";
        let generation = i64::from(new.tokens.is_some());
        let [sealed, renews, ends, due, refresh_ends] = token_binds(new.tokens);
        let binds = vec![
            new.id.into(),
            new.owner.into(),
            new.owner_sealed.into(),
            new.connector.into(),
            new.method.into(),
            new.environment.into(),
            new.label.into(),
            new.status.as_str().into(),
            new.key_id.into(),
            new.data_key.into(),
            new.secrets.into(),
            generation.into(),
            new.logs_requests.into(),
            sealed,
            renews,
            ends,
            due,
            refresh_ends,
        ];
        match self.change_with("keep a credential", sql, binds, new.record).await? {
            true => Ok(()),
            false => Err(BackendError::new(BackendErrorKind::Broken, "there is a credential of that id already")),
        }
    }

    pub(super) async fn get(
        &self,
        owner: OwnerDigest,
        id: CredentialId,
    ) -> Result<Option<CredentialRow>, BackendError> {
        let sql = "SELECT {columns}, {now} FROM {credentials} WHERE id = $1 AND owner = $2 AND deleted_at IS NULL";
        let row = self.row("read a credential", sql, vec![id.into(), owner.into()]).await?;
        row.as_ref().map(Row::credential).transpose()
    }

    pub(super) async fn find(&self, id: CredentialId) -> Result<Option<CredentialRow>, BackendError> {
        let sql = "SELECT {columns}, {now} FROM {credentials} WHERE id = $1 AND deleted_at IS NULL";
        let row = self.row("read a credential", sql, vec![id.into()]).await?;
        row.as_ref().map(Row::credential).transpose()
    }

    pub(super) async fn list(&self, filter: ListFilter) -> Result<Vec<CredentialRow>, BackendError> {
        // Two texts, so that either can go along an index.
        let of_owner = "SELECT {columns}, {now} FROM {credentials} WHERE deleted_at IS NULL AND owner = $1 \
            AND (created_at, id) < ($2, $3) AND ($4 = '' OR connector = $4) AND ($5 = '' OR status = $5) \
            ORDER BY created_at DESC, id DESC LIMIT $6";
        let of_all = "SELECT {columns}, {now} FROM {credentials} WHERE deleted_at IS NULL \
            AND (created_at, id) < ($1, $2) AND ($3 = '' OR connector = $3) AND ($4 = '' OR status = $4) \
            ORDER BY created_at DESC, id DESC LIMIT $5";
        let (before, id) = match filter.after {
            Some(key) => (key.created_at.0, key.id.to_string()),
            None => (i64::MAX, String::new()),
        };
        let mut binds = vec![
            before.into(),
            id.into(),
            filter.connector.unwrap_or_default().into(),
            filter.status.map_or("", |status| status.as_str()).into(),
            filter.limit.into(),
        ];
        let sql = match filter.owner {
            Some(owner) => {
                binds.insert(0, owner.into());
                of_owner
            }
            None => of_all,
        };
        let rows = self.rows("list credentials", sql, binds).await?;
        rows.iter().map(Row::credential).collect()
    }

    pub(super) async fn count(&self, owner: OwnerDigest) -> Result<i64, BackendError> {
        let sql = "SELECT COUNT(*) FROM {credentials} WHERE deleted_at IS NULL AND owner = $1";
        let row = self.row("count credentials", sql, vec![owner.into()]).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    pub(super) async fn set_label(
        &self,
        owner: OwnerDigest,
        id: CredentialId,
        label: Vec<u8>,
        record: Record,
    ) -> Result<bool, BackendError> {
        let sql = "UPDATE {credentials} SET label = $1, updated_at = {now} WHERE id = $2 AND owner = $3 AND deleted_at IS NULL";
        self.change_with("rename a credential", sql, vec![label.into(), id.into(), owner.into()], record).await
    }

    pub(super) async fn set_logs_requests(
        &self,
        owner: OwnerDigest,
        id: CredentialId,
        on: bool,
        record: Record,
    ) -> Result<bool, BackendError> {
        let sql = "UPDATE {credentials} SET logs_requests = $1, revision = revision + 1, updated_at = {now} \
            WHERE id = $2 AND owner = $3 AND deleted_at IS NULL";
        let binds = vec![on.into(), id.into(), owner.into()];
        let changed = self.change_with("change a credential", sql, binds, record).await?;
        self.announce(id, changed).await;
        Ok(changed)
    }

    pub(super) async fn set_status(&self, id: CredentialId, change: StatusChange) -> Result<bool, BackendError> {
        let sql = "UPDATE {credentials} SET status = $1, reason = $2, provider_error = $3, \
                status_since = CASE WHEN status = $1 THEN status_since ELSE {now} END, \
                last_success_at = CASE WHEN $4 = 1 THEN {now} ELSE last_success_at END, \
                attempts = CASE WHEN $4 = 1 THEN 0 ELSE attempts END, \
                next_attempt_at = CASE WHEN $4 = 1 THEN NULL ELSE next_attempt_at END, \
                revision = revision + 1, updated_at = {now} \
            WHERE id = $5 AND deleted_at IS NULL AND generation = COALESCE($6, generation) AND status = COALESCE($7, status)";
        let binds = vec![
            change.status.as_str().into(),
            change.reason.into(),
            change.provider_error.into(),
            change.is_success.into(),
            id.into(),
            change.generation.into(),
            change.from.map(|status| status.as_str().to_owned()).into(),
        ];
        let changed = self.change_with("change a credential", sql, binds, change.record).await?;
        self.announce(id, changed).await;
        Ok(changed)
    }

    pub(super) async fn set_secrets(
        &self,
        owner: OwnerDigest,
        id: CredentialId,
        change: SecretsChange,
    ) -> Result<bool, BackendError> {
        let sql = "UPDATE {credentials} SET secrets = $1, secrets_version = secrets_version + 1, method = $2, environment = $3, \
                tokens = $4, renews = $5, expires_at = {now} + $6, refresh_at = {now} + $7, refresh_expires_at = {now} + $8, \
                generation = generation + 1, revision = revision + 1, status = $9, reason = $14, provider_error = NULL, \
                status_since = {now}, attempts = 0, next_attempt_at = NULL, warned_at = NULL, updated_at = {now}, \
                last_success_at = CASE WHEN $9 = 'valid' THEN {now} ELSE last_success_at END, \
                fence = fence + 1, lease_until = NULL, intent_id = NULL, intent_spends = NULL, intent_at = NULL, intent_is_replay = 0 \
            WHERE id = $10 AND owner = $11 AND secrets_version = $12 AND generation = $13 AND deleted_at IS NULL";
        let [sealed, renews, ends, due, refresh_ends] = token_binds(change.tokens);
        let binds = vec![
            change.secrets.into(),
            change.method.into(),
            change.environment.into(),
            sealed,
            renews,
            ends,
            due,
            refresh_ends,
            change.status.as_str().into(),
            id.into(),
            owner.into(),
            change.secrets_version.into(),
            change.generation.into(),
            change.reason.into(),
        ];
        let changed = self.change_with("change a credential", sql, binds, change.record).await?;
        self.announce(id, changed).await;
        Ok(changed)
    }

    pub(super) async fn delete(
        &self,
        owner: OwnerDigest,
        id: CredentialId,
        record: Record,
    ) -> Result<bool, BackendError> {
        // Of an empty blob nothing can be recovered; what was there is overwritten by SQLite at once and by PostgreSQL's next vacuum, and its data
        // key is gone from the table either way.
        let sql = "UPDATE {credentials} SET deleted_at = {now}, updated_at = {now}, revision = revision + 1, \
                owner_sealed = $3, label = $3, data_key = $3, secrets = $3, tokens = NULL, refresh_at = NULL, expires_at = NULL, \
                refresh_expires_at = NULL, fence = fence + 1, lease_until = NULL, intent_id = NULL, intent_spends = NULL, \
                intent_at = NULL, intent_is_replay = 0, status = 'revoked', reason = NULL, provider_error = NULL \
            WHERE id = $1 AND owner = $2 AND deleted_at IS NULL";
        let mut transaction = self.begin().await?;
        let binds = vec![id.into(), owner.into(), Vec::new().into()];
        if transaction.change("delete a credential", sql, binds).await? != 1 {
            return Ok(false);
        }
        let log = "DELETE FROM {request_log} WHERE credential = $1";
        transaction.change("delete a request log", log, vec![id.into()]).await?;
        let logins = "DELETE FROM {logins} WHERE credential = $1";
        transaction.change("delete logins", logins, vec![id.into()]).await?;
        transaction.keep(record).await?;
        transaction.commit().await?;
        self.announce(id, true).await;
        Ok(true)
    }

    pub(super) async fn touch(&self, mut ids: Vec<CredentialId>) -> Result<(), BackendError> {
        // In one order everywhere: two that each wait for what the other has would never end.
        ids.sort_unstable();
        ids.dedup();
        let sql = "UPDATE {credentials} SET last_used_at = {now} WHERE id = $1 AND deleted_at IS NULL";
        let mut transaction = self.begin().await?;
        for id in ids {
            transaction.change("note a use", sql, vec![id.into()]).await?;
        }
        transaction.commit().await
    }

    pub(super) async fn put_login(
        &self,
        owner: OwnerDigest,
        login: LoginRow,
        lifetime: std::time::Duration,
        keep: u32,
    ) -> Result<(), BackendError> {
        let add =
            "INSERT INTO {logins} (state, sealed, credential, expires_at, owner) VALUES ($1, $2, $3, {now} + $4, $5)";
        let trim = "DELETE FROM {logins} WHERE owner = $1 AND expires_at < ( \
            SELECT expires_at FROM {logins} WHERE owner = $1 ORDER BY expires_at DESC LIMIT 1 OFFSET $2)";
        let mut transaction = self.begin().await?;
        let binds =
            vec![login.state.into(), login.sealed.into(), login.credential.into(), lifetime.into(), owner.into()];
        transaction.change("keep a login", add, binds).await?;
        transaction.change("drop the oldest logins", trim, vec![owner.into(), keep.saturating_sub(1).into()]).await?;
        transaction.commit().await
    }

    pub(super) async fn take_login(&self, state: String) -> Result<Option<LoginRow>, BackendError> {
        let sql = "DELETE FROM {logins} WHERE state = $1 AND expires_at > {now} RETURNING state, sealed, credential";
        let row = self.row("take a login", sql, vec![state.into()]).await?;
        row.map(|row| Ok(LoginRow { state: row.text(0)?, sealed: row.blob(1)?, credential: row.id(2)? })).transpose()
    }

    pub(super) async fn note_use(&self, name: String, lifetime: std::time::Duration) -> Result<bool, BackendError> {
        // Beside the logins, which live as long and are purged alike. No login begins so: states are digests. One that is over
        // makes place for the same name.
        let sql = "INSERT INTO {logins} (state, sealed, credential, expires_at) VALUES ($1, $2, '', {now} + $3) \
            ON CONFLICT (state) DO UPDATE SET expires_at = excluded.expires_at WHERE {logins}.expires_at <= {now}";
        let binds = vec![format!("used:{name}").into(), Vec::new().into(), lifetime.into()];
        Ok(self.change("note a use", sql, binds).await? == 1)
    }

    pub(super) async fn purge(&self, age: std::time::Duration) -> Result<(), BackendError> {
        let logins = "DELETE FROM {logins} WHERE expires_at <= {start}";
        self.change("drop logins that are over", logins, Vec::new()).await?;
        let credentials = "DELETE FROM {credentials} WHERE deleted_at IS NOT NULL AND deleted_at <= {start} - $1";
        self.change("drop deleted credentials", credentials, vec![age.into()]).await?;
        // Empty pages go back to the disk. What was overwritten in the file still stands in the log of writes, until that is emptied.
        #[cfg(feature = "sqlite")]
        if self.texts.flavor() == super::text::Flavor::Sqlite {
            self.rows("give space back", "PRAGMA incremental_vacuum", Vec::new()).await?;
            self.rows("empty the log of writes", "PRAGMA wal_checkpoint(TRUNCATE)", Vec::new()).await?;
        }
        Ok(())
    }
}

/// Tokens, whether they renew themselves, when they end, when they are due, and when the refresh token ends.
pub(super) fn token_binds(tokens: Option<Tokens>) -> [Bind; 5] {
    match tokens {
        Some(tokens) => [
            tokens.sealed.into(),
            tokens.renews.into(),
            tokens.expires_in.into(),
            tokens.refresh_in.into(),
            tokens.refresh_expires_in.into(),
        ],
        None => {
            let none = || Bind::Int(None);
            [Bind::Blob(None), false.into(), none(), none(), none()]
        }
    }
}
