//! Two processes in the orders that matter: who is slow, who loses the lease, whose answer is lost.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use tokio::sync::Notify;
use tower_auth_core::{BoxError, HttpClient, ProviderSpec, ProviderValues};
use tower_auth_store::{
    Backend, Claim, Connector, CredentialStatus, CredentialStore, Intent, KeyRing, NewConnection, Owner, SqliteOptions,
};
use tower_auth_testing::{Endpoint, Fault};

use crate::faulty::{Faulty, Hook, When, down};
use crate::world::{World, code, http, lives, settled, token};

const MINUTE: Duration = Duration::from_secs(60);

/// One credential, a lease of three seconds, and a provider that is waited for longer than that.
async fn world(kind: &str, grace: Duration) -> Option<World> {
    let long = Duration::from_secs(30);
    let mut world = World::new(kind, 1, |provider| provider.reuse_grace(grace).access_lifetime(long)).await?;
    world.access.lease = Duration::from_secs(3);
    world.access.timeout = Duration::from_millis(1_500);
    let patient = "kind = \"oauth2_code\"\nlimits = { timeout = \"10s\" }\n";
    world.access.provider = world.access.provider.replace("kind = \"oauth2_code\"\n", patient);
    Some(world)
}

impl World {
    /// As patient with the provider as the description says.
    async fn patient(&self, hook: Hook, http: HttpClient) -> CredentialStore {
        let access = crate::world::Access { connection_timeout: None, ..self.access.clone() };
        access.store(Faulty::new(self.access.database.open().await, hook), http).await
    }
}

/// A process whose leases run out, because it does not get to extend them.
fn without_heartbeat() -> Hook {
    Arc::new(|call, when| {
        let fails = (call, when) == ("extend", When::Before);
        Box::pin(async move { if fails { Err(down()) } else { Ok(()) } })
    })
}

/// A provider that refuses, once it is told to, and has heard nothing.
fn refusing(told: Arc<Notify>) -> HttpClient {
    HttpClient::new(tower::service_fn(move |_: Request<Bytes>| {
        let told = Arc::clone(&told);
        async move {
            told.notified().await;
            let body = Bytes::from_static(br#"{"error":"invalid_grant"}"#);
            let answer = Response::builder().status(400).header("content-type", "application/json").body(body);
            Ok::<_, BoxError>(answer.unwrap())
        }
    }))
}

// THREAT-S9
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_the_loser_changes_nothing_of_what_the_winner_kept() {
    for kind in ["sqlite", "postgres"] {
        let Some(world) = world(kind, MINUTE).await else { continue };
        let told = Arc::new(Notify::new());
        let loser = world.patient(without_heartbeat(), refusing(Arc::clone(&told))).await;
        let (store, access) = (loser.clone(), world.access.clone());
        let losing = tokio::spawn(async move { token(&store, &access, 0).await });
        tokio::time::sleep(Duration::from_millis(300)).await;
        let winner = world.store().await;
        let won = token(&winner, &world.access, 0).await.unwrap();
        told.notify_one();
        assert_eq!(losing.await.unwrap().unwrap(), won, "the loser gets what is kept");
        let row = world.row(0).await;
        assert_eq!((row.status, row.generation, row.intent), (CredentialStatus::Valid, 2, None));
        world.check_presentations(1);
        world.end().await;
    }
}

// THREAT-S8
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_under_a_lease_that_ran_out_is_kept() {
    for kind in ["sqlite", "postgres"] {
        let Some(world) = world(kind, Duration::ZERO).await else { continue };
        world.provider.fault(Endpoint::Token, Fault::late_answer(Duration::from_millis(3_700)));
        let store = world.patient(without_heartbeat(), http()).await;
        token(&store, &world.access, 0).await.unwrap();
        assert_eq!(world.row(0).await.generation, 2);
        world.check_presentations(1);
        world.end().await;
    }
}

// THREAT-S8, THREAT-S7
#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_over_sends_nothing_again_and_the_late_answer_still_counts() {
    for kind in ["sqlite", "postgres"] {
        let Some(world) = world(kind, Duration::ZERO).await else { continue };
        world.provider.fault(Endpoint::Token, Fault::late_answer(Duration::from_millis(4_700)));
        let slow = world.patient(without_heartbeat(), http()).await;
        let (store, access) = (slow.clone(), world.access.clone());
        let waiting = tokio::spawn(async move { token(&store, &access, 0).await });
        tokio::time::sleep(Duration::from_millis(300)).await;
        let second = world.store().await;
        let error = token(&second, &world.access, 0).await.unwrap_err();
        assert_eq!(code(&error), "store.unconfirmed");
        assert_eq!(world.row(0).await.status, CredentialStatus::Unconfirmed);
        let got = waiting.await.unwrap().unwrap();
        let row = world.row(0).await;
        assert_eq!((row.status, row.generation, row.intent), (CredentialStatus::Valid, 2, None));
        let third = world.store().await;
        assert_eq!(token(&third, &world.access, 0).await.unwrap(), got);
        world.check_presentations(1);
        world.end().await;
    }
}

