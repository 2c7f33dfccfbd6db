//! Endpoints that cannot tell.

use http::HeaderMap;
use tower_auth_core::{
    HttpClient, IntrospectionVerifier, RejectionKind, TokenCache, TransportError, TransportErrorKind,
};
use tower_auth_testing::TestClock;

use super::support::*;

const UNAVAILABLE: RejectionKind = RejectionKind::IntrospectionUnavailable;

// R7662-2.3a, GRPC-7, THREAT-V16, THREAT-K4
#[tokio::test]
async fn whatever_is_no_answer_is_503_and_never_a_verdict() {
    for (status, body) in [
        (200, ""),
        (200, "[]"),
        (200, "<html><body>active</body></html>"),
        (200, r#"{"error":"invalid_request"}"#),
        (201, r#"{"active":true}"#),
        (204, ""),
        (302, ""),
        (307, ""),
        (400, r#"{"error":"invalid_request"}"#),
        (401, r#"{"error":"invalid_client"}"#),
        (401, r#"{"active":false}"#),
        (403, ""),
        (404, ""),
        (429, ""),
        (500, r#"{"active":true,"sub":"alice","aud":"orders"}"#),
        (502, "<html>"),
        (503, ""),
    ] {
        let (peer, time) = (Peer::new(), TestClock::new());
        peer.act("good", Act::Answer(status, body.to_owned()));
        let verifier = plain(&peer, &time).cache_for(secs(60)).refusals_for(secs(60)).build().unwrap();
        for _ in 0..2 {
            let refusal = refusal(&verifier, "good").await;
            assert_eq!(refusal.kind(), UNAVAILABLE, "{status} {body}: {refusal}");
            assert_eq!((refusal.status().as_u16(), refusal.grpc_code()), (503, 14));
            assert!(refusal.challenges().is_empty(), "no other credential would help");
            assert_eq!(refusal.headers()["retry-after"], "1");
        }
        assert_eq!(peer.count(), 2, "that nothing can be said is not remembered");
        peer.say("good", good());
        assert!(verdict(&verifier, "good").await.is_ok(), "and the token is as good as before");
    }
}

// R7662-2.3a, THREAT-A4, THREAT-A5
#[tokio::test]
async fn a_huge_answer_and_a_broken_connection_are_503() {
    let time = TestClock::new();
    let peer = Peer::new();
    peer.say("good", with(good(), "x", "y".repeat(64 * 1024)));
    assert_eq!(verdict(&plain(&peer, &time).build().unwrap(), "good").await.err(), Some(UNAVAILABLE));
    for act in [Act::Fail, Act::Panic] {
        peer.act("good", act);
        assert_eq!(verdict(&plain(&peer, &time).build().unwrap(), "good").await.err(), Some(UNAVAILABLE));
    }
    for kind in [TransportErrorKind::Connect, TransportErrorKind::TooLarge, TransportErrorKind::Encoded] {
        let broken = HttpClient::new(tower::service_fn(move |_| async move {
            Err::<http::Response<bytes::Bytes>, _>(TransportError::new(kind, "x"))
        }));
        let verifier = IntrospectionVerifier::new(URL, "orders", "s3cret").http_client(broken).audience("orders");
        assert_eq!(verdict(&verifier.build().unwrap(), "good").await.err(), Some(UNAVAILABLE), "{kind:?}");
    }
}

// THREAT-A4
#[tokio::test]
async fn an_endpoint_that_hangs_is_given_up_after_five_seconds() {
    let (peer, time) = (Peer::new(), TestClock::new());
    peer.act("good", Act::Hang);
    let verifier = plain(&peer, &time).build().unwrap();
    let asked = tokio::spawn(verifier.verify(&bearer("good")));
    time.advance(secs(4)).await;
    assert!(!asked.is_finished());
    time.advance(secs(1)).await;
    let refusal = asked.await.unwrap().unwrap_err();
    assert_eq!(refusal.kind(), UNAVAILABLE);
    assert!(refusal.explain().contains("login.example.com did not answer within 5.0 s"), "{refusal}");
    let quick = plain(&peer, &time).timeout(secs(1)).build().unwrap();
    let asked = tokio::spawn(quick.verify(&bearer("good")));
    time.advance(secs(1)).await;
    assert_eq!(asked.await.unwrap().unwrap_err().kind(), UNAVAILABLE);
}

// THREAT-A4
#[tokio::test]
async fn a_dead_endpoint_is_not_asked_once_for_each_request() {
    let (peer, time) = (Peer::with_good(), TestClock::new());
    let verifier = plain(&peer, &time).build().unwrap();
    peer.act_always(Act::Answer(500, String::new()));
    for round in 0..100 {
        let refusal = refusal(&verifier, &format!("token-{round}")).await;
        assert_eq!(refusal.kind(), UNAVAILABLE);
        assert!(refusal.explain().contains("failed (status 500)"), "the last failure: {refusal}");
    }
    assert_eq!(peer.count(), 3);
    // One at a time sees whether it is back.
    time.advance(secs(2)).await;
    peer.hold(true);
    let probe = tokio::spawn(verifier.verify(&bearer("probe")));
    TestClock::settle().await;
    for round in 0..10 {
        assert_eq!(verdict(&verifier, &format!("other-{round}")).await.err(), Some(UNAVAILABLE));
    }
    assert_eq!(peer.count(), 4);
    peer.hold(false);
    assert_eq!(probe.await.unwrap().unwrap_err().kind(), UNAVAILABLE);
    // It is back.
    time.advance(secs(8)).await;
    peer.say("good", good());
    assert!(verdict(&verifier, "good").await.is_ok());
    assert!(verdict(&verifier, "good").await.is_ok());
}

// THREAT-A4
#[tokio::test]
async fn a_single_failure_refuses_its_own_token_alone() {
    let (peer, time) = (Peer::with_good(), TestClock::new());
    let verifier = plain(&peer, &time).build().unwrap();
    for _ in 0..20 {
        peer.act("odd", Act::Answer(500, String::new()));
        assert_eq!(verdict(&verifier, "odd").await.err(), Some(UNAVAILABLE));
        assert_eq!(verdict(&verifier, "odd").await.err(), Some(UNAVAILABLE));
        assert!(verdict(&verifier, "good").await.is_ok());
    }
}

// R7662-2.3a, THREAT-A4
#[tokio::test]
async fn an_endpoint_that_says_when_to_come_again_is_left_alone_until_then() {
    for (status, asked, waits) in [(503, 20, 20), (429, 7, 7), (503, 86_400, 60), (503, 0, 1)] {
        let (peer, time) = (Peer::with_good(), TestClock::new());
        let verifier = plain(&peer, &time).build().unwrap();
        peer.act("busy", Act::Later(status, asked));
        let told = refusal(&verifier, "busy").await;
        assert_eq!(told.headers()["retry-after"], waits.to_string().as_str(), "{status} {asked}");
        if asked == 0 {
            continue;
        }
        assert_eq!(refusal(&verifier, "good").await.headers()["retry-after"], waits.to_string().as_str());
        time.advance(secs(waits - 1)).await;
        assert_eq!(refusal(&verifier, "good").await.headers()["retry-after"], "1");
        assert_eq!(peer.count(), 1);
        time.advance(secs(1)).await;
        assert!(verdict(&verifier, "good").await.is_ok());
    }
}

// THREAT-V16
#[tokio::test]
async fn without_a_token_of_its_own_nothing_is_asked_and_nothing_accepted() {
    use tower_auth_core::{ClientAuth, OAuthClient, SourceRequest, TokenError, TokenErrorKind, TokenResponse};
    let (peer, time) = (Peer::with_good(), TestClock::new());
    let tokens = TokenCache::new(|_: SourceRequest| async {
        Err::<TokenResponse, _>(TokenError::new(TokenErrorKind::Unreachable, "cannot connect to login.example.com"))
    });
    let client = OAuthClient::builder("orders").client_auth(ClientAuth::None).introspection_endpoint(URL);
    let client = client.introspection_tokens(tokens).http_client(peer.http());
    let verifier = IntrospectionVerifier::over(client).audience("orders").clock(time.clock()).build().unwrap();
    let refusal = refusal(&verifier, "good").await;
    assert_eq!(refusal.kind(), UNAVAILABLE);
    assert!(refusal.explain().contains("cannot connect to login.example.com"), "{refusal}");
    assert_eq!(peer.count(), 0);
}

// THREAT-V16
#[test]
fn without_a_runtime_nothing_is_accepted() {
    let (peer, time) = (Peer::with_good(), TestClock::new());
    let verifier = plain(&peer, &time).build().unwrap();
    assert_eq!(verifier.try_verify(&bearer("good")).unwrap_err().kind(), UNAVAILABLE);
    assert_eq!(verifier.try_verify(&HeaderMap::new()).unwrap_err().kind(), RejectionKind::MissingCredential);
    assert_eq!(peer.count(), 0);
}
