//! Where one thing ends and another begins: the last minutes of a token, a user's own client, a database that lost a part.

use std::time::{Duration, SystemTime};

use tower_auth_core::{Token, TokenErrorKind, TokenResponse};
use tower_auth_store::{CredentialStatus, EventKind, NewConnection, Owner, StoreErrorKind};
use tower_auth_testing::{Endpoint, Fault};

use crate::support::*;

fn once(seconds: u64) -> TokenResponse {
    TokenResponse::new(Token::new("t0ken").unwrap()).expires_in(Duration::from_secs(seconds))
}

// SYS-U14
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_nobody_renews_serves_to_its_end_and_ends_as_what_it_is() {
    let (database, provider) = (Database::sqlite(), provider(|builder| builder).await);
    let store = store(&database, &ring(), &provider).await;
    let alice = owner("alice");
    let info = store.import(&alice, NewConnection::new("acme"), once(12), SystemTime::now()).await.unwrap();
    assert!(!info.renews);
    let begun = std::time::Instant::now();
    // In use all the while, so that its cache asks for the next one ahead of the end: in the last quarter of its life. A second is left to a busy machine
    // before the tenth in which it is not used any more.
    while begun.elapsed() < Duration::from_millis(9_800) {
        assert_eq!(token(&store, &alice, info.id).await.unwrap(), "t0ken", "{:?}", begun.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(store.get(&alice, info.id).await.unwrap().status, CredentialStatus::Valid);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(token(&store, &alice, info.id).await.unwrap_err().kind(), StoreErrorKind::ExpiredManual);
    assert_eq!(provider.request_count(Endpoint::Token), 0);
}

// SYS-C17
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_the_users_own_is_the_users_fault_and_not_the_connectors() {
    const OWN: &str = "id = 'acme'\nbase_url = '{origin}'\n[[auth]]\nkind = 'oauth2_code'\nauthorize_url = '{origin}/authorize'\n\
        token_url = '{origin}/token'\nrotation = 'rotating'\n[[auth.fields]]\nname = 'client_id'\nscope = 'credential'\n[[auth.fields]]\n\
        name = 'client_secret'\nsecret = true\nscope = 'credential'\n";
    let (database, provider) = (Database::sqlite(), provider(|builder| builder).await);
    let text = OWN.replace("{origin}", provider.url("").trim_end_matches('/'));
    let connector = tower_auth_store::Connector::new(spec(&text)).values(operator(&[]));
    let connector = connector.connection(|builder| builder.allow_loopback_http());
    let store = builder(database.open().await, &ring()).connector(connector).open().await.unwrap();
    let alice = owner("alice");
    let new = NewConnection::new("acme").value("client_id", provider.client_id()).value("client_secret", "replaced");
    let refresh_token = provider.issue_refresh_token("alice", "read".parse().unwrap());
    let tokens = once(1).with_refresh_token(refresh_token);
    let ended = SystemTime::now() - Duration::from_secs(10);
    let id = store.import(&alice, new, tokens, ended).await.unwrap().id;
    assert_eq!(token(&store, &alice, id).await.unwrap_err().kind(), StoreErrorKind::NeedsReauth);
    let info = store.get(&alice, id).await.unwrap();
    assert_eq!((info.status, info.provider_error.as_deref()), (CredentialStatus::NeedsReauth, Some("invalid_client")));
    assert!(store.status().await.unwrap().faults.is_empty());
}

// THREAT-S3
#[tokio::test]
async fn a_store_whose_own_key_is_gone_does_not_begin_with_another() {
    let (database, provider, keys) = (Database::sqlite(), provider(|builder| builder).await, ring());
    let first = store(&database, &keys, &provider).await;
    import(&first, &provider, &owner("alice"), "alice").await;
    first.close().await;
    database.run("DELETE FROM {store_key}").await;
    let again = builder(database.open().await, &keys).connector(acme(&provider)).open().await;
    assert_eq!(again.unwrap_err().kind(), StoreErrorKind::Broken);
    assert_eq!(database.number("SELECT COUNT(*) FROM {store_key}").await, 0);
}

// SYS-C20
#[tokio::test]
async fn whoever_listens_is_told_of_a_stranger_who_asks() {
    let (database, provider) = (Database::sqlite(), provider(|builder| builder).await);
    let store = store(&database, &ring(), &provider).await;
    let (alice, mallory): (Owner, Owner) = (owner("alice"), owner("mallory"));
    let id = import(&store, &provider, &alice, "alice").await.id;
    let mut events = store.events();
    assert_eq!(store.get(&mallory, id).await.unwrap_err().kind(), StoreErrorKind::NotFound);
    let event = events.next().await.unwrap();
    assert_eq!((event.kind, event.credential, event.owner), (EventKind::OwnershipDenied, id, alice));
    let trail = store.audit_trail_all(Some(id), 0, 100).await.unwrap();
    let denied = trail.iter().find(|entry| entry.result == "ownership_denied").unwrap();
    assert_eq!(denied.owner, Some(store.digest_of(&mallory)));
}

// THREAT-S12
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_come_when_their_credential_is_gone_are_ended_at_the_provider() {
    let (database, provider) = (Database::sqlite(), provider(|builder| builder).await);
    let store = builder(database.open().await, &ring())
        .connector(acme(&provider))
        .request_timeout(Duration::from_secs(6))
        .lease(Duration::from_secs(12))
        .open()
        .await
        .unwrap();
    let alice = owner("alice");
    let id = import(&store, &provider, &alice, "alice").await.id;
    // The answer is on its way while the row is taken from under the renewal.
    provider.fault(Endpoint::Token, Fault::late_answer(Duration::from_secs(2)));
    let using = tokio::spawn({
        let (store, alice) = (store.clone(), alice.clone());
        async move { token(&store, &alice, id).await }
    });
    eventually(Duration::from_secs(20), "the provider is asked", || async {
        provider.request_count(Endpoint::Token) > 0
    })
    .await;
    database.run("UPDATE {credentials} SET status = 'revoked', generation = generation + 1").await;
    assert!(using.await.unwrap().is_err());
    assert_eq!(store.status().await.unwrap().revocations_waiting, 1);
    let running = tokio::spawn(store.run());
    eventually(Duration::from_secs(20), "the provider is told", || async {
        store.status().await.unwrap().revocations_waiting == 0
    })
    .await;
    let report = provider.report();
    assert!(report.families.iter().all(|family| family.is_revoked), "{report:?}");
    store.close().await;
    running.await.unwrap();
}

// THREAT-S6
#[tokio::test]
async fn further_tokens_of_a_stored_credential_never_spend_its_refresh_token() {
    let (database, provider) = (Database::sqlite(), provider(|builder| builder.account("alice")).await);
    let toml = format!("{}\n[[auth.secondary_tokens]]\nname = 'other'\n", provider.provider_toml("acme"));
    let store = builder(database.open().await, &ring()).connector(described(&toml, &provider)).open().await.unwrap();
    let alice = owner("alice");
    let id = connect(&store, &provider, &alice, "alice").await.credential.id;
    let source = store.stored(&alice, id);
    source.cache_builder().build().unwrap().current().await.unwrap();
    let before = provider.request_count(Endpoint::Token);
    for _ in 0..2 {
        let further = source.connection().await.unwrap().secondary("other").unwrap();
        let error = further.token().await.unwrap_err();
        assert_eq!(error.kind(), TokenErrorKind::Refused, "{error:?}");
        // That shows the token to the connection.
        store.test(&alice, id).await.unwrap();
    }
    assert_eq!(provider.request_count(Endpoint::Token), before);
    assert_eq!(provider.report().max_presentations, 0);
}

#[tokio::test]
async fn token_requests_of_one_credential_are_as_far_apart_as_its_provider_wants() {
    for database in Database::all().await {
        let provider = provider(|builder| builder.account("alice")).await;
        let limit = "limits = { token_calls = { count = 3, per = '4s' } }\nissuer";
        let toml = provider.provider_toml("acme").replacen("issuer", limit, 1);
        let keys = ring();
        let open =
            async || builder(database.open().await, &keys).connector(described(&toml, &provider)).open().await.unwrap();
        let (one, two) = (open().await, open().await);
        let alice = owner("alice");
        let id = connect(&one, &provider, &alice, "alice").await.credential.id;
        // The first renewal may come at once, and the next one not, whoever asks.
        database.run("UPDATE {credentials} SET expires_at = 1").await;
        token(&one, &alice, id).await.unwrap();
        database.run("UPDATE {credentials} SET expires_at = 1").await;
        let error = token(&two, &alice, id).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::ProviderUnavailable);
        assert!(error.retry_in().unwrap() <= Duration::from_secs(2), "{error:?}");
        assert_eq!(provider.request_count(Endpoint::Token), 2);
        tokio::time::sleep(Duration::from_millis(2_100)).await;
        token(&two, &alice, id).await.unwrap();
        // A failure counts too.
        tokio::time::sleep(Duration::from_millis(2_100)).await;
        database.run("UPDATE {credentials} SET expires_at = 1").await;
        provider.fault(Endpoint::Token, Fault::status(http::StatusCode::SERVICE_UNAVAILABLE));
        let third = open().await;
        let error = token(&third, &alice, id).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::ProviderUnavailable);
        let wait = "SELECT next_attempt_at - updated_at FROM {credentials}";
        assert!(database.number(wait).await >= 1_900, "{}", database.number(wait).await);
        for store in [one, two, third] {
            store.close().await;
        }
        database.end().await;
    }
}
