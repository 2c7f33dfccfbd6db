//! Further tokens by the same refresh token, credentials that must be kept alive, and waits that a provider asks for.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use tower_auth_core::{Connection, ConnectionBuilder, Token, TokenErrorKind, TokenResponse};
use tower_auth_testing::TestClock;

use crate::wire::{Wire, json};
use crate::{file, fill, spec};

const CODE: &str = r#"kind = "oauth2_code"
authorize_url = "https://login.acme.test/authorize"
token_url = "https://login.acme.test/token"
rotation = "rotating"
refresh_params = { scope = "main" }
[[auth.secondary_tokens]]
name = "graph"
params = { scope = "graph {client_id}" }
expires = { default = "10m" }
placement = [{ header = "x-graph", value = "Graph {token}" }]
[[auth.secondary_tokens]]
name = "files"
url = "https://files.acme.test/token"
"#;
const CLIENT: [(&str, &str); 2] = [("client_id", "id"), ("client_secret", "s3cret")];

fn begin(method: &str, wire: &Wire, time: &TestClock) -> ConnectionBuilder {
    fill(&spec(&file("base_url = \"https://api.acme.test\"", method)), &CLIENT)
        .connect()
        .http_client(wire.client())
        .clock(time.clock())
}

/// Tokens of an earlier run.
fn tokens(refresh_token: &str) -> TokenResponse {
    let token = Token::new("main-1").unwrap();
    TokenResponse::new(token).expires_in(Duration::from_secs(3600)).with_refresh_token(refresh_token)
}

fn refresh_token(connection: &Connection) -> String {
    connection.response().unwrap().refresh_token().unwrap().expose_secret().to_owned()
}

