//! Databases, connectors and owners of the tests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use tower_auth_core::{ProviderSpec, ProviderValues, Secret};
use tower_auth_store::{
    Backend, Connector, CredentialId, CredentialInfo, CredentialStore, DataKey, FinishedLogin, KeyError, KeyProvider,
    KeyRing, NewConnection, NewLogin, Owner, PostgresOptions, SqlBackend, SqliteOptions, StoreBuilder, StoreError,
};
use tower_auth_testing::{ApiKeyProvider, Consent, OAuthProvider, OAuthProviderBuilder};

pub(crate) const CALLBACK: &str = "https://app.test/callback/acme";
pub(crate) const DONE: &str = "https://app.test/done";
pub(crate) const BROWSER: &str = "the value of this browser's cookie";

/// A folder that goes away with its test.
pub(crate) struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("tower-auth-life-{:016x}", fastrand::u64(..)));
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

/// A database that several stores may open.
pub(crate) enum Database {
    Sqlite(Folder),
    Postgres { url: String, admin: PgPool, prefix: String },
}

impl Database {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(Folder::new())
    }

    /// SQLite, and PostgreSQL where there is one. Where nothing may be skipped its absence is a failure.
    #[allow(clippy::disallowed_methods, reason = "the environment says where the server is")]
    pub(crate) async fn all() -> Vec<Self> {
        let mut all = vec![Self::sqlite()];
        match std::env::var("DATABASE_URL") {
            Ok(url) => {
                let admin = PgPoolOptions::new().max_connections(2).connect(&url).await.unwrap();
                all.push(Self::Postgres { url, admin, prefix: format!("l{:08x}_", fastrand::u32(..)) });
            }
            Err(_) => {
                assert!(std::env::var_os("TOWER_AUTH_REQUIRE").is_none(), "DATABASE_URL is not set");
                println!("PostgreSQL is skipped: DATABASE_URL is not set");
            }
        }
        all
    }

    pub(crate) async fn open(&self) -> SqlBackend {
        match self {
            Self::Sqlite(folder) => SqliteOptions::file(folder.path("store.db")).open().await.unwrap(),
            Self::Postgres { url, prefix, .. } => {
                PostgresOptions::url(url).unwrap().table_prefix(prefix).max_connections(6).open().await.unwrap()
            }
        }
    }

    pub(crate) fn prefix(&self) -> &str {
        match self {
            Self::Sqlite(_) => "tower_auth_",
            Self::Postgres { prefix, .. } => prefix,
        }
    }

    pub(crate) fn table(&self, name: &str) -> String {
        format!("{}{name}", self.prefix())
    }

    pub(crate) fn file(&self) -> Option<&Folder> {
        match self {
            Self::Sqlite(folder) => Some(folder),
            Self::Postgres { .. } => None,
        }
    }

    async fn pool(&self) -> SqlitePool {
        let Self::Sqlite(folder) = self else { panic!("not SQLite") };
        let options =
            SqliteConnectOptions::new().filename(folder.path("store.db")).busy_timeout(Duration::from_secs(10));
        SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap()
    }

    /// Runs a statement of the test's own, in which `{name}` is a table. How many rows it changed.
    pub(crate) async fn run(&self, sql: &str) -> u64 {
        let sql = self.named(sql);
        match self {
            Self::Sqlite(_) => {
                let pool = self.pool().await;
                let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&pool).await.unwrap().rows_affected();
                pool.close().await;
                done
            }
            Self::Postgres { admin, .. } => {
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(admin).await.unwrap().rows_affected()
            }
        }
    }

    /// A number that a statement finds.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let sql = self.named(sql);
        match self {
            Self::Sqlite(_) => {
                let pool = self.pool().await;
                let number = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&pool).await.unwrap();
                pool.close().await;
                number
            }
            Self::Postgres { admin, .. } => sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(admin).await.unwrap(),
        }
    }

    /// Texts that a statement finds.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let sql = self.named(sql);
        match self {
            Self::Sqlite(_) => {
                let pool = self.pool().await;
                let texts = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&pool).await.unwrap();
                pool.close().await;
                texts
            }
            Self::Postgres { admin, .. } => sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(admin).await.unwrap(),
        }
    }

    /// A cell of a credential, in hexadecimal.
    pub(crate) async fn cell(&self, id: CredentialId, column: &str) -> String {
        let hex = match self {
            Self::Sqlite(_) => format!("hex({column})"),
            Self::Postgres { .. } => format!("upper(encode({column}, 'hex'))"),
        };
        self.texts(&format!("SELECT {hex} FROM {{credentials}} WHERE id = '{id}'")).await.remove(0)
    }

    pub(crate) async fn set_cell(&self, id: CredentialId, column: &str, hex: &str) {
        let value = match self {
            Self::Sqlite(_) => format!("x'{hex}'"),
            Self::Postgres { .. } => format!("decode('{hex}', 'hex')"),
        };
        let sql = format!("UPDATE {{credentials}} SET {column} = {value} WHERE id = '{id}'");
        assert_eq!(self.run(&sql).await, 1);
    }

    /// Has each job twice, so many times.
    pub(crate) async fn double_jobs(&self, times: usize) {
        let columns = "kind, credential, payload, created_at, next_at";
        for _ in 0..times {
            self.run(&format!("INSERT INTO {{jobs}} ({columns}) SELECT {columns} FROM {{jobs}}")).await;
        }
    }

    fn named(&self, sql: &str) -> String {
        ["credentials", "jobs", "audit", "request_log", "logins", "store_key", "connectors"]
            .iter()
            .fold(sql.to_owned(), |sql, name| sql.replace(&format!("{{{name}}}"), &self.table(name)))
    }

    /// Drops the tables of the test.
    pub(crate) async fn end(self) {
        if let Self::Postgres { admin, prefix, .. } = &self {
            let like = format!("{}%", prefix.replace('_', "\\_"));
            let tables: Vec<String> =
                sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE tablename LIKE $1")
                    .bind(like)
                    .fetch_all(admin)
                    .await
                    .unwrap();
            for table in tables {
                sqlx::raw_sql(AssertSqlSafe(format!("DROP TABLE \"{table}\""))).execute(admin).await.unwrap();
            }
        }
    }
}

