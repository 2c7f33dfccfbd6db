//! Refresh tokens: the newest counts, and none is sent twice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tower_auth_core::{
    BoxError, ConfigErrorKind, FailureClass, RefreshCause, RefreshToken, RefreshTokenSource, Rotation, SourceRequest,
    Token, TokenErrorKind, TokenResponse, TokenSource,
};
use tower_auth_testing::TestClock;

use super::endpoint::URL;
use super::script::Answer::{Hang, Json, Lost, Unsent};
use super::script::{Answer, Script};

const SECOND: &str = r#"{"access_token":"a2","expires_in":3600,"refresh_token":"r2"}"#;
const THIRD: &str = r#"{"access_token":"a3","expires_in":3600,"refresh_token":"r3"}"#;
const KEPT: &str = r#"{"access_token":"a2","expires_in":3600}"#;
const DENIED: &str = r#"{"error":"invalid_grant"}"#;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn grant(script: &Script, time: &TestClock) -> RefreshToken {
    RefreshToken::new(URL, "orders", "s3cret", "r1").http_client(script.http.clone()).clock(time.clock())
}

fn setup(answers: impl IntoIterator<Item = Answer>) -> (Script, TestClock, RefreshTokenSource) {
    let (script, time) = (Script::new(answers), TestClock::new());
    let source = grant(&script, &time).build().unwrap();
    (script, time, source)
}

async fn kind(source: &RefreshTokenSource) -> TokenErrorKind {
    source.request_token().await.unwrap_err().kind()
}

// R6749-6a, R8707-2b, SYS-U8
#[tokio::test]
async fn a_refresh_says_what_it_must_and_nothing_of_the_scope() {
    let (script, time) = (Script::new([Json(200, SECOND), Json(200, SECOND)]), TestClock::new());
    let source = grant(&script, &time)
        .resource("https://a.example")
        .resource("https://b.example")
        .refresh_param("tenant", "acme")
        .configure(|client| client.param("first", "only"))
        .build()
        .unwrap();
    source.request_token().await.unwrap();
    let sent = &script.sent()[0];
    assert_eq!(sent.get("grant_type"), Some("refresh_token"));
    assert_eq!((sent.get("refresh_token"), sent.get("tenant")), (Some("r1"), Some("acme")));
    assert_eq!(sent.all("resource"), ["https://a.example", "https://b.example"]);
    assert_eq!((sent.get("scope"), sent.get("first")), (None, None));

    let narrowed = grant(&script, &time).granted_scopes(["a", "b"]).scopes(["b"]).build().unwrap();
    narrowed.request_token().await.unwrap();
    assert_eq!(script.sent()[1].get("scope"), Some("b"));
}

// R6749-6a
#[test]
fn more_scope_than_was_granted_is_refused_before_anything_is_sent() {
    let (script, time) = (Script::new([]), TestClock::new());
    let error = grant(&script, &time).granted_scopes(["a"]).scopes(["a", "b"]).build().unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::InvalidOption);
    assert!(RefreshToken::new(URL, "orders", "s3cret", "").http_client(script.http.clone()).build().is_err());
    let twice = grant(&script, &time).scopes(["a"]).refresh_param("scope", "b").build();
    assert_eq!(twice.unwrap_err().kind(), ConfigErrorKind::InvalidOption);
}

// R6749-6b
#[tokio::test]
async fn the_newest_refresh_token_is_used_and_a_missing_one_keeps_the_old() {
    let (script, _time, source) = setup([Json(200, SECOND), Json(200, KEPT), Json(200, THIRD), Json(200, THIRD)]);
    for expected in ["r2", "r2", "r3"] {
        let response = source.request_token().await.unwrap();
        assert_eq!(response.refresh_token().unwrap().expose_secret(), expected);
    }
    // A cache that missed the last answer does not bring an old one back.
    let old = TokenResponse::new(Token::new("a1").unwrap()).with_refresh_token("r1");
    let request = SourceRequest::new(RefreshCause::Ahead, Some(Arc::new(old)), tower_auth_core::MonotonicTime::NEVER);
    source.fetch(request).await.unwrap();
    assert_eq!(script.refresh_tokens(), ["r1", "r2", "r2", "r3"]);
}

#[tokio::test]
async fn a_refresh_token_that_another_process_brought_is_used() {
    let (script, _time, source) = setup([Json(200, THIRD)]);
    let theirs = TokenResponse::new(Token::new("a9").unwrap()).with_refresh_token("r9");
    let request =
        SourceRequest::new(RefreshCause::Ahead, Some(Arc::new(theirs)), tower_auth_core::MonotonicTime::NEVER);
    source.fetch(request).await.unwrap();
    assert_eq!(script.refresh_tokens(), ["r9"]);
}

