use std::sync::Arc;

#[cfg(feature = "postgres")]
use sqlx::postgres::{PgArguments, PgPool, Postgres};
#[cfg(feature = "sqlite")]
use sqlx::sqlite::{Sqlite, SqliteArguments, SqlitePool};
use sqlx::{AssertSqlSafe, Executor as _};

use super::bind::Bind;
use super::error::failed;
use super::row::Row;
use super::text::Texts;
use crate::backend::{BackendError, BackendErrorKind};

/// Connections to either database, and the statements as it wants them.
#[derive(Clone)]
pub(super) struct Pool {
    pub(super) connections: Connections,
    pub(super) texts: Arc<Texts>,
}

#[derive(Clone)]
pub(super) enum Connections {
    #[cfg(feature = "sqlite")]
    Sqlite(SqlitePool),
    #[cfg(feature = "postgres")]
    Postgres(PgPool),
}

/// A transaction of either database. Dropped, it undoes what was done.
pub(super) struct Transaction {
    inner: Begun,
    texts: Arc<Texts>,
}

enum Begun {
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Pool {
    /// Runs a statement and returns its rows. `what` stands in errors: could not ….
    pub(super) async fn rows(
        &self,
        what: &'static str,
        statement: &'static str,
        binds: Vec<Bind>,
    ) -> Result<Vec<Row>, BackendError> {
        let sql = AssertSqlSafe(self.texts.of(statement));
        match &self.connections {
            #[cfg(feature = "sqlite")]
            Connections::Sqlite(pool) => {
                let rows = sqlx::query_with(sql, sqlite_arguments(binds)).fetch_all(pool).await;
                rows.map(|rows| rows.into_iter().map(Row::Sqlite).collect())
            }
            #[cfg(feature = "postgres")]
            Connections::Postgres(pool) => {
                let rows = sqlx::query_with(sql, postgres_arguments(binds)).fetch_all(pool).await;
                rows.map(|rows| rows.into_iter().map(Row::Postgres).collect())
            }
        }
        .map_err(|error| failed(what, error))
    }

    /// Runs a statement and returns its first row.
    pub(super) async fn row(
        &self,
        what: &'static str,
        statement: &'static str,
        binds: Vec<Bind>,
    ) -> Result<Option<Row>, BackendError> {
        self.rows(what, statement, binds).await.map(|rows| rows.into_iter().next())
    }

    /// Runs a statement and returns how many rows it changed.
    pub(super) async fn change(
        &self,
        what: &'static str,
        statement: &'static str,
        binds: Vec<Bind>,
    ) -> Result<u64, BackendError> {
        let sql = AssertSqlSafe(self.texts.of(statement));
        match &self.connections {
            #[cfg(feature = "sqlite")]
            Connections::Sqlite(pool) => {
                sqlx::query_with(sql, sqlite_arguments(binds)).execute(pool).await.map(|done| done.rows_affected())
            }
            #[cfg(feature = "postgres")]
            Connections::Postgres(pool) => {
                sqlx::query_with(sql, postgres_arguments(binds)).execute(pool).await.map(|done| done.rows_affected())
            }
        }
        .map_err(|error| failed(what, error))
    }

    /// Begins a transaction that writes.
    pub(super) async fn begin(&self) -> Result<Transaction, BackendError> {
        let inner = match &self.connections {
            // A transaction that begins as a reader cannot become a writer while there is another one.
            #[cfg(feature = "sqlite")]
            Connections::Sqlite(pool) => pool.begin_with("BEGIN IMMEDIATE").await.map(Begun::Sqlite),
            #[cfg(feature = "postgres")]
            Connections::Postgres(pool) => pool.begin().await.map(Begun::Postgres),
        }
        .map_err(|error| failed("begin a transaction", error))?;
        Ok(Transaction { inner, texts: Arc::clone(&self.texts) })
    }

    /// Runs a transaction to its end, though whoever waits may go away: a connection that is given back in the middle of one keeps its locks, and whoever gets it next
    /// works inside of it.
    pub(super) async fn whole<T, Work>(&self, work: impl FnOnce(Self) -> Work + Send) -> Result<T, BackendError>
    where
        T: Send + 'static,
        Work: Future<Output = Result<T, BackendError>> + Send + 'static,
    {
        let ended =
            |_| BackendError::new(BackendErrorKind::Unavailable, "the runtime ended before the transaction did");
        tokio::spawn(work(self.clone())).await.unwrap_or_else(|error| Err(ended(error)))
    }

    pub(super) async fn close(&self) {
        match &self.connections {
            #[cfg(feature = "sqlite")]
            Connections::Sqlite(pool) => pool.close().await,
            #[cfg(feature = "postgres")]
            Connections::Postgres(pool) => pool.close().await,
        }
    }
}

impl Transaction {
    pub(super) async fn rows(
        &mut self,
        what: &'static str,
        statement: &'static str,
        binds: Vec<Bind>,
    ) -> Result<Vec<Row>, BackendError> {
        let sql = AssertSqlSafe(self.texts.of(statement));
        match &mut self.inner {
            #[cfg(feature = "sqlite")]
            Begun::Sqlite(begun) => {
                let rows = sqlx::query_with(sql, sqlite_arguments(binds)).fetch_all(&mut **begun).await;
                rows.map(|rows| rows.into_iter().map(Row::Sqlite).collect())
            }
            #[cfg(feature = "postgres")]
            Begun::Postgres(begun) => {
                let rows = sqlx::query_with(sql, postgres_arguments(binds)).fetch_all(&mut **begun).await;
                rows.map(|rows| rows.into_iter().map(Row::Postgres).collect())
            }
        }
        .map_err(|error| failed(what, error))
    }

