use tower_auth_store::{CredentialStatus, ListQuery, NewConnection};

use crate::database::{Database, on_both};
use crate::world::{CODE, PASSWORD, RETURN, SECRET, WRONG, World, owner, session};

on_both![
    a_key_is_checked_and_kept_and_the_page_says_so,
    every_mistake_is_told_at_once_and_what_was_typed_stays_but_for_secrets,
    a_refused_key_keeps_the_form_and_says_what_to_check,
    a_form_has_the_labels_and_the_help_of_the_description_and_no_redirect,
    each_grant_has_its_own_fields_and_its_notice,
    passwords_and_codes_are_exchanged_once_and_access_that_ends_is_told,
    a_sandbox_is_chosen_in_the_form,
    the_application_gets_the_id_at_its_own_address,
    a_form_begins_with_what_the_session_says_but_never_with_a_secret,
    a_form_of_another_session_or_without_its_token_does_nothing,
    nobody_tries_out_keys_here,
    a_body_that_is_too_long_or_no_form_is_refused,
];

// SYS-C14, SYS-C9
async fn a_key_is_checked_and_kept_and_the_page_says_so(database: Database) {
    let world = World::new(&database).await;
    let browser = world.alice().await;
    let picker = browser.get("/connect/connectors?q=key").await;
    picker.has("/connect/connectors/keys");
    picker.lacks("/connect/connectors/acme");
    let key = world.keys.issue(tower_auth_testing::Account::new("alice").name("Alice Example"));
    let pasted = format!("  {}\r\n", key.expose_secret());
    let answer = browser.fill("/connect/connectors/keys", &[("field.api_key", &pasted)]).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let page = browser.get(&answer.location()).await;
    assert_eq!(page.status, 200);
    page.has("is connected");
    page.has("Alice Example");
    let list = world.store.list(&owner("alice"), ListQuery::new()).await.unwrap().credentials;
    assert_eq!((list.len(), list[0].label.as_str()), (1, "Alice Example"));
    // Another browser has not got what came of it.
    assert_eq!(world.alice().await.get(&answer.location()).await.location(), "/connect/connections");
    // Named by the person, and several for one connector (SYS-C3).
    let form = [("field.api_key", key.expose_secret()), ("label", "Second")];
    assert_eq!(browser.fill("/connect/connectors/keys", &form).await.status, 303);
    let list = browser.get("/connect/connections").await;
    list.has("Second");
    list.has("Alice Example");
}

// SYS-C9, THREAT-T7
async fn every_mistake_is_told_at_once_and_what_was_typed_stays_but_for_secrets(database: Database) {
    let world = World::new(&database).await;
    let browser = world.alice().await;
    let form = [("field.client_secret", WRONG), ("field.tenant_id", ""), ("field.client_id", ""), ("label", "a\nb")];
    let answer = browser.fill("/connect/connectors/grants", &form).await;
    assert_eq!(answer.status, 422);
    answer.has("Please correct this");
    answer.has("#field-client_id");
    answer.has("#field-tenant_id");
    answer.lacks(WRONG);
    let form = [
        ("field.client_id", "my-id"),
        ("field.tenant_id", "a/b"),
        ("field.evil", "x"),
        ("field.base_url", "http://evil.test"),
    ];
    let answer = browser.fill("/connect/connectors/grants", &form).await;
    assert_eq!(answer.status, 422);
    answer.has("value=\"my-id\"");
    answer.has("evil: there is no such field");
    answer.has("base_url: there is no such field");
    assert!(world.asked.lock().unwrap().is_empty(), "nothing was sent");
}

// SYS-V10, SYS-C9
async fn a_refused_key_keeps_the_form_and_says_what_to_check(database: Database) {
    let world = World::new(&database).await;
    let browser = world.alice().await;
    let answer = browser.fill("/connect/connectors/keys", &[("field.api_key", WRONG), ("label", "Mine")]).await;
    assert_eq!(answer.status, 422);
    answer.has("did not accept this");
    answer.has("#field-api_key");
    answer.has("value=\"Mine\"");
    answer.lacks(WRONG);
    let form = [("field.client_id", "wrong"), ("field.client_secret", WRONG), ("field.tenant_id", "t")];
    let answer = browser.fill("/connect/connectors/grants", &form).await;
    answer.has("invalid_client");
    answer.has("must be set up at the provider");
    answer.has("value=\"wrong\"");
    answer.lacks(WRONG);
    assert!(world.store.list(&owner("alice"), ListQuery::new()).await.unwrap().credentials.is_empty());
    world.keys.fault(tower_auth_testing::Fault::status(http::StatusCode::SERVICE_UNAVAILABLE).times(9));
    let answer = browser.fill("/connect/connectors/keys", &[("field.api_key", WRONG)]).await;
    answer.has("cannot be reached at the moment");
}

