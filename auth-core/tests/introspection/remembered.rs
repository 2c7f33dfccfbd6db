//! What is remembered of tokens, and for how long.

use serde_json::json;
use tower_auth_core::{RejectionKind, Secret};
use tower_auth_testing::TestClock;

use super::support::*;

// THREAT-K3
#[tokio::test]
async fn by_default_every_request_asks_so_that_a_revoked_token_is_refused_at_once() {
    let (peer, time) = (Peer::with_good(), TestClock::new());
    let verifier = plain(&peer, &time).build().unwrap();
    for _ in 0..3 {
        assert!(verdict(&verifier, "good").await.is_ok());
    }
    assert_eq!(peer.count(), 3);
    peer.say("good", json!({"active": false}));
    assert_eq!(verdict(&verifier, "good").await.err(), Some(RejectionKind::Inactive));
}

// R7662-4a, THREAT-K3
#[tokio::test]
async fn an_answer_is_remembered_for_the_time_that_was_said() {
    let (peer, time) = (Peer::with_good(), TestClock::new());
    peer.say("endless", without(good(), "exp"));
    let verifier = plain(&peer, &time).cache_for(secs(60)).build().unwrap();
    for token in ["good", "endless"] {
        assert!(verdict(&verifier, token).await.is_ok());
    }
    time.advance(secs(59)).await;
    for token in ["good", "endless"] {
        let hit = verifier.verify(&bearer(token));
        assert!(!hit.is_waiting(), "it is there at once");
        assert_eq!(hit.await.unwrap().subject(), "alice");
    }
    assert_eq!(peer.count(), 2);
    time.advance(secs(1)).await;
    for token in ["good", "endless"] {
        peer.say(token, json!({"active": false}));
        assert_eq!(verdict(&verifier, token).await.err(), Some(RejectionKind::Inactive), "{token}");
    }
}

// R7662-4a, THREAT-K3
#[tokio::test]
async fn an_answer_ends_with_its_token_whatever_was_said() {
    let (peer, time) = (Peer::new(), TestClock::new());
    peer.say("short", with(good(), "exp", NOW + 10));
    let verifier = plain(&peer, &time).cache_for(secs(3600)).build().unwrap();
    assert!(verdict(&verifier, "short").await.is_ok());
    time.advance(secs(9)).await;
    assert!(verdict(&verifier, "short").await.is_ok());
    assert_eq!(peer.count(), 1);
    time.advance(secs(1)).await;
    assert!(verdict(&verifier, "short").await.is_ok(), "within the leeway, but asked anew");
    assert_eq!(peer.count(), 2);
    assert!(verdict(&verifier, "short").await.is_ok());
    assert_eq!(peer.count(), 3, "and not remembered");
}

// R7662-4a, THREAT-A7
#[tokio::test]
async fn a_machine_that_slept_remembers_nothing() {
    let (peer, time) = (Peer::with_good(), TestClock::new());
    peer.say("endless", without(good(), "exp"));
    let verifier = plain(&peer, &time).cache_for(secs(60)).build().unwrap();
    assert!(verdict(&verifier, "endless").await.is_ok());
    time.wall_forward(secs(61));
    assert!(verdict(&verifier, "endless").await.is_ok());
    assert_eq!(peer.count(), 2);
}

// THREAT-K4
#[tokio::test]
async fn refusals_are_remembered_for_seconds() {
    let (peer, time) = (Peer::new(), TestClock::new());
    peer.say("foreign", with(good(), "aud", "billing"));
    let verifier = plain(&peer, &time).refusals_for(secs(3)).build().unwrap();
    for (token, kind) in [("unknown", RejectionKind::Inactive), ("foreign", RejectionKind::WrongAudience)] {
        let before = peer.count();
        for _ in 0..10 {
            assert_eq!(verdict(&verifier, token).await.err(), Some(kind));
        }
        assert_eq!(peer.count() - before, 1);
    }
    time.advance(secs(2)).await;
    peer.say("unknown", good());
    assert_eq!(verdict(&verifier, "unknown").await.err(), Some(RejectionKind::Inactive));
    time.advance(secs(1)).await;
    assert!(verdict(&verifier, "unknown").await.is_ok(), "a token that a replica did not know yet");
}

