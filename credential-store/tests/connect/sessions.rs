use std::time::Duration;

use tower_auth_store::{Backend as _, ConnectSession};

use crate::database::{Database, on_both};
use crate::world::{ORIGIN, RETURN, World, owner, session};

on_both![
    a_token_opens_the_page_once_and_stands_in_no_address_after_that,
    of_two_processes_that_are_given_a_token_at_once_one_opens_the_page,
    a_page_is_not_opened_while_nobody_can_note_it,
    a_token_in_a_form_opens_the_page_as_well,
    nothing_is_shown_without_a_session,
    sessions_are_checked_when_they_are_signed,
    a_session_ends_and_one_of_another_store_is_none,
    addresses_come_from_configuration_and_from_no_header,
    a_session_for_one_reconnection_does_nothing_else,
    files_are_kept_for_ever_and_pages_not_at_all,
];

// SYS-C13
async fn a_token_opens_the_page_once_and_stands_in_no_address_after_that(database: Database) {
    let world = World::new(&database).await;
    let token = world.connect.sign(&session("alice")).unwrap();
    let start = world.connect.start_url(&token);
    assert!(start.expose_secret().starts_with("https://app.test/connect/start?session="));
    let browser = world.browser();
    // Whoever only looks at the link does not use it up.
    let local = start.expose_secret().strip_prefix(ORIGIN).unwrap();
    let ahead = http::Request::get(local).header("sec-purpose", "prefetch");
    assert_eq!(world.browser().send(ahead, String::new()).await.status, 425);
    assert_eq!(world.browser().send(http::Request::head(local), String::new()).await.status, 425);
    let answer = browser.get(start.expose_secret()).await;
    assert_eq!((answer.status, answer.location().as_str()), (303, "/connect/connectors"));
    assert_eq!(answer.headers["referrer-policy"], "no-referrer");
    assert_eq!(answer.headers["cache-control"], "no-store");
    let cookie = &browser.cookies()[0];
    assert!(
        cookie.line.contains("HttpOnly; SameSite=Lax; Secure") && cookie.line.contains("Path=/connect;"),
        "{cookie:?}"
    );
    assert_ne!(cookie.value, token.expose_secret());
    assert_eq!(browser.get("/connect/connectors").await.status, 200);
    // The same browser may load the address again; no other may.
    assert_eq!(browser.get(start.expose_secret()).await.status, 303);
    for other in [world.browser(), world.browser_elsewhere()] {
        let other = other.get(start.expose_secret()).await;
        assert_eq!(other.status, 401);
        other.has("This page has expired");
    }
}

// SYS-C13, THREAT-S11
async fn of_two_processes_that_are_given_a_token_at_once_one_opens_the_page(database: Database) {
    let world = World::new(&database).await;
    let token = world.connect.sign(&session("alice")).unwrap();
    let start = world.connect.start_url(&token);
    let (one, other) = (world.browser(), world.browser_elsewhere());
    let (here, there) = tokio::join!(one.get(start.expose_secret()), other.get(start.expose_secret()));
    let mut statuses = [here.status, there.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 401]);
    // The session itself is good in both.
    let winner = if here.status == 303 { &one } else { &other };
    for browser in [world.browser(), world.browser_elsewhere()] {
        browser.take_cookies(winner);
        assert_eq!(browser.get("/connect/connectors").await.status, 200);
    }
}

// THREAT-S11
async fn a_page_is_not_opened_while_nobody_can_note_it(database: Database) {
    let world = World::new(&database).await;
    let token = world.connect.sign(&session("alice")).unwrap();
    world.backend.close().await;
    let browser = world.browser();
    let answer = browser.get(world.connect.start_url(&token).expose_secret()).await;
    assert_eq!(answer.status, 503);
    assert!(browser.cookies().is_empty());
}

async fn a_token_in_a_form_opens_the_page_as_well(database: Database) {
    let world = World::new(&database).await;
    let token = world.connect.sign(&session("alice").connectors(["keys"])).unwrap();
    let browser = world.browser();
    let answer = browser.post("/connect/start", &[("session", token.expose_secret())]).await;
    // One connector: no picker.
    assert_eq!((answer.status, answer.location().as_str()), (303, "/connect/connectors/keys"));
    assert_eq!(browser.get("/connect").await.location(), "/connect/connectors/keys");
    assert_eq!(browser.get("/connect/connectors").await.location(), "/connect/connectors/keys");
    assert_eq!(browser.get("/connect/connectors/acme").await.status, 404);
}

async fn nothing_is_shown_without_a_session(database: Database) {
    let world = World::new(&database).await;
    for path in [
        "/connectors",
        "/connectors/keys",
        "/connections",
        "/connections/x",
        "/connections/x/log",
        "/finished/abcdefgh",
        "",
    ] {
        let answer = world.browser().get(&format!("/connect{path}")).await;
        assert_eq!(answer.status, 401, "{path}");
        assert!(answer.headers.contains_key("content-security-policy"));
    }
    for bad in ["", "x", "AAAA", "%FF"] {
        assert_eq!(world.browser().get(&format!("/connect/start?session={bad}")).await.status, 401, "{bad}");
    }
    // A token is no cookie, and a cookie no token.
    let browser = world.alice().await;
    let cookie = browser.cookies()[0].value.clone();
    assert_eq!(world.browser().get(&format!("/connect/start?session={cookie}")).await.status, 401);
    let answer = browser.json(http::Method::GET, "/connect/api/connectors", Some(&cookie), None).await;
    assert_eq!(answer.status, 401);
    // The API takes no cookie.
    assert_eq!(browser.get("/connect/api/connectors").await.status, 401);
}

