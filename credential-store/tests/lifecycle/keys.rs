//! Keys that seal, and how they are replaced.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tower_auth_store::{KeyRing, StoreErrorKind};

use crate::support::*;

// THREAT-S3
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_replaced_under_renewals_and_a_rotation_that_is_cut_off_goes_on() {
    const COUNT: usize = 120;
    for database in Database::all().await {
        let provider = provider(|builder| builder).await;
        let (old, new) = (KeyRing::generate_key(), KeyRing::generate_key());
        let before = KeyRing::new("old", &old).unwrap();
        let both = KeyRing::new("new", &new).unwrap().and("old", &old).unwrap();
        let alice = owner("alice");
        let first = store(&database, &before, &provider).await;
        let mut ids = Vec::new();
        for _ in 0..COUNT {
            ids.push(import(&first, &provider, &alice, "alice").await.id);
        }
        let ids = Arc::new(ids);
        let (one, two) = (store(&database, &both, &provider).await, store(&database, &both, &provider).await);
        // Renewals and new values all the while, also by a process that has the old key alone.
        let (stop, renewed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut load = tokio::task::JoinSet::new();
        for (number, store) in [one.clone(), two.clone(), two.clone()].into_iter().enumerate() {
            let (ids, stop, renewed, alice) =
                (Arc::clone(&ids), Arc::clone(&stop), Arc::clone(&renewed), alice.clone());
            load.spawn(async move {
                for index in (0..COUNT).cycle().skip(number * 40) {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    let cache = tower_auth_core::TokenCache::new(store.stored(&alice, ids[index]));
                    cache.token().await.unwrap();
                    renewed.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        // Cut off after the first part, and again.
        for _ in 0..3 {
            let rotating = one.rotate_keys(|_| {});
            let _ = tokio::time::timeout(Duration::from_millis(30), rotating).await;
        }
        let done = loop {
            let done = two.rotate_keys(|_| {}).await.unwrap();
            if done.left == 0 {
                break done;
            }
        };
        stop.store(true, Ordering::SeqCst);
        while let Some(ended) = load.join_next().await {
            ended.unwrap();
        }
        assert!(done.rotated <= COUNT as u64 && renewed.load(Ordering::SeqCst) > 0);
        assert_eq!(one.status().await.unwrap().keys, [("new".to_owned(), COUNT as u64)]);
        assert_eq!(database.texts("SELECT key_id FROM {store_key}").await, ["new"]);
        let again = one.rotate_keys(|_| {}).await.unwrap();
        assert_eq!((again.total, again.rotated, again.left), (0, 0, 0));
        // The old key is needed no more, and the new one is.
        let after = store(&database, &KeyRing::new("new", &new).unwrap(), &provider).await;
        for id in ids.iter() {
            token(&after, &alice, *id).await.unwrap();
        }
        let report = provider.report();
        assert_eq!((report.max_presentations, report.families_revoked), (1, 0));
        let without = builder(database.open().await, &before).open().await.unwrap_err();
        assert_eq!(without.kind(), StoreErrorKind::Broken);
        assert!(without.to_string().contains("new"), "{without}");
        for store in [first, one, two, after] {
            store.close().await;
        }
        database.end().await;
    }
}

// THREAT-S3
#[tokio::test]
async fn a_store_does_not_open_while_a_key_in_use_is_missing_or_is_another() {
    let (database, provider) = (Database::sqlite(), provider(|builder| builder).await);
    let (a, b) = (KeyRing::generate_key(), KeyRing::generate_key());
    let alice = owner("alice");
    let first = store(&database, &KeyRing::new("a", &a).unwrap(), &provider).await;
    let id = import(&first, &provider, &alice, "alice").await.id;
    let both = store(&database, &KeyRing::new("b", &b).unwrap().and("a", &a).unwrap(), &provider).await;
    import(&both, &provider, &alice, "alice").await;
    // The store's own key is still wrapped with the first, and so is a credential.
    let error = builder(database.open().await, &KeyRing::new("b", &b).unwrap()).open().await.unwrap_err();
    assert!(error.kind() == StoreErrorKind::Broken && error.to_string().contains(" a;"), "{error}");
    let error = builder(database.open().await, &KeyRing::new("a", &a).unwrap()).open().await.unwrap_err();
    assert!(error.kind() == StoreErrorKind::Broken && error.to_string().contains(" b;"), "{error}");
    // The right id with the wrong key.
    let wrong = KeyRing::new("a", &b).unwrap().and("b", &b).unwrap();
    let error = builder(database.open().await, &wrong).open().await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Damaged);
    // Nothing was changed by that.
    assert!(token(&both, &alice, id).await.is_ok());
}

// THREAT-S3: a row that cannot be opened holds up no rotation, and is counted.
#[tokio::test]
async fn a_damaged_row_is_left_and_counted_by_a_rotation() {
    let (database, provider) = (Database::sqlite(), provider(|builder| builder).await);
    let (a, b) = (KeyRing::generate_key(), KeyRing::generate_key());
    let alice = owner("alice");
    let first = store(&database, &KeyRing::new("a", &a).unwrap(), &provider).await;
    for number in 0..3 {
        let id = import(&first, &provider, &alice, "alice").await.id;
        if number == 1 {
            let cell = database.cell(id, "data_key").await;
            database.set_cell(id, "data_key", &cell[..cell.len() - 4]).await;
        }
    }
    let both = store(&database, &KeyRing::new("b", &b).unwrap().and("a", &a).unwrap(), &provider).await;
    let mut told = Vec::new();
    let done = both.rotate_keys(|state| told.push(state)).await.unwrap();
    assert_eq!((done.total, done.rotated, done.left), (3, 2, 1));
    assert_eq!(told.last(), Some(&done));
}