// THREAT-K4
#[tokio::test]
async fn a_failure_between_two_answers_changes_nothing_that_is_remembered() {
    let (peer, time) = (Peer::with_good(), TestClock::new());
    let verifier = plain(&peer, &time).cache_for(secs(60)).refusals_for(secs(60)).build().unwrap();
    assert!(verdict(&verifier, "good").await.is_ok());
    assert_eq!(verdict(&verifier, "unknown").await.err(), Some(RejectionKind::Inactive));
    peer.act_always(Act::Answer(500, String::new()));
    for _ in 0..5 {
        assert_eq!(verdict(&verifier, "new").await.err(), Some(RejectionKind::IntrospectionUnavailable));
    }
    assert!(verdict(&verifier, "good").await.is_ok(), "what is known serves on");
    assert_eq!(verdict(&verifier, "unknown").await.err(), Some(RejectionKind::Inactive));
    time.advance(secs(10)).await;
    peer.say("new", good());
    assert!(verdict(&verifier, "new").await.is_ok());
}

// THREAT-K4, THREAT-A2
#[tokio::test]
async fn a_flood_of_invented_tokens_drives_out_no_good_one() {
    let (peer, time) = (Peer::with_good(), TestClock::new());
    let verifier = plain(&peer, &time).cache_for(secs(60)).cache_capacity(8).refusals_for(secs(3)).build().unwrap();
    for number in 0..8 {
        peer.say(&format!("good-{number}"), good());
        assert!(verdict(&verifier, &format!("good-{number}")).await.is_ok());
    }
    for number in 0..5_000 {
        assert_eq!(verdict(&verifier, &format!("bad-{number}")).await.err(), Some(RejectionKind::Inactive));
    }
    let asked = peer.count();
    for number in 0..8 {
        assert!(verdict(&verifier, &format!("good-{number}")).await.is_ok());
    }
    assert_eq!(peer.count(), asked);
}

// R7662-4a
#[tokio::test]
async fn answers_are_bounded_in_number_and_size() {
    let (peer, time) = (Peer::new(), TestClock::new());
    peer.say("large", with(good(), "x", "y".repeat(8 * 1024)));
    let verifier = plain(&peer, &time).cache_for(secs(60)).cache_capacity(2).build().unwrap();
    for _ in 0..2 {
        assert!(verdict(&verifier, "large").await.is_ok());
    }
    assert_eq!(peer.count(), 2, "too large to be kept");
    for token in ["a", "b", "c", "a"] {
        peer.say(token, good());
        assert!(verdict(&verifier, token).await.is_ok());
    }
    assert_eq!(peer.asked()[2..], ["a", "b", "c", "a"], "the oldest made room");
    assert!(verdict(&verifier, "c").await.is_ok());
    assert_eq!(peer.count(), 6);
}

// THREAT-K3
#[tokio::test]
async fn everything_or_one_token_can_be_forgotten() {
    let (peer, time) = (Peer::with_good(), TestClock::new());
    peer.say("other", good());
    let verifier = plain(&peer, &time).cache_for(secs(600)).refusals_for(secs(60)).build().unwrap();
    let ask = async || {
        let before = peer.count();
        for token in ["good", "other", "unknown"] {
            let _ = verdict(&verifier, token).await;
        }
        peer.count() - before
    };
    assert_eq!((ask().await, ask().await), (3, 0));
    verifier.forget_token(&Secret::from("good"));
    assert_eq!((ask().await, ask().await), (1, 0));
    verifier.forget_token(&Secret::from("unknown"));
    assert_eq!((ask().await, ask().await), (1, 0));
    verifier.forget();
    assert_eq!((ask().await, ask().await), (3, 0));
    peer.say("good", json!({"active": false}));
    assert!(verdict(&verifier, "good").await.is_ok());
    verifier.forget_token(&Secret::from("good"));
    assert_eq!(verdict(&verifier, "good").await.err(), Some(RejectionKind::Inactive));
}

// THREAT-K3, THREAT-K4
#[tokio::test]
async fn what_a_request_brings_that_began_before_is_not_remembered() {
    for all in [true, false] {
        let (peer, time) = (Peer::with_good(), TestClock::new());
        let verifier = plain(&peer, &time).cache_for(secs(600)).build().unwrap();
        peer.hold(true);
        let early = tokio::spawn(verifier.verify(&bearer("good")));
        TestClock::settle().await;
        // The server says by another way that the token was revoked.
        peer.say("good", json!({"active": false}));
        match all {
            true => verifier.forget(),
            false => verifier.forget_token(&Secret::from("good")),
        }
        let late = tokio::spawn(verifier.verify(&bearer("good")));
        TestClock::settle().await;
        assert_eq!(peer.count(), 2, "and nobody joins it");
        peer.hold(false);
        assert!(early.await.unwrap().is_ok());
        assert_eq!(late.await.unwrap().unwrap_err().kind(), RejectionKind::Inactive);
        assert_eq!(verdict(&verifier, "good").await.err(), Some(RejectionKind::Inactive));
    }
}
