//! Alvys, transport management.

use serde_json::Value;
use tower_auth_core::{FieldScope, TokenErrorKind};
use tower_auth_testing::TestClock;

use crate::script::{Script, form, grants, json};
use crate::{api, authorization, connect, file, mistakes, read, seconds, values};

const URL: &str = "https://integrations.alvys.com/api/authentication/acme/token";
const BODY: &str = "grant_type=client_credentials&client_id=id&client_secret=s%26e%3Dc%2Br+%25t";
const SECRET: &str = "s&e=c+r %t";

fn alvys() -> String {
    file("examples/fetch/providers/alvys.toml")
}

fn given<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let own = [("client_id", "id"), ("client_secret", SECRET), ("tenant_id", "acme")];
    let kept = own.into_iter().filter(|(name, _)| more.iter().all(|(other, _)| other != name));
    kept.chain(more.iter().copied()).collect()
}

// SYS-V1, SYS-V13
#[tokio::test]
async fn the_pair_is_in_the_body_of_a_form_and_survives() {
    let server = Script::new().on(form(URL, BODY), grants("t0k"));
    let connection = connect(&alvys(), &given(&[]), server.http(), &TestClock::new());
    assert_eq!(authorization(&connection).await, "Bearer t0k");
}

// SYS-V2
#[tokio::test]
async fn the_tenant_is_one_segment_of_the_path() {
    let url = "https://integrations.alvys.com/api/authentication/a%2F..%2Fb%3Fc%23d/token";
    let server = Script::new().on(form(url, BODY), grants("t0k"));
    let connection = connect(&alvys(), &given(&[("tenant_id", "a/../b?c#d")]), server.http(), &TestClock::new());
    assert_eq!(authorization(&connection).await, "Bearer t0k");
    for hostile in ["", ".", ".."] {
        assert!(read(&alvys()).fill(&values(&given(&[("tenant_id", hostile)]))).is_err(), "{hostile:?}");
    }
}

// SYS-V3
#[tokio::test]
async fn token_url_and_api_are_apart_and_an_operator_moves_either() {
    let url = "https://integrations.alvys.com/api/p/authentication/{tenant_id}/token";
    let server = Script::new()
        .on(form(URL, BODY), grants("one"))
        .on(form(&url.replace("{tenant_id}", "acme"), BODY), grants("two"));
    let time = TestClock::new();
    let api_moved = connect(&alvys(), &given(&[("base_url", "https://integrations.alvys.com")]), server.http(), &time);
    assert_eq!(
        api(&api_moved, "/v1/me").await,
        "GET https://integrations.alvys.com/v1/me\nauthorization: Bearer one\n"
    );
    let url_moved = connect(&alvys(), &given(&[("token_url", url)]), server.http(), &time);
    assert_eq!(api(&url_moved, "/v1/me").await, "GET https://integration.alvys.com/v1/me\nauthorization: Bearer two\n");
}

// SYS-V4
#[tokio::test]
async fn the_tenant_goes_into_path_body_or_both() {
    let both = alvys()
        .replace("client_auth = \"body\"", "client_auth = \"body\"\ntoken_params = { tenant_id = \"{tenant_id}\" }");
    let body_alone = both.replace("/{tenant_id}/", "/");
    for (text, url, more) in [
        (alvys(), URL.to_owned(), ""),
        (both, URL.to_owned(), "&tenant_id=acme"),
        (body_alone, URL.replace("/acme", ""), "&tenant_id=acme"),
    ] {
        let server = Script::new().on(form(&url, &format!("{BODY}{more}")), grants("t0k"));
        assert_eq!(authorization(&connect(&text, &given(&[]), server.http(), &TestClock::new())).await, "Bearer t0k");
    }
}