#[tokio::test]
async fn a_further_token_is_had_by_the_refresh_token_and_goes_where_it_belongs() {
    let (wire, time) = (Wire::default(), TestClock::new());
    wire.then(json(r#"{"access_token":"g1","token_type":"Bearer"}"#));
    wire.then(json(r#"{"access_token":"f1","token_type":"Bearer","expires_in":60}"#));
    let connection = begin(CODE, &wire, &time).resume(tokens("r1")).build().unwrap();
    let graph = connection.secondary("graph").unwrap();
    let mut request = Request::get("https://graph.acme.test/").body(()).unwrap();
    graph.current().await.unwrap().credential.apply(&mut request).unwrap();
    assert_eq!(request.headers()["x-graph"], "Graph g1");
    assert!(!request.headers().contains_key("authorization"));
    // Its own parameters, not those of a refresh.
    let body = wire.bodies().remove(0);
    assert!(body.contains("grant_type=refresh_token") && body.contains("refresh_token=r1"), "{body}");
    assert!(body.contains("scope=graph+id") && !body.contains("main"), "{body}");
    // Its own lifetime; and the next call, also by another handle, finds it.
    let expiry = graph.token().await.unwrap().expiry().unwrap();
    assert_eq!(expiry.monotonic.saturating_since(time.clock().now()), Duration::from_secs(600));
    assert_eq!(connection.secondary("graph").unwrap().token().await.unwrap().secret().expose_secret(), "g1");
    // Another URL and the usual placement.
    let mut request = Request::get("https://files.acme.test/").body(()).unwrap();
    connection.secondary("files").unwrap().current().await.unwrap().credential.apply(&mut request).unwrap();
    assert_eq!(request.headers()["authorization"], "Bearer f1");
    assert_eq!(wire.uris(), ["https://login.acme.test/token", "https://files.acme.test/token"]);
    // Nothing of it reached the main token.
    assert_eq!(connection.tokens().unwrap().token().await.unwrap().secret().expose_secret(), "main-1");
}

// R6749-6b
#[tokio::test]
async fn a_rotated_refresh_token_reaches_the_main_cache_and_is_persisted() {
    let (wire, time) = (Wire::default(), TestClock::new());
    wire.then(json(r#"{"access_token":"g1","token_type":"Bearer","refresh_token":"r2"}"#));
    wire.then(json(r#"{"access_token":"main-2","token_type":"Bearer","expires_in":3600,"refresh_token":"r3"}"#));
    wire.then(json(r#"{"access_token":"g2","token_type":"Bearer"}"#));
    let kept: Arc<Mutex<Vec<TokenResponse>>> = Arc::default();
    let keeper = Arc::clone(&kept);
    let connection = begin(CODE, &wire, &time)
        .resume(tokens("r1"))
        .persist(move |response| {
            keeper.lock().unwrap().push(TokenResponse::clone(&response));
            async { Ok(()) }
        })
        .build()
        .unwrap();
    let main = connection.tokens().unwrap().clone();
    let generation = main.current().await.unwrap().generation;
    time.advance(Duration::from_secs(1000)).await;
    let graph = connection.secondary("graph").unwrap();
    graph.ready().await.unwrap();
    assert_eq!(refresh_token(&connection), "r2");
    {
        let kept = kept.lock().unwrap();
        let [one] = &kept[..] else { panic!("{kept:?}") };
        // The main token with what is left of its life, so that a restart does not lengthen it.
        assert_eq!(
            (one.token().secret().expose_secret(), one.refresh_token().unwrap().expose_secret()),
            ("main-1", "r2")
        );
        assert_eq!(one.lifetime(), tower_auth_core::Lifetime::For(Duration::from_secs(2600)));
    }
    let current = main.current().await.unwrap();
    assert_eq!(current.generation, generation);
    // The main token ends when it would have ended, and is renewed by the new refresh token; then the other one by the newest.
    time.advance(Duration::from_secs(2595)).await;
    main.ready().await.unwrap();
    graph.ready().await.unwrap();
    let spent: Vec<_> = wire
        .bodies()
        .iter()
        .map(|body| {
            let (_, behind) = body.split_once("refresh_token=r").unwrap();
            behind.chars().next().unwrap()
        })
        .collect();
    assert_eq!(spent, ['1', '2', '3']);
    assert_eq!(refresh_token(&connection), "r3");
}

#[tokio::test]
async fn a_refresh_token_whose_answer_was_lost_is_spent_by_nobody() {
    let (wire, time) = (Wire::default(), TestClock::new());
    let connection = begin(CODE, &wire, &time).resume(tokens("r1")).build().unwrap();
    let error = connection.secondary("graph").unwrap().ready().await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Unconfirmed, "{error}");
    time.advance(Duration::from_secs(3590)).await;
    wire.then(json(r#"{"access_token":"main-2","token_type":"Bearer","expires_in":3600}"#));
    let error = connection.tokens().unwrap().ready().await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Unconfirmed, "{error}");
    assert_eq!(wire.bodies().len(), 1);
}

#[tokio::test]
async fn a_refresh_token_that_cannot_be_kept_is_used_all_the_same() {
    let (wire, time) = (Wire::default(), TestClock::new());
    wire.then(json(r#"{"access_token":"g1","token_type":"Bearer","refresh_token":"r2"}"#));
    let connection =
        begin(CODE, &wire, &time).resume(tokens("r1")).persist(|_| async { Err("disk full".into()) }).build().unwrap();
    let error = connection.secondary("graph").unwrap().ready().await.unwrap_err();
    assert_eq!((error.kind(), refresh_token(&connection)), (TokenErrorKind::PersistFailed, "r2".to_owned()));
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let (wire, time) = (Wire::default(), TestClock::new());
    let connection = begin(CODE, &wire, &time).build().unwrap();
    let error = connection.secondary("grapf").unwrap_err().to_string();
    assert!(error.contains("graph") && error.contains("files"), "{error}");
    let error = connection.secondary("graph").unwrap().ready().await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Refused);
    let plain =
        begin("kind = \"oauth2_client_credentials\"\ntoken_url = \"https://login.acme.test/token\"", &wire, &time);
    assert!(plain.build().unwrap().secondary("graph").unwrap_err().to_string().contains("no secondary tokens"));
}

#[tokio::test]
async fn an_idle_credential_is_renewed_as_often_as_the_description_says() {
    for (lifetime, keep_alive, after) in
        [("", "30m", 1_801), (",\"expires_in\":36000", "1h", 3_601), (",\"expires_in\":3600", "30d", 3_590)]
    {
        let (wire, time) = (Wire::default(), TestClock::new());
        let first = format!(r#"{{"access_token":"t1","token_type":"Bearer"{lifetime}}}"#);
        wire.then(json(&first)).then(json(&first.replace("t1", "t2")));
        let method = format!(
            "kind = \"oauth2_client_credentials\"\ntoken_url = \"https://login.acme.test/token\"\nkeep_alive = \"{keep_alive}\""
        );
        let connection = begin(&method, &wire, &time).build().unwrap();
        let tokens = connection.tokens().unwrap().clone();
        tokens.ready().await.unwrap();
        let fresh = tokio::spawn(tokens.keep_fresh());
        TestClock::settle().await;
        time.advance(Duration::from_secs(after / 2)).await;
        assert_eq!(wire.bodies().len(), 1, "{keep_alive}");
        time.advance(Duration::from_secs(after - after / 2)).await;
        TestClock::settle().await;
        assert_eq!(wire.bodies().len(), 2, "{keep_alive}");
        fresh.abort();
    }
}

// THREAT-A4
#[tokio::test]
async fn a_wait_that_the_provider_asks_for_in_its_own_header_is_kept() {
    let (wire, time) = (Wire::default(), TestClock::new());
    let limited =
        |name: &str, value: &str| Response::builder().status(429).header(name, value).body(Bytes::from("{}")).unwrap();
    wire.then(limited("x-rate-limit-reset", "77")).then(limited("retry-after", "12"));
    let method = "kind = \"oauth2_client_credentials\"\ntoken_url = \"https://login.acme.test/token\"\n\
        limits = { retry_after = [\"x-rate-limit-reset\"] }";
    let connection = begin(method, &wire, &time).build().unwrap();
    let error = connection.tokens().unwrap().ready().await.unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (TokenErrorKind::Throttled, Some(Duration::from_secs(77))));
    time.advance(Duration::from_secs(200)).await;
    let error = connection.tokens().unwrap().ready().await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(12)));
    // Of the API's own answers the caller asks.
    let mut headers = HeaderMap::new();
    headers.insert("x-rate-limit-reset", "1500ms".parse().unwrap());
    let wait = |status| connection.retry_after(status, &headers);
    assert_eq!(wait(StatusCode::TOO_MANY_REQUESTS), Some(Duration::from_millis(1500)));
    assert_eq!(wait(StatusCode::OK), None);
}
