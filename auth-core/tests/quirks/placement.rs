//! Where a credential goes on a request to the API.

use tower_auth_core::ProviderSpec;
use tower_auth_testing::TestClock;

use crate::script::{Script, basic, form, grants};
use crate::{acme, api, connect, pair, values};

fn key(more: &str) -> String {
    acme(&format!("kind = 'api_key'\n{more}"))
}

/// What is on a request beside its URL; nobody is asked for it.
async fn of(file: &str, given: &[(&str, &str)]) -> (String, String) {
    let server = Script::new();
    let connection = connect(file, given, &server, &TestClock::new());
    let text = api(&connection).await;
    let (head, rest) = text.split_once('\n').unwrap();
    (head.strip_prefix("GET ").unwrap().to_owned(), rest.to_owned())
}

const PLAIN: &str = "https://api.acme.test/items?page=2";

#[tokio::test]
async fn a_key_is_in_a_header_with_any_prefix_or_none() {
    for (placement, header) in [
        ("", "authorization: Bearer k3y\n"),
        (
            "placement = [{ header = 'authorization', value = 'Token token={token}' }]",
            "authorization: Token token=k3y\n",
        ),
        ("placement = [{ header = 'authorization' }]", "authorization: k3y\n"),
        ("placement = [{ header = 'X-API-Key' }]", "x-api-key: k3y\n"),
    ] {
        assert_eq!(of(&key(placement), &[("api_key", "k3y")]).await, (PLAIN.to_owned(), header.to_owned()));
    }
}

#[tokio::test]
async fn a_key_is_in_the_query_the_path_or_a_cookie() {
    let given = [("api_key", "k+y:1")];
    let none = String::new();
    let (url, rest) = of(&key("placement = [{ query = 'KEY' }]"), &given).await;
    assert_eq!((url.as_str(), &rest), ("https://api.acme.test/items?page=2&KEY=k%2By%3A1", &none));
    let (url, rest) = of(&key("placement = [{ path = '/bot{token}' }]"), &given).await;
    assert_eq!((url.as_str(), &rest), ("https://api.acme.test/botk%2By:1/items?page=2", &none));
    let (url, rest) = of(&key("placement = [{ cookie = 'SESSION' }]"), &given).await;
    assert_eq!((url.as_str(), rest.as_str()), (PLAIN, "cookie: SESSION=k+y:1\n"));
}

#[tokio::test]
async fn several_parts_go_into_several_places_beside_fixed_headers() {
    let file = key(
        "placement = [{ header = 'x-app-id', value = '{app_id}' }, { header = 'x-app-key' }, { query = 'region', value = '{region}' }]\n\
         api_headers = { accept-version = '2026-01-01', x-tenant = '{tenant}', x-none = '{none}' }\napi_query = { v = '2', site = '{tenant}' }\n\
         [[auth.fields]]\nname = 'api_key'\n[[auth.fields]]\nname = 'app_id'\n[[auth.fields]]\nname = 'tenant'\n\
         [[auth.fields]]\nname = 'region'\n[[auth.fields]]\nname = 'none'\nrequired = false",
    );
    let given = [("api_key", "k3y"), ("app_id", "a1"), ("tenant", "t&1"), ("region", "eu")];
    let (url, headers) = of(&file, &given).await;
    assert_eq!(url, "https://api.acme.test/items?page=2&region=eu&v=2&site=t%261");
    assert_eq!(headers, "accept-version: 2026-01-01\nx-app-id: a1\nx-app-key: k3y\nx-tenant: t&1\n");
}

#[tokio::test]
async fn halves_of_a_basic_pair_are_blank_dummies_or_shaped() {
    let fields = "[[auth.fields]]\nname = 'api_key'\nsecret = true\n[[auth.fields]]\nname = 'email'\nrequired = false";
    for (halves, expected) in [
        ("basic_user = '{api_key}'", "k3y:"),
        ("basic_user = '{api_key}'\nbasic_password = 'X'", "k3y:X"),
        ("basic_password = '{api_key}'", ":k3y"),
        ("basic_user = '{email}/token'\nbasic_password = '{api_key}'", "ann@acme.test/token:k3y"),
    ] {
        let file = acme(&format!("kind = 'basic'\n{halves}\n{fields}"));
        let (_, headers) = of(&file, &[("api_key", "k3y"), ("email", "ann@acme.test")]).await;
        assert_eq!(headers, format!("authorization: {}\n", basic(expected)), "{halves}");
    }
    let (_, headers) = of(&acme("kind = 'basic'"), &[("username", "ann"), ("password", "p w")]).await;
    assert_eq!(headers, format!("authorization: {}\n", basic("ann:p w")));
    let file = acme(
        "kind = 'basic'\nplacement = [{ header = 'x-auth', value = 'B {token}' }, { query = 'u', value = '{username}' }]",
    );
    let (url, headers) = of(&file, &[("username", "ann"), ("password", "pw")]).await;
    assert!(url.ends_with("&u=ann"), "{url}");
    assert_eq!(headers, format!("x-auth: B {}\n", basic("ann:pw").trim_start_matches("Basic ")));
}