// SYS-V7, SYS-V11, SYS-A10, SYS-L9, SYS-C8
async fn a_form_has_the_labels_and_the_help_of_the_description_and_no_redirect(database: Database) {
    let world = World::new(&database).await;
    let page = world.alice().await.get("/connect/connectors/grants").await;
    for text in [
        "Workflow token",
        "Workflow secret",
        "The tenant the application was registered for.",
        "Column Id",
        "https://grants.test/help",
    ] {
        page.has(text);
    }
    page.has("name=\"field.client_secret\" autocomplete=\"off\"");
    page.has("type=\"password\"");
    page.lacks("redirect");
    page.lacks("data-popup");
    page.has("Grants &#38; &#60;Co&#62;");
}

// SYS-U1, SYS-U3, SYS-U4
async fn each_grant_has_its_own_fields_and_its_notice(database: Database) {
    let world = World::new(&database).await;
    let browser = world.alice().await;
    let machine = browser.get("/connect/connectors/grants").await;
    for other in ["field.username", "field.password", "field.code"] {
        machine.lacks(other);
    }
    for title in ["Machine", "Password", "Code"] {
        machine.has(title);
    }
    let page = browser.get("/connect/connectors/grants?method=password").await;
    page.has("Signing in with a password is discouraged");
    page.has("field.username");
    page.lacks("field.client_id");
    assert_eq!(browser.get("/connect/connectors/grants?method=nothing").await.status, 404);
    let page = browser.get("/connect/connectors/grants?method=code").await;
    page.has("The code is good once");
    page.has("This access does not last");
}

// SYS-U3, SYS-U4, SYS-U14
async fn passwords_and_codes_are_exchanged_once_and_access_that_ends_is_told(database: Database) {
    let world = World::with_client(&database).await;
    let browser = world.alice().await;
    let path = "/connect/connectors/grants?method=password";
    let answer = browser.fill(path, &[("field.username", "alice"), ("field.password", PASSWORD)]).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let answer = browser.fill("/connect/connectors/grants?method=code", &[("field.code", CODE)]).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let page = browser.get(&answer.location()).await;
    page.has("This access must be renewed by hand");
    page.has("in 1 hour");
    assert_eq!(world.asked.lock().unwrap().len(), 2);
    let list = world.store.list(&owner("alice"), ListQuery::new()).await.unwrap().credentials;
    let code = list.iter().find(|info| info.method == "code").unwrap();
    let details = browser.get(&format!("/connect/connections/{}", code.id)).await;
    details.has("must be renewed by hand before it ends");
    // Tested again, the code is not spent again.
    let test = browser.fill(&format!("/connect/connections/{}/rename", code.id), &[("label", "")]).await;
    assert_eq!(test.status, 303);
    world.store.test(&owner("alice"), code.id).await.unwrap();
    assert_eq!(world.asked.lock().unwrap().len(), 2);
}

// SYS-C23
async fn a_sandbox_is_chosen_in_the_form(database: Database) {
    let world = World::new(&database).await;
    let browser = world.alice().await;
    let page = browser.get("/connect/connectors/grants").await;
    page.has("<option value=\"sandbox\">");
    let fields = [("field.client_id", "i"), ("field.client_secret", SECRET), ("field.tenant_id", "t/1")];
    let with = |environment: &'static str| {
        let mut all = fields.to_vec();
        all.push(("field.environment", environment));
        all
    };
    assert_eq!(browser.fill("/connect/connectors/grants", &with("sandbox")).await.status, 303);
    assert_eq!(browser.fill("/connect/connectors/grants", &with("")).await.status, 303);
    let answer = browser.fill("/connect/connectors/grants", &with("other")).await;
    assert_eq!(answer.status, 422);
    answer.has("there is no such environment");
    let asked = world.asked.lock().unwrap().clone();
    assert!(asked[0].starts_with("https://sandbox.grants.test/token/t%2F1"), "{asked:?}");
    assert!(asked[1].starts_with("https://api.grants.test/token/t%2F1"), "{asked:?}");
}

