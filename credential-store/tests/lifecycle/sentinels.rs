//! What a reader of the database, of its files and of logs finds: nothing that is secret, and nobody's name.

use std::io::Write;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Row};
use tower_auth_store::NewConnection;
use tower_auth_testing::{Account, ApiKeyProvider};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::*;

/// Everything that is traced in this process from the first call on.
#[derive(Clone, Copy)]
pub(crate) struct Captured;

static TEXT: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static BEGUN: OnceLock<()> = OnceLock::new();

impl Captured {
    pub(crate) fn begin() {
        BEGUN.get_or_init(|| {
            let subscriber =
                tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(Self);
            tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
        });
    }

    pub(crate) fn text() -> String {
        String::from_utf8_lossy(&TEXT.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        TEXT.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        *self
    }
}

/// Everything that is in the database, as whoever has its files sees it.
async fn dump(database: &Database) -> Vec<u8> {
    match database {
        Database::Sqlite(folder) => {
            let mut all = Vec::new();
            for ending in ["", "-wal", "-shm", "-journal"] {
                all.extend(std::fs::read(folder.path(&format!("store.db{ending}"))).unwrap_or_default());
            }
            all
        }
        Database::Postgres { admin, prefix, .. } => {
            let like = format!("{}%", prefix.replace('_', "\\_"));
            let tables: Vec<String> =
                sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE tablename LIKE $1")
                    .bind(like)
                    .fetch_all(admin)
                    .await
                    .unwrap();
            assert!(tables.len() > 6);
            let mut all = Vec::new();
            for table in tables {
                // A bytea of a whole row as text is hexadecimal: also what it holds is looked for.
                let sql = format!("SELECT to_jsonb(own)::text FROM \"{table}\" own");
                for row in sqlx::query(AssertSqlSafe(sql)).fetch_all(admin).await.unwrap() {
                    all.extend(row.get::<String, _>(0).into_bytes());
                    all.push(b'\n');
                }
            }
            all
        }
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// Whether `secret` is in `text`, as it is, in hexadecimal, or in base64.
fn shows(text: &[u8], secret: &str) -> bool {
    use base64::Engine;
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let base64 = base64::engine::general_purpose::STANDARD_NO_PAD.encode(secret);
    [secret, &hex, &hex.to_uppercase(), &base64[..base64.len() - 1]].iter().any(|form| contains(text, form.as_bytes()))
}

// THREAT-S4, THREAT-L1, THREAT-L3, SYS-C5, SYS-V12, R6749-10a
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_the_database_nor_its_files_nor_a_log_shows_a_secret_or_a_name() {
    Captured::begin();
    for database in Database::all().await {
        let mark = format!("{:016x}", fastrand::u64(..));
        let name = |what: &str| format!("s3ntinel-{what}-{mark}");
        let (user, tenant, label, done) =
            (name("user"), name("tenant"), name("label"), format!("https://{}.test/x", name("redirect")));
        let provider = provider(|builder| builder.account(Account::new("alice").name(name("account")))).await;
        let keyed_provider = ApiKeyProvider::builder().listen().await.unwrap();
        let key = keyed_provider.issue("alice");
        let webhook = tower_auth_core::Secret::from(name("webhook"));
        let toml = provider.provider_toml("acme").replace(
            "[[auth.verify]]",
            "[[auth.fields]]\nname = \"note\"\nrequired = false\nsecret = true\n\n[[auth.verify]]",
        );
        let store = builder(database.open().await, &ring())
            .connector(described(&toml, &provider))
            .connector(keyed(&keyed_provider))
            .allow_redirect(done.as_str())
            .webhook(tower_auth_store::Webhook::new("http://127.0.0.1:9/hook", &webhook).unwrap())
            .open()
            .await
            .unwrap();
        let running = tokio::spawn(store.run());
        let owner = tower_auth_store::Owner::user(user.as_str()).unwrap().in_tenant(tenant.as_str()).unwrap();
        let new =
            || NewConnection::new("acme").value("note", name("value").as_str()).label(label.as_str()).log_requests();
        let browser = name("browser");
        let begin = async || {
            let login = tower_auth_store::NewLogin::new(new(), CALLBACK, done.as_str(), browser.as_str());
            store.begin_login(&owner, login).await.unwrap()
        };
        let waits = begin().await;
        let begun = begin().await;
        let answer = consent(&provider, &begun.url, "alice");
        let id = store.finish_login("acme", &answer, browser.as_str()).await.unwrap().credential.id;
        let keyed = store.create(&owner, NewConnection::new("keyed").value("api_key", key.clone())).await.unwrap().id;
        header(&store, &owner, keyed).await.unwrap();
        // Two renewals, a failed one, a test, a foreign request, another name.
        for fault in [false, true, false] {
            if fault {
                let body = format!(r#"{{"error":"server_error","error_description":"{}"}}"#, name("description"));
                provider.fault(
                    tower_auth_testing::Endpoint::Token,
                    tower_auth_testing::Fault::json(http::StatusCode::SERVICE_UNAVAILABLE, body),
                );
            }
            database
                .run("UPDATE {credentials} SET expires_at = 1, next_attempt_at = NULL WHERE tokens IS NOT NULL")
                .await;
            let outcome = tower_auth_core::TokenCache::new(store.stored(&owner, id)).token().await;
            assert_eq!(outcome.is_err(), fault);
        }
        store.test(&owner, id).await.unwrap();
        store.get(&crate::support::owner(&name("foreign")), id).await.unwrap_err();
        store.rename(&owner, id, &name("other-label")).await.unwrap();
        eventually(Duration::from_secs(5), "not logged", || async {
            store.requests(&owner, id, 10).await.unwrap().len() >= 3
        })
        .await;

        let mut secrets: Vec<String> = [
            "user",
            "tenant",
            "label",
            "redirect",
            "account",
            "value",
            "browser",
            "webhook",
            "foreign",
            "other-label",
            "description",
        ]
        .map(name)
        .into();
        secrets.push(key.expose_secret().to_owned());
        secrets.push(provider.client_secret().expose_secret().to_owned());
        for request in provider.requests() {
            for param in ["code", "refresh_token", "code_verifier", "state"] {
                secrets.extend(request.param(param).map(str::to_owned));
            }
            secrets
                .extend(request.header("authorization").and_then(|value| value.split(' ').nth(1)).map(str::to_owned));
        }
        for url in [&waits.url, &begun.url] {
            secrets.push(url.split("state=").nth(1).unwrap().split('&').next().unwrap().to_owned());
        }
        secrets.push(token(&store, &owner, id).await.unwrap());
        assert!(secrets.len() > 20, "{secrets:?}");
        let check = |text: &[u8], what: &str| {
            for secret in &secrets {
                assert!(!shows(text, secret), "{what} shows {secret}");
            }
        };
        check(&dump(&database).await, "the database");
        // The end: what is deleted is there no more, sealed or not.
        let sealed = [database.cell(id, "tokens").await, database.cell(id, "data_key").await];
        store.delete(&owner, id).await.unwrap();
        store.revoke(&owner, keyed).await.unwrap();
        check(&dump(&database).await, "the database after the end");
        eventually(Duration::from_secs(20), "the provider was not told", || async {
            store.status().await.unwrap().revocations_waiting == 0
        })
        .await;
        running.abort();
        store.close().await;
        let dumped = dump(&database).await;
        check(&dumped, "the database of a closed store");
        for cell in &sealed {
            let bytes: Vec<u8> =
                (0..32).map(|index| u8::from_str_radix(&cell[40 + 2 * index..42 + 2 * index], 16).unwrap()).collect();
            assert!(!contains(&dumped, &bytes), "what was deleted is still in the file");
        }
        let traced = Captured::text();
        assert!(traced.contains("a credential was renewed"), "the log was captured");
        // The provider's own log is not ours.
        let ours: String =
            traced.lines().filter(|line| !line.contains("tower_auth_testing")).collect::<Vec<_>>().join("\n");
        check(ours.as_bytes(), "the log");
        database.end().await;
    }
}
