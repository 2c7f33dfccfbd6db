//! Values that a provider sends and that become parts of what is sent to it.

use tower_auth_core::TokenErrorKind;
use tower_auth_testing::TestClock;

use crate::script::{Script, form, grants, json};
use crate::{api, captured, connect, pair, refusal};

const URL: &str = "https://login.acme.test/token";

fn request() -> String {
    form(URL, "grant_type=client_credentials&client_id=id&client_secret=s3cret%2B%2F%25%3A")
}

fn file(base: &str, more: &str) -> String {
    format!(
        "id = \"acme\"\nbase_url = \"{base}\"\n[[auth]]\nkind = \"oauth2_client_credentials\"\ntoken_url = \"{URL}\"\n{more}\n"
    )
}

const INSTANCE: &str = r#"
[auth.response]
capture = [{ name = "instance_url", path = "instance_url", required = true }, { name = "org", path = "org.id" }]

[[auth.fields]]
name = "instance_url"
format = "uri"
pattern = 'https://[a-z0-9-]+\.acme\.test'
hidden = true
required = false
"#;

#[tokio::test]
async fn an_answer_says_where_the_api_is() {
    let body = r#"{"access_token":"t0k","instance_url":"https://eu-1.acme.test","org":{"id":7}}"#;
    let server = Script::new().on(request(), json(200, body));
    let file = file("{instance_url}/v2", &format!("api_headers = {{ x-org = '{{org}}' }}\n{INSTANCE}"));
    let connection = connect(&file, &pair(&[]), &server, &TestClock::new());
    assert!(connection.base_url().is_none() && connection.is_base_url_late());
    connection.credential().await.unwrap();
    let expected = "GET https://eu-1.acme.test/v2/items?page=2\nauthorization: Bearer t0k\nx-org: 7\n";
    assert_eq!(api(&connection).await, expected);
}

