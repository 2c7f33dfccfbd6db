//! API keys: their form, their records, and where those are found.
#![cfg(feature = "verify")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::HeaderMap;
use tower_auth_core::{
    ApiKeyLookup, ApiKeyRecord, ApiKeyVerifier, BoxError, Method, NewApiKey, Rejection, RejectionKind, Secret,
    Verified, Verifier,
};
use tower_auth_testing::TestClock;

fn presented(key: &Secret) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("x-api-key", key.expose_secret().parse().unwrap());
    headers
}

async fn verdict(verifier: &Verifier, key: &Secret) -> Result<Verified, RejectionKind> {
    verifier.verify(&presented(key)).await.map_err(|refusal| refusal.kind())
}

fn now(verifier: &Verifier, key: &Secret) -> Result<Verified, Rejection> {
    verifier.try_verify(&presented(key))
}

fn other(key: &Secret, from: &str, to: &str) -> Secret {
    Secret::from(key.expose_secret().replacen(from, to, 1))
}

// THREAT-V11
#[test]
fn a_generated_key_is_found_by_its_id_and_admitted_by_its_digest() {
    let (key, foreign) = (NewApiKey::generate("acme_live").unwrap(), NewApiKey::generate("acme_live").unwrap());
    let verifier = ApiKeyVerifier::new().key(key.id(), key.digest()).build().unwrap();
    let verified = now(&verifier, key.secret()).unwrap();
    assert_eq!(
        (verified.method(), verified.subject(), verified.client_id()),
        (Method::ApiKey, key.id(), Some(key.id()))
    );
    let borrowed_id = other(foreign.secret(), foreign.id(), key.id());
    for bad in [foreign.secret().clone(), borrowed_id, other(key.secret(), "acme", "acne"), Secret::from(key.id())] {
        assert_eq!(now(&verifier, &bad).unwrap_err().kind(), RejectionKind::UnknownApiKey);
    }
}

// THREAT-V11
#[test]
fn an_owner_has_two_keys_while_one_replaces_the_other() {
    let time = TestClock::new();
    let (old, new) = (NewApiKey::generate("acme").unwrap(), NewApiKey::generate("acme").unwrap());
    let end = time.now() + Duration::from_secs(60);
    let scopes = "orders:read orders:write".parse().unwrap();
    let verifier = ApiKeyVerifier::new()
        .record(old.record().subject("partner-1").scopes(&scopes).roles(["partner"]).not_after(end))
        .record(new.record().subject("partner-1").scopes(&"orders:read".parse().unwrap()))
        .clock(time.clock())
        .build()
        .unwrap();
    let by_old = now(&verifier, old.secret()).unwrap();
    assert_eq!((by_old.subject(), by_old.client_id(), by_old.expires_at()), ("partner-1", Some(old.id()), Some(end)));
    assert!(by_old.has_scopes(&scopes) && by_old.has_role("partner"));
    let by_new = now(&verifier, new.secret()).unwrap();
    assert_eq!((by_new.subject(), by_new.client_id(), by_new.expires_at()), ("partner-1", Some(new.id()), None));
    assert!(by_new.has_scope("orders:read") && !by_new.has_scope("orders:write") && !by_new.has_role("partner"));

    time.tick(Duration::from_secs(60));
    assert!(now(&verifier, old.secret()).is_ok(), "the last moment");
    time.tick(Duration::from_millis(1));
    let refusal = now(&verifier, old.secret()).unwrap_err();
    assert_eq!((refusal.kind(), refusal.status().as_u16()), (RejectionKind::Expired, 401));
    assert!(refusal.explain().contains(old.id()), "{}", refusal.explain());
    assert!(now(&verifier, new.secret()).is_ok());
    // Whoever does not have the key is not told that it has expired.
    let guess = other(old.secret(), "acme", "acne");
    assert_eq!(now(&verifier, &guess).unwrap_err().kind(), RejectionKind::UnknownApiKey);
}

// THREAT-V11
#[test]
fn keys_of_other_forms_go_on_working() {
    let (dotted, whole) =
        (Secret::from("partner-1.nq8Z0vJc5mWd2rXh7tKb"), Secret::from("8f14e45fceea167a5a36dedd4bea2543"));
    let ours = NewApiKey::generate("acme").unwrap();
    let verifier = ApiKeyVerifier::new()
        .key("partner-1", ApiKeyVerifier::digest(&dotted))
        .key("partner-2", ApiKeyVerifier::digest(&whole))
        // An id that is not the key's own.
        .key("partner-3", ours.digest())
        .build()
        .unwrap();
    for (key, subject) in [(&dotted, "partner-1"), (&whole, "partner-2"), (ours.secret(), "partner-3")] {
        assert_eq!(now(&verifier, key).unwrap().subject(), subject);
    }
    let strict = ApiKeyVerifier::new()
        .prefix("acme")
        .key("partner-1", ApiKeyVerifier::digest(&dotted))
        .record(ours.record())
        .build()
        .unwrap();
    assert!(now(&strict, ours.secret()).is_ok());
    assert_eq!(now(&strict, &dotted).unwrap_err().kind(), RejectionKind::UnknownApiKey, "not of the prefix");
}

/// A database of records.
#[derive(Clone, Default)]
struct Database {
    records: Arc<Mutex<Vec<(String, ApiKeyRecord)>>>,
    asked: Arc<AtomicUsize>,
}

impl Database {
    fn with(id: &str, record: ApiKeyRecord) -> Self {
        let database = Self::default();
        database.records.lock().unwrap().push((id.to_owned(), record));
        database
    }
}

