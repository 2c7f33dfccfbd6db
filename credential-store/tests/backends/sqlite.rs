use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tokio::task::JoinSet;
use tower_auth_store::conformance::{self, Database};
use tower_auth_store::{
    AuditEntry, Backend as _, BackendErrorKind, CredentialId, CredentialStatus, JobKind, LoginRow, NewCredential,
    NewJob, OwnerDigest, Record, SecretsChange, SqliteOptions, Tokens,
};

const OWNER: OwnerDigest = OwnerDigest([1; 32]);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_in_memory_passes_the_conformance_suite() {
    let outcome =
        conformance::run(|| async { Ok(Database::new(Arc::new(SqliteOptions::memory().open().await?))) }).await;
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_in_memory_outlives_calls_that_are_given_up() {
    let backend = SqliteOptions::memory().open().await.unwrap();
    for micros in 0..400 {
        let _ = tokio::time::timeout(Duration::from_micros(micros % 100), backend.count(OWNER)).await;
    }
    assert_eq!(backend.count(OWNER).await.unwrap(), 0);
}

// THREAT-S8
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_handles_of_one_sqlite_file_pass_the_conformance_suite() {
    let folder = Folder::new();
    let outcome = conformance::run(|| async {
        let path = folder.path(&format!("{:x}.db", fastrand::u64(..)));
        let (one, two) = (SqliteOptions::file(&path).open().await?, SqliteOptions::file(&path).open().await?);
        Ok(Database::new(Arc::new(one)).reopened_as(Arc::new(two)))
    })
    .await;
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}

fn new_credential(text: &str) -> NewCredential {
    NewCredential {
        id: CredentialId::generate().unwrap(),
        owner: OWNER,
        owner_sealed: text.into(),
        connector: "mail".to_owned(),
        method: "oauth".to_owned(),
        environment: None,
        label: text.into(),
        status: CredentialStatus::Valid,
        key_id: "k1".to_owned(),
        data_key: text.into(),
        secrets: text.into(),
        logs_requests: false,
        tokens: Some(Tokens {
            sealed: text.into(),
            renews: true,
            expires_in: None,
            refresh_in: None,
            refresh_expires_in: None,
        }),
        record: Record::default(),
    }
}

/// A connection of the test's own.
async fn connect(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    SqliteConnection::connect_with(&options).await.unwrap()
}

async fn run(connection: &mut SqliteConnection, sql: &'static str) {
    sqlx::raw_sql(sql).execute(connection).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_who_open_a_new_sqlite_file_at_once_one_makes_the_schema() {
    for _ in 0..12 {
        let folder = Folder::new();
        let path = folder.path("new.db");
        let mut opening = JoinSet::new();
        for _ in 0..8 {
            opening.spawn(SqliteOptions::file(&path).open());
        }
        while let Some(opened) = opening.join_next().await {
            let backend = opened.unwrap().unwrap();
            backend.insert(new_credential("x")).await.unwrap();
            backend.close().await;
        }
        let mut own = connect(&path).await;
        let applied: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM tower_auth_migrations").fetch_one(&mut own).await.unwrap();
        assert_eq!(applied, 2);
    }
}

#[tokio::test]
async fn a_newer_sqlite_schema_is_lived_with_unless_it_says_that_it_breaks_this_version() {
    let folder = Folder::new();
    let path = folder.path("newer.db");
    SqliteOptions::file(&path).open().await.unwrap().close().await;
    let mut own = connect(&path).await;
    run(
        &mut own,
        "INSERT INTO tower_auth_migrations VALUES (9, 1, 0); ALTER TABLE tower_auth_credentials ADD COLUMN later TEXT",
    )
    .await;
    let backend = SqliteOptions::file(&path).open().await.unwrap();
    let new = new_credential("x");
    let id = new.id;
    backend.insert(new).await.unwrap();
    assert!(backend.get(OWNER, id).await.unwrap().is_some());
    backend.close().await;
    run(&mut own, "INSERT INTO tower_auth_migrations VALUES (10, 1, 10)").await;
    let refused = SqliteOptions::file(&path).open().await.unwrap_err();
    assert_eq!(refused.kind(), BackendErrorKind::Broken);
    assert!(refused.to_string().contains("newer version"), "{refused}");
}

#[tokio::test]
async fn the_store_lives_in_the_sqlite_file_of_a_host_that_migrates_with_sqlx_itself() {
    let folder = Folder::new();
    let path = folder.path("host.db");
    let mut host = connect(&path).await;
    run(&mut host, "CREATE TABLE _sqlx_migrations (version INTEGER); INSERT INTO _sqlx_migrations VALUES (7)").await;
    run(&mut host, "CREATE TABLE credentials (id TEXT); CREATE TABLE migrations (id TEXT)").await;
    for prefix in ["one_", "two_"] {
        let backend = SqliteOptions::file(&path).table_prefix(prefix).open().await.unwrap();
        backend.insert(new_credential("x")).await.unwrap();
        assert_eq!(backend.count(OWNER).await.unwrap(), 1, "{prefix}");
        backend.close().await;
    }
    let versions: Vec<i64> =
        sqlx::query_scalar("SELECT version FROM _sqlx_migrations").fetch_all(&mut host).await.unwrap();
    assert_eq!(versions, [7]);
    let refused = SqliteOptions::file(&path).table_prefix("a; drop").open().await.unwrap_err();
    assert!(refused.to_string().contains("prefix"), "{refused}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_with_words() {
    let folder = Folder::new();
    let foreign = folder.path("foreign.txt");
    std::fs::write(&foreign, "not a database, though it is long enough to have a header of one. ".repeat(100)).unwrap();
    let refused = SqliteOptions::file(&foreign).open().await.unwrap_err();
    assert_eq!(refused.kind(), BackendErrorKind::Broken);
    assert!(refused.to_string().contains("the file is no database"), "{refused}");
    assert!(std::fs::read(&foreign).unwrap().starts_with(b"not a database"), "it is left as it is");

    let refused = SqliteOptions::file(folder.path("")).open().await.unwrap_err();
    assert!(refused.to_string().contains("cannot be opened"), "{refused}");
    let refused = SqliteOptions::file(folder.path("no/such/folder.db")).open().await.unwrap_err();
    assert!(refused.to_string().contains("cannot be opened"), "{refused}");
}

#[tokio::test]
async fn a_damaged_sqlite_file_is_an_error_and_no_panic() {
    let folder = Folder::new();
    let path = folder.path("damaged.db");
    let backend = SqliteOptions::file(&path).open().await.unwrap();
    for _ in 0..50 {
        backend.insert(new_credential(&"x".repeat(500))).await.unwrap();
    }
    backend.close().await;
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4096..].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    let refused = match SqliteOptions::file(&path).open().await {
        Ok(backend) => backend.count(OWNER).await.unwrap_err(),
        Err(refused) => refused,
    };
    assert_eq!(refused.kind(), BackendErrorKind::Broken);
    assert!(refused.to_string().contains("the file is damaged"), "{refused}");
}

#[tokio::test]
async fn a_read_only_sqlite_file_is_refused_with_words() {
    let folder = Folder::new();
    let path = folder.path("fixed.db");
    SqliteOptions::file(&path).open().await.unwrap().close().await;
    let mut permissions = std::fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&path, permissions).unwrap();
    if std::fs::OpenOptions::new().append(true).open(&path).is_ok() {
        println!("skipped: permissions do not stop this user");
        return;
    }
    let refused = match SqliteOptions::file(&path).open().await {
        Ok(backend) => backend.insert(new_credential("x")).await.unwrap_err(),
        Err(refused) => refused,
    };
    assert!(refused.to_string().contains("read-only"), "{refused}");
}

#[tokio::test]
async fn another_writer_of_the_sqlite_file_is_waited_for() {
    let folder = Folder::new();
    let path = folder.path("busy.db");
    let backend = Arc::new(SqliteOptions::file(&path).open().await.unwrap());
    let new = new_credential("x");
    let id = new.id;
    backend.insert(new).await.unwrap();
    let mut other = connect(&path).await;
    run(&mut other, "BEGIN IMMEDIATE; UPDATE tower_auth_credentials SET label = X'00'").await;
    let mut waiting = JoinSet::new();
    for _ in 0..4 {
        let (backend, new) = (Arc::clone(&backend), new_credential("y"));
        waiting.spawn(async move { backend.insert(new).await });
    }
    let own = Arc::clone(&backend);
    waiting.spawn(async move { own.delete(OWNER, id, Record::default()).await.map(drop) });
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(waiting.try_join_next().is_none(), "nobody writes meanwhile");
    run(&mut other, "COMMIT").await;
    while let Some(done) = waiting.join_next().await {
        done.unwrap().unwrap();
    }
    assert_eq!(backend.count(OWNER).await.unwrap(), 4);
}

// THREAT-S12: the suite knows no text that SQLite refuses.
#[tokio::test]
async fn a_change_whose_record_sqlite_refuses_is_not_made() {
    let folder = Folder::new();
    let path = folder.path("refusing.db");
    let backend = SqliteOptions::file(&path).open().await.unwrap();
    let mut other = connect(&path).await;
    let record = |id| {
        let entry = AuditEntry {
            actor: "owner".to_owned(),
            owner: Some(OWNER),
            credential: Some(id),
            connector: None,
            action: "tried",
            result: "ok",
            detail: None,
        };
        let jobs = vec![NewJob { kind: JobKind::Webhook, credential: id, payload: vec![1] }];
        Record { jobs, audit: Some(entry) }
    };
    // The entry is the last that is written: the change and the job are there by then.
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON tower_auth_audit BEGIN SELECT RAISE(ABORT, 'refused'); END";
    run(&mut other, refuse).await;
    let new = new_credential("x");
    let id = new.id;
    backend.insert(NewCredential { record: record(id), ..new.clone() }).await.unwrap_err();
    assert!(backend.find(id).await.unwrap().is_none());
    backend.insert(new).await.unwrap();
    backend.set_label(OWNER, id, b"y".to_vec(), record(id)).await.unwrap_err();
    assert_eq!(backend.find(id).await.unwrap().unwrap().label, b"x");
    backend.delete(OWNER, id, record(id)).await.unwrap_err();
    assert_eq!(backend.find(id).await.unwrap().unwrap().secrets, b"x");
    assert_eq!(backend.count_jobs(JobKind::Webhook).await.unwrap(), 0);
    run(&mut other, "DROP TRIGGER refuse").await;
    assert!(backend.delete(OWNER, id, record(id)).await.unwrap());
    assert_eq!(backend.count_jobs(JobKind::Webhook).await.unwrap(), 1);
    assert_eq!(backend.audit_trail(Some(id), 0, 10).await.unwrap().len(), 1);
}

// THREAT-S4
#[cfg(unix)]
#[tokio::test]
async fn new_sqlite_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = Folder::new();
    let path = folder.path("private.db");
    let backend = SqliteOptions::file(&path).open().await.unwrap();
    backend.insert(new_credential("x")).await.unwrap();
    for name in ["private.db", "private.db-wal", "private.db-shm"] {
        let mode = std::fs::metadata(folder.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
    }
    backend.close().await;
    // What the operator chose for a file that is there stays.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    SqliteOptions::file(&path).open().await.unwrap().close().await;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
}

// THREAT-S4
#[tokio::test]
async fn what_was_deleted_is_not_in_the_bytes_of_the_sqlite_files() {
    const SENTINEL: &str = "sentinel-of-a-secret";
    let folder = Folder::new();
    let path = folder.path("scanned.db");
    let backend = SqliteOptions::file(&path).open().await.unwrap();
    let mut ids = Vec::new();
    for index in 0..120_usize {
        // Some that fit into a page among others, and some that go on over several.
        let is_secret = index % 2 == 0;
        let text = if is_secret { SENTINEL.repeat(1 + index % 40 * 10) } else { "kept".repeat(index) };
        let new = new_credential(&text);
        if is_secret {
            ids.push(new.id);
        }
        let id = new.id;
        backend.insert(new).await.unwrap();
        if is_secret {
            backend.log(id, text.clone().into_bytes(), 3).await.unwrap();
            let login = LoginRow { state: index.to_string(), sealed: text.clone().into_bytes(), credential: id };
            backend.put_login(OWNER, login, Duration::from_secs(60), 1_000).await.unwrap();
            let row = backend.get(OWNER, id).await.unwrap().unwrap();
            let change = SecretsChange {
                secrets: format!("{text}{text}").into_bytes(),
                secrets_version: 1,
                generation: 1,
                method: row.method,
                environment: None,
                tokens: None,
                status: CredentialStatus::Valid,
                reason: None,
                record: Record::default(),
            };
            assert!(backend.set_secrets(OWNER, id, change).await.unwrap());
        }
    }
    let holds = |name: &str| {
        let bytes = std::fs::read(folder.path(name)).unwrap_or_default();
        bytes.windows(SENTINEL.len()).any(|window| window == SENTINEL.as_bytes())
    };
    assert!(holds("scanned.db") || holds("scanned.db-wal"), "the scan finds what is there");
    for id in ids {
        assert!(backend.delete(OWNER, id, Record::default()).await.unwrap());
    }
    backend.purge(Duration::from_secs(3600)).await.unwrap();
    assert!(!holds("scanned.db"), "the file");
    assert!(!holds("scanned.db-wal"), "the log of writes");
    backend.purge(Duration::ZERO).await.unwrap();
    assert!(!holds("scanned.db") && !holds("scanned.db-wal"), "after the remains are dropped");
    assert_eq!(backend.count(OWNER).await.unwrap(), 60);
}

/// A folder that goes away with its test.
pub(crate) struct Folder(std::path::PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("tower-auth-store-{:016x}", fastrand::u64(..)));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
