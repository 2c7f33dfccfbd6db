use http::{Request, StatusCode};
use tower_auth_core::ProviderValues;
use tower_auth_store::{CredentialStatus, ListQuery};
use tower_auth_testing::{Account, Consent, Endpoint, Fault, OAuthProvider};

use crate::browser::{Answer, Browser};
use crate::database::{Database, on_both};
use crate::world::{ORIGIN, RETURN, SECRET, World, owner, session};

on_both![
    a_login_goes_to_the_provider_and_comes_back_as_a_connection,
    a_pop_up_tells_the_page_that_opened_it,
    the_application_gets_the_id_or_the_error_at_its_own_address,
    an_answer_counts_in_the_browser_that_began_and_once,
    a_wrong_value_of_the_cookie_ends_the_login,
    of_two_answers_at_once_one_wins,
    an_answer_of_one_provider_does_not_finish_the_login_of_another,
    each_failure_has_its_own_words,
    a_reconnection_keeps_the_id_and_tells_another_account,
    access_without_a_refresh_token_is_told_to_end,
    an_answer_in_a_form_finds_its_cookie,
    several_logins_at_once_do_not_disturb_each_other,
];

/// Sends the form of a connector, and has the person decide at the provider. The address to which the provider sends the browser.
async fn at_provider(world: &World, browser: &Browser, connector: &str, consent: &Consent, popup: bool) -> String {
    let window = if popup { "popup" } else { "same" };
    let answer = browser.fill(&format!("/connect/connectors/{connector}"), &[("window", window)]).await;
    decide(world, &answer, consent)
}

fn decide(world: &World, answer: &Answer, consent: &Consent) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert_eq!(answer.headers["referrer-policy"], "no-referrer");
    let location = answer.location();
    assert!(location.starts_with(&world.acme.authorize_url()), "{location}");
    world.acme.server().decide(&location, consent).unwrap().location().to_owned()
}

fn alice() -> Consent {
    Consent::approve().subject("alice")
}

fn bob() -> Consent {
    Consent::approve().subject("bob")
}

async fn credentials(world: &World, name: &str) -> Vec<tower_auth_store::CredentialInfo> {
    world.store.list(&owner(name), ListQuery::new()).await.unwrap().credentials
}

// SYS-U2, SYS-C10, SYS-C11
async fn a_login_goes_to_the_provider_and_comes_back_as_a_connection(database: Database) {
    let world = World::new(&database).await;
    let browser = world.alice().await;
    let page = browser.get("/connect/connectors/acme").await;
    page.has("data-popup");
    page.has("Continue to");
    // Browsers hold the redirect after the form to this as well.
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    let target = format!("form-action 'self' https: {} https://shop.test;", world.acme.url(""));
    assert!(policy.contains(&target), "{policy}");
    page.lacks("field.client");
    let back = at_provider(&world, &browser, "acme", &alice(), false).await;
    assert!(back.starts_with("https://app.test/connect/callback/acme?"), "{back}");
    let authorize = world.acme.requests().into_iter().find(|own| own.endpoint() == Endpoint::Authorization).unwrap();
    assert_eq!(authorize.param("code_challenge_method"), Some("S256"));
    assert!(authorize.param("state").unwrap().len() >= 22);
    let answer = browser.get(&back).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert!(answer.location().starts_with("/connect/finished/"));
    let page = browser.get(&answer.location()).await;
    page.has("is connected");
    page.has("Alice Example");
    page.has("Stays on until you end it");
    let details = browser.get(&format!("/connect/connections/{}", credentials(&world, "alice").await[0].id)).await;
    details.has("Sign in at the provider");
    let list = credentials(&world, "alice").await;
    assert_eq!((list.len(), list[0].status, list[0].renews), (1, CredentialStatus::Valid, true));
    assert!(!browser.cookies().iter().any(|cookie| cookie.name.contains("login")), "the cookie of the login is gone");
}

// SYS-U2
async fn a_pop_up_tells_the_page_that_opened_it(database: Database) {
    let world = World::new(&database).await;
    let browser = world.open(session("alice").opener_origin("https://shop.test")).await;
    let flow = "flow-1234567890";
    let answer = browser.fill("/connect/connectors/acme", &[("window", "popup"), ("flow", flow)]).await;
    let done = browser.get(&decide(&world, &answer, &alice())).await;
    assert_eq!(done.status, 200);
    done.has("data-flow=\"flow-1234567890\"");
    done.has("data-outcome=\"connected\"");
    done.has("data-opener-origin=\"https://shop.test\"");
    let page = browser.get(&format!("/connect/finished/{flow}")).await;
    page.has("data-opener-origin=\"https://shop.test\"");
    page.has("data-credential-id=\"cred_");
}

