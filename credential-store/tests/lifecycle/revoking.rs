//! The end of credentials, here and at their providers.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use tower_auth_core::{Token, TokenResponse};
use tower_auth_store::{CredentialId, CredentialStatus, EventKind, KeyRing, NewConnection, StoreErrorKind};
use tower_auth_testing::{ApiKeyProvider, Endpoint, Fault, OAuthProvider};

use crate::support::*;

/// Ends a credential in a process of its own that dies after so long: whatever it was about to do it does not do.
fn die(
    database: &Database,
    keys: &KeyRing,
    provider: &OAuthProvider,
    id: CredentialId,
    is_deleted: bool,
    after: Duration,
) -> bool {
    tokio::task::block_in_place(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let is_done = runtime.block_on(async {
            let store = store(database, keys, provider).await;
            let alice = owner("alice");
            let work = async {
                match is_deleted {
                    true => store.delete(&alice, id).await.unwrap(),
                    false => drop(store.revoke(&alice, id).await.unwrap()),
                }
            };
            tokio::time::timeout(after, work).await.is_ok()
        });
        runtime.shutdown_background();
        is_done
    })
}

// SYS-C21, THREAT-S12
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_revoked_or_deleted_ends_at_the_provider_however_often_that_fails_first() {
    for database in Database::all().await {
        let provider = provider(|builder| builder.account("alice")).await;
        let store = store(&database, &ring(), &provider).await;
        let alice = owner("alice");
        for is_deleted in [false, true] {
            let id = connect(&store, &provider, &alice, "alice").await.credential.id;
            let families = provider.report().families_revoked;
            provider.fault(Endpoint::Revocation, Fault::status(StatusCode::SERVICE_UNAVAILABLE));
            provider.fault(Endpoint::Revocation, Fault::disconnect());
            // A client that is turned away can be mended by an operator.
            provider.fault(Endpoint::Revocation, Fault::oauth_error(StatusCode::UNAUTHORIZED, "invalid_client"));
            match is_deleted {
                true => store.delete(&alice, id).await.unwrap(),
                false => assert_eq!(store.revoke(&alice, id).await.unwrap().status, CredentialStatus::Revoked),
            }
            assert_eq!(store.status().await.unwrap().revocations_waiting, 1);
            let kind = token(&store, &alice, id).await.unwrap_err().kind();
            assert_eq!(kind, if is_deleted { StoreErrorKind::NotFound } else { StoreErrorKind::Revoked });
            let running = tokio::spawn(store.run());
            eventually(Duration::from_secs(20), "the provider was not told", || async {
                // The pauses between attempts are long; each is cut short.
                database.run("UPDATE {jobs} SET next_at = 1 WHERE attempts > 0 AND next_at > 1000000000000").await;
                store.status().await.unwrap().revocations_waiting == 0
            })
            .await;
            assert_eq!(provider.report().families_revoked, families + 1);
            running.abort();
            if !is_deleted {
                // Once is enough, and again is no mistake.
                store.revoke(&alice, id).await.unwrap();
                store.delete(&alice, id).await.unwrap();
                assert_eq!(store.status().await.unwrap().revocations_waiting, 0);
            }
        }
        store.close().await;
        database.end().await;
    }
}

