//! The backends on SQL databases: one set of statements for SQLite and PostgreSQL.

mod backend;
mod bind;
mod credentials;
mod error;
mod fleet;
mod jobs;
mod keys;
#[cfg(feature = "postgres")]
mod listen;
mod migrate;
mod options;
#[cfg(all(test, feature = "conformance", feature = "sqlite"))]
mod plans;
mod pool;
mod record;
mod row;
mod text;
mod trail;

pub use self::backend::SqlBackend;
#[cfg(feature = "postgres")]
pub use self::options::PostgresOptions;
#[cfg(feature = "sqlite")]
pub use self::options::SqliteOptions;
