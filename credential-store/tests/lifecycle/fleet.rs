//! What one process learns of another's changes.

use std::time::Duration;

use tower_auth_store::{CredentialStore, NewConnection, StoreErrorKind};
use tower_auth_testing::{ApiKeyProvider, Endpoint};

use crate::support::*;

async fn pair(
    database: &Database,
    provider: &tower_auth_testing::OAuthProvider,
    keyed_provider: &ApiKeyProvider,
) -> [CredentialStore; 2] {
    let keys = ring();
    let open = async || {
        builder(database.open().await, &keys)
            .connector(acme(provider))
            .connector(keyed(keyed_provider))
            .open()
            .await
            .unwrap()
    };
    [open().await, open().await]
}

// SYS-C17, THREAT-K3
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_store_changes_the_cache_of_another_takes_in_within_seconds() {
    for database in Database::all().await {
        let provider = provider(|builder| builder.account("alice").account("bob")).await;
        let keyed_provider = ApiKeyProvider::builder().listen().await.unwrap();
        let [one, two] = pair(&database, &provider, &keyed_provider).await;
        let running = [tokio::spawn(one.run()), tokio::spawn(two.run())];
        // Both listen, or have looked once.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let alice = owner("alice");
        let within = Duration::from_secs(5);

        // New tokens come by themselves: no request of the second store's reaches the provider.
        let id = connect(&one, &provider, &alice, "alice").await.credential.id;
        let cache = two.tokens(&alice, id).unwrap();
        let first = cache.token().await.unwrap();
        database.run("UPDATE {credentials} SET expires_at = 1").await;
        let renewed = tower_auth_core::TokenCache::new(one.stored(&alice, id)).token().await.unwrap();
        assert_ne!(renewed.secret(), first.secret());
        eventually(within, "new tokens did not come", || async {
            cache.token().await.unwrap().secret() == renewed.secret()
        })
        .await;
        assert_eq!(provider.request_count(Endpoint::Token), 2);

        // Another account.
        let begun = one.begin_login(&alice, login(NewConnection::new("acme")).reconnect(id)).await.unwrap();
        let answer = consent(&provider, &begun.url, "bob");
        one.finish_login("acme", &answer, BROWSER).await.unwrap();
        let now = token(&one, &alice, id).await.unwrap();
        eventually(within, "a reconnection did not come", || async {
            cache.token().await.unwrap().secret().expose_secret() == now
        })
        .await;
        one.rename(&alice, id, "Another").await.unwrap();
        assert_eq!(two.get(&alice, id).await.unwrap().label, "Another");

        // The end.
        let kind = async |cache: &tower_auth_core::TokenCache| {
            let error = cache.token().await.err()?;
            Some(tower_auth_store::StoreError::find(&error)?.kind())
        };
        one.revoke(&alice, id).await.unwrap();
        eventually(within, "a revocation did not come", || async {
            kind(&cache).await == Some(StoreErrorKind::Revoked)
        })
        .await;
        let id = connect(&one, &provider, &alice, "alice").await.credential.id;
        let cache = two.tokens(&alice, id).unwrap();
        cache.token().await.unwrap();
        one.delete(&alice, id).await.unwrap();
        eventually(within, "a deletion did not come", || async {
            kind(&cache).await == Some(StoreErrorKind::NotFound)
        })
        .await;

        // A key that never changes by itself.
        let key = keyed_provider.issue("alice");
        let new = |key| NewConnection::new("keyed").value("api_key", key);
        let id = one.create(&alice, new(key.clone())).await.unwrap().id;
        assert_eq!(header(&two, &alice, id).await.unwrap(), format!("Bearer {}", key.expose_secret()));
        let key = keyed_provider.rotate(&key).unwrap();
        one.reconnect(&alice, id, new(key.clone())).await.unwrap();
        eventually(within, "a new key did not come", || async {
            header(&two, &alice, id).await.unwrap() == format!("Bearer {}", key.expose_secret())
        })
        .await;
        one.delete(&alice, id).await.unwrap();
        eventually(within, "a key went on serving", || async { header(&two, &alice, id).await.is_err() }).await;
        for running in running {
            running.abort();
        }
        one.close().await;
        two.close().await;
        database.end().await;
    }
}

// Without the store's own work a key is looked up again after a while.
#[tokio::test]
async fn a_key_that_was_deleted_elsewhere_ends_without_news_too() {
    let database = Database::sqlite();
    let keyed_provider = ApiKeyProvider::builder().listen().await.unwrap();
    let keys = ring();
    let open = async || {
        builder(database.open().await, &keys)
            .connector(keyed(&keyed_provider))
            .recheck(Duration::from_millis(300))
            .open()
            .await
            .unwrap()
    };
    let (one, two) = (open().await, open().await);
    let alice = owner("alice");
    let new = NewConnection::new("keyed").value("api_key", keyed_provider.issue("alice"));
    let id = one.create(&alice, new).await.unwrap().id;
    header(&two, &alice, id).await.unwrap();
    one.delete(&alice, id).await.unwrap();
    eventually(Duration::from_secs(5), "it went on serving", || async { header(&two, &alice, id).await.is_err() })
        .await;
}

// A source of one's own does not get the news of the store's cache.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_key_comes_to_the_cache_of_another_store_whatever_other_sources_there_are() {
    let (database, provider) = (Database::sqlite(), provider(|builder| builder).await);
    let keyed_provider = ApiKeyProvider::builder().listen().await.unwrap();
    let [one, two] = pair(&database, &provider, &keyed_provider).await;
    let running = tokio::spawn(two.run());
    tokio::time::sleep(Duration::from_millis(300)).await;
    let alice = owner("alice");
    let key = keyed_provider.issue("alice");
    let new = |key| NewConnection::new("keyed").value("api_key", key);
    let id = one.create(&alice, new(key.clone())).await.unwrap().id;
    header(&two, &alice, id).await.unwrap();
    let other = two.stored(&alice, id);
    other.cache_builder().build().unwrap().current().await.unwrap();
    let key = keyed_provider.rotate(&key).unwrap();
    one.reconnect(&alice, id, new(key.clone())).await.unwrap();
    // It has seen the new one already when the news comes.
    other.connection().await.unwrap();
    eventually(Duration::from_secs(5), "a new key did not come", || async {
        header(&two, &alice, id).await.unwrap() == format!("Bearer {}", key.expose_secret())
    })
    .await;
    running.abort();
}
