//! What a renewal sends and what it spends.

use tower_auth_core::{FailureClass, Token, TokenErrorKind, TokenResponse};
use tower_auth_testing::TestClock;

use crate::script::{Script, form, grants, grants_both, json};
use crate::{acme, api, authorization, builder, connect, pair, refusal, seconds};

const URL: &str = "https://login.acme.test/token";
const PAIR: &str = "client_id=id&client_secret=s3cret%2B%2F%25%3A";

fn code(more: &str) -> String {
    acme(&format!(
        "kind = 'oauth2_code'\nauthorize_url = 'https://login.acme.test/authorize'\ntoken_url = '{URL}'\n{more}"
    ))
}

/// Tokens of an earlier run, good for an hour.
fn earlier() -> TokenResponse {
    TokenResponse::new(Token::new("old").unwrap()).expires_in(seconds(3600)).with_refresh_token("r1")
}

async fn resumed(more: &str, given: &[(&str, &str)], server: &Script, time: &TestClock) -> tower_auth_core::Connection {
    let connection = builder(&code(more), &pair(given), server, time).resume(earlier()).build().unwrap();
    assert_eq!(authorization(&connection).await, "Bearer old");
    time.advance(seconds(3600)).await;
    connection
}

fn refresh(token: &str) -> String {
    form(URL, &format!("grant_type=refresh_token&{PAIR}&refresh_token={token}"))
}

// SYS-U8
#[tokio::test]
async fn a_refresh_has_a_url_parameters_and_headers_of_its_own() {
    let more = "refresh_url = 'https://login.acme.test/renew'\nrefresh_grant_type = 'renew'\ntoken_params = { first = '1' }\n\
                refresh_params = { type = 'refresh', tenant = '{tenant}' }\ntoken_headers = { x-both = 'b' }\nrefresh_headers = { x-own = 'o' }\n\
                param_names = { refresh = { refresh_token = 'old_token', client_secret = false } }\n[[auth.fields]]\nname = 'tenant'";
    let expected = "POST https://login.acme.test/renew\ncontent-type: application/x-www-form-urlencoded\nx-both: b\nx-own: o\n\
                    grant_type=renew&client_id=id&old_token=r1&type=refresh&tenant=a%26b";
    let (server, time) = (Script::new().on(expected, grants("new")), TestClock::new());
    let connection = resumed(more, &[("tenant", "a&b")], &server, &time).await;
    assert_eq!(authorization(&connection).await, "Bearer new");
}

#[tokio::test]
async fn a_refresh_repeats_the_scope_or_has_no_grant() {
    let more = "scopes = ['a', 'b']\nrefresh_grant_type = false\nrefresh_params = { scope = '{scopes}' }";
    let expected = form(URL, &format!("{PAIR}&refresh_token=r1&scope=a+b"));
    let (server, time) = (Script::new().on(expected, grants("new")), TestClock::new());
    let connection = resumed(more, &[], &server, &time).await;
    assert_eq!(authorization(&connection).await, "Bearer new");
}

#[tokio::test]
async fn the_old_token_may_go_along() {
    let more = "refresh_params = { access_token = '{token}' }\nrefresh_headers = { authorization = 'Bearer {token}' }";
    let expected = format!(
        "POST {URL}\nauthorization: Bearer old\ncontent-type: application/x-www-form-urlencoded\n\
         grant_type=refresh_token&{PAIR}&refresh_token=r1&access_token=old"
    );
    let (server, time) = (Script::new().on(expected, grants("new")), TestClock::new());
    let connection = resumed(more, &[], &server, &time).await;
    assert_eq!(authorization(&connection).await, "Bearer new");
}

#[tokio::test]
async fn what_was_captured_is_known_to_the_refresh() {
    let more = "refresh_params = { realm = '{realm}' }\nresponse = { capture = [{ name = 'realm', path = 'realm' }] }";
    let time = TestClock::new();
    let expected = form(URL, &format!("grant_type=refresh_token&{PAIR}&refresh_token=r1&realm=seven"));
    let server = Script::new().on(expected, grants("new"));
    let connection = builder(&code(more), &pair(&[]), &server, &time)
        .resume(earlier().with_extra("realm", "seven"))
        .build()
        .unwrap();
    time.advance(seconds(3600)).await;
    assert_eq!(authorization(&connection).await, "Bearer new");
    assert_eq!(crate::captured(&connection, "realm").as_deref(), Some("seven"));
}