// THREAT-S8: within the grace both send it, and what one of them kept is what both use.
#[tokio::test(flavor = "multi_thread")]
async fn two_answers_for_one_token_within_the_grace_become_one() {
    for kind in ["sqlite", "postgres"] {
        let Some(world) = world(kind, MINUTE).await else { continue };
        world.provider.fault(Endpoint::Token, Fault::late_answer(Duration::from_millis(4_700)));
        let slow = world.patient(without_heartbeat(), http()).await;
        let (store, access) = (slow.clone(), world.access.clone());
        let waiting = tokio::spawn(async move { token(&store, &access, 0).await });
        tokio::time::sleep(Duration::from_millis(300)).await;
        let second = world.store().await;
        let won = token(&second, &world.access, 0).await.unwrap();
        assert_eq!(waiting.await.unwrap().unwrap(), won);
        assert_eq!(world.row(0).await.generation, 2);
        world.check_presentations(2);
        world.end().await;
    }
}

// SYS-C16
#[tokio::test(flavor = "multi_thread")]
async fn one_refusal_counts_once_however_long_another_process_takes() {
    let Some(world) = world("sqlite", Duration::ZERO).await else { return };
    let (one, two) = (world.store().await, world.store().await);
    let first = token(&one, &world.access, 0).await.unwrap();
    assert_eq!(token(&two, &world.access, 0).await.unwrap(), first);
    world.provider.fault(Endpoint::Token, Fault::late_answer(Duration::from_millis(700)));
    let (owner, id) = world.access.credential(0);
    let mut waiting = Vec::new();
    for store in [&one, &two] {
        let cache = store.tokens(&owner, id).unwrap();
        cache.invalidate(cache.try_current().unwrap().generation);
        waiting.push(tokio::spawn(async move { cache.token().await }));
    }
    let mut got = Vec::new();
    for waiting in waiting {
        got.push(waiting.await.unwrap().unwrap().secret().expose_secret().to_owned());
    }
    assert!(got[0] == got[1] && got[0] != first);
    let row = world.row(0).await;
    assert_eq!((row.status, row.generation), (CredentialStatus::Valid, 3));
    world.end().await;
}

// THREAT-S7
#[tokio::test(flavor = "multi_thread")]
async fn a_second_time_that_was_refused_for_now_leaves_the_doubt_as_it_was() {
    for kind in ["sqlite", "postgres"] {
        let Some(world) = world(kind, MINUTE).await else { continue };
        world.provider.fault(Endpoint::Token, Fault::lost_answer());
        world.provider.fault(Endpoint::Token, Fault::status(StatusCode::SERVICE_UNAVAILABLE).times(2));
        let store = world.store().await;
        let error = token(&store, &world.access, 0).await.unwrap_err();
        assert_eq!(code(&error), "store.provider_unavailable");
        let row = world.row(0).await;
        let intent = row.intent.unwrap();
        assert_eq!((row.status, intent.is_replay), (CredentialStatus::Degraded, false));
        settled(&store, &world.access, 0).await.unwrap();
        let row = world.row(0).await;
        assert_eq!((row.status, row.generation, row.intent), (CredentialStatus::Valid, 2, None));
        world.check_presentations(2);
        world.end().await;
    }
}

// THREAT-S7
#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_that_outlives_the_grace_is_given_up_and_not_sent() {
    for kind in ["sqlite", "postgres"] {
        let Some(world) = world(kind, Duration::from_secs(4)).await else { continue };
        world.provider.fault(Endpoint::Token, Fault::lost_answer());
        world.provider.fault(Endpoint::Token, Fault::status(StatusCode::SERVICE_UNAVAILABLE).retry_after(5));
        let store = world.store().await;
        assert_eq!(code(&token(&store, &world.access, 0).await.unwrap_err()), "store.provider_unavailable");
        let error = settled(&store, &world.access, 0).await.unwrap_err();
        assert_eq!(code(&error), "store.unconfirmed");
        world.check_presentations(1);
        assert_eq!(world.provider.report().arrivals, 2);
        world.end().await;
    }
}

