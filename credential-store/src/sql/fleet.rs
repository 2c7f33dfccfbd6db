//! Leases, exchanges and turns: what keeps processes from spending a refresh token twice.

use std::time::Duration;

use super::credentials::token_binds;
use super::pool::Pool;
use super::row::Row;
use crate::backend::{
    BackendError, Claim, ConnectorFault, CredentialRow, Due, Exchanged, Failed, Intent, PageKey, Record, Touched,
};
use crate::model::{CredentialId, Timestamp};

impl Pool {
    pub(super) async fn now(&self) -> Result<Timestamp, BackendError> {
        let row = self.row("tell the time", "SELECT {now}, 1", Vec::new()).await?;
        row.map_or(Ok(Timestamp(0)), |row| row.time(0))
    }

    pub(super) async fn claim(&self, id: CredentialId, ttl: Duration) -> Result<Claim, BackendError> {
        let sql = "UPDATE {credentials} SET fence = fence + 1, lease_until = {now} + $2 \
            WHERE id = $1 AND deleted_at IS NULL AND (lease_until IS NULL OR lease_until <= {now}) RETURNING {columns}, {now}";
        if let Some(row) = self.row("take a lease", sql, vec![id.into(), ttl.into()]).await? {
            return Ok(Claim::Taken(Box::new(row.credential()?)));
        }
        let sql = "SELECT COALESCE(lease_until, 0) - {now}, 1 FROM {credentials} WHERE id = $1 AND deleted_at IS NULL";
        let left = self.row("look at a lease", sql, vec![id.into()]).await?.map(|row| row.int(0)).transpose()?;
        Ok(left.map_or(Claim::Missing, |left| Claim::Held(Duration::from_millis(u64::try_from(left).unwrap_or(0)))))
    }

    pub(super) async fn has_due(&self, connector: String, which: Due) -> Result<bool, BackendError> {
        // In an order, without which PostgreSQL would rather look through the table.
        let sql = "SELECT id FROM {credentials} WHERE connector = $1 AND deleted_at IS NULL AND renews = 1 AND refresh_at <= {start} \
            AND status IN ('valid', 'degraded') AND (next_attempt_at IS NULL OR next_attempt_at <= {start}) \
            AND (lease_until IS NULL OR lease_until <= {start}) AND (attempts > 0) = ($2 = 1) ORDER BY refresh_at LIMIT 1";
        let binds = vec![connector.into(), (which == Due::Failing).into()];
        Ok(self.row("look for due credentials", sql, binds).await?.is_some())
    }

    pub(super) async fn claim_due(
        &self,
        connector: String,
        which: Due,
        limit: u32,
        ttl: Duration,
    ) -> Result<Vec<CredentialRow>, BackendError> {
        // Picked apart from the change, so that a plan cannot pick twice, and looked at again in it.
        let sql = "WITH picked AS MATERIALIZED ( \
                SELECT id FROM {credentials} WHERE connector = $1 AND deleted_at IS NULL AND renews = 1 AND refresh_at <= {start} \
                    AND status IN ('valid', 'degraded') AND (next_attempt_at IS NULL OR next_attempt_at <= {start}) \
                    AND (lease_until IS NULL OR lease_until <= {start}) AND (attempts > 0) = ($4 = 1) \
                ORDER BY refresh_at LIMIT $2 {skip locked} \
            ) UPDATE {credentials} SET fence = fence + 1, lease_until = {now} + $3 \
            WHERE id IN (SELECT id FROM picked) AND (lease_until IS NULL OR lease_until <= {now}) RETURNING {columns}, {now}";
        let binds = vec![connector.into(), limit.into(), ttl.into(), (which == Due::Failing).into()];
        let rows = self.rows("take due credentials", sql, binds).await?;
        let mut taken: Vec<_> = rows.iter().map(Row::credential).collect::<Result<_, _>>()?;
        taken.sort_by_key(|row| row.refresh_at);
        Ok(taken)
    }

    pub(super) async fn extend(&self, id: CredentialId, fence: i64, ttl: Duration) -> Result<bool, BackendError> {
        let sql = "UPDATE {credentials} SET lease_until = {now} + $3 \
            WHERE id = $1 AND fence = $2 AND lease_until IS NOT NULL AND deleted_at IS NULL";
        Ok(self.change("extend a lease", sql, vec![id.into(), fence.into(), ttl.into()]).await? == 1)
    }

    pub(super) async fn release(&self, id: CredentialId, fence: i64) -> Result<(), BackendError> {
        let sql = "UPDATE {credentials} SET lease_until = NULL WHERE id = $1 AND fence = $2";
        self.change("end a lease", sql, vec![id.into(), fence.into()]).await.map(drop)
    }

