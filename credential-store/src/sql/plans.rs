//! How the databases go about the statements: along indexes, whatever the statement.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::sync::Arc;

use sqlx::AssertSqlSafe;

use super::options::SqliteOptions;
use super::pool::{Connections, Pool};
use crate::conformance::{Database, checks};

/// Every statement that the conformance suite runs.
async fn statements() -> BTreeSet<&'static str> {
    let mut all = BTreeSet::new();
    for check in checks() {
        let backend = SqliteOptions::memory().open().await.unwrap();
        check.run(Database::new(Arc::new(backend.clone()))).await.unwrap();
        all.extend(backend.pool.texts.written.pin().keys());
    }
    all.retain(|text: &&str| {
        ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].iter().any(|word| text.starts_with(word))
    });
    assert!(all.len() > 45, "{}", all.len());
    all
}

/// Small tables, and what counts all there is, or half of it.
fn may_scan(statement: &str) -> bool {
    ["{store_key}", "{connectors}", "{migrations}", "GROUP BY key_id", "COUNT(*) FROM {jobs}"]
        .iter()
        .any(|part| statement.contains(part))
}

/// Fills the tables: 20,000 credentials of 200 owners, and as many rows beside them.
const FILL: &[&str] = &[
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
        INSERT INTO {credentials} (id, owner, owner_sealed, connector, method, label, status, status_since, key_id, data_key, secrets, \
            secrets_version, tokens, generation, revision, renews, expires_at, refresh_at, refresh_expires_at, attempts, created_at, updated_at, deleted_at) \
        SELECT 'cred_' || i, CAST(CAST(i % 200 AS TEXT) AS {blob}), $1, 'c' || (i % 10), 'oauth', $1, \
            CASE WHEN i % 7 = 0 THEN 'needs_reauth' ELSE 'valid' END, i, 'k' || (i % 3), $1, $1, 1, $1, 1, 1, i % 2, i * 1000, i * 1000, i * 1000, CASE WHEN i % 3 = 0 THEN 2 ELSE 0 END, i, i, \
            CASE WHEN i % 50 = 0 THEN i END FROM n",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
        INSERT INTO {jobs} (kind, credential, payload, created_at, next_at) SELECT CASE WHEN i % 2 = 0 THEN 'revoke' ELSE 'webhook' END, \
            'cred_' || i, $1, i, i FROM n",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
        INSERT INTO {logins} (state, sealed, credential, expires_at, owner) SELECT 's' || i, $1, 'cred_' || i, \
            CAST(i AS BIGINT) * 1000000000, CAST(CAST(i % 200 AS TEXT) AS {blob}) FROM n",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
        INSERT INTO {audit} (at, actor, credential, action, result) SELECT i, 'a', 'cred_' || i, 'b', 'c' FROM n WHERE $1 = $1",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
        INSERT INTO {request_log} (credential, at, sealed) SELECT 'cred_' || (i % 4000), i, $1 FROM n",
];

async fn fill(pool: &Pool) {
    for text in FILL {
        pool.change("fill", text, vec![vec![0_u8; 100].into()]).await.unwrap();
    }
}

