//! What a verifier tells of itself.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod verify_support;

use std::time::Duration;

use tower_auth_core::{BasicVerifier, KeysState, KeysStatus, Verifier};
use tower_auth_testing::TestClock;

use self::verify_support::*;

fn keys(verifier: &Verifier) -> KeysStatus {
    verifier.status().keys.remove(0)
}

// THREAT-V16, THREAT-A2
#[tokio::test]
async fn keys_are_absent_then_fresh_then_stale_and_at_last_dead_while_their_issuer_is_down() {
    let (time, key) = (TestClock::new(), es256());
    let server = Server::with_key(&key);
    let verifier = Verifier::any_of([
        builder(&server, &time).build().unwrap(),
        BasicVerifier::new().user("batch", "s3cret").build().unwrap(),
    ])
    .unwrap();
    assert_eq!((keys(&verifier).state, verifier.status().is_ready()), (KeysState::Absent, false));
    assert!(server.all_asked().is_empty(), "to ask for the status asks nobody");

    verifier.ready().await.unwrap();
    let status = keys(&verifier);
    assert_eq!((status.issuer.as_str(), status.state, status.usable), (ISSUER, KeysState::Fresh, 1));
    assert_eq!((status.age, status.last_failure, status.fetching), (Some(Duration::ZERO), None, false));
    assert!(verifier.status().is_ready());

    server.page("/keys", Act::Answer(500, String::new()));
    time.tick(Duration::from_secs(601));
    let token = token(&key, &with(claims(), "exp", NOW + 90_000));
    verdict(&verifier, &token).await.unwrap();
    let status = keys(&verifier);
    assert_eq!((status.state, status.consecutive_failures), (KeysState::Stale, 1));
    assert_eq!((status.last_failure, status.age), (Some("keys.status"), Some(Duration::from_secs(601))));
    assert!(status.next_attempt_in.is_some() && verifier.status().is_ready());

    time.tick(Duration::from_secs(3_600));
    verdict(&verifier, &token).await.unwrap_err();
    assert_eq!((keys(&verifier).state, verifier.status().is_ready()), (KeysState::Dead, false));
}
