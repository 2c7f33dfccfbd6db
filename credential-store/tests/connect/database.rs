use std::sync::{Arc, Mutex};

use tower_auth_store::{Backend as _, PostgresOptions, SqlBackend, SqliteOptions};

/// Makes two tests of each function: on SQLite, and on PostgreSQL where there is a server. One that is not listed is not used, which the compiler says.
macro_rules! on_both {
    [$($name:ident),* $(,)?] => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $name() {
                    $crate::database::on_sqlite(super::$name).await;
                }
            )*
        }
        mod postgres {
            $(
                #[tokio::test]
                async fn $name() {
                    $crate::database::on_postgres(super::$name).await;
                }
            )*
        }
    };
}

pub(crate) use on_both;

/// Where a test has its stores.
#[derive(Clone)]
pub(crate) struct Database(Arc<Kind>);

enum Kind {
    Sqlite,
    Postgres {
        url: String,
        /// What was opened, and the prefix of its tables.
        opened: Mutex<Vec<(SqlBackend, String)>>,
    },
}

impl Database {
    /// Tables of their own: a store that another one knows nothing of.
    pub(crate) async fn open(&self) -> SqlBackend {
        let Kind::Postgres { url, opened } = &*self.0 else { return SqliteOptions::memory().open().await.unwrap() };
        let prefix = format!("c{:08x}_", fastrand::u32(..));
        let options = PostgresOptions::url(url).unwrap().table_prefix(&prefix).max_connections(3);
        let backend = options.open().await.unwrap();
        opened.lock().unwrap().push((backend.clone(), prefix));
        backend
    }
}

pub(crate) async fn on_sqlite<F: Future<Output = ()>>(test: impl FnOnce(Database) -> F) {
    test(Database(Arc::new(Kind::Sqlite))).await;
}

/// Drops the tables at the end. Where nothing may be skipped, the absence of a server is a failure.
#[allow(clippy::disallowed_methods, clippy::print_stdout, reason = "the environment says where the server is")]
pub(crate) async fn on_postgres<F: Future<Output = ()>>(test: impl FnOnce(Database) -> F) {
    let Ok(url) = std::env::var("DATABASE_URL") else {
        assert!(std::env::var_os("TOWER_AUTH_REQUIRE").is_none(), "DATABASE_URL is not set");
        println!("skipped: DATABASE_URL is not set");
        return;
    };
    let database = Arc::new(Kind::Postgres { url, opened: Mutex::default() });
    test(Database(Arc::clone(&database))).await;
    let Kind::Postgres { url, opened } = &*database else { return };
    let opened = std::mem::take(&mut *opened.lock().unwrap());
    let admin = sqlx::postgres::PgPool::connect(url).await.unwrap();
    for (backend, prefix) in opened {
        backend.close().await;
        let tables = "SELECT tablename::text FROM pg_tables WHERE starts_with(tablename, $1)";
        let tables: Vec<String> = sqlx::query_scalar(tables).bind(prefix).fetch_all(&admin).await.unwrap();
        for table in tables {
            let drop = sqlx::AssertSqlSafe(format!("DROP TABLE \"{table}\""));
            sqlx::raw_sql(drop).execute(&admin).await.unwrap();
        }
    }
}
