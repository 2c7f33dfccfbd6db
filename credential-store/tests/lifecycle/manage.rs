//! What owners and operators see of credentials while they live.

use std::time::Duration;

use http::StatusCode;
use tower_auth_store::{CredentialStatus, EventKind, NewConnection, StoreErrorKind};
use tower_auth_testing::{ApiKeyProvider, Endpoint, Fault};

use crate::support::*;

// SYS-U11, SYS-U13, SYS-C17, SYS-C18
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_tells_how_a_credential_does_and_only_a_401_says_something_against_it() {
    for database in Database::all().await {
        let provider = provider(|builder| builder.account("alice")).await;
        let store = store(&database, &ring(), &provider).await;
        let alice = owner("alice");
        let id = connect(&store, &provider, &alice, "alice").await.credential.id;
        let mut events = store.events();
        assert_eq!(store.test(&alice, id).await.unwrap().status, CredentialStatus::Valid);
        assert_eq!(events.next().await.unwrap().kind, EventKind::Verified);
        for (fault, kind) in [
            (Fault::status(StatusCode::BAD_GATEWAY), StoreErrorKind::ProviderUnavailable),
            (Fault::status(StatusCode::TOO_MANY_REQUESTS), StoreErrorKind::ProviderUnavailable),
            (Fault::disconnect(), StoreErrorKind::ProviderUnavailable),
            (Fault::status(StatusCode::FORBIDDEN), StoreErrorKind::Refused),
            (Fault::status(StatusCode::NOT_FOUND), StoreErrorKind::Misconfigured),
        ] {
            provider.fault(Endpoint::Resource, fault);
            assert_eq!(store.test(&alice, id).await.unwrap_err().kind(), kind);
            assert_eq!(store.get(&alice, id).await.unwrap().status, CredentialStatus::Valid);
        }
        provider.fault(Endpoint::Resource, Fault::status(StatusCode::UNAUTHORIZED));
        let error = store.test(&alice, id).await.unwrap_err();
        assert!(error.needs_reconnect());
        let info = store.get(&alice, id).await.unwrap();
        assert_eq!(
            (info.status, info.reason.as_deref()),
            (CredentialStatus::NeedsReauth, Some("verification_refused"))
        );
        assert_eq!(events.next().await.unwrap().kind, EventKind::NeedsReauth);
        let error = token(&store, &alice, id).await.unwrap_err();
        assert_eq!((error.kind(), error.needs_reconnect()), (StoreErrorKind::NeedsReauth, true));
        assert!(error.to_string().contains("connect it again"), "{error}");
        let trail = store.audit_trail(&alice, id, 0, 100).await.unwrap();
        let tests: Vec<_> = trail.iter().filter(|entry| entry.action == "test").map(|entry| &*entry.result).collect();
        assert_eq!(tests, ["ok", "failed", "failed", "failed", "failed", "failed", "failed"]);
        store.close().await;
        database.end().await;
    }
}

// SYS-C17: what was noted of an API key ends when it is shown to work.
#[tokio::test]
async fn an_api_key_that_works_again_is_valid_again() {
    let provider = ApiKeyProvider::builder().listen().await.unwrap();
    let database = Database::sqlite();
    let store = builder(database.open().await, &ring()).connector(keyed(&provider)).open().await.unwrap();
    let alice = owner("alice");
    let new = NewConnection::new("keyed").value("api_key", provider.issue("alice"));
    let id = store.create(&alice, new).await.unwrap().id;
    header(&store, &alice, id).await.unwrap();
    provider.fault(Fault::status(StatusCode::UNAUTHORIZED));
    store.test(&alice, id).await.unwrap_err();
    assert_eq!(header(&store, &alice, id).await.unwrap_err().kind(), StoreErrorKind::NeedsReauth);
    let mut events = store.events();
    assert_eq!(store.test(&alice, id).await.unwrap().status, CredentialStatus::Valid);
    assert_eq!(events.next().await.unwrap().kind, EventKind::Recovered);
    header(&store, &alice, id).await.unwrap();
}

