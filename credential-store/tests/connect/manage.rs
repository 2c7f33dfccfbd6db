use tower_auth_store::{CredentialInfo, CredentialStatus, ListQuery, NewConnection};

use crate::database::{Database, on_both};
use crate::world::{SECRET, World, owner, session};

on_both![
    the_list_has_filters_and_pages_and_only_ones_own,
    a_test_obtains_a_token_and_shows_its_end_and_nothing_of_it,
    a_test_of_a_key_that_is_gone_says_why,
    a_connection_gets_another_name,
    what_cannot_be_taken_back_is_asked_for_twice,
    the_log_is_switched_on_and_shows_requests_without_secrets,
    pages_of_somebody_elses_connection_are_those_of_an_unknown_one,
];

async fn key(world: &World, label: &str) -> CredentialInfo {
    let key = world.keys.issue("alice");
    let new = NewConnection::new("keys").value("api_key", key.expose_secret()).label(label);
    world.store.create(&owner("alice"), new).await.unwrap()
}

async fn act(world: &World, info: &CredentialInfo, action: &str, fields: &[(&str, &str)]) -> crate::browser::Answer {
    let browser = world.alice().await;
    let csrf = browser.get(&format!("/connect/connections/{}/rename", info.id)).await.hidden("csrf");
    let mut form = vec![("csrf", csrf.as_str())];
    form.extend(fields);
    let answer = browser.post(&format!("/connect/connections/{}/{action}", info.id), &form).await;
    if answer.status != 303 {
        return answer;
    }
    browser.get(&answer.location()).await
}

// SYS-C21
async fn the_list_has_filters_and_pages_and_only_ones_own(database: Database) {
    let world = World::new(&database).await;
    let browser = world.alice().await;
    browser.get("/connect/connections").await.has("Nothing is connected yet");
    for number in 0..27 {
        key(&world, &format!("Label {number}.")).await;
    }
    let first = browser.get("/connect/connections").await;
    first.has("Label 26.");
    first.lacks("Label 1.");
    let next = first.text.split("href=\"/connect/connections?after=").nth(1).unwrap().split('"').next().unwrap();
    let second = browser.get(&format!("/connect/connections?after={next}")).await;
    second.has("Label 1.");
    second.has("First page");
    second.lacks("Label 26.");
    browser.get("/connect/connections?status=revoked").await.has("No connection fits");
    browser.get("/connect/connections?status=valid").await.has("Label 26.");
    assert_eq!(browser.get("/connect/connections?after=nonsense").await.status, 404);
    world.open(session("bob")).await.get("/connect/connections").await.has("Nothing is connected yet");
    let only = world.open(session("alice").connectors(["acme", "other"])).await;
    only.get("/connect/connections").await.lacks("Label");
}

// SYS-U11, SYS-U13
async fn a_test_obtains_a_token_and_shows_its_end_and_nothing_of_it(database: Database) {
    let world = World::new(&database).await;
    let fields = [("client_id", "i"), ("client_secret", SECRET), ("tenant_id", "t")];
    let new = fields.into_iter().fold(NewConnection::new("grants"), |new, (name, value)| new.value(name, value));
    let info = world.store.create(&owner("alice"), new).await.unwrap();
    let page = act(&world, &info, "test", &[]).await;
    assert_eq!(page.status, 200);
    page.has("It works. Token: ••••••••, renewed in 1 hour at the latest.");
    page.lacks("sentinel");
}

// SYS-U11, SYS-C17
async fn a_test_of_a_key_that_is_gone_says_why(database: Database) {
    let world = World::new(&database).await;
    let issued = world.keys.issue("alice");
    let new = NewConnection::new("keys").value("api_key", issued.expose_secret());
    let info = world.store.create(&owner("alice"), new).await.unwrap();
    act(&world, &info, "test", &[]).await.has("It works.");
    world.keys.delete(&issued);
    let page = act(&world, &info, "test", &[]).await;
    page.has("It does not work: the provider does not accept the access");
    page.has("no longer accepts this access");
    // And again connected, under the same id (SYS-C24).
    let fresh = world.keys.issue("alice");
    act(&world, &info, "reconnect", &[("field.api_key", fresh.expose_secret())]).await.has("connected again");
    let info = world.store.get(&owner("alice"), info.id).await.unwrap();
    assert_eq!(info.status, CredentialStatus::Valid);
}

