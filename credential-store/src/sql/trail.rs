//! What happened: the audit trail, and the log of token requests.

use std::time::Duration;

use super::pool::Pool;
use super::row::Row;
use crate::backend::{AuditRow, BackendError, LogRow};
use crate::model::{CredentialId, OwnerDigest};

impl Pool {
    pub(super) async fn audit_trail(
        &self,
        credential: Option<CredentialId>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<AuditRow>, BackendError> {
        let of_one = "SELECT id, at, actor, owner, credential, connector, action, result, detail FROM {audit} \
            WHERE id > $1 AND credential = $3 ORDER BY id LIMIT $2";
        let of_all = "SELECT id, at, actor, owner, credential, connector, action, result, detail FROM {audit} \
            WHERE id > $1 ORDER BY id LIMIT $2";
        let mut binds = vec![after.into(), limit.into()];
        let sql = match credential {
            Some(id) => {
                binds.push(id.into());
                of_one
            }
            None => of_all,
        };
        let rows = self.rows("read the audit trail", sql, binds).await?;
        rows.iter().map(read).collect()
    }

    pub(super) async fn trim_audit(&self, age: Duration, limit: u32) -> Result<u64, BackendError> {
        // By numbers, which grow as time does: an index by time would cost every entry a write.
        let oldest = "SELECT id, at FROM {audit} WHERE id > $1 ORDER BY id LIMIT 1";
        let Some(oldest) = self.row("find the oldest audit entry", oldest, vec![0_i64.into()]).await? else {
            return Ok(0);
        };
        let first = oldest.int(0)?;
        let sql = "DELETE FROM {audit} WHERE id >= $1 AND id < $2 AND at <= {start} - $3";
        let end = first.saturating_add(i64::from(limit));
        self.change("trim the audit trail", sql, vec![first.into(), end.into(), age.into()]).await
    }

    pub(super) async fn log(&self, id: CredentialId, sealed: Vec<u8>, keep: u32) -> Result<(), BackendError> {
        // Under a lock, so that nothing is added to what somebody is deleting.
        let lock = "SELECT id FROM {credentials} WHERE id = $1 AND deleted_at IS NULL {lock}";
        let add = "INSERT INTO {request_log} (credential, at, sealed) VALUES ($1, {now}, $2)";
        let trim = "DELETE FROM {request_log} WHERE credential = $1 AND id <= ( \
            SELECT id FROM {request_log} WHERE credential = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)";
        let mut transaction = self.begin().await?;
        if transaction.rows("find a credential", lock, vec![id.into()]).await?.is_empty() {
            return Ok(());
        }
        transaction.change("log a request", add, vec![id.into(), sealed.into()]).await?;
        transaction.change("trim a request log", trim, vec![id.into(), keep.into()]).await?;
        transaction.commit().await
    }

    pub(super) async fn logged(
        &self,
        owner: OwnerDigest,
        id: CredentialId,
        limit: u32,
    ) -> Result<Vec<LogRow>, BackendError> {
        // By the credential's id, whatever a planner makes of the owner.
        let sql = "SELECT id, at, sealed FROM {request_log} WHERE credential = $1 AND EXISTS ( \
                SELECT 1 FROM {credentials} AS kept WHERE kept.id = $1 AND kept.owner = $2 AND kept.deleted_at IS NULL \
            ) ORDER BY id DESC LIMIT $3";
        let rows = self.rows("read a request log", sql, vec![id.into(), owner.into(), limit.into()]).await?;
        rows.iter().map(|row| Ok(LogRow { id: row.int(0)?, at: row.time(1)?, sealed: row.blob(2)? })).collect()
    }
}

fn read(row: &Row) -> Result<AuditRow, BackendError> {
    Ok(AuditRow {
        id: row.int(0)?,
        at: row.time(1)?,
        actor: row.text(2)?,
        owner: row.maybe_owner(3)?,
        credential: row.maybe_text(4)?.and_then(|id| id.parse().ok()),
        connector: row.maybe_text(5)?,
        action: row.text(6)?,
        result: row.text(7)?,
        detail: row.maybe_text(8)?,
    })
}
