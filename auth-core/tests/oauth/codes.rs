//! A typed-in code: sent once, then the refresh token.

use std::time::Duration;

use tower_auth_core::{FailureClass, StaticCode, StaticCodeSource, TokenErrorKind};
use tower_auth_testing::TestClock;

use super::endpoint::URL;
use super::script::Answer::{Json, Lost, Unsent};
use super::script::{Answer, Script};

const FIRST: &str = r#"{"access_token":"a1","expires_in":3600,"refresh_token":"r1"}"#;
const BARE: &str = r#"{"access_token":"a1","expires_in":3600}"#;
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn setup(answers: impl IntoIterator<Item = Answer>) -> (Script, StaticCodeSource) {
    let script = Script::new(answers);
    let source = StaticCode::new(URL, "orders", "s3cret", " c0de\n").http_client(script.http.clone()).build().unwrap();
    (script, source)
}

// SYS-U4, SYS-U8
#[tokio::test]
async fn the_code_is_exchanged_once_and_then_the_refresh_token() {
    let script = Script::new([Json(200, FIRST), Json(200, BARE)]);
    let source = StaticCode::new(URL, "orders", "s3cret", "c0de")
        .redirect_uri("https://app.example/cb")
        .code_verifier(VERIFIER)
        .scopes(["a"])
        .resource("https://api.example")
        .param("first", "only")
        .refresh_param("later", "only")
        .http_client(script.http.clone())
        .build()
        .unwrap();
    assert_eq!(source.request_token().await.unwrap().token().scope().unwrap().to_string(), "a");
    let again = source.request_token().await.unwrap();
    assert_eq!(again.refresh_token().unwrap().expose_secret(), "r1");
    assert_eq!(again.token().scope().unwrap().to_string(), "a", "still what was granted");

    let sent = script.sent();
    assert_eq!((sent[0].get("grant_type"), sent[0].get("code")), (Some("authorization_code"), Some("c0de")));
    assert_eq!(sent[0].get("redirect_uri"), Some("https://app.example/cb"));
    assert_eq!(sent[0].get("code_verifier"), Some(VERIFIER));
    assert_eq!((sent[0].get("first"), sent[0].get("later")), (Some("only"), None));
    assert_eq!((sent[1].get("grant_type"), sent[1].get("refresh_token")), (Some("refresh_token"), Some("r1")));
    assert_eq!((sent[1].get("first"), sent[1].get("later")), (None, Some("only")));
    assert_eq!((sent[1].get("scope"), sent[1].get("resource")), (None, Some("https://api.example")));
}

// SYS-U4
#[tokio::test]
async fn an_attempt_that_may_have_arrived_is_the_only_one() {
    for answer in [Lost, Json(200, "{"), Json(503, ""), Json(400, r#"{"error":"invalid_client"}"#), Json(200, BARE)] {
        let (script, source) = setup([answer]);
        let first = source.request_token().await;
        assert_eq!(first.is_ok(), matches!(answer, Json(200, BARE)));
        for _ in 0..3 {
            let error = source.request_token().await.unwrap_err();
            assert_eq!((error.kind(), error.class()), (TokenErrorKind::Refused, FailureClass::Refused));
            assert!(error.to_string().contains("access must be granted again"), "{error}");
        }
        assert_eq!(script.count(), 1);
    }
}

// SYS-U4
#[tokio::test]
async fn a_code_that_never_left_is_sent_again() {
    let (script, source) = setup([Unsent, Unsent, Json(200, FIRST)]);
    assert_eq!(source.request_token().await.unwrap_err().kind(), TokenErrorKind::Unreachable);
    assert_eq!(source.clone().request_token().await.unwrap_err().kind(), TokenErrorKind::Unreachable);
    assert!(source.request_token().await.is_ok());
    assert_eq!(script.sent().iter().map(|sent| sent.get("code").unwrap().to_owned()).collect::<Vec<_>>(), ["c0de"; 3]);
}

// SYS-U4
#[tokio::test]
async fn a_cache_keeps_serving_when_there_is_no_refresh_token() {
    let time = TestClock::new();
    let script = Script::new([Json(200, BARE)]);
    let cache = StaticCode::public(URL, "orders", "c0de")
        .http_client(script.http.clone())
        .clock(time.clock())
        .cached()
        .unwrap();
    cache.ready().await.unwrap();
    time.advance(Duration::from_secs(3_400)).await;
    assert_eq!(cache.token().await.unwrap().secret().expose_secret(), "a1");
    time.advance(Duration::from_secs(300)).await;
    assert_eq!(cache.token().await.unwrap_err().kind(), TokenErrorKind::Refused);
    assert_eq!(script.count(), 1);
}

#[test]
fn mistakes_are_found_before_anything_is_sent() {
    let script = Script::new([]);
    let code = |code: &str| StaticCode::new(URL, "orders", "s3cret", code).http_client(script.http.clone());
    assert!(code(" ").build().is_err());
    assert!(code("c").code_verifier("short").build().is_err());
    assert!(code("c").param("code", "x").build().is_err());
    assert!(code("c").resource("no-uri").build().is_err());
    let described = code("sentinel-code").code_verifier("sentinel-verifier-that-is-long-enough-for-pkce");
    let text = format!("{described:?} {:?}", described.clone().build().unwrap());
    assert!(!text.contains("sentinel"), "{text}");
}
