//! What the store costs: uses of credentials, warm and cold, a sweep of many that are due, pages of long lists, and room on disk; on SQLite
//! and, with `DATABASE_URL`, on PostgreSQL.
//!
//! `store [--quick | ROWS]`: lists grow to a million rows, or to as many as that. `TMPDIR` says where SQLite's file is.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program that measures and prints")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{Request, Response};
use sqlx::{AnyConnection, AssertSqlSafe, Connection, raw_sql};
use tower_auth::core::{BoxError, HttpClient, ProviderSpec, ProviderValues, Token, TokenResponse};
use tower_auth_bench::Figures;
use tower_auth_store::{
    Connector, CredentialId, CredentialKey, CredentialStore, KeyRing, ListQuery, NewConnection, Owner, PostgresOptions,
    SqlBackend, SqliteOptions,
};

const SPEC: &str = "id = 'acme'\nbase_url = 'https://api.acme.test'\n[[auth]]\nkind = 'oauth2_code'\n\
    authorize_url = 'https://login.acme.test/authorize'\ntoken_url = 'https://login.acme.test/token'\nrotation = 'rotating'\n";

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let argument = std::env::args().nth(1);
    let (rows, due) = match argument.as_deref() {
        Some("--quick") => (1_000, 500),
        Some(text) => (text.parse().expect("--quick, or a number of rows"), 10_000),
        None => (1_000_000, 10_000),
    };
    sqlx::any::install_default_drivers();
    let mut figures = Figures::new("store");
    let folder = std::env::temp_dir().join(format!("tower-auth-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("store.db");
    let prefix = format!("bench_{}_", std::process::id());
    let open = || SqliteOptions::file(&file).table_prefix(prefix.clone()).open();
    let backends = [open().await.unwrap(), open().await.unwrap()];
    let filler = Filler::new(&format!("sqlite://{}", file.display()), &prefix).await;
    measure(&mut figures, "SQLite", backends, filler, rows, due, Some(&file)).await;
    std::fs::remove_dir_all(&folder).unwrap();
    match std::env::var("DATABASE_URL") {
        Ok(url) => {
            let open = || PostgresOptions::url(&url).unwrap().table_prefix(prefix.clone()).open();
            let backends = [open().await.unwrap(), open().await.unwrap()];
            let filler = Filler::new(&url, &prefix).await;
            measure(&mut figures, "PostgreSQL", backends, filler, rows, due, None).await;
            drop_tables(&url, &prefix).await;
        }
        Err(_) => println!("PostgreSQL: DATABASE_URL is not set"),
    }
    figures.save().unwrap();
}

/// The first of the two is a process as any; the second one comes later, knows nothing yet, and lets owners have more than a thousand.
async fn measure(
    figures: &mut Figures,
    name: &str,
    backends: [SqlBackend; 2],
    filler: Filler,
    rows: usize,
    due: usize,
    file: Option<&Path>,
) {
    let asked = Arc::new(AtomicUsize::new(0));
    let ring = KeyRing::generate_key();
    let open = async |backend, per_owner| {
        let spec = ProviderSpec::from_toml(SPEC).unwrap();
        let values = ProviderValues::new().env(|_| None).value("client_id", "i").value("client_secret", "s");
        CredentialStore::builder(backend, KeyRing::new("k", &ring).unwrap())
            .http_client(provider(Arc::clone(&asked)))
            .connector(Connector::new(spec).values(values).pace(Duration::ZERO))
            .max_per_owner(per_owner)
            .renew_all_ahead()
            .sweep_interval(Duration::from_millis(50))
            .open()
            .await
            .unwrap()
    };
    let [one, two] = backends;
    let (store, newcomer) = (open(one, 1_000).await, open(two, u32::MAX).await);
    uses(figures, name, &store, &newcomer, &asked).await;
    sweep(figures, name, &store, &asked, due).await;
    if let Some(file) = file {
        let wal = file.with_extension("db-wal");
        let length = |path: &Path| std::fs::metadata(path).map_or(0, |data| data.len());
        let bytes = (length(file) + length(&wal)) as f64 / (due + WARM) as f64;
        figures.add("store: room on disk of a credential", &format!("ours: {name}"), 1, bytes, "bytes");
    }
    pages(figures, name, &newcomer, filler, rows).await;
    newcomer.close().await;
    store.close().await;
}

/// How many credentials are used again and again.
const WARM: usize = 100;

/// Uses of credentials whose tokens are in memory, and first uses by a process that has none.
async fn uses(
    figures: &mut Figures,
    name: &str,
    store: &CredentialStore,
    newcomer: &CredentialStore,
    asked: &AtomicUsize,
) {
    let owner = Owner::user("warm").unwrap();
    let mut keys = Vec::new();
    for _ in 0..WARM {
        let key = CredentialKey::new(owner.clone(), import(store, &owner, 3_600).await);
        store.tokens_of(&key).unwrap().ready().await.unwrap();
        keys.push(key);
    }
    let mut cold = Vec::new();
    for key in &keys {
        let begun = Instant::now();
        newcomer.tokens_of(key).unwrap().ready().await.unwrap();
        cold.push(begun.elapsed());
    }
    figures.add("store: first use of a credential", &format!("ours: {name}"), 1, millis(median(cold)) * 1e3, "us");
    for threads in [1, 2] {
        let count = std::thread::scope(|scope| {
            let users: Vec<_> = (0..threads)
                .map(|number| {
                    scope.spawn({
                        let keys = &keys;
                        move || use_for(store, &keys[number * 50..][..50], Duration::from_secs(1))
                    })
                })
                .collect();
            users.into_iter().map(|user| user.join().unwrap()).sum::<u64>()
        });
        figures.add("store: warm uses", &format!("ours: {name}"), threads, count as f64, "/s");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0, "nobody was asked");
}

fn use_for(store: &CredentialStore, keys: &[CredentialKey], length: Duration) -> u64 {
    let (mut count, until) = (0, Instant::now() + length);
    while Instant::now() < until {
        for key in keys {
            store.tokens_of(key).unwrap().try_current().unwrap();
            count += 1;
        }
    }
    count
}

/// Credentials that are all due at once, renewed as fast as the database takes it.
async fn sweep(figures: &mut Figures, name: &str, store: &CredentialStore, asked: &AtomicUsize, count: usize) {
    let begun = Instant::now();
    // Due at once: three quarters of a second are over soon.
    for first in (0..count).step_by(500) {
        import_many(store, &Owner::user(format!("sweep-{first}")).unwrap(), 1, (count - first).min(500)).await;
    }
    let imported = begun.elapsed();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (begun, running) = (Instant::now(), tokio::spawn(store.run()));
    while asked.load(Ordering::SeqCst) < count {
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(begun.elapsed() < Duration::from_secs(600), "the sweep does not end");
    }
    let took = begun.elapsed();
    running.abort();
    let rate = |took: Duration| count as f64 / took.as_secs_f64();
    figures.add("store: credentials kept", &format!("ours: {name}"), 1, rate(imported), "/s");
    figures.add(&format!("store: a sweep of {count} due, no pace"), &format!("ours: {name}"), 1, rate(took), "/s");
    assert_eq!(asked.load(Ordering::SeqCst), count, "each was renewed once");
}

/// The first and the last page of lists of growing length.
async fn pages(figures: &mut Figures, name: &str, store: &CredentialStore, mut filler: Filler, most: usize) {
    let (owner, mut length) = (Owner::user("list").unwrap(), 0);
    let mut target = 1_000;
    while target <= most {
        // The oldest and the newest, which are what is read, are kept by the store itself.
        if length == 0 {
            import_many(store, &owner, 86_400, target).await;
        } else {
            filler.fill(length, target - length - BATCH).await;
            import_many(store, &owner, 86_400, BATCH).await;
        }
        length = target;
        let first = timed(store, &owner, ListQuery::new()).await;
        let (mut query, mut last, mut seen) = (ListQuery::new().limit(500), ListQuery::new(), 0);
        loop {
            let page = store.list(&owner, query).await.unwrap();
            seen += page.credentials.len();
            let Some(after) = page.next else { break };
            // Fifty of the last five hundred.
            last = ListQuery::new().after(after.clone());
            query = ListQuery::new().limit(500).after(after);
        }
        assert_eq!(seen, length, "all of them are listed");
        let last = timed(store, &owner, last).await;
        for (which, time) in [("first", first), ("last", last)] {
            figures.add("store: a page of 50", &format!("ours: {name}, {which} of {length}"), 1, millis(time), "ms");
        }
        target *= 10;
    }
}

/// How many rows are copied at once.
const BATCH: usize = 500;

/// Fills a list with copies of its rows, since the store keeps a thousand credentials in a second and not in a blink.
struct Filler {
    connection: AnyConnection,
    table: String,
    is_postgres: bool,
}

impl Filler {
    async fn new(url: &str, prefix: &str) -> Self {
        let connection = AnyConnection::connect(url).await.unwrap();
        Self { connection, table: format!("{prefix}credentials"), is_postgres: !url.starts_with("sqlite") }
    }

    /// Copies the newest of the `length` rows of the list until there are `more` of them, each batch a millisecond later and each with an id of its own. The
    /// names in them, which are sealed for other ids, do not open: what is timed are pages of rows that the store has kept.
    async fn fill(&mut self, length: usize, more: usize) {
        let table = self.table.clone();
        self.run(format!(
            "CREATE TEMPORARY TABLE batch AS SELECT * FROM {table} ORDER BY created_at DESC LIMIT {BATCH}"
        ))
        .await;
        self.run("UPDATE batch SET created_at = (SELECT MAX(created_at) FROM batch)".to_owned()).await;
        for number in 0..more / BATCH {
            // Nine of the characters behind `cred_`; digits are characters of base64url.
            let number = length + number;
            self.run(format!(
                "UPDATE batch SET id = 'cred_' || '{number:09}' || substr(id, 15), created_at = created_at + 1"
            ))
            .await;
            self.run(format!("INSERT INTO {table} SELECT * FROM batch")).await;
        }
        self.run("DROP TABLE batch".to_owned()).await;
        // PostgreSQL does it by itself, by and by.
        if self.is_postgres {
            self.run(format!("ANALYZE {table}")).await;
        }
    }

    async fn run(&mut self, sql: String) {
        raw_sql(AssertSqlSafe(sql)).execute(&mut self.connection).await.unwrap();
    }
}

/// Leaves a database that others use as it was.
async fn drop_tables(url: &str, prefix: &str) {
    let mut connection = AnyConnection::connect(url).await.unwrap();
    let sql = format!("SELECT CAST(tablename AS text) FROM pg_tables WHERE starts_with(tablename, '{prefix}')");
    let tables: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap();
    for table in tables {
        raw_sql(AssertSqlSafe(format!("DROP TABLE {table}"))).execute(&mut connection).await.unwrap();
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// The median of some tries.
async fn timed(store: &CredentialStore, owner: &Owner, query: ListQuery) -> Duration {
    let mut times = Vec::new();
    for _ in 0..15 {
        let begun = Instant::now();
        store.list(owner, query.clone()).await.unwrap();
        times.push(begun.elapsed());
    }
    median(times)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Eight at a time.
async fn import_many(store: &CredentialStore, owner: &Owner, seconds: u64, count: usize) {
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..8 {
        let (store, owner) = (store.clone(), owner.clone());
        tasks.spawn(async move {
            for _ in 0..count / 8 + usize::from(number < count % 8) {
                import(&store, &owner, seconds).await;
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

async fn import(store: &CredentialStore, owner: &Owner, seconds: u64) -> CredentialId {
    let response = TokenResponse::new(Token::new("access-token-of-usual-length-abcdefghijklmnopqrstuvwxyz").unwrap())
        .expires_in(Duration::from_secs(seconds))
        .with_refresh_token("refresh-token-of-usual-length-abcdefghijklmnopqrstuvwxyz");
    store.import(owner, NewConnection::new("acme"), response, SystemTime::now()).await.unwrap().id
}

/// Answers at once, with tokens that last.
fn provider(asked: Arc<AtomicUsize>) -> HttpClient {
    HttpClient::new(tower::service_fn(move |_: Request<Bytes>| {
        let number = asked.fetch_add(1, Ordering::SeqCst);
        async move {
            let text = format!(
                r#"{{"access_token":"at-{number}","token_type":"Bearer","expires_in":86400,"refresh_token":"rt-{number}"}}"#
            );
            let response = Response::builder().header("content-type", "application/json").body(Bytes::from(text));
            Ok::<_, BoxError>(response?)
        }
    }))
}