/// Keys whose use is counted, and which may be away.
#[derive(Clone)]
pub(crate) struct CountedKeys {
    ring: KeyRing,
    pub(crate) asked: Arc<AtomicUsize>,
    pub(crate) away: Arc<std::sync::atomic::AtomicBool>,
}

impl CountedKeys {
    pub(crate) fn new() -> Self {
        Self { ring: ring(), asked: Arc::default(), away: Arc::default() }
    }

    pub(crate) fn count(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn note(&self) -> Result<(), KeyError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match self.away.load(Ordering::SeqCst) {
            true => Err(KeyError::new(tower_auth_store::KeyErrorKind::Unavailable, "away")),
            false => Ok(()),
        }
    }
}

impl KeyProvider for CountedKeys {
    fn current(&self) -> String {
        self.ring.current()
    }

    async fn wrap(&self, key_id: &str, data_key: &DataKey, context: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.note()?;
        self.ring.wrap(key_id, data_key, context).await
    }

    async fn unwrap(&self, key_id: &str, wrapped: &[u8], context: &[u8]) -> Result<DataKey, KeyError> {
        self.note()?;
        self.ring.unwrap(key_id, wrapped, context).await
    }

    async fn has(&self, key_id: &str) -> Result<bool, KeyError> {
        self.ring.has(key_id).await
    }
}

pub(crate) fn ring() -> KeyRing {
    KeyRing::new("k1", &KeyRing::generate_key()).unwrap()
}

pub(crate) fn owner(name: &str) -> Owner {
    Owner::user(name).unwrap().in_tenant("tenant").unwrap()
}

