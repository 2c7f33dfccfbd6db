//! One request for a token, shared by all who come meanwhile.

use tokio::task::JoinHandle;
use tower_auth_core::{Rejection, RejectionKind, Verified, Verifier};
use tower_auth_testing::TestClock;

use super::support::*;

/// Starts to verify `token` while the endpoint waits.
fn begin(verifier: &Verifier, token: &str) -> JoinHandle<Result<Verified, Rejection>> {
    tokio::spawn(verifier.verify(&bearer(token)))
}

// THREAT-A8
#[tokio::test]
async fn a_thousand_requests_with_one_token_ask_once_and_share_the_outcome() {
    for (token, accepted) in [("good", true), ("unknown", false)] {
        let (peer, time) = (Peer::with_good(), TestClock::new());
        let verifier = plain(&peer, &time).build().unwrap();
        peer.hold(true);
        let waiting: Vec<_> = (0..1000).map(|_| begin(&verifier, token)).collect();
        TestClock::settle().await;
        assert_eq!(peer.count(), 1);
        peer.hold(false);
        for one in waiting {
            assert_eq!(one.await.unwrap().is_ok(), accepted);
        }
        assert_eq!(peer.count(), 1);
        let _ = verdict(&verifier, token).await;
        assert_eq!(peer.count(), 2, "and the next one asks anew");
    }
}

// THREAT-A4, THREAT-K4
#[tokio::test]
async fn a_failure_is_shared_too() {
    let (peer, time) = (Peer::new(), TestClock::new());
    let verifier = plain(&peer, &time).build().unwrap();
    peer.act("good", Act::Answer(500, String::new()));
    peer.hold(true);
    let waiting: Vec<_> = (0..50).map(|_| begin(&verifier, "good")).collect();
    TestClock::settle().await;
    peer.hold(false);
    for one in waiting {
        assert_eq!(one.await.unwrap().unwrap_err().kind(), RejectionKind::IntrospectionUnavailable);
    }
    assert_eq!(peer.count(), 1);
}

// THREAT-K2, THREAT-K4
#[tokio::test]
async fn tokens_that_begin_alike_do_not_share_an_outcome() {
    let (peer, time) = (Peer::with_good(), TestClock::new());
    let common = "a".repeat(4000);
    let (first, second) = (format!("{common}1"), format!("{common}2"));
    peer.say(&first, good());
    peer.say(&second, with(good(), "sub", "bob"));
    let verifier = plain(&peer, &time).cache_for(secs(60)).refusals_for(secs(60)).build().unwrap();
    peer.hold(true);
    let waiting = [begin(&verifier, &first), begin(&verifier, &second), begin(&verifier, &common)];
    TestClock::settle().await;
    peer.hold(false);
    let [one, two, neither] = waiting;
    assert_eq!(one.await.unwrap().unwrap().subject(), "alice");
    assert_eq!(two.await.unwrap().unwrap().subject(), "bob");
    assert_eq!(neither.await.unwrap().unwrap_err().kind(), RejectionKind::Inactive);
    for (token, subject) in [(&first, "alice"), (&second, "bob")] {
        assert_eq!(verdict(&verifier, token).await.unwrap().subject(), subject);
    }
    assert_eq!(peer.count(), 3);
}

// THREAT-A3
#[tokio::test]
async fn whoever_goes_away_ends_the_request_for_nobody() {
    let (peer, time) = (Peer::with_good(), TestClock::new());
    let verifier = plain(&peer, &time).cache_for(secs(60)).build().unwrap();
    peer.hold(true);
    let (first, second) = (begin(&verifier, "good"), begin(&verifier, "good"));
    TestClock::settle().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    peer.hold(false);
    assert!(second.await.unwrap().is_ok());
    // Also if nobody is left: the answer is there for the next one.
    peer.say("other", good());
    peer.hold(true);
    let only = begin(&verifier, "other");
    TestClock::settle().await;
    only.abort();
    peer.hold(false);
    TestClock::settle().await;
    assert!(verdict(&verifier, "other").await.is_ok());
    assert_eq!(peer.count(), 2);
}

// THREAT-A3, THREAT-V16
#[tokio::test]
async fn a_request_that_panics_refuses_all_who_wait_and_the_next_one_asks_anew() {
    let (peer, time) = (Peer::with_good(), TestClock::new());
    let verifier = plain(&peer, &time).build().unwrap();
    peer.act("bad", Act::Panic);
    peer.hold(true);
    let waiting: Vec<_> = (0..10).map(|_| begin(&verifier, "bad")).collect();
    TestClock::settle().await;
    peer.hold(false);
    for one in waiting {
        assert_eq!(one.await.unwrap().unwrap_err().kind(), RejectionKind::IntrospectionUnavailable);
    }
    peer.say("bad", good());
    assert!(verdict(&verifier, "bad").await.is_ok());
}

