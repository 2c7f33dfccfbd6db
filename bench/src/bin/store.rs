//! What the store costs: uses of credentials in memory, a sweep of many that are due, and pages of long lists, on SQLite and, with
//! `DATABASE_URL`, on PostgreSQL.
//!
//! `cargo run --release -p bench --bin store [ROWS]`
#![forbid(unsafe_code)]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program that measures and prints"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{Request, Response};
use tower_auth::core::{BoxError, HttpClient, ProviderSpec, ProviderValues, Token, TokenResponse};
use tower_auth_store::{
    Connector, CredentialKey, CredentialStore, KeyRing, ListQuery, NewConnection, Owner, PostgresOptions, SqlBackend,
    SqliteOptions,
};

const SPEC: &str = "id = 'acme'\nbase_url = 'https://api.acme.test'\n[[auth]]\nkind = 'oauth2_code'\n\
    authorize_url = 'https://login.acme.test/authorize'\ntoken_url = 'https://login.acme.test/token'\nrotation = 'rotating'\n";

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let rows = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let folder = std::env::temp_dir().join(format!("tower-auth-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = SqliteOptions::file(folder.join("store.db")).open().await.unwrap();
    measure("SQLite", file, rows).await;
    std::fs::remove_dir_all(&folder).unwrap();
    match std::env::var("DATABASE_URL") {
        Ok(url) => {
            let prefix = format!("bench_{}_", std::process::id());
            let database = PostgresOptions::url(&url).unwrap().table_prefix(prefix).open().await.unwrap();
            measure("PostgreSQL", database, rows).await;
        }
        Err(_) => println!("PostgreSQL: DATABASE_URL is not set"),
    }
}

async fn measure(name: &str, backend: SqlBackend, rows: usize) {
    let asked = Arc::new(AtomicUsize::new(0));
    let spec = ProviderSpec::from_toml(SPEC).unwrap();
    let values = ProviderValues::new().env(|_| None).value("client_id", "i").value("client_secret", "s");
    let connector = Connector::new(spec).values(values).pace(Duration::ZERO);
    let store = CredentialStore::builder(backend, KeyRing::new("k", &KeyRing::generate_key()).unwrap())
        .http_client(provider(Arc::clone(&asked)))
        .connector(connector)
        .max_per_owner(u32::MAX)
        .renew_all_ahead()
        .sweep_interval(Duration::from_millis(50))
        .open()
        .await
        .unwrap();
    println!("{name}");
    warm_uses(&store, &asked).await;
    sweep(&store, &asked, 10_000).await;
    pages(&store, rows).await;
    store.close().await;
}

/// Uses of a hundred credentials whose tokens are in memory, by two tasks.
async fn warm_uses(store: &CredentialStore, asked: &AtomicUsize) {
    let owner = Owner::user("warm").unwrap();
    let mut keys = Vec::new();
    for _ in 0..100 {
        let info = import(store, &owner, 3_600).await;
        let key = CredentialKey::new(owner.clone(), info);
        store.tokens_of(&key).unwrap().ready().await.unwrap();
        keys.push(key);
    }
    let keys = Arc::new(keys);
    let begun = Instant::now();
    let users: Vec<_> = (0..2)
        .map(|number| {
            let (store, keys) = (store.clone(), Arc::clone(&keys));
            tokio::spawn(async move {
                let (mut count, until) = (0_u64, Instant::now() + Duration::from_secs(2));
                while Instant::now() < until {
                    for key in keys.iter().skip(number * 50).take(50) {
                        store.tokens_of(key).unwrap().try_current().unwrap();
                        count += 1;
                    }
                }
                count
            })
        })
        .collect();
    let mut count = 0;
    for user in users {
        count += user.await.unwrap();
    }
    let per_second = count as f64 / begun.elapsed().as_secs_f64();
    println!("  warm uses by two tasks             {per_second:>12.0} per second");
    assert_eq!(asked.load(Ordering::SeqCst), 0, "nobody was asked");
}

/// Credentials that are all due at once, renewed as fast as the database takes it.
async fn sweep(store: &CredentialStore, asked: &AtomicUsize, count: usize) {
    let owner = Owner::user("sweep").unwrap();
    let begun = Instant::now();
    for _ in 0..count {
        // Due at once: three quarters of this are over soon.
        import(store, &owner, 1).await;
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
    println!("  credentials kept                   {:>12.0} per second", rate(imported));
    println!("  sweep of {count} due, without a pace {:>10.0} per second, each once", rate(took));
    assert_eq!(asked.load(Ordering::SeqCst), count);
}

/// The first and the last page of lists of growing length.
async fn pages(store: &CredentialStore, most: usize) {
    let (owner, mut length) = (Owner::user("list").unwrap(), 0);
    let mut target = 1_000;
    while target <= most {
        while length < target {
            import(store, &owner, 86_400).await;
            length += 1;
        }
        let first = timed(store, &owner, ListQuery::new()).await;
        let (mut after, mut last) = (None, Duration::ZERO);
        for _ in 0..(length / 500) {
            let query = ListQuery::new().limit(500);
            let query = match after.take() {
                Some(after) => query.after(after),
                None => query,
            };
            let page = store.list(&owner, query).await.unwrap();
            if let Some(next) = page.next {
                last = timed(store, &owner, ListQuery::new().after(next.clone())).await;
                after = Some(next);
            }
        }
        println!("  page of 50 of {length:>7}: first {:>8.2} ms, last {:>8.2} ms", millis(first), millis(last));
        target *= 10;
    }
}

/// The median of some tries.
async fn timed(store: &CredentialStore, owner: &Owner, query: ListQuery) -> Duration {
    let mut times = Vec::new();
    for _ in 0..15 {
        let begun = Instant::now();
        store.list(owner, query.clone()).await.unwrap();
        times.push(begun.elapsed());
    }
    times.sort();
    times[times.len() / 2]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

async fn import(store: &CredentialStore, owner: &Owner, seconds: u64) -> tower_auth_store::CredentialId {
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
