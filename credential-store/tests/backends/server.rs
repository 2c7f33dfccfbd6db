use std::sync::Arc;

use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tower_auth_store::{Backend as _, PostgresOptions, SqlBackend};

/// The PostgreSQL server of the tests.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) admin: PgPool,
}

impl Server {
    /// The server, or `None` after a word about it. Where nothing may be skipped that is a failure.
    #[allow(clippy::disallowed_methods, reason = "the environment says where the server is")]
    pub(crate) async fn find() -> Option<Self> {
        let Ok(url) = std::env::var("DATABASE_URL") else {
            assert!(std::env::var_os("TOWER_AUTH_REQUIRE").is_none(), "DATABASE_URL is not set");
            println!("skipped: DATABASE_URL is not set");
            return None;
        };
        let options: PgConnectOptions = url.parse().unwrap();
        let admin = PgPoolOptions::new().max_connections(2).connect_with(options).await.unwrap();
        Some(Self { url, admin })
    }

    /// A prefix that no other test has.
    pub(crate) fn prefix() -> String {
        format!("t{:08x}_", fastrand::u32(..))
    }

    pub(crate) async fn open(&self, prefix: &str) -> SqlBackend {
        PostgresOptions::url(&self.url).unwrap().table_prefix(prefix).max_connections(4).open().await.unwrap()
    }

    /// Runs statements of the test's own.
    pub(crate) async fn run(&self, sql: String) {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&self.admin).await.unwrap();
    }

    pub(crate) async fn number(&self, sql: String) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&self.admin).await.unwrap()
    }

    /// Drops the tables of `prefix`.
    pub(crate) async fn clear(&self, prefix: &str) {
        let like = format!("{}%", prefix.replace('_', "\\_"));
        let tables: Vec<String> = sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE tablename LIKE $1")
            .bind(like)
            .fetch_all(&self.admin)
            .await
            .unwrap();
        for table in tables {
            self.run(format!("DROP TABLE \"{table}\"")).await;
        }
    }

    /// A store of its own, which `clear` ends.
    pub(crate) async fn store(&self) -> (Arc<SqlBackend>, String) {
        let prefix = Self::prefix();
        (Arc::new(self.open(&prefix).await), prefix)
    }

    pub(crate) async fn end(&self, backend: &SqlBackend, prefix: &str) {
        backend.close().await;
        self.clear(prefix).await;
    }
}
