//! How a person is sent to a provider, and how they come back.
#![cfg(feature = "authorization-code")]

use tower_auth_testing::TestClock;

use crate::script::{Script, form, grants, json, json_body};
use crate::{acme, api, authorization, connect, pair, sign_in};

const URL: &str = "https://login.acme.test/token";
const AUTHORIZE: &str = "https://login.acme.test/authorize";
const BACK: &str = "https%3A%2F%2Fapp.test%2Fcallback";

fn code(more: &str) -> String {
    acme(&format!("kind = 'oauth2_code'\nauthorize_url = '{AUTHORIZE}'\ntoken_url = '{URL}'\n{more}"))
}

fn exchange(more: &str) -> String {
    form(
        URL,
        &format!(
            "grant_type=authorization_code&client_id=id&client_secret=s3cret%2B%2F%25%3A&code=c0de&redirect_uri={BACK}{more}"
        ),
    )
}

/// Where a person is sent by `more`, without PKCE; the exchange is plain.
async fn sent(more: &str, given: &[(&str, &str)]) -> String {
    let server = Script::new().on(exchange(""), grants("t0k"));
    let connection = connect(&code(&format!("pkce = 'off'\n{more}")), &pair(given), &server, &TestClock::new());
    let (url, result) = sign_in(&connection, "code=c0de").await;
    result.unwrap();
    assert_eq!(authorization(&connection).await, "Bearer t0k");
    url
}

#[tokio::test]
async fn the_proof_key_is_on_unless_it_is_off() {
    let plain = format!("{AUTHORIZE}?response_type=code&client_id=id&redirect_uri={BACK}&state=STATE");
    assert_eq!(sent("", &[]).await, plain);
    let server = Script::new().on(exchange("&code_verifier=*"), grants("t0k"));
    let connection = connect(&code(""), &pair(&[]), &server, &TestClock::new());
    let (url, result) = sign_in(&connection, "code=c0de").await;
    result.unwrap();
    assert!(url.contains("code_challenge=") && url.contains("code_challenge_method=S256"), "{url}");
}

#[tokio::test]
async fn further_parameters_are_fixed_or_come_from_fields() {
    let more = "authorize_params = { access_type = 'offline', prompt = 'consent', audience = 'api.acme.test', nonce = '{tenant}-1' }\n\
                [[auth.fields]]\nname = 'tenant'";
    let url = sent(more, &[("tenant", "a&b")]).await;
    for part in ["&access_type=offline", "&prompt=consent", "&audience=api.acme.test", "&nonce=a%26b-1"] {
        assert!(url.contains(part), "{part} in {url}");
    }
    let more = "skip_empty = true\nauthorize_params = { user_scope = '{user_scope}' }\n[[auth.fields]]\nname = 'user_scope'\nrequired = false";
    assert!(!sent(more, &[]).await.contains("user_scope"));
}

#[tokio::test]
async fn parameters_are_renamed_or_dropped_for_the_consent_alone() {
    let more = "param_names = { authorize = { client_id = 'app_id', redirect_uri = 'redirect_url', scope = false } }\nscopes = ['a']";
    let server = Script::new().on(exchange(""), grants("t0k"));
    let connection = connect(&code(&format!("pkce = 'off'\n{more}")), &pair(&[]), &server, &TestClock::new());
    let (url, result) = sign_in(&connection, "code=c0de").await;
    result.unwrap();
    assert_eq!(url, format!("{AUTHORIZE}?response_type=code&app_id=id&redirect_url={BACK}&state=STATE"));
}

#[tokio::test]
async fn a_renamed_state_comes_back_under_its_name() {
    let file = code("pkce = 'off'\nparam_names = { authorize = { state = 'csrf' } }");
    let server = Script::new().on(exchange(""), grants("t0k"));
    let connection = connect(&file, &pair(&[]), &server, &TestClock::new());
    let login = connection.login("https://app.test/callback").unwrap();
    let started = login.start().await.unwrap();
    let state = started.url.split(['&', '?']).find_map(|pair| pair.strip_prefix("csrf=")).unwrap().to_owned();
    let callback = login.callback(&format!("code=c0de&csrf={state}")).unwrap();
    login.finish(started.transaction, &callback).await.unwrap();
}

