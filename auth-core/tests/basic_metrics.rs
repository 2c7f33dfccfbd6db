//! What is counted of passwords.
#![cfg(all(feature = "password-hash", feature = "metrics", feature = "jwt"))]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use http::HeaderMap;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tower_auth_core::{Basic, BasicVerifier, PasswordCost, PasswordHash, Secret};

fn pair(password: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let text = Basic::new("a", password).unwrap().header_text();
    headers.insert("authorization", text.expose_secret().parse().unwrap());
    headers
}

// THREAT-V13
#[tokio::test]
async fn hashed_passwords_are_counted_by_their_outcome_and_remembered_ones_are_not() {
    // For the whole program, as hashing is done by other threads.
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install().unwrap();
    let hash = PasswordHash::hash_with(&Secret::from("p"), PasswordCost::argon2id(8, 1, 1).unwrap()).unwrap();
    let verifier = BasicVerifier::new().user_hash("a", hash.expose_hash()).hashing_limits(1, 0).build().unwrap();
    assert!(verifier.verify(&pair("p")).await.is_ok());
    assert!(verifier.verify(&pair("p")).await.is_ok());
    for _ in 0..3 {
        let only = verifier.verify(&pair("q"));
        assert_eq!(verifier.verify(&pair("q")).await.unwrap_err().code(), "rejection.overloaded");
        assert_eq!(only.await.unwrap_err().code(), "rejection.bad_password");
    }
    let counted = snapshotter.snapshot().into_vec().into_iter().filter_map(|(key, _, _, value)| {
        let DebugValue::Counter(count) = value else { return None };
        let key = key.key();
        (key.name() == "tower_auth_passwords_total").then(|| (key.labels().next().unwrap().value().to_owned(), count))
    });
    let mut counted: Vec<_> = counted.collect();
    counted.sort();
    let expected = [("right", 1), ("turned_away", 3), ("wrong", 3)].map(|(outcome, count)| (outcome.to_owned(), count));
    assert_eq!(counted, expected);
}