// SYS-C12, THREAT-C4
async fn the_application_gets_the_id_or_the_error_at_its_own_address(database: Database) {
    let world = World::new(&database).await;
    let browser = world.open(session("alice").connectors(["acme"]).redirect_uri(RETURN)).await;
    let back = at_provider(&world, &browser, "acme", &alice(), false).await;
    let answer = browser.get(&browser.get(&back).await.location()).await;
    let id = credentials(&world, "alice").await[0].id;
    assert_eq!(answer.location(), format!("{RETURN}&credentialId={id}"));
    let back = at_provider(&world, &browser, "acme", &Consent::deny(), false).await;
    let answer = browser.get(&back).await;
    answer.has("Access was not allowed");
    answer.has("https://shop.test/connected?tab=1&#38;error=denied");
    answer.has("href=\"/connect/connectors/acme\"");
    assert_eq!(credentials(&world, "alice").await.len(), 1);
}

// SYS-C13, THREAT-C1
async fn an_answer_counts_in_the_browser_that_began_and_once(database: Database) {
    let world = World::new(&database).await;
    let (browser, other) = (world.alice().await, world.open(session("mallory")).await);
    let back = at_provider(&world, &browser, "acme", &alice(), false).await;
    // Another browser does not even use it up.
    let answer = other.get(&back).await;
    assert_eq!(answer.status, 403);
    answer.has("This was not begun here");
    // Swapped between two sessions: the other's own cookie under this login's name.
    let theirs = at_provider(&world, &other, "acme", &bob(), false).await;
    let name = browser.cookies().into_iter().find(|own| own.name.contains("login")).unwrap().name;
    let value = other.cookies().into_iter().find(|own| own.name.contains("login")).unwrap().value;
    let request = Request::get(theirs.strip_prefix(ORIGIN).unwrap()).header("cookie", format!("{name}={value}"));
    assert_eq!(world.browser().send(request, String::new()).await.status, 403);
    assert_eq!(browser.get(&back).await.status, 303);
    // Replayed, with the cookie put back.
    let request = Request::get(back.strip_prefix(ORIGIN).unwrap()).header("cookie", format!("{name}=x"));
    let answer = world.browser().send(request, String::new()).await;
    assert_eq!(answer.status, 400);
    answer.has("That took too long");
    assert_eq!(credentials(&world, "alice").await.len(), 1);
    assert!(credentials(&world, "mallory").await.is_empty());
}

// SYS-C13
async fn a_wrong_value_of_the_cookie_ends_the_login(database: Database) {
    let world = World::new(&database).await;
    let browser = world.alice().await;
    let back = at_provider(&world, &browser, "acme", &alice(), false).await;
    let name = browser.cookies().into_iter().find(|own| own.name.contains("login")).unwrap().name;
    let request = Request::get(back.strip_prefix(ORIGIN).unwrap()).header("cookie", format!("{name}=stolen"));
    let answer = world.browser().send(request, String::new()).await;
    assert_eq!(answer.status, 403);
    answer.has("This was not begun here");
    assert_eq!(world.acme.request_count(Endpoint::Token), 0, "no code was exchanged");
}

// THREAT-S11
async fn of_two_answers_at_once_one_wins(database: Database) {
    let world = World::new(&database).await;
    let browser = world.alice().await;
    let back = at_provider(&world, &browser, "acme", &alice(), false).await;
    let twin = world.browser();
    twin.take_cookies(&browser);
    let (one, two) = tokio::join!(browser.get(&back), twin.get(&back));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 400]);
    assert_eq!((credentials(&world, "alice").await.len(), world.acme.request_count(Endpoint::Token)), (1, 1));
}

// THREAT-C3
async fn an_answer_of_one_provider_does_not_finish_the_login_of_another(database: Database) {
    let world = World::new(&database).await;
    let browser = world.alice().await;
    let back = at_provider(&world, &browser, "acme", &alice(), false).await;
    let mixed = back.replace("/callback/acme", "/callback/other");
    let answer = browser.get(&mixed).await;
    assert_eq!(answer.status, 400);
    let back = at_provider(&world, &browser, "acme", &alice(), false).await;
    // The server names itself (RFC 9207); another name is no answer of it.
    let issuer = crate::browser::encode(&world.acme.server().issuer());
    assert!(back.contains(&issuer), "{back}");
    let answer = browser.get(&back.replace(&issuer, "https%3A%2F%2Fevil.test")).await;
    assert_eq!(answer.status, 403);
    answer.has("This was not begun here");
    assert_eq!(world.acme.request_count(Endpoint::Token), 0);
    assert!(credentials(&world, "alice").await.is_empty());
    assert_eq!(browser.get("/connect/callback/nothing?state=x&code=y").await.status, 404);
}

