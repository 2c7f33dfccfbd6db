//! A provider that counts, a database, and stores over them in this process and in others.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::Request;
use serde::{Deserialize, Serialize};
use tower_auth_core::{HttpClient, HttpTransport, ProviderSpec, ProviderValues, Secret, Token, TokenResponse};
use tower_auth_store::{
    Backend, BackendError, Connector, CredentialId, CredentialRow, CredentialStore, KeyRing, NewConnection, Owner,
    PostgresOptions, SqlBackend, SqliteOptions, StoreError,
};
use tower_auth_testing::{OAuthProvider, OAuthProviderBuilder};

use crate::faulty::{Faulty, Hook};

/// How long access tokens live.
pub(crate) const LIFETIME: Duration = Duration::from_secs(3);
pub(crate) const LEASE: Duration = Duration::from_secs(4);
pub(crate) const TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Database {
    Sqlite(PathBuf),
    Postgres { url: String, prefix: String },
}

/// Everything that another process needs to open the same store.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Access {
    pub(crate) database: Database,
    pub(crate) key: String,
    pub(crate) provider: String,
    pub(crate) client: (String, String),
    /// Of the API that says whether a token lives.
    pub(crate) api: String,
    /// Whose credential is which.
    pub(crate) credentials: Vec<(String, String)>,
    pub(crate) lease: Duration,
    pub(crate) timeout: Duration,
    /// What the connection is told; `None`: what the description says.
    pub(crate) connection_timeout: Option<Duration>,
}

pub(crate) struct World {
    pub(crate) provider: OAuthProvider,
    pub(crate) access: Access,
    pub(crate) folder: PathBuf,
}

/// A database of a kind for one test, or `None` if there is none here.
pub(crate) fn database(kind: &str, folder: &Path) -> Option<Database> {
    if kind == "sqlite" {
        return Some(Database::Sqlite(folder.join("credentials.db")));
    }
    let Ok(url) = std::env::var("DATABASE_URL") else {
        eprintln!("skipped: DATABASE_URL is not set");
        assert!(std::env::var_os("TOWER_AUTH_REQUIRE").is_none(), "DATABASE_URL is not set");
        return None;
    };
    let prefix = format!("s{:x}_", fastrand::u64(..));
    let sign = if url.contains('?') { '&' } else { '?' };
    Some(Database::Postgres { url: format!("{url}{sign}application_name={prefix}"), prefix })
}

impl Database {
    pub(crate) async fn open(&self) -> SqlBackend {
        self.try_open().await.unwrap()
    }

    pub(crate) async fn try_open(&self) -> Result<SqlBackend, BackendError> {
        match self {
            Self::Sqlite(path) => SqliteOptions::file(path).open().await,
            Self::Postgres { url, prefix } => {
                PostgresOptions::url(url)?.table_prefix(prefix).max_connections(4).open().await
            }
        }
    }

    /// Leaves nothing behind.
    pub(crate) async fn drop_all(&self) {
        let Self::Postgres { url, prefix } = self else { return };
        let pool = sqlx::postgres::PgPool::connect(url).await.unwrap();
        let tables = "SELECT tablename::text FROM pg_tables WHERE starts_with(tablename, $1)";
        let tables: Vec<String> = sqlx::query_scalar(tables).bind(prefix).fetch_all(&pool).await.unwrap();
        for table in tables {
            let _ = sqlx::query(sqlx::AssertSqlSafe(format!("DROP TABLE {table}"))).execute(&pool).await;
        }
    }
}

impl Access {
    pub(crate) async fn store(&self, backend: impl Backend, http: HttpClient) -> CredentialStore {
        self.try_store(backend, http).await.unwrap()
    }

    pub(crate) async fn try_store(
        &self,
        backend: impl Backend,
        http: HttpClient,
    ) -> Result<CredentialStore, StoreError> {
        let spec = ProviderSpec::from_toml(&self.provider).unwrap_or_else(|errors| panic!("{errors}"));
        let values = ProviderValues::new().env(|_| None);
        let values = values.value("client_id", self.client.0.as_str()).value("client_secret", self.client.1.as_str());
        let timeout = self.connection_timeout;
        let connector = Connector::new(spec).values(values).connection(move |connection| {
            let connection = connection.allow_loopback_http();
            match timeout {
                Some(limit) => connection.timeout(limit),
                None => connection,
            }
        });
        CredentialStore::builder(backend, KeyRing::new("k1", &Secret::from(self.key.as_str())).unwrap())
            .http_client(http)
            .connector(connector)
            .lease(self.lease)
            .request_timeout(self.timeout)
            .open()
            .await
    }

