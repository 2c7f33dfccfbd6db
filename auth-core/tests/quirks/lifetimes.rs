//! How long a token lives, in every way in which servers say so.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tower_auth_testing::TestClock;

use crate::script::{Script, form, grants, json};
use crate::{acme, authorization, connect, lifetime, pair, seconds};

const URL: &str = "https://login.acme.test/token";

fn credentials(more: &str) -> String {
    acme(&format!("kind = \"oauth2_client_credentials\"\ntoken_url = \"{URL}\"\n{more}"))
}

fn request() -> String {
    form(URL, "grant_type=client_credentials&client_id=id&client_secret=s3cret%2B%2F%25%3A")
}

async fn of(more: &str, body: &str) -> Option<u64> {
    let server = Script::new().on(request(), json(200, body.to_owned()));
    let connection = connect(&credentials(more), &pair(&[]), &server, &TestClock::new());
    authorization(&connection).await;
    lifetime(&connection)
}

/// An answer with `member` behind the token.
fn with(member: &str) -> String {
    format!(r#"{{"access_token":"t0k","token_type":"Bearer",{member}}}"#)
}

// SYS-L3, THREAT-A6
#[tokio::test]
async fn seconds_are_numbers_texts_or_decimals() {
    for (member, expected) in [
        (r#""expires_in":3599"#, Some(3599)),
        (r#""expires_in":"3599""#, Some(3599)),
        (r#""expires_in":3599.7"#, Some(3599)),
        (r#""expires_in":"""#, None),
        (r#""expires_in":null"#, None),
        (r#""expires_in":"soon""#, None),
        (r#""expires_on":"1767229200""#, Some(3600)),
        (r#""x":1"#, None),
    ] {
        assert_eq!(of("", &with(member)).await, expected, "{member}");
    }
}

// SYS-V5, SYS-A5
#[tokio::test]
async fn a_default_holds_where_nothing_is_said_and_a_cap_always() {
    let default = "expires = { default = '1h' }";
    assert_eq!(of(default, &with(r#""x":1"#)).await, Some(3600));
    assert_eq!(of(default, &with(r#""expires_in":60"#)).await, Some(60));
    assert_eq!(of(default, &with(r#""expires_at":1767225690"#)).await, Some(90));
    assert_eq!(of("expires = { max = '10m' }", &with(r#""expires_in":3600"#)).await, Some(600));
    assert_eq!(of("expires = { default = '10m', max = '10m' }", &with(r#""x":1"#)).await, Some(600));
}

#[tokio::test]
async fn milliseconds_words_and_times_of_day() {
    for (kind, written, expected) in [
        ("relative_ms", "1800000", 1800),
        ("relative_ms", "\"1800000\"", 1800),
        ("relative_text", "\"0:01:30:00\"", 5400),
        ("relative_text", "\"2 hours\"", 7200),
        ("absolute_auto", "1767229200", 3600),
        ("absolute_auto", "1767229200000", 3600),
        ("absolute_auto", "\"2026-01-01T01:00:00Z\"", 3600),
        ("absolute_auto", "\"2026-01-01T02:00:00+01:00\"", 3600),
        ("absolute_auto", "\"2025-01-01T00:00:00Z\"", 0),
    ] {
        let more = format!("expires = {{ kind = '{kind}' }}\nresponse = {{ expires = 'until' }}");
        assert_eq!(of(&more, &with(&format!(r#""until":{written}"#))).await, Some(expected), "{kind} {written}");
    }
}

#[tokio::test]
async fn the_token_says_it_itself() {
    let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(r#"{"exp":1767226200}"#));
    let body = format!(r#"{{"access_token":"{token}","expires_in":5}}"#);
    assert_eq!(of("expires = { kind = 'jwt_exp' }", &body).await, Some(600));
    let opaque = with(r#""expires_in":5"#);
    assert_eq!(of("expires = { kind = 'jwt_exp', default = '5m' }", &opaque).await, Some(300));
}

#[tokio::test]
async fn the_description_says_it() {
    assert_eq!(
        of("expires = { kind = 'fixed', default = '90d' }", &with(r#""expires_in":5"#)).await,
        Some(90 * 86_400)
    );
    assert_eq!(of("expires = { kind = 'never' }", &with(r#""expires_in":5"#)).await, None);
}

const ASKED: &str = "https://login.acme.test/introspect";

fn introspected(more: &str) -> String {
    credentials(&format!("introspect_url = '{ASKED}'\nexpires = {{ kind = 'introspect'{more} }}"))
}

fn question(token: &str) -> String {
    format!(
        "POST {ASKED}\ncontent-type: application/x-www-form-urlencoded\nclient_id=id&client_secret=s3cret%2B%2F%25%3A&token={token}&token_type_hint=access_token"
    )
}

#[tokio::test]
async fn introspection_tells() {
    for (more, answered, expected) in [
        ("", json(200, r#"{"active":true,"exp":1767227400}"#), Some(1800)),
        (", default = '15m'", json(200, r#"{"active":true,"exp":1767227400}"#), Some(1800)),
        (", default = '15m'", json(500, "{}"), Some(900)),
        (", default = '15m'", json(200, r#"{"active":true}"#), Some(900)),
        (", max = '10m'", json(200, r#"{"active":true,"exp":1767227400}"#), Some(600)),
        ("", json(500, "{}"), None),
    ] {
        let bare = json(200, r#"{"access_token":"t0k"}"#);
        let server = Script::new().on(request(), bare).on(question("t0k"), answered);
        let connection = connect(&introspected(more), &pair(&[]), &server, &TestClock::new());
        assert_eq!(authorization(&connection).await, "Bearer t0k");
        assert_eq!(lifetime(&connection), expected, "{more}");
    }
}

#[cfg(feature = "authorization-code")]
#[tokio::test]
async fn introspection_tells_after_a_login_too() {
    let file = acme(&format!(
        "kind = 'oauth2_code'\nauthorize_url = 'https://login.acme.test/authorize'\ntoken_url = '{URL}'\npkce = 'off'\n\
         introspect_url = '{ASKED}'\nexpires = {{ kind = 'introspect', default = '15m' }}"
    ));
    let exchange = form(
        URL,
        "grant_type=authorization_code&client_id=id&client_secret=s3cret%2B%2F%25%3A&code=c0de&redirect_uri=https%3A%2F%2Fapp.test%2Fcallback",
    );
    let server = Script::new()
        .on(exchange, json(200, r#"{"access_token":"t0k","refresh_token":"r1"}"#))
        .on(question("t0k"), json(200, r#"{"active":true,"exp":1767227400}"#));
    let connection = connect(&file, &pair(&[]), &server, &TestClock::new());
    crate::sign_in(&connection, "code=c0de").await.1.unwrap();
    assert_eq!(lifetime(&connection), Some(1800));
}

// SYS-L4
#[tokio::test]
async fn a_margin_of_its_own() {
    let time = TestClock::new();
    let server = Script::new().on(request(), grants("one")).on(request(), grants("two"));
    let connection = connect(&credentials("refresh_margin = '30s'"), &pair(&[]), &server, &time);
    assert_eq!(authorization(&connection).await, "Bearer one");
    // A little earlier than stated at times, so that many clients do not come at once.
    time.advance(seconds(3500)).await;
    authorization(&connection).await;
    TestClock::settle().await;
    assert_eq!(server.asked(), 1);
    time.advance(seconds(71)).await;
    authorization(&connection).await;
    TestClock::settle().await;
    assert_eq!(authorization(&connection).await, "Bearer two");
}
