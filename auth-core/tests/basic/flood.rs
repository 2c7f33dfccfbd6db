use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tower_auth_core::{PasswordCost, PasswordHash, RejectionKind, Secret};

use super::support::*;

/// Slow enough to be seen.
fn slow() -> PasswordCost {
    PasswordCost::argon2id(16 * 1024, 4, 1).unwrap()
}

// THREAT-V13, THREAT-A1
#[tokio::test]
async fn a_flood_of_passwords_leaves_other_routes_alive_and_is_turned_away_beyond_the_queue() {
    let hash = PasswordHash::hash_with(&Secret::from("p"), slow()).unwrap();
    let remembered =
        builder().user_hash("a", hash.expose_hash()).hashing_limits(1, 3).password_cost(slow()).build().unwrap();
    assert!(enters(&remembered, "a", "p").await);

    // Another route of the same service, on the same single thread: it counts how often it gets its turn.
    let turns = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&turns);
    let other_route = tokio::spawn(async move {
        loop {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    let flood: Vec<_> = (0..200)
        .map(|number| {
            let verifier = remembered.clone();
            tokio::spawn(async move { verdict(&verifier, "a", &format!("guess-{number}")).await.unwrap_err() })
        })
        .collect();
    let mut kinds = Vec::new();
    for attempt in flood {
        let refusal = attempt.await.unwrap();
        if refusal.kind() == RejectionKind::Overloaded {
            assert_eq!(refusal.status(), 503);
            assert_eq!(refusal.headers()["retry-after"], "1");
            assert!(refusal.challenges().is_empty(), "not a verdict");
        }
        kinds.push(refusal.kind());
        // Who is remembered gets in, however many wait.
        assert!(is_remembered(&remembered, "a", "p"));
    }
    other_route.abort();
    let count = |kind| kinds.iter().filter(|own| **own == kind).count();
    assert_eq!((count(RejectionKind::BadPassword), count(RejectionKind::Overloaded)), (4, 196));
    assert!(turns.load(Ordering::Relaxed) > 100, "the thread was not blocked: {turns:?}");
    assert!(!enters(&remembered, "a", "q").await, "all places are free again");
}

// THREAT-A3
#[tokio::test]
async fn callers_that_go_away_give_their_places_back() {
    let verifier = builder().user_hash("a", text("p")).hashing_limits(1, 2).build().unwrap();
    for _ in 0..100 {
        let mut waiting = Vec::new();
        for _ in 0..3 {
            let mut verification = Box::pin(verifier.verify(&pair("a", "q")));
            if verification.is_waiting() {
                let () = tokio::select! { biased; _ = &mut verification => {}, () = std::future::ready(()) => {} };
                waiting.push(verification);
            }
        }
        assert!(!waiting.is_empty());
        drop(waiting);
        // What was being hashed keeps its place to its end.
        while verifier.verify(&pair("a", "q")).await.unwrap_err().kind() == RejectionKind::Overloaded {
            tokio::task::yield_now().await;
        }
    }
    let all = tokio::join!(verdict(&verifier, "a", "q"), verdict(&verifier, "a", "r"), verdict(&verifier, "a", "s"));
    for refusal in [all.0, all.1, all.2] {
        assert_eq!(refusal.unwrap_err().kind(), RejectionKind::BadPassword, "no place was lost");
    }
}