    pub(super) async fn change(
        &mut self,
        what: &'static str,
        statement: &'static str,
        binds: Vec<Bind>,
    ) -> Result<u64, BackendError> {
        let sql = AssertSqlSafe(self.texts.of(statement));
        match &mut self.inner {
            #[cfg(feature = "sqlite")]
            Begun::Sqlite(begun) => sqlx::query_with(sql, sqlite_arguments(binds))
                .execute(&mut **begun)
                .await
                .map(|done| done.rows_affected()),
            #[cfg(feature = "postgres")]
            Begun::Postgres(begun) => sqlx::query_with(sql, postgres_arguments(binds))
                .execute(&mut **begun)
                .await
                .map(|done| done.rows_affected()),
        }
        .map_err(|error| failed(what, error))
    }

    /// Runs several statements, without values, one after another.
    pub(super) async fn script(&mut self, what: &'static str, statements: &'static str) -> Result<(), BackendError> {
        let sql = AssertSqlSafe(self.texts.of(statements));
        match &mut self.inner {
            #[cfg(feature = "sqlite")]
            Begun::Sqlite(begun) => (&mut **begun).execute(sqlx::raw_sql(sql)).await.map(drop),
            #[cfg(feature = "postgres")]
            Begun::Postgres(begun) => (&mut **begun).execute(sqlx::raw_sql(sql)).await.map(drop),
        }
        .map_err(|error| failed(what, error))
    }

    pub(super) async fn commit(self) -> Result<(), BackendError> {
        match self.inner {
            #[cfg(feature = "sqlite")]
            Begun::Sqlite(begun) => begun.commit().await,
            #[cfg(feature = "postgres")]
            Begun::Postgres(begun) => begun.commit().await,
        }
        .map_err(|error| failed("commit a transaction", error))
    }
}

#[cfg(feature = "sqlite")]
fn sqlite_arguments(binds: Vec<Bind>) -> SqliteArguments {
    use sqlx::Arguments as _;
    let mut arguments = SqliteArguments::default();
    for bind in binds {
        // Values of these types can always be written.
        let _ = match bind {
            Bind::Text(value) => arguments.add(value),
            Bind::Int(value) => arguments.add(value),
            Bind::Blob(value) => arguments.add(value),
        };
    }
    arguments
}

#[cfg(feature = "postgres")]
fn postgres_arguments(binds: Vec<Bind>) -> PgArguments {
    use sqlx::Arguments as _;
    let mut arguments = PgArguments::default();
    for bind in binds {
        // Values of these types can always be written.
        let _ = match bind {
            Bind::Text(value) => arguments.add(value),
            Bind::Int(value) => arguments.add(value),
            Bind::Blob(value) => arguments.add(value),
        };
    }
    arguments
}