// SYS-C12
async fn the_application_gets_the_id_at_its_own_address(database: Database) {
    let world = World::new(&database).await;
    let browser = world.open(session("alice").connectors(["keys"]).redirect_uri(RETURN)).await;
    let key = world.keys.issue("alice");
    let answer = browser.fill("/connect/connectors/keys", &[("field.api_key", key.expose_secret())]).await;
    let answer = browser.get(&answer.location()).await;
    let id = world.store.list(&owner("alice"), ListQuery::new()).await.unwrap().credentials[0].id;
    assert_eq!((answer.status, answer.location()), (303, format!("{RETURN}&credentialId={id}")));
    // With an opener, the page tells it by a message to its exact origin.
    let opened = session("alice").connectors(["keys"]).redirect_uri(RETURN).opener_origin("https://shop.test");
    let browser = world.open(opened).await;
    let answer = browser.fill("/connect/connectors/keys", &[("field.api_key", key.expose_secret())]).await;
    let page = browser.get(&answer.location()).await;
    page.has("data-opener-origin=\"https://shop.test\"");
    page.has("data-credential-id=\"cred_");
    page.has("credentialId=cred_");
}

async fn a_form_begins_with_what_the_session_says_but_never_with_a_secret(database: Database) {
    let world = World::new(&database).await;
    let browser =
        world.open(session("alice").prefill("tenant_id", "t-42").prefill("client_secret", "sentinel-prefill")).await;
    let page = browser.get("/connect/connectors/grants").await;
    page.has("value=\"t-42\"");
    page.lacks("sentinel");
}

// THREAT-C1
async fn a_form_of_another_session_or_without_its_token_does_nothing(database: Database) {
    let world = World::new(&database).await;
    let (browser, other) = (world.alice().await, world.alice().await);
    let key = world.keys.issue("alice");
    let foreign = other.get("/connect/connectors/keys").await.hidden("csrf");
    for csrf in ["", "x", foreign.as_str()] {
        let form = [("csrf", csrf), ("field.api_key", key.expose_secret())];
        let answer = browser.post("/connect/connectors/keys", &form).await;
        assert_eq!(answer.status, 403, "{csrf}");
    }
    let info = world
        .store
        .create(&owner("alice"), NewConnection::new("keys").value("api_key", key.expose_secret()))
        .await
        .unwrap();
    for action in ["delete", "revoke", "rename", "test", "logging", "reconnect"] {
        let form = [("csrf", foreign.as_str()), ("label", "x"), ("enabled", "true")];
        let answer = browser.post(&format!("/connect/connections/{}/{action}", info.id), &form).await;
        assert_eq!(answer.status, 403, "{action}");
    }
    let kept = world.store.get(&owner("alice"), info.id).await.unwrap();
    assert_eq!((kept.status, kept.label == "x", kept.logs_requests), (CredentialStatus::Valid, false, false));
}

async fn nobody_tries_out_keys_here(database: Database) {
    let world = World::with(&database, |connect| connect.limit_attempts(2, std::time::Duration::from_secs(60))).await;
    let browser = world.alice().await;
    for _ in 0..2 {
        assert_eq!(browser.fill("/connect/connectors/keys", &[("field.api_key", WRONG)]).await.status, 422);
    }
    let answer = browser.fill("/connect/connectors/keys", &[("field.api_key", WRONG)]).await;
    assert_eq!(answer.status, 429);
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(world.keys.request_count(), 2);
    // A new session of the same person does not help.
    let again = world.alice().await;
    assert_eq!(again.fill("/connect/connectors/keys", &[("field.api_key", WRONG)]).await.status, 429);
    let other = world.open(session("bob")).await;
    assert_eq!(other.fill("/connect/connectors/keys", &[("field.api_key", WRONG)]).await.status, 422);
}

async fn a_body_that_is_too_long_or_no_form_is_refused(database: Database) {
    let world = World::new(&database).await;
    let browser = world.alice().await;
    let long = "x".repeat(70 * 1024);
    assert_eq!(browser.post("/connect/connectors/keys", &[("field.api_key", &long)]).await.status, 413);
    let request =
        http::Request::post("/connect/connectors/keys").header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(browser.send(request, "csrf=%FF&a=%zz".to_owned()).await.status, 403);
}