// THREAT-S7
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_waited_for_longer_than_the_grace_is_not_asked_for_again() {
    let Some(world) = world("sqlite", Duration::from_millis(800)).await else { return };
    world.provider.fault(Endpoint::Token, Fault::late_answer(Duration::from_secs(3)));
    let store = world.store().await;
    assert_eq!(code(&token(&store, &world.access, 0).await.unwrap_err()), "store.unconfirmed");
    world.check_presentations(1);
    world.end().await;
}

// THREAT-S7
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_lost_the_answer_is_no_refusal() {
    for (grace, expected) in [(Duration::ZERO, Err("store.unconfirmed")), (MINUTE, Ok(()))] {
        let Some(world) = world("sqlite", grace).await else { return };
        world.provider.fault(Endpoint::Token, Fault::masked_answer(StatusCode::BAD_GATEWAY));
        let store = world.store().await;
        let result = settled(&store, &world.access, 0).await;
        assert_eq!(result.as_ref().map(drop).map_err(code), expected);
        world.check_presentations(if grace.is_zero() { 1 } else { 2 });
        world.end().await;
    }
}

// THREAT-S6
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_hangs_does_not_keep_the_answer_from_being_read() {
    let Some(world) = world("sqlite", Duration::ZERO).await else { return };
    let hanging: Hook = Arc::new(|call, _| {
        let hangs = call == "extend";
        Box::pin(async move {
            if hangs {
                tokio::time::sleep(Duration::from_secs(30)).await;
            }
            Ok(())
        })
    });
    world.provider.fault(Endpoint::Token, Fault::late_answer(Duration::from_millis(1_600)));
    let store = world.patient(hanging, http()).await;
    let begun = tokio::time::Instant::now();
    token(&store, &world.access, 0).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    world.end().await;
}

// THREAT-S6
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_waited_for_the_database_is_not_used_longer_than_it_lives() {
    let Some(world) = World::new("sqlite", 1, |provider| provider).await else { return };
    let first = Arc::new(std::sync::Mutex::new(None::<tokio::time::Instant>));
    let down_for_a_while: Hook = Arc::new(move |call, when| {
        let is_down = (call, when) == ("finish_exchange", When::Before) && {
            let begun = *first.lock().unwrap().get_or_insert_with(tokio::time::Instant::now);
            begun.elapsed() < Duration::from_millis(1_500)
        };
        Box::pin(async move { if is_down { Err(down()) } else { Ok(()) } })
    });
    let store = world.faulty_store(down_for_a_while).await;
    let first = token(&store, &world.access, 0).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_700)).await;
    let second = token(&store, &world.access, 0).await.unwrap();
    assert_ne!(first, second);
    assert_eq!(lives(&http(), &world.access.api, &second).await, Some(true));
    world.end().await;
}

// SYS-C16
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_written_late_is_served_to_its_end_and_not_longer() {
    let Some(world) = World::new("sqlite", 1, |provider| provider).await else { return };
    let slow: Hook = Arc::new(|call, when| {
        let waits = (call, when) == ("finish_exchange", When::Before);
        Box::pin(async move {
            if waits {
                tokio::time::sleep(Duration::from_millis(1_500)).await;
            }
            Ok(())
        })
    });
    token(&world.faulty_store(slow).await, &world.access, 0).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_600)).await;
    let second = token(&world.store().await, &world.access, 0).await.unwrap();
    assert_eq!(lives(&http(), &world.access.api, &second).await, Some(true));
    world.end().await;
}

// SYS-C16: whoever cannot give the lease back has a token all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_cannot_be_given_back_holds_no_token_back() {
    let Some(world) = world("sqlite", Duration::ZERO).await else { return };
    let (one, gate) = (world.store().await, Arc::new(Notify::new()));
    // Stops where it is about to take the lease, until another process has renewed the credential.
    let (waits, renewed) = (Arc::clone(&gate), Arc::new(Notify::new()));
    let told = Arc::clone(&renewed);
    let hook: Hook = Arc::new(move |call, when| {
        let (waits, told) = (Arc::clone(&waits), Arc::clone(&told));
        Box::pin(async move {
            match (call, when) {
                ("claim", When::Before) => {
                    told.notify_one();
                    waits.notified().await;
                    Ok(())
                }
                ("release", When::Before) => Err(down()),
                _ => Ok(()),
            }
        })
    });
    let two = world.faulty_store(hook).await;
    let access = world.access.clone();
    let second = tokio::spawn(async move { token(&two, &access, 0).await });
    renewed.notified().await;
    let first = token(&one, &world.access, 0).await.unwrap();
    gate.notify_one();
    assert_eq!(second.await.unwrap().unwrap(), first);
    world.check_presentations(1);
    world.end().await;
}