pub(crate) fn spec(text: &str) -> ProviderSpec {
    ProviderSpec::from_toml(text).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

/// Values of the operator, and nothing from the environment of the process.
pub(crate) fn operator(values: &[(&str, &str)]) -> ProviderValues {
    let none = ProviderValues::new().env(|_| None);
    values.iter().fold(none, |all, (name, value)| all.value(*name, *value))
}

/// An emulated provider with accounts of alice and bob.
pub(crate) async fn provider(change: impl FnOnce(OAuthProviderBuilder) -> OAuthProviderBuilder) -> OAuthProvider {
    let provider = change(OAuthProvider::builder().redirect_uri(CALLBACK)).listen().await;
    provider.unwrap()
}

/// The connector `acme`.
pub(crate) fn acme(provider: &OAuthProvider) -> Connector {
    described(&provider.provider_toml("acme"), provider)
}

/// The connector that `toml` describes, with the client of `provider`.
pub(crate) fn described(toml: &str, provider: &OAuthProvider) -> Connector {
    let client = [("client_id", provider.client_id()), ("client_secret", provider.client_secret().expose_secret())];
    Connector::new(spec(toml)).values(operator(&client)).connection(|builder| builder.allow_loopback_http())
}

/// The connector `keyed`.
pub(crate) fn keyed(provider: &ApiKeyProvider) -> Connector {
    let connector = Connector::new(spec(&provider.provider_toml("keyed"))).values(operator(&[]));
    connector.connection(|builder| builder.allow_loopback_http())
}

pub(crate) fn builder(backend: impl Backend, keys: &KeyRing) -> StoreBuilder {
    CredentialStore::builder(backend, keys.clone()).allow_redirect(DONE)
}

/// A store with the connector `acme`.
pub(crate) async fn store(database: &Database, keys: &KeyRing, provider: &OAuthProvider) -> CredentialStore {
    builder(database.open().await, keys).connector(acme(provider)).open().await.unwrap()
}

pub(crate) fn login(new: NewConnection) -> NewLogin {
    NewLogin::new(new, CALLBACK, DONE, BROWSER)
}

/// What the provider answers to a login, in the query of the callback.
pub(crate) fn consent(provider: &OAuthProvider, url: &str, account: &str) -> String {
    let redirect = provider.server().decide(url, &Consent::approve().subject(account)).unwrap();
    redirect.location().split_once('?').unwrap().1.to_owned()
}

/// Connects `acme` as people do.
pub(crate) async fn connect(
    store: &CredentialStore,
    provider: &OAuthProvider,
    who: &Owner,
    account: &str,
) -> FinishedLogin {
    let begun = store.begin_login(who, login(NewConnection::new("acme"))).await.unwrap();
    let answer = consent(provider, &begun.url, account);
    store.finish_login("acme", &answer, BROWSER).await.unwrap()
}

/// A credential of `acme` that was obtained elsewhere, whose access token has ended: its first use renews it.
pub(crate) async fn import(
    store: &CredentialStore,
    provider: &OAuthProvider,
    who: &Owner,
    account: &str,
) -> CredentialInfo {
    import_token(store, who, provider.issue_refresh_token(account, "read".parse().unwrap()), Duration::ZERO).await
}

/// The same, with an access token that seems to live for `lifetime`.
pub(crate) async fn import_token(
    store: &CredentialStore,
    who: &Owner,
    refresh_token: Secret,
    lifetime: Duration,
) -> CredentialInfo {
    let now = std::time::SystemTime::now();
    let received = if lifetime.is_zero() { now - Duration::from_secs(10) } else { now };
    let token = tower_auth_core::Token::new("imported").unwrap();
    let tokens = tower_auth_core::TokenResponse::new(token)
        .expires_in(lifetime.max(Duration::from_secs(1)))
        .with_refresh_token(refresh_token);
    store.import(who, NewConnection::new("acme"), tokens, received).await.unwrap()
}

/// The access token that serves.
pub(crate) async fn token(store: &CredentialStore, who: &Owner, id: CredentialId) -> Result<String, StoreError> {
    let tokens = store.tokens(who, id)?;
    match tokens.token().await {
        Ok(token) => Ok(token.secret().expose_secret().to_owned()),
        Err(error) => Err(StoreError::find(&error).cloned().unwrap_or_else(|| panic!("{error:?}"))),
    }
}

/// What goes on a request.
pub(crate) async fn header(store: &CredentialStore, who: &Owner, id: CredentialId) -> Result<String, StoreError> {
    let current = match store.tokens(who, id)?.current().await {
        Ok(current) => current,
        Err(error) => return Err(StoreError::find(&error).cloned().unwrap_or_else(|| panic!("{error:?}"))),
    };
    let mut request = http::Request::new(());
    *request.uri_mut() = "https://api.test/x".parse().unwrap();
    current.credential.apply(&mut request).unwrap();
    Ok(request.headers()["authorization"].to_str().unwrap().to_owned())
}

/// Asks again and again until `question` is answered with true; fails after `limit`.
pub(crate) async fn eventually<F: Future<Output = bool>>(limit: Duration, what: &str, question: impl Fn() -> F) {
    let until = Instant::now() + limit;
    while !question().await {
        assert!(Instant::now() < until, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The fields of an error with what is wrong.
pub(crate) fn mistakes(error: &StoreError) -> BTreeMap<String, String> {
    error.fields().iter().map(|mistake| (mistake.field.clone(), mistake.message.clone())).collect()
}
