//! What applications are told by webhooks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use tower_auth_core::Secret;
use tower_auth_store::{EventKind, NewConnection, Webhook};
use tower_auth_testing::ApiKeyProvider;

use crate::support::*;

const SECRET: &str = "a secret of the webhook, long enough";

/// What came.
type Message = (HeaderMap, Vec<u8>);

/// The application's side.
#[derive(Clone, Default)]
struct Receiver {
    /// Statuses for the next messages; then success.
    statuses: Arc<Mutex<Vec<StatusCode>>>,
    got: Arc<Mutex<Vec<Message>>>,
}

impl Receiver {
    async fn listen(&self) -> String {
        let app = axum::Router::new().fallback(Self::take).with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        url
    }

    async fn take(State(own): State<Self>, headers: HeaderMap, body: Bytes) -> StatusCode {
        own.got.lock().unwrap().push((headers, body.to_vec()));
        let mut statuses = own.statuses.lock().unwrap();
        if statuses.is_empty() { StatusCode::NO_CONTENT } else { statuses.remove(0) }
    }

    fn got(&self) -> Vec<(HeaderMap, Vec<u8>)> {
        self.got.lock().unwrap().clone()
    }
}

async fn hurry(database: &Database) {
    database.run("UPDATE {jobs} SET next_at = 1 WHERE attempts > 0 AND next_at > 1000000000000").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_told_until_it_is_answered_signed_and_without_a_secret() {
    for database in Database::all().await {
        let receiver = Receiver::default();
        let url = receiver.listen().await;
        let provider = ApiKeyProvider::builder().listen().await.unwrap();
        let keys = ring();
        let open = async || {
            let webhook = Webhook::new(url.as_str(), &Secret::from(SECRET)).unwrap();
            builder(database.open().await, &keys).connector(keyed(&provider)).webhook(webhook).open().await.unwrap()
        };
        let store = open().await;
        let alice = owner("alice");
        let key = provider.issue("alice");
        let new = NewConnection::new("keyed").value("api_key", key.clone()).label("s3ntinel label");
        let id = store.create(&alice, new).await.unwrap().id;
        store.delete(&alice, id).await.unwrap();
        // They outlive the process that they happened in.
        assert_eq!(store.status().await.unwrap().messages_waiting, 2);
        store.close().await;
        receiver.statuses.lock().unwrap().extend([StatusCode::BAD_GATEWAY, StatusCode::FOUND, StatusCode::GONE]);
        let (one, two) = (open().await, open().await);
        let running = [tokio::spawn(one.run()), tokio::spawn(two.run())];
        eventually(Duration::from_secs(20), "not told", || async {
            hurry(&database).await;
            one.status().await.unwrap().messages_waiting == 0
        })
        .await;
        let got = receiver.got();
        assert_eq!(got.len(), 5, "two messages, three of which failed first");
        let mut kinds = BTreeMap::new();
        for (headers, body) in &got {
            let message = Webhook::verify(&Secret::from(SECRET), headers, body, SystemTime::now()).unwrap();
            let later = SystemTime::now() + Duration::from_secs(600);
            assert!(Webhook::verify(&Secret::from(SECRET), headers, body, later).is_err(), "a replay is too old");
            let text = String::from_utf8(body.clone()).unwrap();
            assert!(!text.contains(key.expose_secret()) && !text.contains("s3ntinel"), "{text}");
            let event: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(event["credential"], id.to_string());
            assert_eq!(event["owner"], serde_json::json!({ "tenant": "tenant", "user": "alice" }));
            // The same id each time, so that whoever was told twice notices.
            let known = kinds.insert(event["kind"].as_str().unwrap().to_owned(), message.clone());
            assert!(known.is_none_or(|known| known == message));
        }
        assert_eq!(kinds.keys().map(String::as_str).collect::<Vec<_>>(), ["credential.created", "credential.deleted"]);
        for running in running {
            running.abort();
        }
        one.close().await;
        two.close().await;
        database.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_hangs_holds_up_no_other_and_each_hears_what_it_wants() {
    for database in Database::all().await {
        let receiver = Receiver::default();
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hanging = format!("http://{}/", silent.local_addr().unwrap());
        let provider = ApiKeyProvider::builder().listen().await.unwrap();
        let secret = Secret::from(SECRET);
        let store = builder(database.open().await, &ring())
            .connector(keyed(&provider))
            .webhook(Webhook::new(hanging, &secret).unwrap().only([EventKind::Created]))
            .webhook(Webhook::new(receiver.listen().await, &secret).unwrap().only([EventKind::Revoked]))
            .open()
            .await
            .unwrap();
        let alice = owner("alice");
        let new = NewConnection::new("keyed").value("api_key", provider.issue("alice"));
        let id = store.create(&alice, new).await.unwrap().id;
        database.double_jobs(9).await;
        store.revoke(&alice, id).await.unwrap();
        let running = tokio::spawn(store.run());
        eventually(Duration::from_secs(8), "held up", || async { receiver.got().len() == 1 }).await;
        assert!(store.status().await.unwrap().messages_waiting >= 512);
        running.abort();
        store.close().await;
        database.end().await;
    }
}

// What nobody tries, because nobody answers, is given up in its time all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_to_an_address_that_has_not_answered_for_days_are_dropped() {
    let database = Database::sqlite();
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let provider = ApiKeyProvider::builder().listen().await.unwrap();
    let store = builder(database.open().await, &ring())
        .connector(keyed(&provider))
        .webhook(Webhook::new(format!("http://{gone}/"), &Secret::from(SECRET)).unwrap())
        .open()
        .await
        .unwrap();
    let new = NewConnection::new("keyed").value("api_key", provider.issue("alice"));
    store.create(&owner("alice"), new).await.unwrap();
    database.double_jobs(7).await;
    database.run("UPDATE {jobs} SET created_at = created_at - 4 * 86400000 WHERE id % 2 = 0").await;
    let running = tokio::spawn(store.run());
    eventually(Duration::from_secs(10), "not dropped", || async {
        store.status().await.unwrap().messages_waiting == 64
    })
    .await;
    running.abort();
}