impl ApiKeyLookup for Database {
    async fn look_up(&self, id: &str) -> Result<Option<ApiKeyRecord>, BoxError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        let records = self.records.lock().map_err(|_| "the database is down")?;
        Ok(records.iter().find(|(own, _)| own == id).map(|(_, record)| record.clone()))
    }
}

// THREAT-V11, THREAT-V16, GRPC-7
#[tokio::test]
async fn a_key_of_a_database_is_asked_for_by_its_id() {
    let (key, foreign, listed) = (
        NewApiKey::generate("acme").unwrap(),
        NewApiKey::generate("acme").unwrap(),
        NewApiKey::generate("acme").unwrap(),
    );
    let database = Database::with(key.id(), key.record().subject("partner-1"));
    let verifier = ApiKeyVerifier::new().record(listed.record()).lookup(database.clone()).build().unwrap();
    assert_eq!(verdict(&verifier, key.secret()).await.unwrap().subject(), "partner-1");
    assert_eq!(verdict(&verifier, foreign.secret()).await.unwrap_err(), RejectionKind::UnknownApiKey);
    let borrowed_id = Secret::from(format!("{}.secret", key.id()));
    assert_eq!(verdict(&verifier, &borrowed_id).await.unwrap_err(), RejectionKind::UnknownApiKey);
    assert_eq!(database.asked.swap(0, Ordering::Relaxed), 3);

    assert!(now(&verifier, listed.secret()).is_ok(), "needs no asking");
    let copied_badly = other(key.secret(), &key.id()[..1], "_");
    for bad in
        [copied_badly, Secret::from("no-id"), Secret::from("a b.c"), Secret::from(format!("{}.c", "a".repeat(129)))]
    {
        assert_eq!(now(&verifier, &bad).unwrap_err().kind(), RejectionKind::UnknownApiKey);
    }
    assert_eq!(database.asked.load(Ordering::Relaxed), 0, "what cannot be a key is not asked about");

    let refusal = now(&verifier, key.secret()).unwrap_err();
    assert_eq!(
        (refusal.kind(), refusal.grpc_code()),
        (RejectionKind::LookupUnavailable, 14),
        "a caller that cannot wait"
    );

    let broken = Arc::clone(&database.records);
    let _ = std::thread::spawn(move || {
        let _held = broken.lock().unwrap();
        panic!("as tested");
    })
    .join();
    assert_eq!(verdict(&verifier, key.secret()).await.unwrap_err(), RejectionKind::LookupUnavailable);
    assert!(verdict(&verifier, listed.secret()).await.is_ok());
}

// THREAT-A4
#[tokio::test]
async fn a_look_up_that_hangs_is_given_up() {
    let (time, key) = (TestClock::new(), NewApiKey::generate("acme").unwrap());
    let lookup = |_: String| pending::<Result<Option<ApiKeyRecord>, BoxError>>();
    let verifier = ApiKeyVerifier::new().lookup(lookup).clock(time.clock()).build().unwrap();
    let waiting = tokio::spawn(async move { verdict(&verifier, key.secret()).await });
    time.advance(Duration::from_millis(4_999)).await;
    assert!(!waiting.is_finished());
    time.advance(Duration::from_millis(1)).await;
    assert_eq!(waiting.await.unwrap().unwrap_err(), RejectionKind::LookupUnavailable);
}

#[tokio::test]
async fn a_closure_looks_up_too_and_its_records_may_have_an_end() {
    let (time, key) = (TestClock::new(), NewApiKey::generate("acme").unwrap());
    let (digest, end) = (key.digest(), time.now());
    let lookup = move |id: String| {
        let record = ApiKeyRecord::new(id, &digest).map(|record| Some(record.not_after(end)));
        async move { record }
    };
    let verifier = ApiKeyVerifier::new().prefix("acme").lookup(lookup).clock(time.clock()).build().unwrap();
    assert!(verdict(&verifier, key.secret()).await.is_ok());
    time.tick(Duration::from_secs(1));
    assert_eq!(verdict(&verifier, key.secret()).await.unwrap_err(), RejectionKind::Expired);
}

#[test]
fn records_with_mistakes_are_refused() {
    let key = NewApiKey::generate("acme").unwrap();
    assert!(ApiKeyRecord::new("", &key.digest()).is_err());
    let error = ApiKeyRecord::new("a", key.secret().expose_secret()).unwrap_err().to_string();
    assert!(error.contains(r#"the API key "a""#) && !error.contains(key.secret().expose_secret()), "{error}");
    let twice = ApiKeyVerifier::new().record(key.record()).record(key.record());
    assert!(twice.build().unwrap_err().to_string().contains("there twice"));
    let same = ApiKeyVerifier::new().record(key.record()).key("other", key.digest());
    assert!(same.build().unwrap_err().to_string().contains("the same key"));
    assert!(ApiKeyVerifier::new().record(key.record()).prefix("Acme").build().is_err());
}

// THREAT-L1
#[test]
fn records_and_refusals_do_not_show_the_key() {
    let key = NewApiKey::generate("acme").unwrap();
    let verifier = ApiKeyVerifier::new().record(NewApiKey::generate("acme").unwrap().record());
    let refusal = verifier.clone().build().unwrap().try_verify(&presented(key.secret())).unwrap_err();
    let shown = format!("{:?} {verifier:?} {key:?} {refusal} {refusal:?}", key.record());
    assert!(shown.contains(key.id()));
    let secret = key.secret().expose_secret().rsplit('_').next().unwrap();
    assert!(!shown.contains(secret) && !shown.contains(&key.digest()[7..]), "{shown}");
}
