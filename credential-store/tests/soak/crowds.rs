//! Many callers at once, who wait or go away.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tower_auth_store::{Backend, Claim};
use tower_auth_testing::{Endpoint, Fault, RandomFaults};

use crate::faulty::{Hook, When};
use crate::world::{World, code, settled, token};

// SYS-C16
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_callers_share_one_exchange() {
    let world = World::new("sqlite", 1, |provider| provider).await.unwrap();
    world.provider.fault(Endpoint::Token, Fault::late_answer(Duration::from_millis(300)));
    let store = world.store().await;
    let mut running = JoinSet::new();
    for _ in 0..1_000 {
        let (store, access) = (store.clone(), world.access.clone());
        running.spawn(async move { token(&store, &access, 0).await.unwrap() });
    }
    let mut tokens = running.join_all().await;
    tokens.dedup();
    assert_eq!((tokens.len(), world.provider.request_count(Endpoint::Token)), (1, 1));
    store.close().await;
    world.end().await;
}

/// Whatever the provider rotated is in the store.
async fn check_kept(world: &World) {
    let mut kept = 0;
    for index in 0..world.access.credentials.len() {
        kept += world.row(index).await.generation - 1;
    }
    world.check_presentations(1);
    assert_eq!(i64::try_from(world.provider.report().rotations).unwrap(), kept);
}

// THREAT-S6, SYS-C16
#[tokio::test(flavor = "multi_thread")]
async fn callers_who_go_away_take_no_rotation_with_them() {
    const COUNT: usize = 20;
    let world = World::new("sqlite", COUNT, |provider| provider).await.unwrap();
    let slow = RandomFaults::seeded(7).with(1.0, Fault::late_answer(Duration::from_millis(40)));
    world.provider.random_faults(Endpoint::Token, slow);
    let store = world.store().await;
    let mut running = JoinSet::new();
    for caller in 0..2_000 {
        let (store, access) = (store.clone(), world.access.clone());
        running.spawn(async move {
            tokio::time::sleep(Duration::from_millis(fastrand::u64(..4_000))).await;
            let patience = Duration::from_millis(fastrand::u64(..60));
            let _ = tokio::time::timeout(patience, token(&store, &access, caller % COUNT)).await;
        });
    }
    running.join_all().await;
    for index in 0..COUNT {
        settled(&store, &world.access, index).await.unwrap();
    }
    store.close().await;
    check_kept(&world).await;
    world.end().await;
}

// THREAT-S6
#[tokio::test(flavor = "multi_thread")]
async fn whoever_closes_the_store_waits_for_what_was_sent_and_begins_nothing() {
    const COUNT: usize = 30;
    for kind in ["sqlite", "postgres"] {
        let Some(world) = World::new(kind, COUNT, |provider| provider).await else { continue };
        let slow = RandomFaults::seeded(7).with(0.7, Fault::late_answer(Duration::from_millis(200)));
        world.provider.random_faults(Endpoint::Token, slow);
        let store = world.store().await;
        let mut running = JoinSet::new();
        for index in 0..COUNT {
            let (store, access) = (store.clone(), world.access.clone());
            running.spawn(async move {
                tokio::time::sleep(Duration::from_millis(10 * index as u64)).await;
                token(&store, &access, index).await
            });
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
        store.close().await;
        check_kept(&world).await;
        let ended = running.join_all().await;
        let got = ended.iter().filter(|result| result.is_ok()).count();
        assert!(got > 0 && got < COUNT, "{got}");
        check_kept(&world).await;
        world.end().await;
    }
}

// THREAT-S6
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_taken_while_the_store_is_closed_is_given_back_unused() {
    let world = World::new("sqlite", 1, |provider| provider).await.unwrap();
    let (claimed, told) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tells, waits) = (Arc::clone(&claimed), Arc::clone(&told));
    let hook: Hook = Arc::new(move |call, when| {
        let (tells, waits) = (Arc::clone(&tells), Arc::clone(&waits));
        Box::pin(async move {
            if (call, when) == ("claim", When::After) {
                tells.notify_one();
                waits.notified().await;
            }
            Ok(())
        })
    });
    let store = world.faulty_store(hook).await;
    let (own, access) = (store.clone(), world.access.clone());
    let asking = tokio::spawn(async move { token(&own, &access, 0).await });
    claimed.notified().await;
    let closing = tokio::spawn(async move { store.close().await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    told.notify_one();
    closing.await.unwrap();
    assert_eq!(code(&asking.await.unwrap().unwrap_err()), "store.closed");
    assert_eq!(world.provider.report().arrivals, 0);
    // Nobody has to wait for the lease to run out.
    let backend = world.access.database.open().await;
    let claim = backend.claim(world.access.credential(0).1, Duration::from_secs(1)).await.unwrap();
    assert!(matches!(claim, Claim::Taken(row) if row.intent.is_none()));
    world.end().await;
}