#[tokio::test]
async fn scopes_are_raw_where_the_server_reads_them_so() {
    let scopes = "scopes = ['a:read', 'b/c']";
    assert!(sent(scopes, &[]).await.contains("&scope=a%3Aread+b%2Fc"));
    assert!(
        sent(&format!("{scopes}\nscope_separator = '+'\nscope_raw = true"), &[]).await.contains("&scope=a:read+b/c")
    );
    assert!(sent(&format!("{scopes}\nscope_separator = ','"), &[]).await.contains("&scope=a%3Aread%2Cb%2Fc"));
}

#[tokio::test]
async fn the_response_type_is_another() {
    let url = sent("authorize_params = { response_type = 'code id_token' }\nresponse_mode = 'form_post'", &[]).await;
    assert!(url.contains("response_type=code%20id_token") && url.contains("response_mode=form_post"), "{url}");
}

#[tokio::test]
async fn the_parameters_stand_behind_a_route_of_the_page() {
    let url = sent("fragment_route = '/oauth/signin'", &[]).await;
    let expected = format!("{AUTHORIZE}#/oauth/signin?response_type=code&client_id=id&redirect_uri={BACK}&state=STATE");
    assert_eq!(url, expected);
}

#[tokio::test]
async fn the_url_has_values_of_fields_in_it() {
    let file = acme(&format!(
        "kind = 'oauth2_code'\nauthorize_url = 'https://{{shop}}.acme.test/oauth?v=2'\ntoken_url = '{URL}'\npkce = 'off'\n[[auth.fields]]\nname = 'shop'"
    ));
    let server = Script::new().on(exchange(""), grants("t0k"));
    let connection = connect(&file, &pair(&[("shop", "my-shop")]), &server, &TestClock::new());
    let (url, result) = sign_in(&connection, "code=c0de").await;
    result.unwrap();
    assert!(url.starts_with("https://my-shop.acme.test/oauth?v=2&response_type=code&"), "{url}");
}

#[tokio::test]
async fn the_code_comes_back_and_goes_on_under_other_names() {
    let file = code(
        "pkce = 'off'\nbody_format = 'json'\ncallback = { code_param = 'spapi_oauth_code' }\nparam_names = { code = 'auth_code' }",
    );
    let body = r#"{"grant_type":"authorization_code","client_id":"id","client_secret":"s3cret+/%:","auth_code":"c0de+1","redirect_uri":"https://app.test/callback"}"#;
    let server = Script::new().on(json_body(URL, body), grants("t0k"));
    let connection = connect(&file, &pair(&[]), &server, &TestClock::new());
    sign_in(&connection, "spapi_oauth_code=c0de%2B1").await.1.unwrap();
    // A plain `code` beside it does not count.
    let server = Script::new();
    let connection = connect(&file, &pair(&[]), &server, &TestClock::new());
    assert!(sign_in(&connection, "code=c0de").await.1.is_err());
}

#[tokio::test]
async fn the_callback_brings_values_for_the_api_and_the_exchange() {
    let file = code(
        "pkce = 'off'\ncallback = { capture = [{ name = 'realm', param = 'realmId' }] }\ntoken_params = { realm = '{realm}' }\n\
         api_headers = { x-realm = '{realm}' }",
    );
    let server = Script::new().on(exchange("&realm=a%26b"), grants("t0k"));
    let connection = connect(&file, &pair(&[]), &server, &TestClock::new());
    sign_in(&connection, "code=c0de&realmId=a%26b").await.1.unwrap();
    assert!(api(&connection).await.ends_with("authorization: Bearer t0k\nx-realm: a&b\n"));
}

const REGIONAL: &str = r#"
pkce = "off"
token_url = '{accounts||"https://accounts.acme.test"}/token'

[auth.callback]
capture = [{ name = "accounts", param = "accounts-server" }]

