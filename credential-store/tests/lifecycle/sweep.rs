//! Renewals that nobody asks for.

use std::time::{Duration, Instant, SystemTime};

use http::StatusCode;
use tower_auth_core::{Token, TokenResponse};
use tower_auth_store::{CredentialStatus, CredentialStore, EventKind, NewConnection, StoreErrorKind};
use tower_auth_testing::{Endpoint, Fault, OAuthProvider};

use crate::support::*;

async fn sweeping(
    database: &Database,
    keys: &tower_auth_store::KeyRing,
    provider: &OAuthProvider,
    pace: u64,
) -> CredentialStore {
    builder(database.open().await, keys)
        .connector(acme(provider).pace(Duration::from_millis(pace)))
        .sweep_interval(Duration::from_millis(50))
        .open()
        .await
        .unwrap()
}

// THREAT-S8, THREAT-A8
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_due_is_renewed_once_by_two_stores_at_the_connector_s_pace() {
    const COUNT: usize = 300;
    for database in Database::all().await {
        let provider = provider(|builder| builder).await;
        let keys = ring();
        let (one, two) =
            (sweeping(&database, &keys, &provider, 10).await, sweeping(&database, &keys, &provider, 10).await);
        let alice = owner("alice");
        for _ in 0..COUNT {
            let refresh_token = provider.issue_refresh_token("alice", "read".parse().unwrap());
            import_token(&one, &alice, refresh_token, Duration::from_secs(3600)).await;
        }
        // Nothing is due: nothing is renewed.
        let running = [tokio::spawn(one.run()), tokio::spawn(two.run())];
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(provider.request_count(Endpoint::Token), 0);
        let begun = Instant::now();
        database.run("UPDATE {credentials} SET refresh_at = 1").await;
        eventually(Duration::from_secs(60), "not all were renewed", || async { provider.report().rotations >= COUNT })
            .await;
        let took = begun.elapsed();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let report = provider.report();
        assert_eq!((report.rotations, report.max_presentations, report.reuses), (COUNT, 1, 0));
        // 300 turns of 10 ms, but for the first batch.
        assert!(took >= Duration::from_millis(2_800), "{took:?}");
        assert_eq!(
            database.number("SELECT COUNT(*) FROM {credentials} WHERE generation = 2 AND lease_until IS NULL").await,
            300
        );
        for running in running {
            running.abort();
        }
        one.close().await;
        two.close().await;
        database.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_credential_is_kept_alive() {
    let (database, provider, keys) = (Database::sqlite(), provider(|builder| builder).await, ring());
    let store = builder(database.open().await, &keys)
        .connector(acme(&provider))
        .keep_alive(Some(Duration::from_secs(1)))
        .sweep_interval(Duration::from_millis(50))
        .open()
        .await
        .unwrap();
    let refresh_token = provider.issue_refresh_token("alice", "read".parse().unwrap());
    import_token(&store, &owner("alice"), refresh_token, Duration::from_secs(3600)).await;
    let running = tokio::spawn(store.run());
    eventually(Duration::from_secs(10), "not kept alive", || async { provider.report().rotations >= 2 }).await;
    assert_eq!(provider.report().max_presentations, 1);
    running.abort();
}

// THREAT-S9: a fault of the connector is no credential's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_turned_away_is_told_once_and_costs_no_credential_anything() {
    for database in Database::all().await {
        let provider = provider(|builder| builder).await;
        let keys = ring();
        let store = sweeping(&database, &keys, &provider, 5).await;
        let alice = owner("alice");
        let mut ids = Vec::new();
        for _ in 0..20 {
            ids.push(import(&store, &provider, &alice, "alice").await.id);
        }
        let mut events = store.events();
        provider.fault(Endpoint::Token, Fault::oauth_error(StatusCode::UNAUTHORIZED, "invalid_client").always());
        database.run("UPDATE {credentials} SET refresh_at = 1").await;
        let running = tokio::spawn(store.run());
        eventually(Duration::from_secs(10), "no fault", || async { !store.status().await.unwrap().faults.is_empty() })
            .await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        // As many as have room at once had left before anybody knew.
        assert!(provider.request_count(Endpoint::Token) <= 17, "{}", provider.request_count(Endpoint::Token));
        let event = events.next().await.unwrap();
        assert_eq!((event.kind, event.reason.as_deref()), (EventKind::RefreshFailed, Some("invalid_client")));
        assert!(tokio::time::timeout(Duration::from_millis(100), events.next()).await.is_err(), "it is told once");
        for id in &ids {
            assert_eq!(store.get(&alice, *id).await.unwrap().status, CredentialStatus::Valid);
        }
        // Mended by the operator, the first success ends it, and all go on.
        provider.clear_faults();
        database.run("UPDATE {credentials} SET next_attempt_at = NULL").await;
        token(&store, &alice, ids[0]).await.unwrap();
        // The sweep may have made that renewal, and notes the end of the fault after the tokens.
        eventually(Duration::from_secs(10), "the fault stays", || async {
            store.status().await.unwrap().faults.is_empty()
        })
        .await;
        database.run("UPDATE {credentials} SET next_attempt_at = NULL").await;
        database.run("UPDATE {connectors} SET next_turn_at = 0").await;
        eventually(Duration::from_secs(20), "not all were renewed", || async { provider.report().rotations == 20 })
            .await;
        running.abort();
        store.close().await;
        database.end().await;
    }
}

// What cannot be renewed at all is not tried at every turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_credential_that_is_due_holds_up_no_other_and_rests() {
    let (database, provider, keys) = (Database::sqlite(), provider(|builder| builder).await, ring());
    let store = sweeping(&database, &keys, &provider, 5).await;
    let alice = owner("alice");
    let damaged = import(&store, &provider, &alice, "alice").await.id;
    for _ in 0..5 {
        import(&store, &provider, &alice, "alice").await;
    }
    database.set_cell(damaged, "data_key", "00").await;
    database.run("UPDATE {credentials} SET refresh_at = 1").await;
    let running = tokio::spawn(store.run());
    eventually(Duration::from_secs(10), "others wait", || async { provider.report().rotations == 5 }).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let attempts = format!("SELECT attempts FROM {{credentials}} WHERE id = '{damaged}'");
    assert_eq!(database.number(&attempts).await, 1);
    let info = store.get(&alice, damaged).await.unwrap();
    assert_eq!((info.status, info.reason.as_deref()), (CredentialStatus::Valid, Some("store.damaged")));
    assert_eq!(token(&store, &alice, damaged).await.unwrap_err().kind(), StoreErrorKind::Damaged);
    assert!(store.status().await.unwrap().behind.is_empty());
    running.abort();
}