    pub(crate) fn credential(&self, index: usize) -> (Owner, CredentialId) {
        let (user, id) = &self.credentials[index];
        (Owner::user(user.as_str()).unwrap(), id.parse().unwrap())
    }
}

impl World {
    /// With `count` credentials that have to be renewed at their first use.
    pub(crate) async fn new(
        kind: &str,
        count: usize,
        change: impl FnOnce(OAuthProviderBuilder) -> OAuthProviderBuilder,
    ) -> Option<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let folder = std::env::temp_dir().join(format!("soak-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let Some(database) = database(kind, &folder) else {
            std::fs::remove_dir_all(&folder).unwrap();
            return None;
        };
        let provider = change(OAuthProvider::builder().access_lifetime(LIFETIME)).listen().await.unwrap();
        let mut access = Access {
            database,
            key: KeyRing::generate_key().expose_secret().to_owned(),
            provider: provider.provider_toml("acme"),
            client: (provider.client_id().to_owned(), provider.client_secret().expose_secret().to_owned()),
            api: provider.url("/api/me"),
            credentials: Vec::new(),
            lease: LEASE,
            timeout: TIMEOUT,
            connection_timeout: Some(TIMEOUT),
        };
        let store = access.store(access.database.open().await, http()).await;
        for index in 0..count {
            let user = format!("user-{index}");
            let refresh_token = provider.issue_refresh_token(&user, "read".parse().unwrap());
            let token = Token::new(format!("imported-{index}")).unwrap();
            let tokens = TokenResponse::new(token).expires_in(Duration::from_secs(1)).with_refresh_token(refresh_token);
            let (owner, old) = (Owner::user(user.as_str()).unwrap(), SystemTime::now() - Duration::from_secs(5));
            let info = store.import(&owner, NewConnection::new("acme"), tokens, old).await.unwrap();
            access.credentials.push((user, info.id.to_string()));
        }
        store.close().await;
        // As long as the imported tokens seem to live by the database's clock.
        tokio::time::sleep(Duration::from_millis(950)).await;
        Some(Self { provider, access, folder })
    }

    pub(crate) async fn store(&self) -> CredentialStore {
        self.access.store(self.access.database.open().await, http()).await
    }

    pub(crate) async fn faulty_store(&self, hook: Hook) -> CredentialStore {
        self.access.store(Faulty::new(self.access.database.open().await, hook), http()).await
    }

    pub(crate) async fn row(&self, index: usize) -> CredentialRow {
        let backend = self.access.database.open().await;
        let row = backend.find(self.access.credential(index).1).await.unwrap().unwrap();
        backend.close().await;
        row
    }

    /// What a rotation owes in any case: nobody was ever taken for a thief.
    pub(crate) fn check_presentations(&self, most: usize) {
        let report = self.provider.report();
        let seen = (report.reuses, report.families_revoked, report.unknown_presentations);
        assert_eq!(seen, (0, 0, 0), "reuses, families revoked, unknown tokens");
        assert!(report.max_presentations <= most, "a refresh token came {} times", report.max_presentations);
    }

    pub(crate) async fn end(self) {
        self.access.database.drop_all().await;
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub(crate) fn http() -> HttpClient {
    HttpTransport::new().allow_loopback_http().build().unwrap()
}

/// The token of a credential, as its owner gets it.
pub(crate) async fn token(
    store: &CredentialStore,
    access: &Access,
    index: usize,
) -> Result<String, tower_auth_core::TokenError> {
    let (owner, id) = access.credential(index);
    let token = store.tokens(&owner, id).unwrap().token().await?;
    Ok(token.secret().expose_secret().to_owned())
}

/// Until there is a token, or an error that waiting does not mend.
pub(crate) async fn settled(
    store: &CredentialStore,
    access: &Access,
    index: usize,
) -> Result<String, tower_auth_core::TokenError> {
    let until = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        match token(store, access, index).await {
            Err(error) if error.is_transient() && tokio::time::Instant::now() < until => {
                tokio::time::sleep(
                    error.retry_in().unwrap_or_default().min(Duration::from_secs(5)) + Duration::from_millis(50),
                )
                .await;
            }
            result => return result,
        }
    }
}

/// Whether the provider's API takes a token.
pub(crate) async fn lives(http: &HttpClient, api: &str, token: &str) -> Option<bool> {
    let request = Request::get(api).header("authorization", format!("Bearer {token}")).body(Bytes::new()).unwrap();
    let answer = http.send(request).await.ok()?;
    Some(answer.status().is_success())
}

/// The code of the store's own error.
pub(crate) fn code(error: &tower_auth_core::TokenError) -> &'static str {
    StoreError::find(error).map_or_else(|| error.code(), StoreError::code)
}