// THREAT-S8: a test is no renewal beside the lease.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tests_of_a_token_near_its_end_spend_no_refresh_token_twice() {
    let database = Database::sqlite();
    let provider = provider(|builder| builder.account("alice").access_lifetime(Duration::from_secs(3))).await;
    let keys = ring();
    let (one, two) = (store(&database, &keys, &provider).await, store(&database, &keys, &provider).await);
    let alice = owner("alice");
    let id = connect(&one, &provider, &alice, "alice").await.credential.id;
    let until = std::time::Instant::now() + Duration::from_secs(7);
    while std::time::Instant::now() < until {
        let (a, b, c) = tokio::join!(one.test(&alice, id), two.test(&alice, id), token(&one, &alice, id));
        a.unwrap();
        b.unwrap();
        c.unwrap();
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    let report = provider.report();
    assert_eq!((report.max_presentations, report.reuses, report.families_revoked), (1, 0, 0), "{report:?}");
    assert!(report.rotations >= 2, "{report:?}");
    assert_eq!(one.get(&alice, id).await.unwrap().status, CredentialStatus::Valid);
}

// SYS-U9
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn token_requests_are_logged_on_request_masked_and_sealed() {
    for database in Database::all().await {
        let provider = provider(|builder| builder.account("alice")).await;
        let store =
            builder(database.open().await, &ring()).connector(acme(&provider)).log_entries(3).open().await.unwrap();
        let alice = owner("alice");
        let id = import(&store, &provider, &alice, "alice").await.id;
        let mut secrets = vec![provider.client_secret().expose_secret().to_owned()];
        secrets.push(token(&store, &alice, id).await.unwrap());
        assert!(store.requests(&alice, id, 10).await.unwrap().is_empty(), "it is off by default");
        store.set_request_log(&alice, id, true).await.unwrap();
        for _ in 0..5 {
            database.run("UPDATE {credentials} SET expires_at = 1").await;
            let cache = tower_auth_core::TokenCache::new(store.stored(&alice, id));
            secrets.push(cache.token().await.unwrap().secret().expose_secret().to_owned());
        }
        eventually(Duration::from_secs(5), "not logged", || async {
            store.requests(&alice, id, 10).await.unwrap().len() == 3
        })
        .await;
        let logged = store.requests(&alice, id, 10).await.unwrap();
        assert!(logged.windows(2).all(|pair| pair[0].id > pair[1].id));
        let one = &logged[0];
        assert_eq!(
            (one.method.as_str(), one.url.as_str(), one.status),
            ("POST", provider.token_url().as_str(), Some(200))
        );
        assert!(one.request_body.contains("grant_type=refresh_token"), "{}", one.request_body);
        let sent = provider.requests();
        secrets.extend(sent.iter().filter_map(|request| request.param("refresh_token")).map(str::to_owned));
        let shown = format!("{logged:?}{}", serde_json::to_string(&logged).unwrap());
        assert!(secrets.len() > 8 && secrets.iter().all(|secret| !shown.contains(secret)), "{shown}");
        // What is kept is sealed.
        let hex = match database.file() {
            Some(_) => "SELECT hex(sealed) FROM {request_log}",
            None => "SELECT upper(encode(sealed, 'hex')) FROM {request_log}",
        };
        let kept = database.texts(hex).await;
        let word: String = "grant_type".bytes().map(|byte| format!("{byte:02X}")).collect();
        assert!(kept.len() == 3 && kept.iter().all(|row| !row.contains(&word)));
        store.set_request_log(&alice, id, false).await.unwrap();
        store.close().await;
        database.end().await;
    }
}

