use std::sync::Arc;
use std::time::Duration;

use super::backend::SqlBackend;
use super::error::failed;
use super::migrate::migrate;
use super::pool::{Connections, Pool};
use super::text::{Flavor, Texts};
use crate::backend::{BackendError, BackendErrorKind};

/// The prefix of all tables if the program names none.
const PREFIX: &str = "tower_auth_";

/// How long an operation waits for a connection to a server.
#[cfg(feature = "postgres")]
const TIMEOUT: Duration = Duration::from_secs(5);

/// A store in one SQLite file.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use tower_auth_store::SqliteOptions;
///
/// let backend = SqliteOptions::file("credentials.db").open().await?;
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "sqlite")]
#[derive(Clone, Debug)]
#[must_use = "options do nothing until `open` is called"]
pub struct SqliteOptions {
    file: Option<std::path::PathBuf>,
    prefix: String,
    connections: u32,
}

#[cfg(feature = "sqlite")]
impl SqliteOptions {
    /// In the file `path`, which is created if there is none, for nobody else to read. Several processes of one machine may share it; a file on a network drive cannot be
    /// shared.
    pub fn file(path: impl Into<std::path::PathBuf>) -> Self {
        Self { file: Some(path.into()), prefix: PREFIX.to_owned(), connections: 4 }
    }

    /// In memory, for tests: gone with the store.
    pub fn memory() -> Self {
        Self { file: None, prefix: PREFIX.to_owned(), connections: 1 }
    }

    /// Begins the names of all tables with `prefix`, in place of `tower_auth_`.
    pub fn table_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Opens the file and brings its schema up to date.
    ///
    /// # Errors
    /// When the file cannot be opened or belongs to a newer version, and when the prefix is none.
    pub async fn open(self) -> Result<SqlBackend, BackendError> {
        use sqlx::sqlite::{
            SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
        };

        let texts = texts(Flavor::Sqlite, &self.prefix)?;
        let options = match &self.file {
            Some(file) => {
                create_for_owner_alone(file);
                SqliteConnectOptions::new().filename(file).create_if_missing(true).journal_mode(SqliteJournalMode::Wal)
            }
            None => SqliteConnectOptions::new().in_memory(true),
        };
        let options = options
            // A token that was persisted must be there after a power cut.
            .synchronous(SqliteSynchronous::Full)
            .auto_vacuum(SqliteAutoVacuum::Incremental)
            .busy_timeout(Duration::from_secs(10))
            // What is deleted is overwritten.
            .pragma("secure_delete", "ON");
        let mut pool =
            SqlitePoolOptions::new().max_connections(self.connections).acquire_timeout(Duration::from_secs(10));
        if self.file.is_none() {
            // The database ends with its connection. Whoever gives up while the pool tests it would take it along.
            pool = pool.min_connections(1).idle_timeout(None).max_lifetime(None).test_before_acquire(false);
        }
        let pool = connect(pool, options).await.map_err(|error| failed("open the file", error))?;
        let pool = Pool { connections: Connections::Sqlite(pool), texts };
        migrate(&pool).await?;
        Ok(SqlBackend::new(pool))
    }
}

/// A store in a PostgreSQL database, for several processes and machines.
///
/// ```no_run
/// # async fn example(database_url: &str) -> Result<(), Box<dyn std::error::Error>> {
/// use tower_auth_store::PostgresOptions;
///
/// let backend = PostgresOptions::url(database_url)?.open().await?;
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "postgres")]
#[derive(Clone)]
#[must_use = "options do nothing until `open` is called"]
pub struct PostgresOptions {
    connect: sqlx::postgres::PgConnectOptions,
    prefix: String,
    connections: u32,
    listens: bool,
}

#[cfg(feature = "postgres")]
impl PostgresOptions {
    /// In the database at `url` (`postgres://user:password@host/database?sslmode=verify-full`).
    ///
    /// # Errors
    /// When the URL cannot be read. The error does not repeat it.
    pub fn url(url: &str) -> Result<Self, BackendError> {
        let connect = url.parse().map_err(|error| failed("be named by its URL", error))?;
        Ok(Self { connect, prefix: PREFIX.to_owned(), connections: 10, listens: true })
    }

    /// Begins the names of all tables with `prefix`, in place of `tower_auth_`.
    pub fn table_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How many connections there are at the most; ten if not set. One more listens for changes.
    pub fn max_connections(mut self, connections: u32) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// For a database behind a proxy that pools transactions, such as PgBouncer: no prepared statements, and no `LISTEN`; changes of other processes
    /// are looked for once a second.
    pub fn behind_transaction_pool(mut self) -> Self {
        self.listens = false;
        self.connect = self.connect.statement_cache_capacity(0);
        self
    }

    /// Connects, and brings the schema up to date.
    ///
    /// # Errors
    /// When the database cannot be reached or belongs to a newer version, and when the prefix is none.
    pub async fn open(self) -> Result<SqlBackend, BackendError> {
        use sqlx::Connection as _;

        let texts = texts(Flavor::Postgres, &self.prefix)?;
        // A pool tries again for as long as it may wait, and then cannot say why it failed.
        let first = tokio::time::timeout(TIMEOUT, sqlx::PgConnection::connect_with(&self.connect)).await;
        let first = first.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(|error| failed("be reached", error))?;
        let _ = first.close().await;
        let pool = sqlx::postgres::PgPoolOptions::new()
            .max_connections(self.connections)
            .acquire_timeout(TIMEOUT)
            .connect_lazy_with(self.connect);
        let pool = Pool { connections: Connections::Postgres(pool), texts };
        migrate(&pool).await?;
        Ok(SqlBackend::new(pool).listening(self.listens))
    }
}

#[cfg(feature = "postgres")]
impl std::fmt::Debug for PostgresOptions {
    /// Without the address, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("prefix", &self.prefix)
            .field("listens", &self.listens)
            .finish_non_exhaustive()
    }
}

/// Connects. To turn on the log of writes SQLite wants the file for itself, and does not wait for that: of several who open a new file at once, all
/// but one are told that it is busy.
#[cfg(feature = "sqlite")]
async fn connect(
    pool: sqlx::sqlite::SqlitePoolOptions,
    options: sqlx::sqlite::SqliteConnectOptions,
) -> Result<sqlx::SqlitePool, sqlx::Error> {
    const BUSY: u32 = 5;
    let is_busy = |error: &sqlx::Error| {
        let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
        code.is_some_and(|code| code & 0xff == BUSY)
    };
    for _ in 0..200 {
        match pool.clone().connect_with(options.clone()).await {
            Err(error) if is_busy(&error) => tokio::time::sleep(Duration::from_millis(fastrand::u64(10..50))).await,
            other => return other,
        }
    }
    pool.connect_with(options).await
}

/// Makes an empty file that other users cannot read; SQLite gives the files beside it the same permissions. Where that fails, opening it tells why.
#[cfg(feature = "sqlite")]
fn create_for_owner_alone(file: &std::path::Path) {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let _ = options.open(file);
}

fn texts(flavor: Flavor, prefix: &str) -> Result<Arc<Texts>, BackendError> {
    let texts = Texts::new(flavor, prefix);
    texts.map(Arc::new).map_err(|error| BackendError::new(BackendErrorKind::Broken, error.to_string()))
}