// R6749-6b
#[tokio::test]
async fn a_published_response_without_a_refresh_token_keeps_the_known_one() {
    let (script, time, source) = setup([Json(200, SECOND), Json(200, THIRD)]);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    // A source of the user's own, which remembers nothing by itself.
    let own = move |request: SourceRequest| {
        let (source, record) = (source.clone(), Arc::clone(&record));
        async move {
            let known = request.previous().and_then(|previous| previous.refresh_token().cloned());
            record.lock().unwrap().push(known.map(|token| token.expose_secret().to_owned()));
            source.fetch(request).await
        }
    };
    let cache = tower_auth_core::TokenCache::builder(own).clock(time.clock()).build().unwrap();
    cache.ready().await.unwrap();
    assert!(cache.publish(TokenResponse::new(Token::new("theirs").unwrap()).expires_in(secs(7_200))));
    time.advance(secs(7_200)).await;
    cache.ready().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [None, Some("r2".to_owned())]);
    assert_eq!(script.refresh_tokens(), ["r1", "r2"]);
}

// X9
#[tokio::test]
async fn a_rotated_refresh_token_is_durable_before_its_access_token_is_seen() {
    let (script, time, source) = setup([Json(200, SECOND), Json(200, THIRD)]);
    let (stored, broken) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(true)));
    let (store, is_broken) = (Arc::clone(&stored), Arc::clone(&broken));
    let cache = source
        .cache_builder()
        .persist(move |response| {
            let outcome = if is_broken.load(Ordering::SeqCst) { Err(BoxError::from("disk full")) } else { Ok(()) };
            store.lock().unwrap().push(response.refresh_token().unwrap().expose_secret().to_owned());
            std::future::ready(outcome)
        })
        .build()
        .unwrap();
    assert_eq!(cache.token().await.unwrap_err().kind(), TokenErrorKind::PersistFailed);
    assert_eq!(*stored.lock().unwrap(), ["r2"]);
    assert!(cache.try_current().is_none(), "published before it was durable");

    broken.store(false, Ordering::SeqCst);
    time.advance(secs(30)).await;
    assert_eq!(cache.token().await.unwrap().secret().expose_secret(), "a2");
    assert_eq!(*stored.lock().unwrap(), ["r2", "r2"]);
    assert_eq!(script.refresh_tokens(), ["r1"], "the step is repeated, not the exchange");

    time.advance(secs(3_600)).await;
    assert_eq!(cache.token().await.unwrap().secret().expose_secret(), "a3");
    assert_eq!(
        (stored.lock().unwrap().last().unwrap().as_str(), script.refresh_tokens()),
        ("r3", vec!["r1".to_owned(), "r2".to_owned()])
    );
}

// THREAT-S7
#[tokio::test]
async fn after_a_lost_answer_nothing_more_is_sent_and_the_present_token_serves_to_its_end() {
    let (script, time, source) = setup([Json(200, SECOND), Lost]);
    let cache = source.cache_builder().build().unwrap();
    cache.ready().await.unwrap();
    time.advance(secs(3_400)).await;
    // Due: the refresh in the background is lost.
    assert_eq!(cache.token().await.unwrap().secret().expose_secret(), "a2");
    for _ in 0..20 {
        time.advance(secs(5)).await;
        assert_eq!(cache.token().await.unwrap().secret().expose_secret(), "a2");
    }
    assert_eq!(cache.status().last_failure, Some(TokenErrorKind::Unconfirmed));
    time.advance(secs(600)).await;
    let error = cache.token().await.unwrap_err();
    assert_eq!((error.kind(), error.class()), (TokenErrorKind::Unconfirmed, FailureClass::Refused));
    assert!(error.to_string().contains("access must be granted again"), "{error}");
    assert_eq!(script.refresh_tokens(), ["r1", "r2"], "sent twice");
}

// THREAT-S7
#[tokio::test]
async fn a_refused_token_comes_back_into_use_when_the_outcome_of_its_renewal_is_unknown() {
    let (_script, _time, source) = setup([Json(200, SECOND), Lost]);
    let cache = source.cache_builder().build().unwrap();
    let generation = cache.current().await.unwrap().generation;
    cache.invalidate(generation);
    assert_eq!(cache.token().await.unwrap_err().kind(), TokenErrorKind::Unconfirmed);
    assert_eq!(cache.token().await.unwrap().secret().expose_secret(), "a2");
}