// SYS-U13
async fn a_connection_gets_another_name(database: Database) {
    let world = World::new(&database).await;
    let info = key(&world, "First").await;
    act(&world, &info, "rename", &[("label", " Second ")]).await.has("The connection has its new name.");
    let page = act(&world, &info, "rename", &[("label", &"x".repeat(201))]).await;
    page.has("at most 200 characters");
    assert_eq!(world.store.get(&owner("alice"), info.id).await.unwrap().label, "Second");
}

// SYS-C21
async fn what_cannot_be_taken_back_is_asked_for_twice(database: Database) {
    let world = World::new(&database).await;
    let browser = world.alice().await;
    let info = key(&world, "Mine").await;
    let path = format!("/connect/connections/{}", info.id);
    browser.get(&format!("{path}/delete")).await.has("Delete “Mine”?");
    browser.get(&format!("{path}/revoke")).await.has("Revoke “Mine”?");
    assert_eq!(world.store.get(&owner("alice"), info.id).await.unwrap().status, CredentialStatus::Valid);
    act(&world, &info, "revoke", &[]).await.has("The access is ended");
    let page = browser.get("/connect/connections").await;
    page.has("You ended the access.");
    page.has("<dt>Checked</dt>");
    assert_eq!(world.store.get(&owner("alice"), info.id).await.unwrap().status, CredentialStatus::Revoked);
    act(&world, &info, "delete", &[]).await.has("The connection was deleted.");
    assert!(world.store.list(&owner("alice"), ListQuery::new()).await.unwrap().credentials.is_empty());
    assert_eq!(browser.get(&path).await.status, 404);
}

// SYS-U9
async fn the_log_is_switched_on_and_shows_requests_without_secrets(database: Database) {
    let world = World::new(&database).await;
    let browser = world.alice().await;
    let fields = [("client_id", "i"), ("client_secret", SECRET), ("tenant_id", "t")];
    let new = fields.iter().fold(NewConnection::new("grants"), |new, (name, value)| new.value(*name, *value));
    let info = world.store.create(&owner("alice"), new.clone()).await.unwrap();
    let path = format!("/connect/connections/{}/log", info.id);
    browser.get(&path).await.has("Logging is off");
    act(&world, &info, "logging", &[("enabled", "true")]).await.has("Logging is on");
    let tokens = world.store.tokens(&owner("alice"), info.id).unwrap();
    let current = tokens.current().await.unwrap();
    tokens.invalidate(current.generation);
    tokens.current().await.unwrap();
    for _ in 0..50 {
        if browser.get(&path).await.text.contains("/token/t") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let page = browser.get(&path).await;
    page.has("https://api.grants.test/token/t");
    page.has("client_credentials");
    page.lacks("sentinel");
    act(&world, &info, "logging", &[("enabled", "false")]).await.has("Logging is off");
}

// SYS-C20, THREAT-S5
async fn pages_of_somebody_elses_connection_are_those_of_an_unknown_one(database: Database) {
    let world = World::new(&database).await;
    let info = key(&world, "Mine").await;
    let mallory = world.open(session("mallory")).await;
    let csrf = mallory.get("/connect/connectors/keys").await.hidden("csrf");
    let unknown = tower_auth_store::CredentialId::generate().unwrap();
    for page in ["", "/log", "/reconnect", "/rename", "/revoke", "/delete"] {
        let foreign = mallory.get(&format!("/connect/connections/{}{page}", info.id)).await;
        let other = mallory.get(&format!("/connect/connections/{unknown}{page}")).await;
        assert_eq!(foreign.status, 404, "{page}");
        assert_eq!((foreign.status, foreign.headers, foreign.text), (other.status, other.headers, other.text));
    }
    let form = [("csrf", csrf.as_str()), ("label", "x"), ("field.api_key", "y"), ("enabled", "true")];
    for action in ["logging", "test", "reconnect", "rename", "revoke", "delete"] {
        let foreign = mallory.post(&format!("/connect/connections/{}/{action}", info.id), &form).await;
        let other = mallory.post(&format!("/connect/connections/{unknown}/{action}"), &form).await;
        assert_eq!(foreign.status, 404, "{action}");
        assert_eq!((foreign.headers, foreign.text), (other.headers, other.text), "{action}");
    }
    let denied = world.audited(info.id).await.iter().filter(|(_, result)| result == "ownership_denied").count();
    assert_eq!(denied, 12);
}
