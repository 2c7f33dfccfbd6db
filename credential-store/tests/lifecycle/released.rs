//! What a released version wrote opens in every later one: `tests/fixtures/v1.sql` is a whole store of schema 1, sealed by format 1.
//!
//! `WRITE_FIXTURE=FILE cargo test … -- --ignored a_store_is_written` writes the SQLite file that a fixture is dumped from, when a version is released that changes
//! either.

use std::time::{Duration, SystemTime};

use sqlx::Executor as _;
use tower_auth_core::{ProviderSpec, ProviderValues, Secret, Token, TokenResponse};
use tower_auth_store::{
    Connector, CredentialStatus, CredentialStore, KeyRing, ListQuery, NewConnection, Owner, SqliteOptions,
};

const KEY: &str = "dGhpcyBrZXkgaXMgbm9ib2R5J3Mgc2VjcmV0ISEhISE=";

const SPEC: &str = "id = 'acme'\nbase_url = 'https://api.acme.test'\n[[auth]]\nkey = 'login'\nkind = 'oauth2_code'\n\
    authorize_url = 'https://login.acme.test/authorize'\ntoken_url = 'https://login.acme.test/token'\n\
    [[auth]]\nkey = 'key'\nkind = 'api_key'\n";

async fn open(file: &std::path::Path) -> CredentialStore {
    let values = ProviderValues::new().env(|_| None).value("client_id", "i").value("client_secret", "s");
    let connector = Connector::new(ProviderSpec::from_toml(SPEC).unwrap()).values(values);
    let keys = KeyRing::new("key-1", &Secret::from(KEY)).unwrap();
    let backend = SqliteOptions::file(file).open().await.unwrap();
    CredentialStore::builder(backend, keys).connector(connector).open().await.unwrap()
}

fn alice() -> Owner {
    Owner::user("alice").unwrap().in_tenant("acme").unwrap()
}

#[tokio::test]
#[ignore = "writes a fixture"]
async fn a_store_is_written_for_a_fixture() {
    let file = std::path::PathBuf::from(std::env::var_os("WRITE_FIXTURE").unwrap());
    let store = open(&file).await;
    let key = NewConnection::new("acme").method("key").value("api_key", "k3y").label("Key").without_verification();
    store.create(&alice(), key).await.unwrap();
    let tokens = TokenResponse::new(Token::new("t0ken").unwrap())
        .expires_in(Duration::from_secs(100 * 365 * 86_400))
        .with_refresh_token("r3fresh")
        .with_extra("account_name", "Alice");
    store.import(&alice(), NewConnection::new("acme").method("login"), tokens, SystemTime::now()).await.unwrap();
    store.close().await;
}

// THREAT-S3
#[tokio::test]
async fn a_store_of_version_one_opens() {
    let folder = std::env::temp_dir().join(format!("tower-auth-released-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("store.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    pool.execute(sqlx::raw_sql(include_str!("../fixtures/v1.sql"))).await.unwrap();
    pool.close().await;

    let store = open(&file).await;
    let page = store.list(&alice(), ListQuery::new()).await.unwrap();
    let labels: Vec<_> = page.credentials.iter().map(|info| info.label.as_str()).collect();
    assert_eq!(labels, ["Alice", "Key"]);
    assert!(page.credentials.iter().all(|info| info.status == CredentialStatus::Valid));
    for (info, header) in page.credentials.iter().zip(["Bearer t0ken", "Bearer k3y"]) {
        let current = store.tokens(&alice(), info.id).unwrap().current().await.unwrap();
        let mut request = http::Request::get("https://api.acme.test/orders").body(()).unwrap();
        current.credential.apply(&mut request).unwrap();
        assert_eq!(request.headers()["authorization"], header);
    }
    store.close().await;
    std::fs::remove_dir_all(&folder).unwrap();
}