async fn sessions_are_checked_when_they_are_signed(database: Database) {
    let world = World::new(&database).await;
    let sign = |session: ConnectSession| world.connect.sign(&session).map(|_| ()).map_err(|error| error.to_string());
    let alice = || session("alice");
    assert!(sign(alice().redirect_uri(RETURN).opener_origin("https://shop.test")).is_ok());
    // THREAT-C4
    for uri in
        ["https://evil.test/", "https://shop.test/connected", "//evil.test", "https://shop.test/connected?tab=1#x", ""]
    {
        assert!(sign(alice().redirect_uri(uri)).unwrap_err().contains("redirect"), "{uri}");
    }
    for origin in ["https://shop.test/", "*", "https://shop.test/x", "null", "https://SHOP.test"] {
        assert!(sign(alice().opener_origin(origin)).unwrap_err().contains("origin"), "{origin}");
    }
    assert!(sign(alice().connectors(["nothing"])).unwrap_err().contains("nothing"));
    assert!(sign(alice().lifetime(Duration::ZERO)).is_err());
    assert!(sign(alice().lifetime(Duration::from_secs(7201))).is_err());
    assert!(sign(alice().prefill("note", "x".repeat(4000))).unwrap_err().contains("too much"));
    assert!(!format!("{:?}", alice().prefill("tenant_id", "sentinel")).contains("sentinel"));
}

// SYS-C19
async fn a_session_ends_and_one_of_another_store_is_none(database: Database) {
    let world = World::new(&database).await;
    let short = session("alice").lifetime(Duration::from_millis(1100));
    let browser = world.open(short).await;
    assert_eq!(browser.get("/connect/connectors").await.status, 200);
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(browser.get("/connect/connectors").await.status, 401);
    let other = World::new(&database).await;
    let token = other.connect.sign(&session("alice")).unwrap();
    assert_eq!(world.browser().get(world.connect.start_url(&token).expose_secret()).await.status, 401);
}

// THREAT-T10
async fn addresses_come_from_configuration_and_from_no_header(database: Database) {
    let world = World::new(&database).await;
    let token = world.connect.sign(&session("alice")).unwrap();
    let request = http::Request::get(format!("/connect/start?session={}", token.expose_secret()))
        .header("host", "evil.test")
        .header("x-forwarded-host", "evil.test")
        .header("x-forwarded-proto", "http")
        .header("x-forwarded-prefix", "/evil");
    let browser = world.browser();
    let answer = browser.send(request, String::new()).await;
    assert_eq!(answer.location(), "/connect/connectors");
    assert!(browser.cookies()[0].line.contains("Secure"));
    let page = browser.send(http::Request::get("/connect/connectors").header("host", "evil.test"), String::new()).await;
    page.lacks("evil");
    assert_eq!(world.connect.callback_url("acme"), format!("{ORIGIN}/connect/callback/acme"));
}

async fn a_session_for_one_reconnection_does_nothing_else(database: Database) {
    let world = World::new(&database).await;
    let key = world.keys.issue("alice");
    let new = tower_auth_store::NewConnection::new("keys").value("api_key", key.expose_secret());
    let info = world.store.create(&owner("alice"), new.clone()).await.unwrap();
    let second = world.store.create(&owner("alice"), new).await.unwrap();
    let browser = world.open(session("alice").reconnect(info.id)).await;
    let home = format!("/connect/connections/{}/reconnect", info.id);
    assert_eq!(browser.get("/connect").await.location(), home);
    let page = browser.get(&home).await;
    assert_eq!(page.status, 200);
    page.lacks("Your connections");
    for path in ["/connectors", "/connections", "/connectors/keys"] {
        assert_eq!(browser.get(&format!("/connect{path}")).await.status, 403, "{path}");
    }
    assert_eq!(browser.get(&format!("/connect/connections/{}/reconnect", second.id)).await.status, 404);
    assert_eq!(browser.get(&format!("/connect/connections/{}/delete", info.id)).await.status, 403);
    let other = world.keys.issue("bob");
    let answer = browser.fill(&home, &[("field.api_key", other.expose_secret())]).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    browser.get(&answer.location()).await.has("connected again");
}

async fn files_are_kept_for_ever_and_pages_not_at_all(database: Database) {
    let world = World::new(&database).await;
    let browser = world.alice().await;
    let page = browser.get("/connect/connectors").await;
    assert_eq!(page.headers["cache-control"], "no-store");
    let name = page.text.split("/connect/assets/").nth(1).unwrap().split('"').next().unwrap();
    let file = world.browser().get(&format!("/connect/assets/{name}")).await;
    assert_eq!(file.status, 200);
    assert!(file.headers["cache-control"].to_str().unwrap().contains("immutable"));
    let request = http::Request::get(format!("/connect/assets/{name}")).header("if-none-match", &file.headers["etag"]);
    assert_eq!(world.browser().send(request, String::new()).await.status, 304);
    let icon = world.browser().get("/connect/assets/connect.svg").await;
    assert_eq!((icon.status, icon.headers["content-type"].to_str().unwrap()), (200, "image/svg+xml"));
    assert_eq!(icon.headers["cache-control"], "no-cache");
    assert_eq!(world.browser().get("/connect/assets/other.css").await.status, 404);
    assert_eq!(browser.get("/connect/nothing").await.status, 404);
}