// THREAT-S7
#[tokio::test]
async fn what_was_never_sent_is_sent_again_freely() {
    let (script, _time, source) = setup([Unsent, Unsent, Unsent, Json(200, SECOND)]);
    for _ in 0..3 {
        assert_eq!(kind(&source).await, TokenErrorKind::Unreachable);
    }
    assert!(source.request_token().await.is_ok());
    assert_eq!(script.refresh_tokens(), ["r1"; 4]);
}

// THREAT-S7
#[tokio::test]
async fn what_the_server_answered_was_not_spent() {
    let (script, _time, source) = setup([Json(503, ""), Json(429, ""), Json(200, SECOND)]);
    assert_eq!(kind(&source).await, TokenErrorKind::ServerError);
    assert_eq!(kind(&source).await, TokenErrorKind::Throttled);
    assert!(source.request_token().await.is_ok());
    assert_eq!(script.refresh_tokens(), ["r1"; 3]);
}

// THREAT-S7
#[tokio::test]
async fn an_unreadable_success_and_a_gateways_timeout_leave_the_outcome_open() {
    for answer in [Json(200, "{"), Json(504, ""), Lost] {
        let (script, _time, source) = setup([answer]);
        for _ in 0..3 {
            assert_eq!(kind(&source).await, TokenErrorKind::Unconfirmed);
        }
        assert_eq!(script.count(), 1);
    }
}

// THREAT-S7
#[tokio::test]
async fn a_dropped_exchange_leaves_the_outcome_open() {
    let (script, _time, source) = setup([Hang]);
    let asking = source.clone();
    let task = tokio::spawn(async move { asking.request_token().await });
    while script.count() == 0 {
        tokio::task::yield_now().await;
    }
    task.abort();
    assert!(task.await.is_err());
    assert_eq!(kind(&source).await, TokenErrorKind::Unconfirmed);
    assert_eq!(script.count(), 1);
}

// THREAT-S7
#[tokio::test]
async fn within_the_grace_a_token_is_replayed_once() {
    let (script, time) = (Script::new([Lost, Json(200, SECOND), Lost]), TestClock::new());
    let source = grant(&script, &time).reuse_grace(secs(30)).build().unwrap();
    assert_eq!(kind(&source).await, TokenErrorKind::Unreachable);
    time.advance(secs(30)).await;
    assert_eq!(source.request_token().await.unwrap().refresh_token().unwrap().expose_secret(), "r2");
    assert_eq!(kind(&source).await, TokenErrorKind::Unreachable);
    time.advance(secs(31)).await;
    assert_eq!(kind(&source).await, TokenErrorKind::Unconfirmed);
    assert_eq!(script.refresh_tokens(), ["r1", "r1", "r2"]);
}

// THREAT-S7
#[tokio::test]
async fn a_replay_is_the_last_word() {
    for (answer, expected) in [(Json(400, DENIED), TokenErrorKind::Refused), (Lost, TokenErrorKind::Unconfirmed)] {
        let (script, time) = (Script::new([Lost, Unsent, answer]), TestClock::new());
        let source = grant(&script, &time).reuse_grace(secs(30)).build().unwrap();
        assert_eq!(kind(&source).await, TokenErrorKind::Unreachable);
        // One that never left does not count.
        assert_eq!(kind(&source).await, TokenErrorKind::Unreachable);
        for _ in 0..3 {
            assert_eq!(kind(&source).await, expected);
        }
        assert_eq!(script.refresh_tokens(), ["r1"; 3]);
    }
}

#[tokio::test]
async fn a_token_that_stays_the_same_is_sent_again_freely() {
    let (script, time) = (Script::new([Lost, Json(200, "{"), Json(200, KEPT)]), TestClock::new());
    let source = grant(&script, &time).rotation(Rotation::Stable).build().unwrap();
    assert_eq!(kind(&source).await, TokenErrorKind::Unreachable);
    assert_eq!(kind(&source).await, TokenErrorKind::Unparsable);
    assert!(source.request_token().await.is_ok());
    assert_eq!(script.refresh_tokens(), ["r1"; 3]);
}

#[tokio::test]
async fn a_refused_token_is_probed_on_since_some_accounts_come_back() {
    let (script, _time, source) = setup([Json(400, DENIED)]);
    assert_eq!(kind(&source).await, TokenErrorKind::Refused);
    script.push(Json(200, SECOND));
    assert!(source.request_token().await.is_ok());
}

// THREAT-L1
#[test]
fn debug_shows_no_token() {
    let (script, time) = (Script::new([]), TestClock::new());
    let described = RefreshToken::new(URL, "orders", "s3cret-sentinel", "r1-sentinel").http_client(script.http.clone());
    let text = format!("{described:?} {:?}", described.clone().clock(time.clock()).build().unwrap());
    assert!(!text.contains("sentinel"), "{text}");
}