// SYS-V5. That a refused request is sent again is shown with the layer.
#[tokio::test]
async fn a_lifetime_is_what_the_answer_says_or_the_default_and_a_refusal_ends_it() {
    let bare = json(200, r#"{"access_token":"one"}"#);
    let short = json(200, r#"{"access_token":"two","expires_in":60}"#);
    let server = Script::new()
        .on(form(URL, BODY), bare)
        .on(form(URL, BODY), short)
        .on(form(URL, BODY), grants("three"))
        .on(form(URL, BODY), grants("four"));
    let time = TestClock::new();
    let connection = connect(&alvys(), &given(&[]), server.http(), &time);
    assert_eq!(authorization(&connection).await, "Bearer one");
    time.advance(seconds(3600)).await;
    assert_eq!(authorization(&connection).await, "Bearer two");
    time.advance(seconds(60)).await;
    assert_eq!(authorization(&connection).await, "Bearer three");
    let cache = connection.tokens().unwrap();
    let refused = cache.current().await.unwrap().generation;
    assert!(connection.may_be_dead(http::StatusCode::UNAUTHORIZED, &http::HeaderMap::new()));
    cache.invalidate(refused);
    assert_eq!(authorization(&connection).await, "Bearer four");
}

// SYS-V6
#[tokio::test]
async fn v1_me_shows_that_a_credential_works() {
    let me = "GET https://integration.alvys.com/v1/me\nauthorization: Bearer t0k\n";
    let server =
        Script::new().on(form(URL, BODY), grants("t0k")).on(me, json(200, "{}")).on(me, json(401, r#"{"error":"no"}"#));
    let connection = connect(&alvys(), &given(&[]), server.http(), &TestClock::new());
    connection.verify().await.unwrap();
    assert_eq!(connection.verify().await.unwrap_err().kind(), TokenErrorKind::Refused);
}

// SYS-V7
#[test]
fn nobody_is_redirected() {
    let spec = read(&alvys());
    let method = &spec.methods()[0];
    assert!(!method.needs_redirect());
    assert!(method.fields().iter().all(|field| !field.name().contains("redirect")));
    let server = Script::new();
    assert!(connect(&alvys(), &given(&[]), server.http(), &TestClock::new()).login("https://app.test/cb").is_err());
}

// SYS-V8
#[tokio::test]
async fn two_tenants_of_one_client_share_nothing() {
    let other = URL.replace("acme", "other");
    let server = Script::new().on(form(URL, BODY), grants("of-acme")).on(form(&other, BODY), grants("of-other"));
    let time = TestClock::new();
    let first = connect(&alvys(), &given(&[]), server.http(), &time);
    let second = connect(&alvys(), &given(&[("tenant_id", "other")]), server.http(), &time);
    for _ in 0..2 {
        assert_eq!(authorization(&first).await, "Bearer of-acme");
        assert_eq!(authorization(&second).await, "Bearer of-other");
    }
}

// SYS-V9
#[test]
fn what_is_missing_is_named_before_any_call() {
    let spec = read(&alvys());
    let all = mistakes(&spec, &[]);
    for name in ["client_id", "client_secret", "tenant_id"] {
        assert!(all.iter().any(|line| line.starts_with(name)), "{name} in {all:?}");
        let rest: Vec<_> = given(&[]).into_iter().filter(|(own, _)| *own != name).collect();
        let one = mistakes(&spec, &rest);
        assert!(one.len() == 1 && one[0].starts_with(name), "{one:?}");
    }
}

// SYS-V10
#[tokio::test]
async fn a_refusal_says_what_to_check() {
    let refused = json(401, format!(r#"{{"error":"invalid_client","error_description":"unknown {SECRET}"}}"#));
    let server = Script::new().on(form(URL, BODY), refused);
    let error = connect(&alvys(), &given(&[]), server.http(), &TestClock::new()).credential().await.unwrap_err();
    assert_eq!((error.oauth_error(), error.status()), (Some("invalid_client"), Some(401)));
    let text = format!("{error} {error:?}");
    assert!(text.contains("check client id, secret") && !text.contains(SECRET) && !text.contains("s%26e"), "{text}");
}

// SYS-V11
#[test]
fn a_form_is_made_of_three_fields_with_help() {
    let every = [FieldScope::Connector, FieldScope::Credential, FieldScope::Once];
    let schema = read(&alvys()).input_schema("oauth2_client_credentials", &every).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let fields = schema["properties"].as_object().unwrap();
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["client_id", "client_secret", "tenant_id"]);
    assert!(fields.values().all(|field| field["description"].is_string()));
    assert_eq!(fields["client_secret"]["writeOnly"], true);
}

// SYS-V12. That no page returns them belongs to the store's pages.
#[tokio::test]
async fn values_and_tokens_stay_here() {
    let server = Script::new().on(form(URL, BODY), grants("t0k-sent1nel"));
    let connection = connect(&alvys(), &given(&[]), server.http(), &TestClock::new());
    authorization(&connection).await;
    let text = format!("{connection:?} {:?} {:?}", connection.response(), connection.tokens());
    assert!(!text.contains("sent1nel") && !text.contains(SECRET), "{text}");
    let of_environment = tower_auth_core::ProviderValues::new().env(|name| match name {
        "ALVYS__CLIENT_ID" => Some("id".to_owned()),
        "ALVYS__CLIENT_SECRET" => Some(SECRET.to_owned()),
        "ALVYS__TENANT_ID" => Some("acme".to_owned()),
        _ => None,
    });
    assert!(read(&alvys()).fill(&of_environment).is_ok());
}
