use http::Method;
use serde_json::json;
use tower_auth_store::NewConnection;
use tower_auth_testing::{Consent, Endpoint};

use crate::database::{Database, on_both};
use crate::world::{CODE, PASSWORD, RETURN, SECRET, WRONG, World, owner, session};

on_both![no_page_no_answer_and_no_header_holds_a_secret, what_waits_for_a_person_is_sealed,];

// SYS-V12, THREAT-L1, THREAT-L2
async fn no_page_no_answer_and_no_header_holds_a_secret(database: Database) {
    let world = World::with_client(&database).await;
    let browser = world.open(session("alice").opener_origin("https://shop.test").redirect_uri(RETURN)).await;
    let key = world.keys.issue("alice");
    // Forms: accepted, refused, incomplete.
    browser.fill("/connect/connectors/keys", &[("field.api_key", key.expose_secret())]).await;
    browser.fill("/connect/connectors/keys", &[("field.api_key", WRONG)]).await;
    browser.fill("/connect/connectors/keys", &[("field.api_key", WRONG), ("field.evil", WRONG), ("label", "\n")]).await;
    let password = [("field.username", "alice"), ("field.password", PASSWORD)];
    browser.fill("/connect/connectors/grants?method=password", &password).await;
    browser.fill("/connect/connectors/grants?method=password", &[("field.password", PASSWORD)]).await;
    browser.fill("/connect/connectors/grants?method=code", &[("field.code", CODE)]).await;
    // Logins: finished, denied, failed.
    let mut codes = Vec::new();
    for consent in [Consent::approve().subject("alice"), Consent::deny(), Consent::error("server_error")] {
        let answer = browser.fill("/connect/connectors/acme", &[("window", "popup")]).await;
        let back = world.acme.server().decide(&answer.location(), &consent).unwrap();
        codes.extend(back.code().map(str::to_owned));
        let location = back.location().to_owned();
        browser.get(&location).await;
    }
    // The API.
    let token = world.connect.sign(&session("alice")).unwrap();
    let call = async |method: Method, path: String, body: Option<serde_json::Value>| {
        browser.json(method, &format!("/connect/api{path}"), Some(token.expose_secret()), body).await
    };
    call(Method::POST, "/credentials".into(), Some(json!({"connectorId": "keys", "fields": {"api_key": WRONG}}))).await;
    let new = json!({"connectorId": "grants", "method": "password", "logRequests": true,
        "fields": {"username": "alice", "password": PASSWORD}});
    let made = call(Method::POST, "/credentials".into(), Some(new)).await.json();
    let id = made["credentialId"].as_str().unwrap().parse().unwrap();
    let tokens = world.store.tokens(&owner("alice"), id).unwrap();
    let current = tokens.current().await.unwrap();
    tokens.invalidate(current.generation);
    tokens.current().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let list = call(Method::GET, "/credentials?limit=500".into(), None).await.json();
    let list = list["credentials"].as_array().unwrap().clone();
    assert_eq!(list.len(), 5);
    for own in &list {
        let id = own["credentialId"].as_str().unwrap();
        for page in ["", "/log", "/reconnect", "/rename", "/revoke", "/delete"] {
            assert_eq!(browser.get(&format!("/connect/connections/{id}{page}")).await.status, 200);
        }
        call(Method::GET, format!("/credentials/{id}/requests"), None).await;
        call(Method::POST, format!("/credentials/{id}/test"), None).await;
    }
    browser.get("/connect/connections").await;
    // What providers handed out is a secret too.
    let mut secrets: Vec<String> =
        [PASSWORD, CODE, SECRET, WRONG, key.expose_secret(), token.expose_secret(), "sentinel"]
            .map(str::to_owned)
            .into();
    secrets.extend(codes);
    for request in world.acme.requests().iter().filter(|own| own.endpoint() == Endpoint::Token) {
        secrets.extend(request.param("code_verifier").map(str::to_owned));
    }
    let api = world.acme.requests().into_iter().filter(|own| own.endpoint() == Endpoint::Resource);
    secrets.extend(api.filter_map(|own| {
        own.header("authorization").and_then(|own| own.split_once(' ')).map(|(_, own)| own.to_owned())
    }));
    assert!(secrets.len() >= 9, "{}", secrets.len());
    let heard = world.heard.lock().unwrap().clone();
    assert!(heard.len() > 60);
    for secret in &secrets {
        for answer in &heard {
            assert!(!answer.contains(secret.as_str()), "{secret} in {answer}");
        }
    }
}

// SYS-C5
async fn what_waits_for_a_person_is_sealed(database: Database) {
    let world = World::new(&database).await;
    let browser = world.alice().await;
    let answer = browser.fill("/connect/connectors/acme", &[]).await;
    let state = answer.location().split("state=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    for cookie in browser.cookies() {
        assert!(!cookie.line.contains(&state), "{cookie:?}");
        assert!(!cookie.line.contains("alice"), "{cookie:?}");
    }
    let token = world.connect.sign(&session("alice")).unwrap();
    assert!(!token.expose_secret().contains("alice"));
    assert!(!format!("{:?} {token:?}", world.connect).contains("sentinel"));
    let _ = NewConnection::new("keys");
}