// THREAT-S12
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_between_the_steps_leaves_the_credential_or_the_order() {
    for database in Database::all().await {
        let provider = provider(|builder| builder).await;
        let keys = ring();
        let store = store(&database, &keys, &provider).await;
        let alice = owner("alice");
        let (mut finished, mut cut_off) = (0, 0);
        // For longer on a machine that is busy.
        for micros in (0..90).map(|step| 120 * step * step) {
            if micros > 60_000 && finished > 4 {
                break;
            }
            for is_deleted in [false, true] {
                let id = import(&store, &provider, &alice, "alice").await.id;
                let done = die(&database, &keys, &provider, id, is_deleted, Duration::from_micros(micros));
                match done {
                    true => finished += 1,
                    false => cut_off += 1,
                }
                // What was sent to the database may still arrive.
                tokio::time::sleep(Duration::from_millis(50)).await;
                let orders = database.number(&format!("SELECT COUNT(*) FROM {{jobs}} WHERE credential = '{id}'")).await;
                let lives = match store.get(&alice, id).await {
                    Ok(info) => info.status == CredentialStatus::Valid,
                    Err(error) => {
                        assert_eq!(error.kind(), StoreErrorKind::NotFound);
                        false
                    }
                };
                assert!(lives || orders >= 1, "{micros} {is_deleted}: neither the credential nor an order is there");
                assert!(!done || (!lives && orders == 1), "{micros} {is_deleted}");
                // And it can be done again, once the lease of the dead is over.
                database.run(&format!("UPDATE {{credentials}} SET lease_until = NULL WHERE id = '{id}'")).await;
                let again = store.delete(&alice, id).await;
                assert!(again.is_ok() || !lives, "{again:?}");
            }
        }
        assert!(cut_off > 4 && finished > 4, "{finished} {cut_off}");
        // What is in an order is sealed.
        let payloads = database.texts(match database.file() {
            Some(_) => "SELECT hex(payload) FROM {jobs}",
            None => "SELECT encode(payload, 'hex') FROM {jobs}",
        });
        let secret = hex("imported");
        assert!(payloads.await.iter().all(|payload| !payload.to_lowercase().contains(&secret)));
        store.close().await;
        database.end().await;
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

// THREAT-S12, THREAT-S9: a renewal under way neither brings a revoked credential back nor leaves a newer token behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_under_way_does_not_bring_a_revoked_credential_back() {
    for database in Database::all().await {
        let provider = provider(|builder| builder).await;
        let keys = ring();
        let (one, two) = (store(&database, &keys, &provider).await, store(&database, &keys, &provider).await);
        let alice = owner("alice");
        for is_deleted in [false, true] {
            let id = import(&one, &provider, &alice, "alice").await.id;
            let before = provider.report();
            provider.fault(Endpoint::Token, Fault::late_answer(Duration::from_millis(400)));
            let renewing = tokio::spawn({
                let (one, alice) = (one.clone(), alice.clone());
                async move { token(&one, &alice, id).await }
            });
            eventually(Duration::from_secs(5), "no renewal", || async {
                provider.report().rotations > before.rotations
            })
            .await;
            match is_deleted {
                true => two.delete(&alice, id).await.unwrap(),
                false => assert_eq!(two.revoke(&alice, id).await.unwrap().status, CredentialStatus::Revoked),
            }
            let _ = renewing.await.unwrap();
            match is_deleted {
                true => assert!(two.get(&alice, id).await.is_err()),
                false => assert_eq!(two.get(&alice, id).await.unwrap().status, CredentialStatus::Revoked),
            }
            let running = tokio::spawn(two.run());
            eventually(Duration::from_secs(10), "the grant lives on", || async {
                provider.report().families_revoked == before.families_revoked + 1
            })
            .await;
            // It was ended by its newest token, not found out as reused.
            assert_eq!(provider.report().reuses, 0);
            running.abort();
        }
        one.close().await;
        two.close().await;
        database.end().await;
    }
}

#[tokio::test]
async fn what_cannot_be_opened_can_be_ended_all_the_same() {
    let (database, provider) = (Database::sqlite(), provider(|builder| builder).await);
    let store = store(&database, &ring(), &provider).await;
    let alice = owner("alice");
    for is_deleted in [false, true] {
        let id = import(&store, &provider, &alice, "alice").await.id;
        database.set_cell(id, "data_key", "00").await;
        match is_deleted {
            true => store.delete(&alice, id).await.unwrap(),
            false => assert_eq!(store.revoke(&alice, id).await.unwrap().status, CredentialStatus::Revoked),
        }
        assert_eq!(store.status().await.unwrap().revocations_waiting, 0);
    }
}

// An order outlives a restart without its connector.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_waits_for_its_connector_and_is_not_dropped() {
    let (database, provider, keys) = (Database::sqlite(), provider(|builder| builder).await, ring());
    let alice = owner("alice");
    let first = store(&database, &keys, &provider).await;
    let id = import(&first, &provider, &alice, "alice").await.id;
    first.delete(&alice, id).await.unwrap();
    first.close().await;
    let without = builder(database.open().await, &keys).open().await.unwrap();
    let running = tokio::spawn(without.run());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(without.status().await.unwrap().revocations_waiting, 1);
    without.close().await;
    running.await.unwrap();
    database.run("UPDATE {jobs} SET next_at = 1").await;
    let again = store(&database, &keys, &provider).await;
    let running = tokio::spawn(again.run());
    eventually(Duration::from_secs(10), "not told", || async { provider.report().families_revoked == 1 }).await;
    running.abort();
}

