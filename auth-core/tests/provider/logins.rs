//! A new login takes the place of an earlier one, whole.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tower_auth_core::{BoxError, Connection, ConnectionBuilder, Token, TokenErrorKind, TokenResponse};
use tower_auth_testing::TestClock;

use crate::wire::{Wire, json};
use crate::{file, fill, spec};

const CODE: &str = r#"kind = "oauth2_code"
authorize_url = "https://login.acme.test/authorize"
token_url = "https://login.acme.test/token"
revoke_url = "https://login.acme.test/revoke"
"#;

fn begin(wire: &Wire, time: &TestClock) -> ConnectionBuilder {
    let spec = spec(&file("base_url = \"https://api.acme.test\"", CODE));
    fill(&spec, &[("client_id", "id"), ("client_secret", "s3cret")])
        .connect()
        .http_client(wire.client())
        .clock(time.clock())
}

fn login(token: &str, minutes: u64) -> TokenResponse {
    TokenResponse::new(Token::new(token).unwrap()).expires_in(Duration::from_secs(minutes * 60))
}

async fn token(connection: &Connection) -> String {
    connection.tokens().unwrap().token().await.unwrap().secret().expose_secret().to_owned()
}

#[tokio::test]
async fn a_login_counts_though_an_earlier_ones_token_would_live_longer() {
    let (wire, time) = (Wire::default(), TestClock::new());
    let connection = begin(&wire, &time).build().unwrap();
    connection.accept(login("anna", 88).with_refresh_token("r-anna")).await.unwrap();
    assert_eq!(token(&connection).await, "anna");
    connection.accept(login("berta", 62)).await.unwrap();
    assert_eq!(token(&connection).await, "berta");
    // It came without a refresh token, and the other person's is not taken instead.
    assert!(connection.response().unwrap().refresh_token().is_none());
    time.advance(Duration::from_secs(62 * 60)).await;
    let error = connection.tokens().unwrap().token().await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Refused);
    assert!(wire.uris().is_empty());
}

#[tokio::test]
async fn the_same_refresh_token_in_a_new_login_is_used() {
    let (wire, time) = (Wire::default(), TestClock::new());
    wire.then(json(r#"{"access_token":"next","token_type":"Bearer","expires_in":3600}"#));
    let connection = begin(&wire, &time).build().unwrap();
    for name in ["one", "two"] {
        connection.accept(login(name, 60).with_refresh_token("r")).await.unwrap();
        assert_eq!(token(&connection).await, name);
    }
    time.advance(Duration::from_secs(3600)).await;
    assert_eq!(token(&connection).await, "next");
    assert!(wire.bodies()[0].contains("refresh_token=r"));
}

#[tokio::test]
async fn what_an_earlier_login_left_to_be_persisted_does_not_come_back() {
    let (wire, time) = (Wire::default(), TestClock::new());
    wire.then(json(r#"{"access_token":"anna-2","token_type":"Bearer","expires_in":3600,"refresh_token":"r-anna-2"}"#));
    wire.then(json(r#"{"access_token":"berta-2","token_type":"Bearer","expires_in":3600}"#));
    let disk = Arc::new(Mutex::new(Vec::new()));
    let written = Arc::clone(&disk);
    let persist = move |response: Arc<TokenResponse>| {
        let name = response.token().secret().expose_secret().to_owned();
        let fails = name == "anna-2";
        written.lock().unwrap().push(name);
        async move { if fails { Err(BoxError::from("the disk is full")) } else { Ok(()) } }
    };
    let connection = begin(&wire, &time).persist(persist).build().unwrap();
    connection.accept(login("anna", 60).with_refresh_token("r-anna")).await.unwrap();
    time.advance(Duration::from_secs(3600)).await;
    let error = connection.tokens().unwrap().token().await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::PersistFailed);
    connection.accept(login("berta", 60).with_refresh_token("r-berta")).await.unwrap();
    assert_eq!(token(&connection).await, "berta");
    time.advance(Duration::from_secs(3600)).await;
    assert_eq!(token(&connection).await, "berta-2");
    assert_eq!(*disk.lock().unwrap(), ["anna", "anna-2", "berta", "berta-2"]);
    assert!(wire.bodies()[1].contains("refresh_token=r-berta"));
}

#[tokio::test]
async fn a_revocation_starts_no_refresh() {
    let (wire, time) = (Wire::default(), TestClock::new());
    let text = format!(
        "{}\n[auth.revoke]\nurl = \"https://api.acme.test/me\"\nmethod = \"DELETE\"\n",
        CODE.replace("revoke_url = \"https://login.acme.test/revoke\"\n", "")
    );
    let spec = spec(&file("base_url = \"https://api.acme.test\"", &text));
    let connection = fill(&spec, &[("client_id", "id"), ("client_secret", "s3cret")])
        .connect()
        .http_client(wire.client())
        .clock(time.clock())
        .build()
        .unwrap();
    connection.accept(login("anna", 60).with_refresh_token("r-anna")).await.unwrap();
    // The token is due, and serves still.
    time.advance(Duration::from_secs(58 * 60)).await;
    wire.then(json("{}"));
    assert!(connection.revoke().await.unwrap());
    TestClock::settle().await;
    assert_eq!(wire.uris(), ["https://api.acme.test/me"]);
}

#[tokio::test]
async fn a_short_client_id_spoils_no_message() {
    for client_auth in ["basic", "body", "both", "auto"] {
        let (wire, time) = (Wire::default(), TestClock::new());
        for _ in 0..2 {
            let mut refused = json(r#"{"error":"invalid_client"}"#);
            *refused.status_mut() = http::StatusCode::UNAUTHORIZED;
            wire.then(refused);
        }
        let text = format!(
            "kind = \"oauth2_client_credentials\"\ntoken_url = \"https://login.acme.test/token\"\nclient_auth = \"{client_auth}\""
        );
        let spec = spec(&file("base_url = \"https://api.acme.test\"", &text));
        let connection = fill(&spec, &[("client_id", "id"), ("client_secret", "s3cret-s3cret")])
            .connect()
            .http_client(wire.client())
            .clock(time.clock())
            .build()
            .unwrap();
        let error = connection.tokens().unwrap().token().await.unwrap_err();
        assert_eq!(error.oauth_error(), Some("invalid_client"), "{client_auth}: {error}");
    }
}
