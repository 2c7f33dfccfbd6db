use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tower_auth_store::conformance::{Database, checks};
use tower_auth_store::{
    Backend as _, BackendErrorKind, CredentialId, CredentialStatus, NewCredential, OwnerDigest, PostgresOptions,
    Record, StatusChange,
};

use crate::server::Server;

const OWNER: OwnerDigest = OwnerDigest([1; 32]);

fn new_credential() -> NewCredential {
    NewCredential {
        id: CredentialId::generate().unwrap(),
        owner: OWNER,
        owner_sealed: vec![],
        connector: "mail".to_owned(),
        method: "oauth".to_owned(),
        environment: None,
        label: vec![],
        status: CredentialStatus::Valid,
        key_id: "k1".to_owned(),
        data_key: vec![],
        secrets: vec![],
        logs_requests: false,
        tokens: None,
        record: Record::default(),
    }
}

fn revoked() -> StatusChange {
    StatusChange {
        status: CredentialStatus::Revoked,
        reason: None,
        provider_error: None,
        generation: None,
        from: None,
        is_success: false,
        record: Record::default(),
    }
}

// THREAT-S8
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_passes_the_conformance_suite() {
    let Some(server) = Server::find().await else { return };
    let mut failures = Vec::new();
    for check in checks() {
        let prefix = Server::prefix();
        let (one, two) = (server.open(&prefix).await, server.open(&prefix).await);
        let database = Database::new(Arc::new(one)).reopened_as(Arc::new(two));
        let outcome = check.run(database.clone()).await;
        database.close().await;
        server.clear(&prefix).await;
        failures.extend(outcome.err().map(|failure| format!("{}: {failure}", check.name())));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_who_open_a_new_postgres_schema_at_once_one_makes_it() {
    let Some(server) = Server::find().await else { return };
    let prefix = Server::prefix();
    let mut opening = JoinSet::new();
    for _ in 0..8 {
        let options = PostgresOptions::url(&server.url).unwrap().table_prefix(prefix.as_str()).max_connections(1);
        opening.spawn(options.open());
    }
    while let Some(opened) = opening.join_next().await {
        let backend = opened.unwrap().unwrap();
        backend.insert(new_credential()).await.unwrap();
        backend.close().await;
    }
    assert_eq!(server.number(format!("SELECT COUNT(*) FROM {prefix}migrations")).await, 2);
    server.clear(&prefix).await;
}

#[tokio::test]
async fn a_newer_postgres_schema_is_lived_with_unless_it_says_that_it_breaks_this_version() {
    let Some(server) = Server::find().await else { return };
    let (backend, prefix) = server.store().await;
    server.run(format!("INSERT INTO {prefix}migrations VALUES (9, 1, 0)")).await;
    backend.insert(new_credential()).await.unwrap();
    // Statements that were prepared before a column came go on afterwards.
    server.run(format!("ALTER TABLE {prefix}credentials ADD COLUMN later TEXT")).await;
    let new = new_credential();
    let id = new.id;
    backend.insert(new).await.unwrap();
    assert!(backend.get(OWNER, id).await.unwrap().is_some());
    let second = server.open(&prefix).await;
    assert!(second.get(OWNER, id).await.unwrap().is_some());
    server.run(format!("INSERT INTO {prefix}migrations VALUES (10, 1, 10)")).await;
    let options = PostgresOptions::url(&server.url).unwrap().table_prefix(prefix.as_str());
    let refused = options.open().await.unwrap_err();
    assert_eq!(refused.kind(), BackendErrorKind::Broken);
    assert!(refused.to_string().contains("newer version"), "{refused}");
    second.close().await;
    server.end(&backend, &prefix).await;
}

#[tokio::test]
async fn the_store_lives_in_the_postgres_database_of_a_host_that_migrates_with_sqlx_itself() {
    let Some(server) = Server::find().await else { return };
    let schema = format!("host{:08x}", fastrand::u32(..));
    server.run(format!("CREATE SCHEMA {schema}")).await;
    server
        .run(format!(
            "CREATE TABLE {schema}._sqlx_migrations (version BIGINT); INSERT INTO {schema}._sqlx_migrations VALUES (7)"
        ))
        .await;
    let url = format!("{}?options=-c%20search_path%3D{schema}", server.url);
    let backend = PostgresOptions::url(&url).unwrap().open().await.unwrap();
    backend.insert(new_credential()).await.unwrap();
    backend.close().await;
    assert_eq!(server.number(format!("SELECT SUM(version)::bigint FROM {schema}._sqlx_migrations")).await, 7);
    assert_eq!(server.number(format!("SELECT COUNT(*) FROM {schema}.tower_auth_credentials")).await, 1);
    server.run(format!("DROP SCHEMA {schema} CASCADE")).await;
}

// THREAT-S8
#[tokio::test]
async fn a_broken_connection_is_made_anew_and_ends_what_listens() {
    let Some(server) = Server::find().await else { return };
    let prefix = Server::prefix();
    let named = format!("{}?application_name={prefix}", server.url);
    let options = PostgresOptions::url(&named).unwrap().table_prefix(prefix.as_str()).max_connections(2);
    let backend = Arc::new(options.open().await.unwrap());
    let new = new_credential();
    let id = new.id;
    backend.insert(new).await.unwrap();
    let mut announced = backend.listen().await.unwrap().unwrap();
    let end =
        format!("SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = '{prefix}'");
    for _ in 0..3 {
        assert!(server.number(end.clone()).await > 0);
        match backend.find(id).await {
            Ok(row) => assert!(row.is_some()),
            Err(error) => {
                assert_eq!(error.kind(), BackendErrorKind::Unavailable, "{error}");
                assert!(backend.find(id).await.unwrap().is_some(), "the one after that works");
            }
        }
    }
    let ended = timeout(Duration::from_secs(5), announced.next()).await.unwrap().unwrap_err();
    assert_eq!(ended.kind(), BackendErrorKind::Unavailable, "{ended}");

    // In the middle of a run of operations, too, nothing else than that comes.
    let mut working = JoinSet::new();
    for _ in 0..4 {
        let backend = Arc::clone(&backend);
        working.spawn(async move {
            let mut failed = 0;
            for _ in 0..100 {
                if let Err(error) = backend.set_status(id, revoked()).await {
                    assert_eq!(error.kind(), BackendErrorKind::Unavailable, "{error}");
                    failed += 1;
                }
                if let Err(error) = backend.touch(vec![id]).await {
                    assert_eq!(error.kind(), BackendErrorKind::Unavailable, "{error}");
                }
            }
            failed
        });
    }
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        server.number(end.clone()).await;
    }
    while let Some(failed) = working.join_next().await {
        assert!(failed.unwrap() < 100, "most of them work");
    }
    assert!(backend.find(id).await.unwrap().is_some());
    server.end(&backend, &prefix).await;
}

#[tokio::test]
async fn listening_takes_no_connection_from_the_pool_and_does_not_hold_up_its_end() {
    let Some(server) = Server::find().await else { return };
    let prefix = Server::prefix();
    let options = PostgresOptions::url(&server.url).unwrap().table_prefix(prefix.as_str()).max_connections(1);
    let backend = options.open().await.unwrap();
    let mut announced = backend.listen().await.unwrap().unwrap();
    let new = new_credential();
    let id = new.id;
    timeout(Duration::from_secs(3), backend.insert(new)).await.unwrap().unwrap();
    backend.set_status(id, revoked()).await.unwrap();
    assert_eq!(timeout(Duration::from_secs(3), announced.next()).await.unwrap().unwrap(), id);
    timeout(Duration::from_secs(3), backend.close()).await.unwrap();
    let ended = timeout(Duration::from_secs(3), announced.next()).await.unwrap().unwrap_err();
    assert_eq!(ended.kind(), BackendErrorKind::Unavailable, "{ended}");
    let closed = backend.find(id).await.unwrap_err();
    assert_eq!(closed.kind(), BackendErrorKind::Unavailable, "{closed}");
    server.clear(&prefix).await;
}

#[tokio::test]
async fn behind_a_pool_of_transactions_statements_work_and_nobody_listens() {
    let Some(server) = Server::find().await else { return };
    let prefix = Server::prefix();
    let options = PostgresOptions::url(&server.url).unwrap().table_prefix(prefix.as_str()).behind_transaction_pool();
    let backend = options.open().await.unwrap();
    assert!(backend.listen().await.unwrap().is_none());
    let new = new_credential();
    let id = new.id;
    backend.insert(new).await.unwrap();
    for _ in 0..3 {
        assert!(backend.get(OWNER, id).await.unwrap().is_some());
    }
    server.end(&backend, &prefix).await;
}

const PASSWORD: &str = "sentinel-of-a-password";

// THREAT-L1
#[tokio::test]
async fn a_server_that_is_not_there_is_told_soon_and_without_the_password() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = unused.local_addr().unwrap().port();
    drop(unused);
    let options = PostgresOptions::url(&format!("postgres://user:{PASSWORD}@127.0.0.1:{port}/db")).unwrap();
    assert!(!format!("{options:?}").contains(PASSWORD));
    let refused = timeout(Duration::from_secs(10), options.open()).await.unwrap().unwrap_err();
    assert_eq!(refused.kind(), BackendErrorKind::Unavailable);
    assert!(refused.to_string().contains("connection refused"), "{refused}");
    assert!(!format!("{refused} {refused:?}").contains(PASSWORD));

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let options = PostgresOptions::url(&format!("postgres://user:{PASSWORD}@127.0.0.1:{port}/db")).unwrap();
    let refused = timeout(Duration::from_secs(10), options.open()).await.unwrap().unwrap_err();
    assert_eq!(refused.kind(), BackendErrorKind::Unavailable);
    assert!(!format!("{refused} {refused:?}").contains(PASSWORD));
}