// THREAT-A3
#[test]
fn a_runtime_that_ends_takes_nobody_elses_requests_along() {
    let (peer, time) = (Peer::with_good(), TestClock::new());
    let verifier = plain(&peer, &time).build().unwrap();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for _ in 0..5 {
        peer.hold(true);
        let first = runtime();
        let mut pending = None;
        first.block_on(async {
            pending = Some(verifier.verify(&bearer("good")));
            tokio::task::yield_now().await;
        });
        drop(first);
        peer.hold(false);
        let second = runtime();
        let refusal = second.block_on(pending.unwrap()).unwrap_err();
        assert_eq!(refusal.kind(), RejectionKind::IntrospectionUnavailable);
        assert!(second.block_on(verdict(&verifier, "good")).is_ok());
    }
}

// THREAT-A4
#[tokio::test]
async fn requests_under_way_are_bounded_and_the_rest_is_refused_at_once() {
    let (peer, time) = (Peer::with_good(), TestClock::new());
    let verifier = plain(&peer, &time).max_in_flight(3).build().unwrap();
    peer.hold(true);
    let waiting: Vec<_> = (0..3).map(|number| begin(&verifier, &format!("token-{number}"))).collect();
    TestClock::settle().await;
    let refused = refusal(&verifier, "good").await;
    assert_eq!((refused.kind(), refused.status().as_u16()), (RejectionKind::Overloaded, 503));
    assert_eq!((refused.grpc_code(), &refused.headers()["retry-after"]), (14, &"1".parse().unwrap()));
    let joined = begin(&verifier, "token-0");
    TestClock::settle().await;
    assert_eq!(peer.count(), 3, "whoever asks about the same token costs nothing");
    peer.hold(false);
    for one in waiting.into_iter().chain([joined]) {
        assert_eq!(one.await.unwrap().unwrap_err().kind(), RejectionKind::Inactive);
    }
    assert!(verdict(&verifier, "good").await.is_ok(), "there is room again");
}

// THREAT-A4
#[tokio::test]
async fn requests_in_a_second_can_be_bounded() {
    let (peer, time) = (Peer::with_good(), TestClock::new());
    let verifier = plain(&peer, &time).max_per_second(2).build().unwrap();
    assert!(verdict(&verifier, "good").await.is_ok());
    assert!(verdict(&verifier, "good").await.is_ok());
    assert_eq!(verdict(&verifier, "good").await.err(), Some(RejectionKind::Overloaded));
    time.advance(std::time::Duration::from_millis(500)).await;
    assert!(verdict(&verifier, "good").await.is_ok());
    assert_eq!(verdict(&verifier, "good").await.err(), Some(RejectionKind::Overloaded));
    assert_eq!(peer.count(), 3);
}

// THREAT-A1, R6750-2.1a
#[tokio::test]
async fn what_cannot_be_a_token_never_reaches_the_endpoint() {
    use tower_auth_core::IncomingCredential;
    let (peer, time) = (Peer::new(), TestClock::new());
    let verifier = plain(&peer, &time).build().unwrap();
    let long = "a".repeat(8 * 1024 + 1);
    for text in ["", "=", "a b", "a=b", "a\u{e4}", "{\"a\":1}", "a\r\nb", long.as_str()] {
        let refusal = verifier.verify_credential(IncomingCredential::bearer(text)).await.unwrap_err();
        assert_eq!(refusal.kind(), RejectionKind::Malformed, "{}", text.get(..10).unwrap_or(text));
    }
    for field in ["Bearer a b", "Bearer \"a\"", "Bearer a,b", "Bearer"] {
        assert_eq!(verifier.verify(&authorization(field)).await.unwrap_err().status(), 400, "{field}");
    }
    assert_eq!(peer.count(), 0);
    assert_eq!(verdict(&verifier, &long[1..]).await.err(), Some(RejectionKind::Inactive));
    assert_eq!(peer.count(), 1);
}

// THREAT-V16
#[tokio::test]
async fn who_cannot_wait_is_refused_for_the_time_being() {
    let (peer, time) = (Peer::with_good(), TestClock::new());
    let verifier = plain(&peer, &time).cache_for(secs(60)).build().unwrap();
    let refusal = verifier.try_verify(&bearer("good")).unwrap_err();
    assert_eq!(refusal.kind(), RejectionKind::IntrospectionUnavailable);
    assert_eq!(refusal.headers()["retry-after"], "1");
    TestClock::settle().await;
    assert_eq!(verifier.try_verify(&bearer("good")).unwrap().subject(), "alice");
    assert_eq!(peer.count(), 1);
}
