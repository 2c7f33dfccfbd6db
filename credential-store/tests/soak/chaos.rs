//! What goes wrong around a fleet.

use std::time::Duration;

use http::StatusCode;
use sqlx::Connection as _;
use tower_auth_testing::{Fault, RandomFaults};

use crate::world::Database;

/// Faults of the token endpoint. `rate` is the share of requests whose answer gets lost; those that only delay or refuse come more often.
pub(crate) fn faults(rate: f64) -> RandomFaults {
    let millis = Duration::from_millis;
    RandomFaults::seeded(fastrand::u64(..))
        .with(0.02, Fault::status(StatusCode::SERVICE_UNAVAILABLE))
        .with(0.01, Fault::status(StatusCode::SERVICE_UNAVAILABLE).retry_after(1))
        .with(rate / 4.0, Fault::disconnect())
        .with(rate / 4.0, Fault::lost_answer())
        .with(rate / 4.0, Fault::masked_answer(StatusCode::BAD_GATEWAY))
        .with(rate / 4.0, Fault::late_answer(millis(3_000)))
        .with(0.10, Fault::late_answer(millis(50)))
        .with(0.05, Fault::late_answer(millis(300)))
        .with(0.02, Fault::late_answer(millis(1_000)))
        .with(0.01, Fault::delay(millis(500)))
}

/// Ends connections to the database, or holds its lock. How many were hit.
pub(crate) async fn disturb(database: &Database) -> usize {
    match database {
        Database::Postgres { url, prefix } => {
            let url = url.replace(&format!("application_name={prefix}"), "application_name=disturber");
            let mut own = sqlx::PgConnection::connect(&url).await.unwrap();
            let hit =
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND random() < 0.5";
            let hit = sqlx::query(hit).bind(prefix).fetch_all(&mut own).await.unwrap().len();
            let _ = own.close().await;
            hit
        }
        Database::Sqlite(path) => {
            let options =
                sqlx::sqlite::SqliteConnectOptions::new().filename(path).busy_timeout(Duration::from_secs(10));
            let Ok(mut own) = sqlx::SqliteConnection::connect_with(&options).await else { return 0 };
            if sqlx::query("BEGIN IMMEDIATE").execute(&mut own).await.is_err() {
                return 0;
            }
            tokio::time::sleep(Duration::from_millis(fastrand::u64(200..2_000))).await;
            let _ = sqlx::query("ROLLBACK").execute(&mut own).await;
            let _ = own.close().await;
            1
        }
    }
}
