//! The store's own key, and the keys that data keys are wrapped with.

use super::pool::Pool;
use crate::backend::{BackendError, CredentialRow, Record, StoreKeyRow};
use crate::model::CredentialId;

impl Pool {
    pub(super) async fn store_key(&self) -> Result<Option<StoreKeyRow>, BackendError> {
        let sql = "SELECT key_id, wrapped FROM {store_key} WHERE name = 'store'";
        let row = self.row("read the store's key", sql, Vec::new()).await?;
        row.map(|row| Ok(StoreKeyRow { key_id: row.text(0)?, wrapped: row.blob(1)? })).transpose()
    }

    pub(super) async fn put_store_key(&self, row: StoreKeyRow) -> Result<bool, BackendError> {
        let sql =
            "INSERT INTO {store_key} (name, key_id, wrapped) VALUES ('store', $1, $2) ON CONFLICT (name) DO NOTHING";
        let binds = vec![row.key_id.into(), row.wrapped.into()];
        Ok(self.change("keep the store's key", sql, binds).await? == 1)
    }

    pub(super) async fn replace_store_key(&self, old: StoreKeyRow, new: StoreKeyRow) -> Result<bool, BackendError> {
        let sql = "UPDATE {store_key} SET key_id = $1, wrapped = $2 WHERE name = 'store' AND wrapped = $3";
        let binds = vec![new.key_id.into(), new.wrapped.into(), old.wrapped.into()];
        Ok(self.change("replace the store's key", sql, binds).await? == 1)
    }

    pub(super) async fn wrapped_otherwise(
        &self,
        key_id: String,
        after: Option<CredentialId>,
        limit: u32,
    ) -> Result<Vec<CredentialRow>, BackendError> {
        let sql = "SELECT {columns}, {now} FROM {credentials} \
            WHERE deleted_at IS NULL AND key_id <> $1 AND id > $2 ORDER BY id LIMIT $3";
        let after = after.map_or_else(String::new, |id| id.to_string());
        let rows = self.rows("list credentials by key", sql, vec![key_id.into(), after.into(), limit.into()]).await?;
        rows.iter().map(super::row::Row::credential).collect()
    }

    pub(super) async fn keys_in_use(&self) -> Result<Vec<(String, i64)>, BackendError> {
        let sql = "SELECT key_id, COUNT(*) FROM {credentials} WHERE deleted_at IS NULL GROUP BY key_id ORDER BY key_id";
        let rows = self.rows("count credentials by key", sql, Vec::new()).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.int(1)?))).collect()
    }

    pub(super) async fn replace_data_key(
        &self,
        id: CredentialId,
        old: Vec<u8>,
        key_id: String,
        new: Vec<u8>,
        record: Record,
    ) -> Result<bool, BackendError> {
        // Nobody else must read again what only the wrapping of has changed, so that this is no revision.
        let sql = "UPDATE {credentials} SET key_id = $1, data_key = $2 WHERE id = $3 AND data_key = $4 AND deleted_at IS NULL";
        let binds = vec![key_id.into(), new.into(), id.into(), old.into()];
        self.change_with("replace a data key", sql, binds, record).await
    }
}
