use super::bind::Bind;
use super::pool::{Pool, Transaction};
#[cfg(feature = "postgres")]
use super::text::Flavor;
use crate::backend::{BackendError, BackendErrorKind};

/// The steps from an empty database to the newest schema. A released step is never changed.
const STEPS: &[&str] = &[include_str!("schema/0001.sql"), include_str!("schema/0002.sql")];

/// The newest schema of this version.
pub(super) const NEWEST: i64 = STEPS.len() as i64;

/// A program of one version later must still find what it needs: such a step says so by leaving this table alone.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS {migrations} (version {integer} PRIMARY KEY, applied_at {integer} NOT NULL, \
     breaks_before {integer} NOT NULL DEFAULT 0) {strict}";

/// Whether there is a table of migrations. Asked first, since PostgreSQL wants the right to create also for what is there already.
#[cfg_attr(not(feature = "postgres"), allow(unused_variables, clippy::unused_async, reason = "SQLite is not asked"))]
async fn is_there(pool: &Pool, transaction: &mut Transaction) -> Result<bool, BackendError> {
    #[cfg(feature = "postgres")]
    if pool.texts.flavor() == Flavor::Postgres {
        let sql = "SELECT COUNT(*), 1 FROM pg_catalog.pg_class WHERE oid = to_regclass('{migrations}')";
        let rows = transaction.rows("look for the table of migrations", sql, Vec::new()).await?;
        return Ok(rows.first().map(|row| row.int(0)).transpose()? == Some(1));
    }
    Ok(false)
}

/// Brings the schema up to date, one process at a time. A schema that is newer is left as it is, if its steps did not break this version.
pub(super) async fn migrate(pool: &Pool) -> Result<(), BackendError> {
    let mut transaction = pool.begin().await?;
    #[cfg(feature = "postgres")]
    if pool.texts.flavor() == Flavor::Postgres {
        let lock = vec![Bind::from(format!("{}migrations", pool.texts.prefix()))];
        transaction
            .rows("lock the migrations", "SELECT pg_advisory_xact_lock(hashtextextended($1, 7)), 1", lock)
            .await?;
    }
    if !is_there(pool, &mut transaction).await? {
        transaction.script("create the table of migrations", TABLE).await?;
    }
    let state = "SELECT COALESCE(MAX(version), 0), COALESCE(MAX(breaks_before), 0) FROM {migrations}";
    let rows = transaction.rows("read the migrations", state, Vec::new()).await?;
    let (present, breaks_before) = match rows.first() {
        Some(row) => (row.int(0)?, row.int(1)?),
        None => (0, 0),
    };
    if breaks_before > NEWEST {
        let text = "the database belongs to a newer version of this program, which this one cannot work beside";
        return Err(BackendError::new(BackendErrorKind::Broken, text));
    }
    for (version, step) in (1..).zip(STEPS).filter(|(version, _)| *version > present) {
        transaction.script("change the schema", step).await?;
        let note = "INSERT INTO {migrations} (version, applied_at) VALUES ($1, {now})";
        transaction.change("note a migration", note, vec![Bind::from(version)]).await?;
    }
    transaction.commit().await
}