    pub(super) async fn begin_exchange(
        &self,
        id: CredentialId,
        fence: i64,
        generation: i64,
        intent: Intent,
    ) -> Result<bool, BackendError> {
        // What is sent a second time is in doubt since the first.
        let sql = "UPDATE {credentials} SET intent_id = $4, intent_spends = $5, intent_is_replay = $6, \
                intent_at = CASE WHEN intent_spends = $5 THEN intent_at ELSE {now} END \
            WHERE id = $1 AND fence = $2 AND generation = $3 AND lease_until > {now} AND deleted_at IS NULL";
        let binds = vec![
            id.into(),
            fence.into(),
            generation.into(),
            intent.id.into(),
            intent.spends.into(),
            intent.is_replay.into(),
        ];
        Ok(self.change("note an exchange", sql, binds).await? == 1)
    }

    pub(super) async fn finish_exchange(&self, exchanged: Exchanged) -> Result<bool, BackendError> {
        let sql = "UPDATE {credentials} SET tokens = $4, renews = $5, expires_at = {now} + $6, refresh_at = {now} + $7, \
                refresh_expires_at = COALESCE({now} + $8, refresh_expires_at), generation = generation + 1, revision = revision + 1, \
                reason = CASE WHEN status = 'revoked' THEN reason END, provider_error = NULL, \
                status_since = CASE WHEN status IN ('valid', 'revoked') THEN status_since ELSE {now} END, \
                status = CASE WHEN status = 'revoked' THEN status ELSE 'valid' END, \
                attempts = 0, next_attempt_at = NULL, last_success_at = {now}, updated_at = {now}, \
                warned_at = CASE WHEN CAST($5 AS BIGINT) = 1 AND ($8 IS NULL OR {now} + $8 <= COALESCE(refresh_expires_at, 0) + 60000) THEN warned_at END, \
                intent_id = NULL, intent_spends = NULL, intent_at = NULL, intent_is_replay = 0, \
                lease_until = CASE WHEN fence = $2 THEN NULL ELSE lease_until END \
            WHERE id = $1 AND generation = $3 AND deleted_at IS NULL";
        let id = exchanged.id;
        let [sealed, renews, ends, due, refresh_ends] = token_binds(Some(exchanged.tokens));
        let binds = vec![
            id.into(),
            exchanged.fence.into(),
            exchanged.generation.into(),
            sealed,
            renews,
            ends,
            due,
            refresh_ends,
        ];
        let changed = self.change_with("keep new tokens", sql, binds, exchanged.record).await?;
        self.announce(id, changed).await;
        Ok(changed)
    }

    pub(super) async fn fail_exchange(&self, failed: Failed) -> Result<bool, BackendError> {
        let sql = "UPDATE {credentials} SET \
                status_since = CASE WHEN $4 = '' OR status = $4 THEN status_since ELSE {now} END, \
                status = CASE WHEN $4 = '' THEN status ELSE $4 END, reason = $5, provider_error = $6, \
                attempts = attempts + 1, next_attempt_at = {now} + $7, updated_at = {now}, revision = revision + 1, \
                lease_until = NULL, \
                intent_id = CASE WHEN $8 = 1 THEN intent_id END, intent_spends = CASE WHEN $8 = 1 THEN intent_spends END, \
                intent_at = CASE WHEN $8 = 1 THEN intent_at END, \
                intent_is_replay = CASE WHEN $8 = 1 THEN intent_is_replay ELSE 0 END \
            WHERE id = $1 AND fence = $2 AND generation = $3 AND deleted_at IS NULL";
        let id = failed.id;
        let binds = vec![
            id.into(),
            failed.fence.into(),
            failed.generation.into(),
            failed.status.map_or("", |status| status.as_str()).into(),
            failed.reason.into(),
            failed.provider_error.into(),
            failed.retry_in.into(),
            failed.keeps_intent.into(),
        ];
        let changed = self.change_with("note a failed exchange", sql, binds, failed.record).await?;
        self.announce(id, changed).await;
        Ok(changed)
    }

    pub(super) async fn take_turn(
        &self,
        connector: String,
        count: u32,
        interval: Duration,
    ) -> Result<bool, BackendError> {
        let sql = "INSERT INTO {connectors} AS own (connector, next_turn_at) VALUES ($1, {now} + $2) \
            ON CONFLICT (connector) DO UPDATE SET next_turn_at = {now} + $2 WHERE own.next_turn_at <= {now}";
        let wait = interval.saturating_mul(count);
        Ok(self.change("take a turn", sql, vec![connector.into(), wait.into()]).await? == 1)
    }

    pub(super) async fn ended(&self, limit: u32) -> Result<Vec<CredentialRow>, BackendError> {
        let sql = "SELECT {columns}, {now} FROM {credentials} WHERE deleted_at IS NULL AND renews = 0 AND expires_at <= {start} \
            AND status IN ('valid', 'degraded') ORDER BY expires_at LIMIT $1";
        let rows = self.rows("find credentials that ended", sql, vec![limit.into()]).await?;
        rows.iter().map(Row::credential).collect()
    }

