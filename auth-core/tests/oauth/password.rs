//! The legacy password grant.

use tower_auth_core::{Password, TokenErrorKind};

use super::endpoint::URL;
use super::script::Answer::{Json, Lost};
use super::script::{Answer, Script};

const FIRST: &str = r#"{"access_token":"a1","expires_in":3600,"refresh_token":"r1"}"#;
const BARE: &str = r#"{"access_token":"a1","expires_in":3600}"#;
const DENIED: &str = r#"{"error":"invalid_grant"}"#;

fn grant(answers: impl IntoIterator<Item = Answer>) -> (Script, Password) {
    let script = Script::new(answers);
    let grant = Password::new(URL, "orders", "s3cret", "johndoe", "A3ddj3w").http_client(script.http.clone());
    (script, grant)
}

fn grant_types(script: &Script) -> Vec<String> {
    script.sent().iter().map(|sent| sent.get("grant_type").unwrap().to_owned()).collect()
}

// R6749-4.3a, X12
#[tokio::test]
async fn the_password_is_sent_until_tokens_come_and_then_never_again() {
    let (script, grant) = grant([Json(503, ""), Json(200, FIRST), Json(200, BARE), Json(400, DENIED)]);
    let source = grant.scopes(["a"]).build().unwrap();
    assert_eq!(source.request_token().await.unwrap_err().kind(), TokenErrorKind::ServerError);
    source.request_token().await.unwrap();
    assert_eq!(
        (script.sent()[1].get("username"), script.sent()[1].get("password")),
        (Some("johndoe"), Some("A3ddj3w"))
    );
    source.request_token().await.unwrap();
    assert_eq!(source.request_token().await.unwrap_err().kind(), TokenErrorKind::Refused);
    assert_eq!(grant_types(&script), ["password", "password", "refresh_token", "refresh_token"]);
    assert!(script.sent()[2..].iter().all(|sent| sent.get("password").is_none()));
}

// R6749-4.3a
#[tokio::test]
async fn without_a_refresh_token_access_must_be_granted_again() {
    let (script, grant) = grant([Json(200, BARE)]);
    let source = grant.build().unwrap();
    source.request_token().await.unwrap();
    for _ in 0..2 {
        let error = source.request_token().await.unwrap_err();
        assert_eq!(error.kind(), TokenErrorKind::Refused);
        assert!(error.to_string().contains("gave no refresh token"), "{error}");
    }
    assert_eq!(script.count(), 1);
}

#[tokio::test]
async fn a_kept_password_is_used_when_the_refresh_token_is_of_no_use() {
    let (script, grant) =
        grant([Json(200, BARE), Json(200, FIRST), Json(400, DENIED), Json(200, FIRST), Lost, Json(200, BARE)]);
    let source = grant.keep_password().build().unwrap();
    for _ in 0..4 {
        source.request_token().await.unwrap();
    }
    assert_eq!(
        grant_types(&script),
        ["password", "password", "refresh_token", "password", "refresh_token", "password"]
    );
}

// THREAT-L1
#[test]
fn nothing_is_shown_and_empty_ones_are_refused() {
    let (_script, grant) = grant([]);
    let text = format!("{grant:?} {:?}", grant.clone().build().unwrap());
    assert!(!text.contains("johndoe") && !text.contains("A3ddj3w"), "{text}");
    assert!(Password::public(URL, "orders", "", "x").build().is_err());
    assert!(Password::public(URL, "orders", "x", "").build().is_err());
}

// R9700-2.4a, X12
#[test]
fn it_is_there_only_for_those_who_ask_for_it() {
    let manifest = include_str!("../../Cargo.toml");
    let features = manifest.split("[features]").nth(1).unwrap();
    let default = features.lines().find(|line| line.starts_with("default = ")).unwrap();
    assert!(!default.contains("password-grant"), "{default}");
    assert!(features.contains("\npassword-grant = [\"oauth\"]\n"));
    // No other feature of the core brings it along.
    assert_eq!(features.matches("password-grant").count(), 1);
}