async fn each_failure_has_its_own_words(database: Database) {
    let world = World::new(&database).await;
    let browser = world.alice().await;
    let deny = at_provider(&world, &browser, "acme", &Consent::deny(), true).await;
    let answer = browser.get(&deny).await;
    answer.has("data-outcome=\"denied\"");
    let error = at_provider(&world, &browser, "acme", &Consent::error("invalid_scope"), true).await;
    let error: Vec<_> = error.split('&').filter(|pair| !pair.starts_with("error_description")).collect();
    let error = format!("{}&error_description=%3Cscript%3Ealert(1)%3C%2Fscript%3E%0D%0Ax", error.join("&"));
    let answer = browser.get(&error).await;
    answer.has("data-outcome=\"provider_error\"");
    answer.has("invalid_scope");
    answer.lacks("<script>alert");
    answer.has("&#60;script&#62;");
    let back = at_provider(&world, &browser, "acme", &alice(), false).await;
    world.acme.fault(Endpoint::Token, Fault::oauth_error(StatusCode::BAD_REQUEST, "invalid_grant"));
    let answer = browser.get(&back).await;
    assert_eq!(answer.status, 502);
    answer.has("gave no access");
    answer.has("invalid_grant");
    answer.has("href=\"/connect/connectors/acme\"");
    let back = at_provider(&world, &browser, "acme", &alice(), false).await;
    world.acme.fault(Endpoint::Resource, Fault::status(StatusCode::FORBIDDEN).times(4));
    let answer = browser.get(&back).await;
    answer.has("The access does not work");
    for bad in ["", "state=x", "code=y", "state=&code=y", "error=access_denied"] {
        let answer = browser.get(&format!("/connect/callback/acme?{bad}")).await;
        assert!(matches!(answer.status, 400 | 403), "{bad}: {}", answer.status);
        answer.has("data-outcome=\"state_");
    }
    world.acme.clear_faults();
    assert!(credentials(&world, "alice").await.is_empty());
}

// SYS-C24
async fn a_reconnection_keeps_the_id_and_tells_another_account(database: Database) {
    let world = World::new(&database).await;
    let browser = world.alice().await;
    let back = at_provider(&world, &browser, "acme", &alice(), false).await;
    browser.get(&back).await;
    let id = credentials(&world, "alice").await[0].id;
    let path = format!("/connect/connections/{id}/reconnect");
    let answer = browser.fill(&path, &[]).await;
    let answer = browser.get(&decide(&world, &answer, &alice())).await;
    browser.get(&answer.location()).await.has("connected again");
    let answer = browser.fill(&path, &[("window", "popup")]).await;
    let answer = browser.get(&decide(&world, &answer, &bob())).await;
    answer.has("data-outcome=\"other_account\"");
    answer.has("Alice Example");
    answer.has("Bob Example");
    let list = credentials(&world, "alice").await;
    assert_eq!((list.len(), list[0].id), (1, id));
    // Nobody reconnects what is somebody else's.
    let mallory = world.open(session("mallory")).await;
    assert_eq!(mallory.get(&path).await.status, 404);
}

// SYS-U14
async fn access_without_a_refresh_token_is_told_to_end(database: Database) {
    let acme = OAuthProvider::builder()
        .client("acme-client", SECRET)
        .account(Account::new("alice").name("Alice Example"))
        .without_refresh_tokens()
        .listen()
        .await
        .unwrap();
    let world = World::around(&database, acme, ProviderValues::new().env(|_| None), |connect| connect).await;
    let browser = world.open(session("alice").redirect_uri(RETURN)).await;
    let back = at_provider(&world, &browser, "acme", &alice(), false).await;
    let page = browser.get(&browser.get(&back).await.location()).await;
    page.has("This access must be renewed by hand");
    page.has("credentialId=cred_");
    browser.get("/connect/connections").await.has("must be renewed by hand before it ends");
}

async fn an_answer_in_a_form_finds_its_cookie(database: Database) {
    let world = World::new(&database).await;
    let browser = world.alice().await;
    let answer = browser.fill("/connect/connectors/posted", &[]).await;
    let cookie = browser.cookies().into_iter().find(|own| own.name.contains("login")).unwrap();
    assert!(cookie.line.contains("SameSite=None; Secure"), "{cookie:?}");
    let back = world.acme.server().decide(&answer.location(), &alice()).unwrap();
    let request = Request::post(back.location().strip_prefix(ORIGIN).unwrap());
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = browser.send(request, back.form().unwrap()).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let list = credentials(&world, "alice").await;
    assert_eq!(list.len(), 1);
    // What was granted is told at the end, and later.
    for page in [answer.location(), format!("/connect/connections/{}", list[0].id)] {
        let page = browser.get(&page).await;
        page.has("<code>orders.read</code>");
        page.has("<code>orders.write</code>");
    }
}

async fn several_logins_at_once_do_not_disturb_each_other(database: Database) {
    let world = World::new(&database).await;
    let browser = world.alice().await;
    let one = at_provider(&world, &browser, "acme", &alice(), false).await;
    let two = at_provider(&world, &browser, "other", &bob(), false).await;
    assert_eq!(browser.get(&one).await.status, 303);
    assert_eq!(browser.get(&two).await.status, 303);
    assert_eq!(credentials(&world, "alice").await.len(), 2);
}