    pub(super) async fn ending(&self, lead: Duration, limit: u32) -> Result<Vec<CredentialRow>, BackendError> {
        // Two picks, so that each goes along its index.
        let sql = "WITH ends AS MATERIALIZED ( \
                SELECT id FROM {credentials} WHERE deleted_at IS NULL AND renews = 0 AND expires_at <= {start} + $1 \
                    AND status IN ('valid', 'degraded') AND warned_at IS NULL ORDER BY expires_at LIMIT $2 \
            ), refresh_ends AS MATERIALIZED ( \
                SELECT id FROM {credentials} WHERE deleted_at IS NULL AND refresh_expires_at <= {start} + $1 \
                    AND status IN ('valid', 'degraded') AND warned_at IS NULL ORDER BY refresh_expires_at LIMIT $2 \
            ) SELECT {columns}, {now} FROM {credentials} \
            WHERE id IN (SELECT id FROM ends UNION SELECT id FROM refresh_ends LIMIT $2)";
        let rows = self.rows("find credentials that end soon", sql, vec![lead.into(), limit.into()]).await?;
        rows.iter().map(Row::credential).collect()
    }

    pub(super) async fn set_warned(
        &self,
        id: CredentialId,
        generation: i64,
        record: Record,
    ) -> Result<bool, BackendError> {
        // Nobody else must read the credential again for that, so that it is no revision.
        let sql = "UPDATE {credentials} SET warned_at = {now} WHERE id = $1 AND generation = $2 AND warned_at IS NULL \
            AND status IN ('valid', 'degraded') AND deleted_at IS NULL";
        self.change_with("note a warning", sql, vec![id.into(), generation.into()], record).await
    }

    pub(super) async fn set_connector_fault(
        &self,
        connector: String,
        code: Option<String>,
        record: Record,
    ) -> Result<bool, BackendError> {
        let set = "INSERT INTO {connectors} AS own (connector, fault, fault_since) VALUES ($1, $2, {now}) \
            ON CONFLICT (connector) DO UPDATE SET fault = $2, fault_since = {now} WHERE own.fault IS NULL OR own.fault <> $2";
        let clear =
            "UPDATE {connectors} SET fault = NULL, fault_since = NULL WHERE connector = $1 AND fault IS NOT NULL";
        match code {
            Some(code) => {
                self.change_with("note a connector's fault", set, vec![connector.into(), code.into()], record).await
            }
            None => self.change_with("end a connector's fault", clear, vec![connector.into()], record).await,
        }
    }

    pub(super) async fn connector_faults(&self) -> Result<Vec<ConnectorFault>, BackendError> {
        let sql = "SELECT connector, fault, fault_since FROM {connectors} WHERE fault IS NOT NULL ORDER BY connector";
        let rows = self.rows("list faults of connectors", sql, Vec::new()).await?;
        let read = |row: &Row| Ok(ConnectorFault { connector: row.text(0)?, code: row.text(1)?, since: row.time(2)? });
        rows.iter().map(read).collect()
    }

    pub(super) async fn changes_since(
        &self,
        since: Timestamp,
        after: Option<PageKey>,
        limit: u32,
    ) -> Result<Vec<Touched>, BackendError> {
        let sql = "SELECT id, generation, revision, updated_at, CAST(CASE WHEN deleted_at IS NULL THEN 0 ELSE 1 END AS BIGINT) \
            FROM {credentials} WHERE updated_at >= $1 AND (updated_at, id) > ($2, $3) ORDER BY updated_at, id LIMIT $4";
        let (at, id) = after.map_or((0, String::new()), |key| (key.created_at.0, key.id.to_string()));
        let rows = self.rows("list changes", sql, vec![since.0.into(), at.into(), id.into(), limit.into()]).await?;
        let read = |row: &Row| {
            Ok(Touched {
                id: row.id(0)?,
                generation: row.int(1)?,
                revision: row.int(2)?,
                updated_at: row.time(3)?,
                is_deleted: row.flag(4)?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Tells other processes. Whoever misses it looks at the times of changes from time to time, so that an error is none here.
    pub(super) async fn announce(&self, id: CredentialId, changed: bool) {
        #[cfg(feature = "postgres")]
        if changed && self.texts.flavor() == super::text::Flavor::Postgres {
            let channel = format!("{}changes", self.texts.prefix());
            let sql = "SELECT pg_notify($1, $2)::text, 1";
            if let Err(error) = self.rows("announce a change", sql, vec![channel.into(), id.into()]).await {
                tracing::debug!(error = %error, "a change was not announced");
            }
        }
        let _ = (id, changed);
    }
}