#[tokio::test]
async fn the_refresh_url_is_where_the_first_answer_said() {
    let more = "refresh_url = '{instance}/token'\n[auth.response]\ncapture = [{ name = 'instance', path = 'instance' }]\n\
                [[auth.fields]]\nname = 'instance'\nformat = 'uri'\npattern = 'https://[a-z]+\\.acme\\.test'\nrequired = false\nhidden = true";
    let time = TestClock::new();
    let expected = refresh("r1").replace("login.acme.test", "eu.acme.test");
    let server = Script::new().on(expected, grants("new"));
    let connection = builder(&code(more), &pair(&[]), &server, &time)
        .resume(earlier().with_extra("instance", "https://eu.acme.test"))
        .build()
        .unwrap();
    time.advance(seconds(3600)).await;
    assert_eq!(authorization(&connection).await, "Bearer new");
}

#[tokio::test]
async fn the_old_token_buys_the_next_and_there_is_no_refresh_token() {
    let more = "refresh = 'by_access_token'\nrefresh_url = 'https://login.acme.test/renew'\nmethod = 'GET'\n\
                refresh_grant_type = 'ig_refresh_token'\nrefresh_params = { access_token = '{token}' }\n\
                param_names = { refresh = { client_id = false, client_secret = false } }";
    let ask =
        |token: &str| format!("GET https://login.acme.test/renew?grant_type=ig_refresh_token&access_token={token}\n");
    let time = TestClock::new();
    let server = Script::new().on(ask("old"), grants("one")).on(ask("one"), grants("two"));
    let connection = resumed(more, &[], &server, &time).await;
    assert_eq!(authorization(&connection).await, "Bearer one");
    time.advance(seconds(3600)).await;
    assert_eq!(authorization(&connection).await, "Bearer two");
}