#[tokio::test]
async fn sqlite_goes_along_an_index_for_every_statement() {
    let backend = SqliteOptions::memory().open().await.unwrap();
    let Pool { connections, texts } = backend.pool.clone();
    #[allow(irrefutable_let_patterns, reason = "there is a second database in other builds")]
    let Connections::Sqlite(connections) = connections else { unreachable!() };
    fill(&backend.pool).await;
    let statements = statements().await;
    // As filled, with statistics, and with statistics of tables that are of one owner and one connector.
    for prepared in
        ["", "ANALYZE", "UPDATE {credentials} SET owner = X'31', connector = 'c', deleted_at = NULL; ANALYZE"]
    {
        let prepared = prepared.replace("{credentials}", &texts.of("{credentials}"));
        sqlx::raw_sql(AssertSqlSafe(prepared)).execute(&connections).await.unwrap();
        for statement in &statements {
            let explain = format!("EXPLAIN QUERY PLAN {}", texts.of(statement));
            let steps: Vec<(i64, i64, i64, String)> =
                sqlx::query_as(AssertSqlSafe(explain)).fetch_all(&connections).await.unwrap();
            let steps: Vec<String> = steps.into_iter().map(|step| step.3).collect();
            let picks = ["SCAN picked", "SCAN ends", "SCAN refresh_ends", "SCAN CONSTANT ROW"];
            let scans = |step: &String| {
                step.starts_with("SCAN")
                    && !step.contains("USING INDEX")
                    && !step.contains("COVERING INDEX")
                    && !picks.iter().any(|pick| step.starts_with(pick))
            };
            let sorts = |step: &String| step.contains("TEMP B-TREE FOR ORDER BY");
            let is_bad = steps.iter().any(|step| scans(step) || sorts(step));
            assert!(!is_bad || may_scan(statement), "{statement}\n{}", steps.join("\n"));
            for (part, wanted) in [
                ("renews = 1 AND refresh_at", "credentials_by_refresh (connector=? AND refresh_at<?)"),
                ("renews = 0 AND expires_at", "credentials_by_end (expires_at<?)"),
                ("refresh_expires_at <=", "credentials_by_refresh_end (refresh_expires_at<?)"),
                ("AND owner = $1 AND (created_at", "credentials_by_owner (owner=? AND (created_at,id)<(?,?))"),
                ("WHERE deleted_at IS NULL AND (created_at", "credentials_by_age ((created_at,id)<(?,?))"),
                ("updated_at >= $1", "credentials_by_change (updated_at>?"),
                ("deleted_at <= {start}", "credentials_by_deletion (deleted_at"),
                ("kind = $1 AND next_at", "jobs_by_time (kind=? AND next_at<?)"),
                ("owner = $1 AND expires_at <", "logins_by_owner (owner=? AND expires_at<?)"),
                ("FROM {audit} WHERE id >= $1", "INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
            ] {
                let goes_along = steps.iter().any(|step| step.contains(wanted));
                assert!(!statement.contains(part) || goes_along, "{statement}\n{}", steps.join("\n"));
            }
        }
    }
}

#[cfg(feature = "postgres")]
#[tokio::test]
#[allow(clippy::disallowed_methods, reason = "the environment says where the server is")]
async fn postgres_goes_along_an_index_for_every_statement() {
    use sqlx::Connection as _;

    let Ok(url) = std::env::var("DATABASE_URL") else {
        assert!(std::env::var_os("TOWER_AUTH_REQUIRE").is_none(), "DATABASE_URL is not set");
        println!("skipped: DATABASE_URL is not set");
        return;
    };
    let prefix = format!("t{:08x}_", fastrand::u32(..));
    let options = super::options::PostgresOptions::url(&url).unwrap().table_prefix(prefix.as_str());
    let backend = options.open().await.unwrap();
    fill(&backend.pool).await;
    let texts = Arc::clone(&backend.pool.texts);
    let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
    let mut bad = Vec::new();
    for table in super::text::TABLES {
        let analyze = format!("VACUUM ANALYZE {prefix}{table}");
        sqlx::raw_sql(AssertSqlSafe(analyze)).execute(&mut connection).await.unwrap();
    }
    // The plan that serves whatever the values are, as a statement that is run often has one.
    sqlx::raw_sql("SET plan_cache_mode = force_generic_plan").execute(&mut connection).await.unwrap();
    for statement in statements().await {
        let prepare = format!("PREPARE own AS {}", texts.of(statement));
        sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut connection).await.unwrap();
        let count: i32 =
            sqlx::query_scalar("SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'own'")
                .fetch_one(&mut connection)
                .await
                .unwrap();
        let nulls = vec!["NULL"; usize::try_from(count).unwrap()].join(", ");
        let explain =
            if count == 0 { "EXPLAIN EXECUTE own".to_owned() } else { format!("EXPLAIN EXECUTE own({nulls})") };
        let rows = sqlx::raw_sql(AssertSqlSafe(explain)).fetch_all(&mut connection).await.unwrap();
        let steps: Vec<String> = rows.iter().map(|row| sqlx::Row::get::<String, _>(row, 0)).collect();
        sqlx::raw_sql("DEALLOCATE own").execute(&mut connection).await.unwrap();
        let is_bad = |step: &String| {
            step.contains("Seq Scan on") || step.trim_start().trim_start_matches("->").trim_start().starts_with("Sort ")
        };
        if steps.iter().any(is_bad) && !may_scan(statement) {
            bad.push(format!("{statement}\n{}", steps.join("\n")));
        }
        for (part, wanted) in [
            ("renews = 1 AND refresh_at", "(refresh_at <= "),
            ("renews = 0 AND expires_at", "(expires_at <= "),
            ("refresh_expires_at <=", "(refresh_expires_at <= "),
            ("AND owner = $1 AND (created_at", "(ROW(created_at, id) < ROW("),
            ("WHERE deleted_at IS NULL AND (created_at", "(ROW(created_at, id) < ROW("),
            ("updated_at >= $1", "(updated_at >= "),
            ("deleted_at <= {start}", "(deleted_at <= "),
            ("kind = $1 AND next_at", "(next_at <= "),
            ("owner = $1 AND expires_at <", "(expires_at < "),
            ("FROM {audit} WHERE id >= $1", "(id >= "),
        ] {
            let goes_along = steps.iter().any(|step| step.contains("Index Cond") && step.contains(wanted));
            if statement.contains(part) && !goes_along {
                bad.push(format!("{statement}\n{}", steps.join("\n")));
            }
        }
    }
    backend.pool.close().await;
    for table in super::text::TABLES {
        let drop = format!("DROP TABLE {prefix}{table}");
        sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut connection).await.unwrap();
    }
    assert!(bad.is_empty(), "{}", bad.join("\n\n"));
}
