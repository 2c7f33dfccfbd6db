//! Renewals as callers see them, over a provider in memory.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use tower_auth_core::{BoxError, HttpClient, ProviderSpec, ProviderValues};
use tower_auth_store::{Connector, CredentialStore, KeyRing, NewConnection, Owner, SqliteOptions};

const SPEC: &str = r#"
id = "acme"
base_url = "https://api.acme.test"
[[auth]]
key = "login"
kind = "oauth2_password"
token_url = "https://login.acme.test/token"
refresh = "by_refresh_token"
[[auth]]
key = "key"
kind = "api_key"
[[auth.verify]]
url = "{base_url}/me"
"#;

#[derive(Clone, Default)]
struct Provider {
    asked: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Provider {
    fn client(&self) -> HttpClient {
        let own = self.clone();
        HttpClient::new(tower::service_fn(move |request: Request<Bytes>| {
            let own = own.clone();
            async move {
                let body = String::from_utf8_lossy(request.body()).into_owned();
                if request.uri().path() == "/me" {
                    let ok = request.headers()["authorization"] == "Bearer k3y";
                    return Ok::<_, BoxError>(
                        Response::builder().status(if ok { 200 } else { 401 }).body(Bytes::from("{}")).unwrap(),
                    );
                }
                let number = own.asked.fetch_add(1, Ordering::SeqCst) + 1;
                own.seen.lock().unwrap().push(body);
                tokio::task::yield_now().await;
                let text = format!(
                    r#"{{"access_token":"at-{number}","token_type":"Bearer","expires_in":2,"refresh_token":"rt-{number}"}}"#
                );
                Ok(Response::builder().header("content-type", "application/json").body(Bytes::from(text)).unwrap())
            }
        }))
    }
}

async fn store(provider: &Provider, backend: tower_auth_store::SqlBackend, keys: &KeyRing) -> CredentialStore {
    let spec = ProviderSpec::from_toml(SPEC).unwrap_or_else(|errors| panic!("{errors}"));
    let values = ProviderValues::new().env(|_| None).value("client_id", "i").value("client_secret", "s");
    let connector = Connector::new(spec).values(values);
    CredentialStore::builder(backend, keys.clone())
        .http_client(provider.client())
        .connector(connector)
        .open()
        .await
        .unwrap()
}

// SYS-C16
#[tokio::test]
async fn a_token_is_renewed_when_it_ends_and_by_one_store_of_two() {
    let provider = Provider::default();
    let keys = KeyRing::new("k1", &KeyRing::generate_key()).unwrap();
    let backend = SqliteOptions::memory().open().await.unwrap();
    let (one, two) = (store(&provider, backend.clone(), &keys).await, store(&provider, backend, &keys).await);
    let owner = Owner::user("alice").unwrap();
    let new = NewConnection::new("acme").method("login").value("username", "u").value("password", "p");
    let info = one.create(&owner, new).await.unwrap();
    assert_eq!(provider.asked.load(Ordering::SeqCst), 1);
    let token = |store: &CredentialStore| {
        let cache = store.tokens(&owner, info.id).unwrap();
        async move { cache.token().await.map(|token| token.secret().expose_secret().to_owned()) }
    };
    assert_eq!(token(&one).await.unwrap(), "at-1");
    assert_eq!(token(&two).await.unwrap(), "at-1");
    assert_eq!(provider.asked.load(Ordering::SeqCst), 1);
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    let (a, b) = tokio::join!(token(&one), token(&two));
    assert_eq!((a.unwrap(), b.unwrap()), ("at-2".to_owned(), "at-2".to_owned()));
    assert_eq!(provider.asked.load(Ordering::SeqCst), 2);
    assert!(provider.seen.lock().unwrap()[1].contains("refresh_token=rt-1"), "{:?}", provider.seen);
    let other = Owner::user("mallory").unwrap();
    assert_eq!(one.get(&other, info.id).await.unwrap_err().code(), "store.not_found");
    let error = one.tokens(&other, info.id).unwrap().token().await.unwrap_err();
    assert_eq!(tower_auth_store::StoreError::find(&error).unwrap().code(), "store.not_found");
}

// SYS-C14
#[tokio::test]
async fn an_api_key_is_kept_if_it_works_and_refused_with_a_reason_if_not() {
    let provider = Provider::default();
    let keys = KeyRing::new("k1", &KeyRing::generate_key()).unwrap();
    let one = store(&provider, SqliteOptions::memory().open().await.unwrap(), &keys).await;
    let owner = Owner::user("alice").unwrap();
    let new = |key: &str| NewConnection::new("acme").method("key").value("api_key", key);
    let error = one.create(&owner, new("wrong")).await.unwrap_err();
    assert_eq!(error.code(), "store.refused", "{error}");
    let info = one.create(&owner, new("k3y")).await.unwrap();
    let mut request = Request::new(());
    *request.uri_mut() = "https://api.acme.test/x".parse().unwrap();
    let current = one.tokens(&owner, info.id).unwrap().current().await.unwrap();
    current.credential.apply(&mut request).unwrap();
    assert_eq!(request.headers()["authorization"], "Bearer k3y");
    assert_eq!(one.test(&owner, info.id).await.unwrap().status.as_str(), "valid");
}