#[tokio::test]
async fn a_renewal_that_brings_nothing_new_prolongs_the_old_token() {
    let more = "expires = { kind = 'fixed', default = '30d' }\nresponse = { success_when = { body = { path = 'result', equals = '0000' } } }";
    let time = TestClock::new();
    let server = Script::new()
        .on(refresh("r1"), json(200, r#"{"result":"0000","message":"OK"}"#))
        .on(refresh("r1"), json(200, r#"{"result":"5000","message":"no"}"#));
    let connection = resumed(more, &[], &server, &time).await;
    assert_eq!(authorization(&connection).await, "Bearer old");
    assert_eq!(crate::lifetime(&connection), Some(30 * 86_400));
    // The refresh token is as good as before; an answer that is no success is none.
    assert_eq!(connection.response().unwrap().refresh_token().unwrap().expose_secret(), "r1");
    time.advance(seconds(30 * 86_400)).await;
    assert!(connection.credential().await.is_err());
}

#[tokio::test]
async fn a_first_answer_without_a_token_is_none_all_the_same() {
    let file = acme(&format!(
        "kind = 'oauth2_client_credentials'\ntoken_url = '{URL}'\nresponse = {{ success_when = {{ body = {{ path = 'result', equals = '0000' }} }} }}"
    ));
    let server = Script::new()
        .on(form(URL, &format!("grant_type=client_credentials&{PAIR}")), json(200, r#"{"result":"0000"}"#));
    let connection = connect(&file, &pair(&[]), &server, &TestClock::new());
    assert_eq!(refusal(&connection).await.kind(), TokenErrorKind::Unparsable);
}

#[tokio::test]
async fn a_refresh_token_that_does_not_come_back_is_kept_and_one_that_does_replaces_it() {
    let time = TestClock::new();
    let server = Script::new()
        .on(refresh("r1"), grants("one"))
        .on(refresh("r1"), grants_both("two", "r2"))
        .on(refresh("r2"), grants("three"));
    let connection = resumed("", &[], &server, &time).await;
    for expected in ["Bearer one", "Bearer two", "Bearer three"] {
        assert_eq!(authorization(&connection).await, expected);
        time.advance(seconds(3600)).await;
    }
}

// THREAT-C8
#[tokio::test]
async fn a_lost_answer_is_asked_for_again_within_the_grace_alone() {
    let time = TestClock::new();
    let server = Script::new().lose(refresh("r1")).on(refresh("r1"), grants_both("new", "r2"));
    let connection = resumed("rotation = 'rotating'\nreuse_grace = '10m'", &[], &server, &time).await;
    assert!(connection.credential().await.is_err());
    time.advance(seconds(120)).await;
    assert_eq!(authorization(&connection).await, "Bearer new");

    // Without a grace it may be spent, and is not sent again.
    let time = TestClock::new();
    let server = Script::new().lose(refresh("r1"));
    let connection = resumed("rotation = 'rotating'", &[], &server, &time).await;
    assert_eq!(refusal(&connection).await.kind(), TokenErrorKind::Unconfirmed);
    time.advance(seconds(120)).await;
    assert!(connection.credential().await.is_err());
    assert_eq!(server.asked(), 1);

    // One that never changes is.
    let time = TestClock::new();
    let server = Script::new().lose(refresh("r1")).on(refresh("r1"), grants("new"));
    let connection = resumed("rotation = 'stable'", &[], &server, &time).await;
    assert!(connection.credential().await.is_err());
    time.advance(seconds(120)).await;
    assert_eq!(authorization(&connection).await, "Bearer new");
}

// SYS-U14
#[tokio::test]
async fn what_nobody_renews_ends() {
    let (server, time) = (Script::new(), TestClock::new());
    let connection = resumed("refresh = 'none'", &[], &server, &time).await;
    assert!(!connection.renews_itself());
    let error = refusal(&connection).await;
    assert_eq!(error.class(), FailureClass::Refused);
    assert!(error.to_string().contains("a person must grant access again"), "{error}");
}

#[tokio::test]
async fn token_requests_are_limited() {
    let file = acme(&format!(
        "kind = 'oauth2_client_credentials'\ntoken_url = '{URL}'\nlimits = {{ token_calls = {{ count = 2, per = '10m' }} }}"
    ));
    let ask = form(URL, &format!("grant_type=client_credentials&{PAIR}"));
    let short = |token: &str| json(200, format!(r#"{{"access_token":"{token}","expires_in":60}}"#));
    let server = Script::new().on(ask.clone(), short("one")).on(ask.clone(), short("two")).on(ask, short("three"));
    let time = TestClock::new();
    let connection = connect(&file, &pair(&[]), &server, &time);
    assert_eq!(authorization(&connection).await, "Bearer one");
    time.advance(seconds(60)).await;
    assert_eq!(authorization(&connection).await, "Bearer two");
    time.advance(seconds(60)).await;
    let error = refusal(&connection).await;
    assert_eq!(error.kind(), TokenErrorKind::Throttled);
    assert!(error.retry_after().is_some_and(|wait| wait <= seconds(480) && wait > seconds(400)), "{error:?}");
    time.advance(seconds(480)).await;
    assert_eq!(authorization(&connection).await, "Bearer three");
}

#[tokio::test]
async fn tokens_are_kept_with_what_came_with_them_and_taken_up_again() {
    let kept = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let more = "api_headers = { x-realm = '{realm}' }\nresponse = { capture = [{ name = 'realm', path = 'realm' }] }";
    let time = TestClock::new();
    let server =
        Script::new().on(refresh("r1"), json(200, r#"{"access_token":"new","realm":"seven","refresh_token":"r2"}"#));
    let own = std::sync::Arc::clone(&kept);
    let connection = builder(&code(more), &pair(&[]), &server, &time)
        .resume(earlier())
        .persist(move |response| {
            own.lock().unwrap().push(response);
            std::future::ready(Ok(()))
        })
        .build()
        .unwrap();
    time.advance(seconds(3600)).await;
    let text = api(&connection).await;
    assert!(text.ends_with("authorization: Bearer new\nx-realm: seven\n"), "{text}");
    let last = kept.lock().unwrap().last().cloned().unwrap();
    let server = Script::new();
    let again = builder(&code(more), &pair(&[]), &server, &time).resume((*last).clone()).build().unwrap();
    assert_eq!(api(&again).await, text);
}