// SYS-U14, SYS-C18
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_is_told_before_and_when_what_no_machine_renews_ends_once_by_the_fleet() {
    for database in Database::all().await {
        let provider = provider(|builder| {
            builder.account("alice").without_refresh_tokens().access_lifetime(Duration::from_secs(4))
        })
        .await;
        let keys = ring();
        let mut stores = Vec::new();
        for _ in 0..2 {
            let store = builder(database.open().await, &keys).connector(acme(&provider));
            let store = store
                .warn_before_end(Duration::from_secs(60))
                .sweep_interval(Duration::from_millis(100))
                .open()
                .await
                .unwrap();
            stores.push(store);
        }
        let alice = owner("alice");
        let mut heard: Vec<_> = stores.iter().map(|store| store.events()).collect();
        let info = connect(&stores[0], &provider, &alice, "alice").await.credential;
        // It is told at creation: when it ends, and that nobody renews it.
        assert!(!info.renews && info.expires_at.is_some());
        let running: Vec<_> = stores.iter().map(|store| tokio::spawn(store.run())).collect();
        eventually(Duration::from_secs(15), "it did not end", || async {
            stores[1].get(&alice, info.id).await.unwrap().status == CredentialStatus::ExpiredManual
        })
        .await;
        tokio::time::sleep(Duration::from_millis(600)).await;
        let mut kinds = Vec::new();
        for events in &mut heard {
            while let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(50), events.next()).await {
                kinds.push(event.kind.as_str());
            }
        }
        kinds.sort_unstable();
        assert_eq!(kinds, ["credential.created", "credential.ended", "credential.ends_soon"]);
        let error = token(&stores[0], &alice, info.id).await.unwrap_err();
        assert_eq!((error.kind(), error.needs_reconnect()), (StoreErrorKind::ExpiredManual, true));
        // Connected again it serves.
        let new = login(NewConnection::new("acme")).reconnect(info.id);
        let begun = stores[0].begin_login(&alice, new).await.unwrap();
        let answer = consent(&provider, &begun.url, "alice");
        let again = stores[0].finish_login("acme", &answer, BROWSER).await.unwrap();
        assert_eq!(again.credential.status, CredentialStatus::Valid);
        assert!(token(&stores[0], &alice, info.id).await.is_ok());
        for running in running {
            running.abort();
        }
        for store in stores {
            store.close().await;
        }
        database.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_store_begins_nothing_and_its_own_work_ends() {
    let (database, provider) = (Database::sqlite(), provider(|builder| builder.account("alice")).await);
    let store = store(&database, &ring(), &provider).await;
    let alice = owner("alice");
    let id = connect(&store, &provider, &alice, "alice").await.credential.id;
    let cache = store.tokens(&alice, id).unwrap();
    let served = cache.token().await.unwrap();
    let running = tokio::spawn(store.run());
    let begun = store.begin_login(&alice, login(NewConnection::new("acme"))).await.unwrap();
    let answer = consent(&provider, &begun.url, "alice");
    store.close().await;
    tokio::time::timeout(Duration::from_secs(5), running).await.unwrap().unwrap();
    // Closing again is nothing, and run ends at once.
    store.close().await;
    tokio::time::timeout(Duration::from_secs(5), store.run()).await.unwrap();
    // What is in memory serves.
    assert_eq!(cache.token().await.unwrap().secret(), served.secret());
    for kind in [
        store.create(&alice, NewConnection::new("acme")).await.unwrap_err().kind(),
        store.begin_login(&alice, login(NewConnection::new("acme"))).await.unwrap_err().kind(),
        store.finish_login("acme", &answer, BROWSER).await.unwrap_err().error.kind(),
        store.revoke(&alice, id).await.unwrap_err().kind(),
        store.delete(&alice, id).await.unwrap_err().kind(),
        store.rename(&alice, id, "x").await.unwrap_err().kind(),
        store.set_request_log(&alice, id, true).await.unwrap_err().kind(),
        store.test(&alice, id).await.unwrap_err().kind(),
        store.get(&alice, id).await.unwrap_err().kind(),
        store.list(&alice, Default::default()).await.unwrap_err().kind(),
        store.list_all(Default::default()).await.unwrap_err().kind(),
        store.requests(&alice, id, 1).await.unwrap_err().kind(),
        store.audit_trail(&alice, id, 0, 1).await.unwrap_err().kind(),
        store.status().await.unwrap_err().kind(),
        store.rotate_keys(|_| {}).await.unwrap_err().kind(),
    ] {
        assert_eq!(kind, StoreErrorKind::Closed);
    }
    let error = tower_auth_core::TokenCache::new(store.stored(&alice, id)).token().await.unwrap_err();
    assert_eq!(tower_auth_store::StoreError::find(&error).unwrap().kind(), StoreErrorKind::Closed);
}

#[tokio::test]
async fn the_store_s_own_work_ends_when_the_store_is_dropped() {
    let (database, provider) = (Database::sqlite(), provider(|builder| builder).await);
    let store = builder(database.open().await, &ring())
        .connector(acme(&provider))
        .sweep_interval(Duration::from_millis(50))
        .open()
        .await
        .unwrap();
    let running = tokio::spawn(store.run());
    let orphan = store.stored(&owner("alice"), tower_auth_store::CredentialId::generate().unwrap());
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(store);
    // The slowest of it looks every 30 seconds, and must not keep the rest alive.
    eventually(Duration::from_secs(10), "it lives on", || async {
        let error = tower_auth_core::TokenCache::new(orphan.clone()).token().await.unwrap_err();
        error.kind() == tower_auth_core::TokenErrorKind::Closed
    })
    .await;
    tokio::time::timeout(Duration::from_secs(10), running).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_status_tells_faults_work_that_waits_and_keys() {
    let (database, provider) = (Database::sqlite(), provider(|builder| builder.account("alice")).await);
    let store = store(&database, &ring(), &provider).await;
    let alice = owner("alice");
    let status = store.status().await.unwrap();
    assert!(status.faults.is_empty() && status.behind.is_empty() && status.keys.is_empty());
    assert_eq!((status.revocations_waiting, status.messages_waiting, status.in_memory), (0, 0, 0));
    let id = import(&store, &provider, &alice, "alice").await.id;
    database.run("UPDATE {credentials} SET refresh_at = 1").await;
    provider.fault(Endpoint::Token, Fault::oauth_error(StatusCode::UNAUTHORIZED, "invalid_client"));
    let error = token(&store, &alice, id).await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (StoreErrorKind::Misconfigured, Some("invalid_client")), "{error:?}");
    database.run("UPDATE {credentials} SET next_attempt_at = NULL").await;
    let status = store.status().await.unwrap();
    assert_eq!((status.faults.len(), status.faults[0].code.as_str()), (1, "invalid_client"));
    assert_eq!((status.behind, status.in_memory), (vec!["acme".to_owned()], 1));
    assert_eq!(status.keys, [("k1".to_owned(), 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_trail_is_kept_as_long_as_its_operator_says() {
    for database in Database::all().await {
        let provider = ApiKeyProvider::builder().listen().await.unwrap();
        let keys = ring();
        let open = async |kept: Option<Duration>| {
            let builder = builder(database.open().await, &keys).connector(keyed(&provider));
            let builder = kept.into_iter().fold(builder, tower_auth_store::StoreBuilder::keep_audit);
            builder.open().await.unwrap()
        };
        let for_ever = open(None).await;
        let new = NewConnection::new("keyed").value("api_key", provider.issue("alice"));
        let id = for_ever.create(&owner("alice"), new).await.unwrap().id;
        database.run("UPDATE {audit} SET at = at - 10 * 86400000").await;
        let columns = "at, actor, owner, credential, connector, action, result, detail";
        for _ in 0..11 {
            database.run(&format!("INSERT INTO {{audit}} ({columns}) SELECT {columns} FROM {{audit}}")).await;
        }
        let all = database.number("SELECT COUNT(*) FROM {audit}").await;
        assert!(all >= 2_048);
        for_ever.rename(&owner("alice"), id, "Another").await.unwrap();
        let running = tokio::spawn(for_ever.run());
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(database.number("SELECT COUNT(*) FROM {audit}").await > all);
        running.abort();
        let bounded = open(Some(Duration::from_secs(7 * 86_400))).await;
        let running = tokio::spawn(bounded.run());
        eventually(Duration::from_secs(20), "it was not trimmed", || async {
            database.number("SELECT COUNT(*) FROM {audit}").await < 10
        })
        .await;
        let left = bounded.audit_trail_all(Some(id), 0, 100).await.unwrap();
        assert_eq!(left.iter().map(|entry| entry.action.as_str()).collect::<Vec<_>>(), ["rename"]);
        running.abort();
        for_ever.close().await;
        bounded.close().await;
        database.end().await;
    }
}