[[auth.fields]]
name = "accounts"
format = "uri"
pattern = 'https://accounts\.acme\.(test|eu)'
hidden = true
required = false
"#;

fn regional() -> String {
    acme(&format!("kind = 'oauth2_code'\nauthorize_url = '{AUTHORIZE}'\n{REGIONAL}"))
}

#[tokio::test]
async fn the_callback_says_where_tokens_are_exchanged_and_renewed() {
    let at = |url: &str| exchange("").replace(URL, url);
    let time = TestClock::new();
    let renewal = form(
        "https://accounts.acme.eu/token",
        "grant_type=refresh_token&client_id=id&client_secret=s3cret%2B%2F%25%3A&refresh_token=r1",
    );
    let server = Script::new()
        .on(at("https://accounts.acme.eu/token"), crate::script::grants_both("t0k", "r1"))
        .on(renewal, grants("t1k"));
    let connection = connect(&regional(), &pair(&[]), &server, &time);
    sign_in(&connection, "code=c0de&accounts-server=https%3A%2F%2Faccounts.acme.eu").await.1.unwrap();
    time.advance(crate::seconds(3600)).await;
    assert_eq!(authorization(&connection).await, "Bearer t1k");
    // Without it the alternative holds.
    let server = Script::new().on(at("https://accounts.acme.test/token"), grants("t0k"));
    let connection = connect(&regional(), &pair(&[]), &server, &time);
    sign_in(&connection, "code=c0de").await.1.unwrap();
}

// THREAT-T4
#[tokio::test]
async fn a_hostile_callback_gets_neither_code_nor_secret() {
    for hostile in ["https://accounts.acme.evil", "http://accounts.acme.eu", "https://accounts.acme.eu.evil.test", "x"]
    {
        let server = Script::new();
        let connection = connect(&regional(), &pair(&[]), &server, &TestClock::new());
        let query = format!("code=c0de&accounts-server={}", hostile.replace(':', "%3A").replace('/', "%2F"));
        assert!(sign_in(&connection, &query).await.1.is_err(), "{hostile}");
        assert_eq!(server.asked(), 0);
    }
}

#[tokio::test]
async fn a_short_token_buys_a_long_one_after_the_login() {
    let file = code(
        "pkce = 'off'\nrefresh = 'by_access_token'\n[[auth.steps]]\nurl = 'https://login.acme.test/long'\nmethod = 'GET'\n\
         params = { grant_type = 'ig_exchange_token', client_secret = '{client_secret}', access_token = '{step1.access_token}' }",
    );
    let server = Script::new().on(exchange(""), json(200, r#"{"access_token":"short","user_id":7}"#)).on(
        "GET https://login.acme.test/long?grant_type=ig_exchange_token&client_secret=s3cret%2B%2F%25%3A&access_token=short\n",
        json(200, r#"{"access_token":"long","token_type":"bearer","expires_in":5184000}"#),
    );
    let connection = connect(&file, &pair(&[]), &server, &TestClock::new());
    let response = sign_in(&connection, "code=c0de").await.1.unwrap();
    assert_eq!(response.token().secret().expose_secret(), "long");
    assert_eq!(authorization(&connection).await, "Bearer long");
    assert_eq!(crate::lifetime(&connection), Some(5_184_000));
}

#[tokio::test]
async fn a_session_from_the_first_answer_becomes_the_token_of_the_second() {
    let file = code(
        "pkce = 'off'\nresponse = { token = 'data.session' }\n[[auth.steps]]\nurl = 'https://api.acme.test/session'\n\
         headers = { authorization = 'Bearer {step1.access_token}' }\nbody = ''",
    );
    let server = Script::new().on(exchange(""), grants("short")).on(
        "POST https://api.acme.test/session\nauthorization: Bearer short\n",
        json(200, r#"{"data":{"session":"s1"}}"#),
    );
    let connection = connect(&file, &pair(&[]), &server, &TestClock::new());
    sign_in(&connection, "code=c0de").await.1.unwrap();
    assert_eq!(authorization(&connection).await, "Bearer s1");
}
