use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tower_auth_core::{BoxError, RejectionKind, Verifier};
use tower_auth_testing::TestClock;

use super::support::*;

// THREAT-K3
#[tokio::test]
async fn a_login_is_remembered_for_a_minute_by_either_clock() {
    let time = TestClock::new();
    let verifier = builder().user_hash("a", text("p")).clock(time.clock()).build().unwrap();
    let login = async || {
        assert!(!is_remembered(&verifier, "a", "p"));
        assert!(enters(&verifier, "a", "p").await);
        assert!(is_remembered(&verifier, "a", "p"));
    };
    login().await;
    time.tick(Duration::from_secs(59));
    assert!(is_remembered(&verifier, "a", "p"));
    time.tick(Duration::from_secs(1));
    login().await;
    time.wall_forward(Duration::from_secs(60));
    login().await;
    time.wall_back(Duration::from_secs(1));
    login().await;
}

// THREAT-K4, THREAT-K2
#[tokio::test]
async fn only_what_was_right_is_remembered_and_only_the_whole_pair() {
    let verifier = builder()
        .user_hash("a", text("p"))
        .user_account("locked", account("p").locked(true))
        .user_account("disabled", account("p").disabled(true))
        .build()
        .unwrap();
    for (user, password) in [("a", "q"), ("nobody", "p"), ("locked", "p"), ("disabled", "p"), ("a", "")] {
        for _ in 0..2 {
            assert!(!enters(&verifier, user, password).await);
            assert!(!is_remembered(&verifier, user, password), "{user} {password}");
        }
    }
    assert!(enters(&verifier, "a", "p").await);
    assert!(!enters(&verifier, "a", "q").await);
    assert!(is_remembered(&verifier, "a", "p"), "somebody else's attempt changes nothing");
    for (user, password) in [("a", "pp"), ("a", ""), ("A", "p"), ("", "p"), ("locked", "p")] {
        assert!(!is_remembered(&verifier, user, password), "{user} {password}");
    }
    let other = builder().user_hash("a", text("p")).build().unwrap();
    assert!(!is_remembered(&other, "a", "p"), "each verifier remembers for itself");
}

// THREAT-K3
#[tokio::test]
async fn who_is_to_be_forgotten_must_be_hashed_again_also_if_that_was_under_way() {
    let listed = builder().user_hash("a", text("p")).build().unwrap();
    assert!(enters(&listed, "a", "p").await && is_remembered(&listed, "a", "p"));
    listed.forget();
    assert!(!is_remembered(&listed, "a", "p"));
    assert!(enters(&listed, "a", "p").await && is_remembered(&listed, "a", "p"));

    let (itself, forgets) = (Arc::new(OnceLock::<Verifier>::new()), Arc::new(AtomicBool::new(true)));
    let (own, forgetting) = (Arc::clone(&itself), Arc::clone(&forgets));
    let lookup = move |_: String| {
        if forgetting.load(Ordering::SeqCst) {
            own.get().unwrap().forget();
        }
        std::future::ready(Ok::<_, BoxError>(Some(account("p"))))
    };
    let looked_up = builder().lookup(lookup).build().unwrap();
    assert!(itself.set(looked_up.clone()).is_ok());
    assert!(enters(&looked_up, "a", "p").await && !is_remembered(&looked_up, "a", "p"));
    forgets.store(false, Ordering::SeqCst);
    assert!(enters(&looked_up, "a", "p").await && is_remembered(&looked_up, "a", "p"));
}

#[tokio::test]
async fn the_memo_can_be_shorter_or_off() {
    let time = TestClock::new();
    let short = builder().user_hash("a", text("p")).memo_ttl(Duration::from_secs(5)).clock(time.clock());
    let short = short.build().unwrap();
    assert!(enters(&short, "a", "p").await && is_remembered(&short, "a", "p"));
    time.tick(Duration::from_secs(5));
    assert!(!is_remembered(&short, "a", "p"));
    for off in [builder().without_memo(), builder().memo_ttl(Duration::ZERO)] {
        let off = off.user_hash("a", text("p")).build().unwrap();
        assert!(enters(&off, "a", "p").await && !is_remembered(&off, "a", "p"));
    }
}

// GRPC-7, THREAT-V16
#[tokio::test]
async fn a_caller_that_cannot_wait_is_put_off_once_and_then_let_in() {
    let verifier = builder().user("plain", "p").user_hash("a", text("p")).build().unwrap();
    assert!(verifier.try_verify(&pair("plain", "p")).is_ok());
    let refusal = verifier.try_verify(&pair("a", "p")).unwrap_err();
    assert_eq!((refusal.kind(), refusal.status().as_u16()), (RejectionKind::Overloaded, 503));
    assert_eq!((refusal.grpc_code(), refusal.headers()["retry-after"].to_str().unwrap()), (14, "1"));
    // The hashing goes on without the caller.
    while !is_remembered(&verifier, "a", "p") {
        tokio::task::yield_now().await;
    }
    assert_eq!(verifier.try_verify(&pair("a", "p")).unwrap().subject(), "a");
    assert_eq!(verifier.try_verify(&pair("a", "q")).unwrap_err().kind(), RejectionKind::Overloaded);
    assert_eq!(verifier.try_verify(&pair("nobody", "q")).unwrap_err().kind(), RejectionKind::Overloaded);
}

#[test]
fn without_a_runtime_a_password_cannot_be_hashed_and_nothing_panics() {
    let verifier = builder().user_hash("a", text("p")).build().unwrap();
    assert_eq!(verifier.try_verify(&pair("a", "p")).unwrap_err().kind(), RejectionKind::Overloaded);
    assert!(!is_remembered(&verifier, "a", "p"));
}

// THREAT-A3
#[tokio::test]
async fn a_login_counts_although_its_caller_has_gone_away() {
    let verifier = builder().user_hash("a", text("p")).build().unwrap();
    let mut verification = Box::pin(verifier.verify(&pair("a", "p")));
    tokio::select! {
        biased;
        _ = &mut verification => panic!("a password is not hashed on this thread"),
        () = std::future::ready(()) => {}
    }
    drop(verification);
    while !is_remembered(&verifier, "a", "p") {
        tokio::task::yield_now().await;
    }
}
