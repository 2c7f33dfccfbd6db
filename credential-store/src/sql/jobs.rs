//! What remains to be done outside the database.

use std::time::Duration;

use super::pool::Pool;
use super::record::name_of;
use super::row::{Row, broken};
use crate::backend::{BackendError, Job, JobKind};

impl Pool {
    pub(super) async fn claim_jobs(&self, kind: JobKind, limit: u32, ttl: Duration) -> Result<Vec<Job>, BackendError> {
        // A job whose process died is taken again when its time has come.
        let sql = "WITH picked AS MATERIALIZED ( \
                SELECT id FROM {jobs} WHERE kind = $1 AND next_at <= {start} ORDER BY next_at, id LIMIT $2 {skip locked} \
            ) UPDATE {jobs} SET fence = fence + 1, next_at = {now} + $3 \
            WHERE id IN (SELECT id FROM picked) AND next_at <= {now} \
            RETURNING id, fence, kind, credential, payload, attempts, created_at";
        let rows = self.rows("take jobs", sql, vec![name_of(kind).into(), limit.into(), ttl.into()]).await?;
        let mut jobs: Vec<Job> = rows.iter().map(read).collect::<Result<_, _>>()?;
        jobs.sort_by_key(|job| job.id);
        Ok(jobs)
    }

    pub(super) async fn finish_job(&self, id: i64, fence: i64) -> Result<bool, BackendError> {
        let sql = "DELETE FROM {jobs} WHERE id = $1 AND fence = $2";
        Ok(self.change("end a job", sql, vec![id.into(), fence.into()]).await? == 1)
    }

    pub(super) async fn retry_job(&self, id: i64, fence: i64, wait: Duration) -> Result<bool, BackendError> {
        // A new number, so that who gave it back has it no more.
        let sql = "UPDATE {jobs} SET attempts = attempts + 1, fence = fence + 1, next_at = {now} + $3 WHERE id = $1 AND fence = $2";
        Ok(self.change("delay a job", sql, vec![id.into(), fence.into(), wait.into()]).await? == 1)
    }

    pub(super) async fn put_off_jobs(&self, mut jobs: Vec<(i64, i64, Duration)>) -> Result<(), BackendError> {
        if jobs.is_empty() {
            return Ok(());
        }
        // In one order everywhere: two that each wait for what the other has would never end.
        jobs.sort_unstable();
        let sql = "UPDATE {jobs} SET fence = fence + 1, next_at = {now} + $3 WHERE id = $1 AND fence = $2";
        let mut transaction = self.begin().await?;
        for (id, fence, wait) in jobs {
            transaction.change("put a job off", sql, vec![id.into(), fence.into(), wait.into()]).await?;
        }
        transaction.commit().await
    }

    pub(super) async fn count_jobs(&self, kind: JobKind) -> Result<i64, BackendError> {
        let row =
            self.row("count jobs", "SELECT COUNT(*) FROM {jobs} WHERE kind = $1", vec![name_of(kind).into()]).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }
}

fn read(row: &Row) -> Result<Job, BackendError> {
    let kind = match row.text(2)?.as_str() {
        "revoke" => JobKind::Revoke,
        "webhook" => JobKind::Webhook,
        _ => return Err(broken("the kind of a job")),
    };
    Ok(Job {
        id: row.int(0)?,
        fence: row.int(1)?,
        kind,
        credential: row.id(3)?,
        payload: row.blob(4)?,
        attempts: row.int(5)?,
        created_at: row.time(6)?,
    })
}