// SYS-U12
#[tokio::test]
async fn a_token_goes_into_any_header_or_the_query() {
    for (placement, tail) in [
        ("{ header = 'x-auth-token' }", "?page=2\nx-auth-token: t0k\n"),
        (
            "{ header = 'authorization', value = 'Zoho-oauthtoken {token}' }",
            "?page=2\nauthorization: Zoho-oauthtoken t0k\n",
        ),
        ("{ insecure_query = 'access_token' }", "?page=2&access_token=t0k\n"),
    ] {
        let url = "https://login.acme.test/token";
        let file = acme(&format!("kind = 'oauth2_client_credentials'\ntoken_url = '{url}'\nplacement = [{placement}]"));
        let body = "grant_type=client_credentials&client_id=id&client_secret=s3cret%2B%2F%25%3A";
        let server = Script::new().on(form(url, body), grants("t0k"));
        let connection = connect(&file, &pair(&[]), &server, &TestClock::new());
        assert_eq!(api(&connection).await, format!("GET https://api.acme.test/items{tail}"));
    }
}

#[tokio::test]
async fn nothing_goes_on_the_request_where_nothing_should() {
    assert_eq!(of(&acme("kind = 'none'"), &[]).await, (PLAIN.to_owned(), String::new()));
}

// THREAT-L2
#[tokio::test]
async fn a_value_that_cannot_be_sent_is_refused_without_being_shown() {
    for hostile in ["k3y-sent1nel\r\nx-admin: 1", "k3y-sent1nel\0", "k3y-sent1nel\u{e4}"] {
        let spec = ProviderSpec::from_toml(&key("")).unwrap();
        let server = Script::new();
        let error = match spec.fill(&values(&[("api_key", hostile)])) {
            Err(errors) => format!("{errors} {errors:?}"),
            Ok(filled) => match filled.connect().http_client(server.http()).build() {
                Err(error) => format!("{error} {error:?}"),
                Ok(_) => panic!("{hostile:?} was taken"),
            },
        };
        assert!(!error.contains("sent1nel"), "{error}");
    }
}

#[tokio::test]
async fn a_verification_puts_the_key_where_every_request_has_it() {
    use crate::script::{json, json_body};
    let file = |more: &str| {
        key(&format!(
            "placement = [{{ body = 'auth.key' }}]\n[[auth.verify]]\nurl = '{{base_url}}/ping'\nmethod = 'POST'\n{more}"
        ))
    };
    let url = "https://api.acme.test/ping";
    for (more, request) in [
        ("headers = { content-type = 'application/json' }\nbody = '{{}}'", json_body(url, r#"{"auth":{"key":"k3y"}}"#)),
        ("params = { a = 'b' }\nbody_format = 'json'", json_body(url, r#"{"a":"b","auth":{"key":"k3y"}}"#)),
        ("body_format = 'json'", json_body(url, r#"{"auth":{"key":"k3y"}}"#)),
    ] {
        let server = Script::new().on(request, json(200, "\"PONG!\""));
        let connection = connect(&file(more), &[("api_key", "k3y")], &server, &TestClock::new());
        connection.verify().await.unwrap();
    }
    let file = file("params = { a = 'b' }\nbody_format = 'form'").replace("auth.key", "key");
    let server = Script::new().on(form(url, "a=b&key=k3y"), json(200, "\"PONG!\""));
    connect(&file, &[("api_key", "k3y")], &server, &TestClock::new()).verify().await.unwrap();
}

#[tokio::test]
async fn a_path_with_a_key_stands_behind_that_of_the_api() {
    use crate::script::json;
    let file = "id = 'acme'\nbase_url = 'https://api.acme.test/v1'\n[[auth]]\nkind = 'api_key'\nplacement = [{ path = '/bot{token}' }]\n\
                [[auth.verify]]\nurl = '{base_url}/getMe'";
    let server = Script::new().on("GET https://api.acme.test/v1/bot7:k3y/getMe\n", json(200, "{}"));
    connect(file, &[("api_key", "7:k3y")], &server, &TestClock::new()).verify().await.unwrap();
}