// THREAT-A4, SYS-C16
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_busy_is_left_alone_by_the_whole_fleet() {
    for kind in ["sqlite", "postgres"] {
        let Some(world) = world(kind, Duration::ZERO).await else { continue };
        world.provider.fault(Endpoint::Token, Fault::status(StatusCode::SERVICE_UNAVAILABLE).always());
        let mut callers = tokio::task::JoinSet::new();
        let end = tokio::time::Instant::now() + Duration::from_secs(4);
        for _ in 0..3 {
            let store = world.store().await;
            for _ in 0..10 {
                let (store, access) = (store.clone(), world.access.clone());
                callers.spawn(async move {
                    while tokio::time::Instant::now() < end {
                        let error = token(&store, &access, 0).await.unwrap_err();
                        assert_eq!(code(&error), "store.provider_unavailable");
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                });
            }
        }
        callers.join_all().await;
        let arrivals = world.provider.report().arrivals;
        assert!((1..=5).contains(&arrivals), "{arrivals}");
        assert_eq!(world.row(0).await.intent, None);
        world.provider.clear_faults();
        settled(&world.store().await, &world.access, 0).await.unwrap();
        world.check_presentations(1);
        world.end().await;
    }
}

// THREAT-S7: where the kept values are enough, nobody has to connect again because of a refresh token in doubt.
#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_about_a_refresh_token_does_not_matter_to_whoever_can_log_in_again() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::<String>::new()));
    let asked = Arc::clone(&seen);
    let provider = HttpClient::new(tower::service_fn(move |request: Request<Bytes>| {
        let asked = Arc::clone(&asked);
        async move {
            let mut asked = asked.lock().unwrap();
            asked.push(String::from_utf8_lossy(request.body()).into_owned());
            let number = asked.len();
            if number == 2 {
                return Ok(Response::builder().status(503).body(Bytes::new()).unwrap());
            }
            let body = format!(
                r#"{{"access_token":"at-{number}","token_type":"Bearer","expires_in":1,"refresh_token":"rt-{number}"}}"#
            );
            let answer = Response::builder().header("content-type", "application/json").body(Bytes::from(body));
            Ok::<_, BoxError>(answer.unwrap())
        }
    }));
    let spec = "id = 'acme'\nbase_url = 'https://api.acme.test'\n[[auth]]\nkind = 'oauth2_password'\n\
        token_url = 'https://login.acme.test/token'\nrefresh = 'by_refresh_token'\n";
    let values = ProviderValues::new().env(|_| None).value("client_id", "i").value("client_secret", "s");
    let backend = SqliteOptions::memory().open().await.unwrap();
    let store = CredentialStore::builder(backend.clone(), KeyRing::new("k1", &KeyRing::generate_key()).unwrap())
        .http_client(provider)
        .connector(Connector::new(ProviderSpec::from_toml(spec).unwrap()).values(values))
        .open()
        .await
        .unwrap();
    let owner = Owner::user("alice").unwrap();
    let new = NewConnection::new("acme").value("username", "u").value("password", "p");
    let id = store.create(&owner, new).await.unwrap().id;
    // Somebody notes that it sends the token, and is not heard of again.
    let Claim::Taken(row) = backend.claim(id, Duration::from_millis(20)).await.unwrap() else { panic!("held") };
    let spends = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"rt-1").as_ref().to_vec();
    let intent = Intent { id: 1, spends, at: row.now, is_replay: false };
    assert!(backend.begin_exchange(id, row.fence, row.generation, intent).await.unwrap());
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let cache = store.tokens(&owner, id).unwrap();
    // Whoever fails at that does not forget it.
    assert_eq!(code(&cache.token().await.unwrap_err()), "store.provider_unavailable");
    assert!(backend.find(id).await.unwrap().unwrap().intent.unwrap().is_replay);
    tokio::time::sleep(Duration::from_millis(2_200)).await;
    assert_eq!(cache.token().await.unwrap().secret().expose_secret(), "at-3");
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    assert!(seen.len() == 3 && seen[1..].iter().all(|sent| sent.contains("grant_type=password")), "{seen:?}");
    assert_eq!(backend.find(id).await.unwrap().unwrap().intent, None);
}