// THREAT-T4, THREAT-T6
#[tokio::test]
async fn a_hostile_answer_moves_the_credential_nowhere() {
    for hostile in [
        "https://evil.test",
        "http://eu.acme.test",
        "https://eu.acme.test.evil.test",
        "https://eu.acme.test@evil.test",
        "https://evil.test/.acme.test",
        "https://eu.acme.test:8443",
        "https://127.0.0.1",
        "https://[::1]",
        "https://eu.acme.test/../..",
        "file:///etc/passwd",
        "https://eu.acme.test\\nx",
    ] {
        let body = format!(r#"{{"access_token":"t0k","instance_url":"{hostile}"}}"#);
        let server = Script::new().on(request(), json(200, body));
        let connection = connect(&file("{instance_url}", INSTANCE), &pair(&[]), &server, &TestClock::new());
        let error = refusal(&connection).await;
        assert_eq!(error.kind(), TokenErrorKind::Unparsable, "{hostile}");
        assert!(!format!("{error} {error:?}").contains("evil"), "{error:?}");
        assert!(connection.base_url().is_none(), "{hostile}");
    }
}

#[tokio::test]
async fn what_must_come_is_missed_by_name() {
    let server = Script::new().on(request(), grants("t0k"));
    let connection = connect(&file("{instance_url}", INSTANCE), &pair(&[]), &server, &TestClock::new());
    let text = refusal(&connection).await.to_string();
    assert!(text.contains("instance_url"), "{text}");
}

#[tokio::test]
async fn values_come_from_headers_and_cookies() {
    let more = "api_headers = { x-node = '{node}', x-route = '{route}' }\n[auth.response]\n\
                capture_headers = [{ name = 'node', header = 'x-node' }, { name = 'route', cookie = 'ROUTE' }]";
    let mut answered = grants("t0k");
    answered.headers_mut().insert("x-node", "n1".parse().unwrap());
    answered.headers_mut().append("set-cookie", "ROUTE=r=1; Path=/".parse().unwrap());
    let server = Script::new().on(request(), answered);
    let connection = connect(&file("https://api.acme.test", more), &pair(&[]), &server, &TestClock::new());
    assert!(api(&connection).await.ends_with("authorization: Bearer t0k\nx-node: n1\nx-route: r=1\n"));
}

// THREAT-T6
#[tokio::test]
async fn a_captured_value_cannot_leave_its_header() {
    let more = "api_headers = { x-org = '{org}' }\n[auth.response]\ncapture = [{ name = 'org', path = 'org' }]";
    let server = Script::new().on(request(), json(200, r#"{"access_token":"t0k","org":"a\r\nx-admin: 1"}"#));
    let connection = connect(&file("https://api.acme.test", more), &pair(&[]), &server, &TestClock::new());
    assert!(connection.credential().await.is_err());
}

const PROBE: &str = r#"
[[auth.probe]]
url = "https://login.acme.test/metadata"
authorized = false
headers = { authorization = "OAuth {token}" }
capture = [{ name = "dc", path = "dc", required = true }, { name = "account_name", path = "login.name" }]

[[auth.fields]]
name = "dc"
pattern = '[a-z]{2,4}[0-9]{1,3}'
hidden = true
required = false
"#;

#[tokio::test]
async fn a_probe_says_where_the_api_is() {
    let time = TestClock::new();
    let server = Script::new().on(request(), grants("t0k")).on(
        "GET https://login.acme.test/metadata\nauthorization: OAuth t0k\n",
        json(200, r#"{"dc":"us6","login":{"name":"Ann's shop"}}"#),
    );
    let connection = connect(&file("https://{dc}.api.acme.test", PROBE), &pair(&[]), &server, &time);
    assert!(connection.base_url().is_none());
    time.advance(crate::seconds(1)).await;
    let found = connection.probe().await.unwrap();
    assert_eq!(found["account_name"].expose_secret(), "Ann's shop");
    assert_eq!(api(&connection).await, "GET https://us6.api.acme.test/items?page=2\nauthorization: Bearer t0k\n");
    // And after a renewal.
    assert_eq!(captured(&connection, "dc").as_deref(), Some("us6"));
}

#[tokio::test]
async fn what_a_probe_found_outlives_renewals() {
    let time = TestClock::new();
    let server = Script::new()
        .on(request(), grants("one"))
        .on("GET https://login.acme.test/metadata\nauthorization: OAuth one\n", json(200, r#"{"dc":"us6"}"#))
        .on(request(), grants("two"));
    let connection = connect(&file("https://{dc}.api.acme.test", PROBE), &pair(&[]), &server, &time);
    connection.probe().await.unwrap();
    time.advance(crate::seconds(3600)).await;
    assert_eq!(api(&connection).await, "GET https://us6.api.acme.test/items?page=2\nauthorization: Bearer two\n");
}

// THREAT-T6
#[tokio::test]
async fn a_hostile_probe_is_refused() {
    for hostile in ["evil.test/", "us6.evil", "us6@evil", "", "127"] {
        let server = Script::new().on(request(), grants("t0k")).on(
            "GET https://login.acme.test/metadata\nauthorization: OAuth t0k\n",
            json(200, format!(r#"{{"dc":"{hostile}"}}"#)),
        );
        let connection = connect(&file("https://{dc}.api.acme.test", PROBE), &pair(&[]), &server, &TestClock::new());
        assert!(connection.probe().await.is_err(), "{hostile}");
        assert!(connection.base_url().is_none(), "{hostile}");
    }
}

#[tokio::test]
async fn a_probe_with_a_key_that_never_changes_is_kept_too() {
    let file =
        "id = \"acme\"\nbase_url = \"https://{dc}.api.acme.test\"\n[[auth]]\nkind = \"api_key\"\n".to_owned() + PROBE;
    let server = Script::new()
        .on("GET https://login.acme.test/metadata\nauthorization: OAuth k3y\n", json(200, r#"{"dc":"us6"}"#));
    let connection = connect(&file, &[("api_key", "k3y")], &server, &TestClock::new());
    assert!(connection.base_url().is_none());
    connection.probe().await.unwrap();
    assert_eq!(api(&connection).await, "GET https://us6.api.acme.test/items?page=2\nauthorization: Bearer k3y\n");
}

// SYS-V6
#[tokio::test]
async fn a_credential_is_verified_before_it_counts() {
    let more =
        "[[auth.verify]]\nurl = '{base_url}/me'\nexpect = { status = 200, body = { path = 'ok', equals = true } }";
    let ask = "GET https://api.acme.test/me\nauthorization: Bearer t0k\n";
    let server = Script::new()
        .on(request(), grants("t0k"))
        .on(ask, json(200, r#"{"ok":true}"#))
        .on(ask, json(200, r#"{"ok":false,"error":"account_inactive"}"#))
        .on(ask, json(401, r#"{"error":"no","error_description":"t0k is of no use"}"#));
    let connection = connect(&file("https://api.acme.test", more), &pair(&[]), &server, &TestClock::new());
    connection.verify().await.unwrap();
    assert_eq!(connection.verify().await.unwrap_err().oauth_error(), Some("account_inactive"));
    let error = connection.verify().await.unwrap_err().to_string();
    assert!(error.contains("check the values that were given") && !error.contains("t0k"), "{error}");
}

// THREAT-L2
#[tokio::test]
async fn an_error_repeats_no_token_wherever_it_was_sent() {
    let more = "placement = [{ insecure_query = 'key' }]\n[[auth.verify]]\nurl = '{base_url}/me'";
    let server = Script::new()
        .on(request(), grants("tok3n-sent1nel"))
        .on("GET https://api.acme.test/me?key=tok3n-sent1nel\n", json(403, r#"{"error":"no key=tok3n-sent1nel"}"#));
    let connection = connect(&file("https://api.acme.test", more), &pair(&[]), &server, &TestClock::new());
    let error = connection.verify().await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("sent1nel"), "{error:?}");
}

#[tokio::test]
async fn a_credential_is_ended_at_the_provider() {
    let more = "[auth.revoke]\nurl = '{base_url}/revoke'\nparams = { token = '{refresh_token||token}' }";
    let server =
        Script::new().on(request(), grants("t0k")).on(form("https://api.acme.test/revoke", "token=t0k"), json(200, ""));
    let connection = connect(&file("https://api.acme.test", more), &pair(&[]), &server, &TestClock::new());
    connection.credential().await.unwrap();
    assert!(connection.revoke().await.unwrap());
    let standard = "revoke_url = 'https://login.acme.test/revoke'";
    let body = "client_id=id&client_secret=s3cret%2B%2F%25%3A&token=t0k&token_type_hint=access_token";
    let server =
        Script::new().on(request(), grants("t0k")).on(form("https://login.acme.test/revoke", body), json(200, ""));
    let connection = connect(&file("https://api.acme.test", standard), &pair(&[]), &server, &TestClock::new());
    connection.credential().await.unwrap();
    assert!(connection.revoke().await.unwrap());
}