// A provider that does not answer holds up its own credentials alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_hangs_holds_up_no_other_connector() {
    let (database, slow, quick) =
        (Database::sqlite(), provider(|builder| builder).await, provider(|builder| builder).await);
    let store = builder(database.open().await, &ring())
        .connector(described(&slow.provider_toml("slow"), &slow))
        .connector(acme(&quick))
        .sweep_interval(Duration::from_millis(50))
        .open()
        .await
        .unwrap();
    let alice = owner("alice");
    let tokens = || {
        tower_auth_core::TokenResponse::new(tower_auth_core::Token::new("at").unwrap())
            .expires_in(Duration::from_secs(3600))
            .with_refresh_token(slow.issue_refresh_token("alice", "read".parse().unwrap()))
    };
    slow.fault(Endpoint::Token, Fault::hang().always());
    let now = std::time::SystemTime::now();
    store.import(&alice, tower_auth_store::NewConnection::new("slow"), tokens(), now).await.unwrap();
    let running = tokio::spawn(store.run());
    database.run("UPDATE {credentials} SET refresh_at = 1").await;
    eventually(Duration::from_secs(10), "not asked", || async { slow.request_count(Endpoint::Token) == 1 }).await;
    import(&store, &quick, &alice, "alice").await;
    database.run("UPDATE {credentials} SET refresh_at = 1 WHERE connector = 'acme'").await;
    eventually(Duration::from_secs(5), "held up", || async { quick.report().rotations == 1 }).await;
    running.abort();
}

/// A store whose connector has a second environment with a host that takes connections and never answers, and `dead` credentials there, which are the most
/// overdue, and `live` ones.
async fn beside_a_dead_host(
    database: &Database,
    provider: &OAuthProvider,
    silent: &tokio::net::TcpListener,
    (dead, live): (usize, usize),
) -> CredentialStore {
    let hanging = format!("http://{}/token", silent.local_addr().unwrap());
    let toml = format!("{}\n[environments.dead]\ntoken_url = '{hanging}'\n", provider.provider_toml("acme"));
    let store = builder(database.open().await, &ring())
        .connector(described(&toml, provider).pace(Duration::from_millis(1)))
        .request_timeout(Duration::from_secs(10))
        .sweep_interval(Duration::from_millis(50))
        .open()
        .await
        .unwrap();
    for number in 0..dead + live {
        let tokens = TokenResponse::new(Token::new("at").unwrap())
            .expires_in(Duration::from_secs(3600))
            .with_refresh_token(provider.issue_refresh_token("alice", "read".parse().unwrap()));
        let new = NewConnection::new("acme");
        let new = if number < dead { new.environment("dead") } else { new };
        store.import(&owner("alice"), new, tokens, SystemTime::now()).await.unwrap();
    }
    database.run("UPDATE {credentials} SET refresh_at = CASE WHEN environment = 'dead' THEN 1 ELSE 1000 END").await;
    store
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_does_not_answer_holds_up_no_other_of_its_connector() {
    for database in Database::all().await {
        let provider = provider(|builder| builder).await;
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let store = beside_a_dead_host(&database, &provider, &silent, (100, 20)).await;
        let begun = Instant::now();
        let running = tokio::spawn(store.run());
        eventually(Duration::from_secs(60), "held up", || async { provider.report().rotations == 20 }).await;
        // One timeout at the most, though none of the dead ones had failed before: not one for each batch.
        assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
        running.abort();
        drop(store);
        database.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_before_has_half_of_the_places_and_is_not_forgotten() {
    let (database, provider) = (Database::sqlite(), provider(|builder| builder).await);
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let store = beside_a_dead_host(&database, &provider, &silent, (100, 60)).await;
    // Two of those that failed would work again.
    let live = "SELECT id FROM {credentials} WHERE environment IS NULL LIMIT 2";
    database.run("UPDATE {credentials} SET attempts = 3, status = 'degraded' WHERE environment = 'dead'").await;
    database.run(&format!("UPDATE {{credentials}} SET attempts = 1, refresh_at = 0 WHERE id IN ({live})")).await;
    let begun = Instant::now();
    let running = tokio::spawn(store.run());
    eventually(Duration::from_secs(60), "held up", || async { provider.report().rotations == 60 }).await;
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    running.abort();
}