#[tokio::test]
async fn a_revoked_credential_is_connected_again_and_its_events_are_told() {
    let provider = ApiKeyProvider::builder().listen().await.unwrap();
    let database = Database::sqlite();
    let store = builder(database.open().await, &ring()).connector(keyed(&provider)).open().await.unwrap();
    let alice = owner("alice");
    let mut events = store.events();
    let key = || provider.issue("alice");
    let new = |key| NewConnection::new("keyed").value("api_key", key);
    let id = store.create(&alice, new(key())).await.unwrap().id;
    store.revoke(&alice, id).await.unwrap();
    let error = store.test(&alice, id).await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (StoreErrorKind::Revoked, Some("revoked_by_owner")));
    let fresh = key();
    store.reconnect(&alice, id, new(fresh.clone())).await.unwrap();
    assert_eq!(header(&store, &alice, id).await.unwrap(), format!("Bearer {}", fresh.expose_secret()));
    store.delete(&alice, id).await.unwrap();
    for kind in [EventKind::Created, EventKind::Revoked, EventKind::Reconnected, EventKind::Deleted] {
        let event = events.next().await.unwrap();
        assert_eq!((event.kind, event.credential, &event.owner), (kind, id, &alice));
    }
    let actions: Vec<_> =
        store.audit_trail_all(Some(id), 0, 100).await.unwrap().into_iter().map(|entry| entry.action).collect();
    for action in ["create", "revoke", "reconnect", "delete"] {
        assert!(actions.iter().any(|own| own == action), "{action} {actions:?}");
    }
}

// THREAT-S12: whoever goes away cuts nothing off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_that_nobody_waits_for_any_more_goes_on_to_its_end() {
    for database in Database::all().await {
        let provider = provider(|builder| builder).await;
        let store = store(&database, &ring(), &provider).await;
        let alice = owner("alice");
        for micros in [0, 200, 1_000, 3_000, 6_000] {
            let id = import(&store, &provider, &alice, "alice").await.id;
            let _ = tokio::time::timeout(Duration::from_micros(micros), store.delete(&alice, id)).await;
            eventually(Duration::from_secs(5), "it was not deleted", || async { store.get(&alice, id).await.is_err() })
                .await;
        }
        assert_eq!(store.status().await.unwrap().revocations_waiting, 5);
        store.close().await;
        database.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_hangs_holds_up_no_other_revocation() {
    for database in Database::all().await {
        let provider = provider(|builder| builder).await;
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hanging = format!("http://{}/revoke", silent.local_addr().unwrap());
        let toml = format!("{}\n[environments.dead]\nrevoke_url = '{hanging}'\n", provider.provider_toml("acme"));
        let store =
            builder(database.open().await, &ring()).connector(described(&toml, &provider)).open().await.unwrap();
        let alice = owner("alice");
        let tokens = TokenResponse::new(Token::new("at").unwrap())
            .expires_in(Duration::from_secs(3600))
            .with_refresh_token(provider.issue_refresh_token("alice", "read".parse().unwrap()));
        let new = NewConnection::new("acme").environment("dead");
        let id = store.import(&alice, new, tokens, SystemTime::now()).await.unwrap().id;
        store.delete(&alice, id).await.unwrap();
        database.double_jobs(9).await;
        let id = import(&store, &provider, &alice, "alice").await.id;
        store.delete(&alice, id).await.unwrap();
        let running = tokio::spawn(store.run());
        eventually(Duration::from_secs(8), "held up", || async { provider.report().families_revoked == 1 }).await;
        assert!(store.status().await.unwrap().revocations_waiting >= 512);
        running.abort();
        store.close().await;
        database.end().await;
    }
}