// THREAT-L1
#[tokio::test]
async fn an_address_that_is_none_is_refused_without_its_password() {
    for bad in [
        format!("postgres://user:{PASSWORD}@host:port/db"),
        format!("postgres://user:{PASSWORD}@host/db?sslmode={PASSWORD}"),
        format!("postgres://user:{PASSWORD}@[::1/db"),
        PASSWORD.to_owned(),
    ] {
        let refused = PostgresOptions::url(&bad).unwrap_err();
        assert_eq!(refused.kind(), BackendErrorKind::Broken);
        assert!(!format!("{refused} {refused:?}").contains(PASSWORD), "{refused}");
    }
}

// THREAT-L1
#[tokio::test]
async fn a_refused_password_is_told_without_it_though_the_server_repeats_it() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = server.accept().await {
            tokio::spawn(refuse(stream));
        }
    });
    let options = PostgresOptions::url(&format!("postgres://user:{PASSWORD}@127.0.0.1:{port}/db")).unwrap();
    let refused = timeout(Duration::from_secs(10), options.open()).await.unwrap().unwrap_err();
    assert_eq!(refused.kind(), BackendErrorKind::Broken, "{refused}");
    assert!(refused.to_string().contains("refuses the user or the password"), "{refused}");
    assert!(!format!("{refused} {refused:?}").contains(PASSWORD));
}

/// A server that asks for a password in clear, and refuses it in words that hold it.
async fn refuse(mut stream: TcpStream) -> std::io::Result<()> {
    const SSL_REQUEST: u32 = 80_877_103;
    loop {
        let length = stream.read_u32().await?;
        let mut rest = vec![0; length as usize - 4];
        stream.read_exact(&mut rest).await?;
        if rest[..4] != SSL_REQUEST.to_be_bytes() {
            break;
        }
        stream.write_all(b"N").await?;
    }
    stream.write_all(b"R\0\0\0\x08\0\0\0\x03").await?;
    stream.read_u8().await?;
    let length = stream.read_u32().await?;
    let mut password = vec![0; length as usize - 4];
    stream.read_exact(&mut password).await?;
    let told = String::from_utf8_lossy(&password).trim_end_matches('\0').to_owned();
    assert_eq!(told, PASSWORD);
    let fields = format!("SFATAL\0VFATAL\0C28P01\0Mpassword {told} is wrong\0\0");
    stream.write_u8(b'E').await?;
    stream.write_u32(u32::try_from(fields.len()).unwrap() + 4).await?;
    stream.write_all(fields.as_bytes()).await
}
