//! The shape of a token request.

use tower_auth_testing::TestClock;

use crate::script::{Script, form, grants, json_body};
use crate::{acme, authorization, builder, connect, pair};

const URL: &str = "https://login.acme.test/token";
const PAIR: &str = "client_id=id&client_secret=s3cret%2B%2F%25%3A";

fn credentials(more: &str) -> String {
    acme(&format!("kind = \"oauth2_client_credentials\"\ntoken_url = \"{URL}\"\n{more}"))
}

async fn sends(more: &str, given: &[(&str, &str)], request: String) {
    let (server, time) = (Script::new().on(request, grants("t0k")), TestClock::new());
    let connection = connect(&credentials(more), &pair(given), &server, &time);
    assert_eq!(authorization(&connection).await, "Bearer t0k");
}

#[tokio::test]
async fn parameters_are_json_with_values_of_their_own_type() {
    let more = "body_format = 'json'\n[auth.token_params]\naudience = 'https://api.acme.test'\nttl = 900\nstrict = true\n\
                [auth.token_params.credentials]\nname = '{user}'\nsites = [{ url = '{user}-1' }]\n\
                [[auth.fields]]\nname = 'user'";
    let body = r#"{"grant_type":"client_credentials","client_id":"id","client_secret":"s3cret+/%:","audience":"https://api.acme.test","ttl":900,"strict":true,"credentials":{"name":"u\"1","sites":[{"url":"u\"1-1"}]}}"#;
    sends(more, &[("user", "u\"1")], json_body(URL, body)).await;
}

#[tokio::test]
async fn parameters_go_in_the_query_of_a_post_or_a_get() {
    let url = format!("{URL}?grant_type=client_credentials&{PAIR}");
    sends("body_format = 'query'", &[], format!("POST {url}\n")).await;
    sends("method = 'GET'", &[], format!("GET {url}\n")).await;
}

#[tokio::test]
async fn the_grant_has_another_name_or_none() {
    sends("grant_type = 'openapi_2lo'", &[], form(URL, &format!("grant_type=openapi_2lo&{PAIR}"))).await;
    sends("grant_type = false", &[], form(URL, PAIR)).await;
    let account = "grant_type = 'account_credentials'\ntoken_params = { account_id = '{account}' }\n[[auth.fields]]\nname = 'account'";
    let body = format!("grant_type=account_credentials&{PAIR}&account_id=a%26b");
    sends(account, &[("account", "a&b")], form(URL, &body)).await;
}

#[tokio::test]
async fn parameters_are_renamed_dropped_and_replaced() {
    let more = "param_names = { client_id = 'app_id', client_secret = 'app_secret', scope = false }\nscopes = ['a']\n\
                token_params = { grant_type = 'password' }";
    let body = "grant_type=password&app_id=id&app_secret=s3cret%2B%2F%25%3A";
    sends(more, &[], form(URL, body)).await;
}

#[tokio::test]
async fn headers_come_from_fields_and_empty_ones_are_left_out() {
    let more = "token_headers = { x-gateway-key = '{key}', x-tenant = '{tenant}' }\n\
                [[auth.fields]]\nname = 'key'\nsecret = true\n[[auth.fields]]\nname = 'tenant'\nrequired = false";
    let request = format!(
        "POST {URL}\ncontent-type: application/x-www-form-urlencoded\nx-gateway-key: k3y\ngrant_type=client_credentials&{PAIR}"
    );
    sends(more, &[("key", "k3y")], request).await;
}

#[tokio::test]
async fn scopes_are_joined_as_the_server_wants_and_none_means_no_parameter() {
    for (separator, joined) in [(" ", "a+b"), (",", "a%2Cb"), ("+", "a%2Bb")] {
        let more = format!("scopes = ['a', 'b']\nscope_separator = '{separator}'");
        sends(&more, &[], form(URL, &format!("grant_type=client_credentials&{PAIR}&scope={joined}"))).await;
    }
    sends("", &[], form(URL, &format!("grant_type=client_credentials&{PAIR}"))).await;
}

#[tokio::test]
async fn scopes_are_always_or_by_default_or_chosen() {
    let more = "scopes = ['base', '{extra}']\ndefault_scopes = ['read']\navailable_scopes = ['base', 'read', 'write']\n\
                token_params = { wanted = '{scopes}' }\n[[auth.fields]]\nname = 'extra'\nrequired = false";
    let wants =
        |scopes: &str| form(URL, &format!("grant_type=client_credentials&{PAIR}&scope={scopes}&wanted={scopes}"));
    sends(more, &[], wants("base+read")).await;
    let (server, time) = (Script::new().on(wants("base+write"), grants("t0k")), TestClock::new());
    let chosen = builder(&credentials(more), &pair(&[]), &server, &time).scopes(["write"]).build().unwrap();
    assert_eq!(authorization(&chosen).await, "Bearer t0k");
    let error = builder(&credentials(more), &pair(&[]), &server, &time).scopes(["admin"]).build().unwrap_err();
    assert!(error.to_string().contains("base, read, write"), "{error}");
}

#[tokio::test]
async fn empty_parameters_are_dropped_where_the_server_wants_that() {
    let more =
        "token_params = { tenant = '{tenant}', audience = 'x' }\n[[auth.fields]]\nname = 'tenant'\nrequired = false\n";
    let sent = format!("grant_type=client_credentials&{PAIR}&tenant=&audience=x");
    sends(more, &[], form(URL, &sent)).await;
    let sent = sent.replace("&tenant=", "");
    sends(&format!("skip_empty = true\n{more}"), &[], form(URL, &sent)).await;
}

#[tokio::test]
async fn templates_make_values_of_several_fields_and_of_the_time() {
    let more = "token_params = { sign = '{hmac(\"sha256\", client_secret, client_id, \":\", now())}', at = '{now(\"rfc3339\")}' }";
    let key = mac("s3cret+/%:", "id:1767225600");
    let body = format!("grant_type=client_credentials&{PAIR}&sign={key}&at=2026-01-01T00%3A00%3A00Z");
    sends(more, &[], form(URL, &body)).await;
}

/// A token of the usual header and `claims`.
fn signed(claims: &str) -> String {
    use aws_lc_rs::hmac;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as URL64;
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"a key of thirty-two characters, at least");
    let text = format!("{}.{}", URL64.encode(r#"{"alg":"HS256","typ":"JWT"}"#), URL64.encode(claims));
    format!("{text}.{}", URL64.encode(hmac::sign(&key, text.as_bytes())))
}

fn mac(key: &str, text: &str) -> String {
    use aws_lc_rs::hmac;
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), text.as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_password_buys_the_token() {
    let file = acme(&format!("kind = 'oauth2_password'\ntoken_url = '{URL}'"));
    let given = pair(&[("username", "ann"), ("password", "p&w")]);
    let body = format!("grant_type=password&{PAIR}&username=ann&password=p%26w");
    let server = Script::new().on(form(URL, &body), grants("t0k"));
    let connection = connect(&file, &given, &server, &TestClock::new());
    assert_eq!(authorization(&connection).await, "Bearer t0k");
}

// SYS-U4
#[tokio::test]
async fn a_code_that_was_typed_in_is_sent_once() {
    let file =
        acme(&format!("kind = 'oauth2_static_code'\ntoken_url = '{URL}'\nparam_names = {{ code = 'auth_code' }}"));
    let body = format!("grant_type=authorization_code&{PAIR}&auth_code=c0de");
    let server = Script::new().on(form(URL, &body), grants("t0k"));
    let time = TestClock::new();
    let connection = connect(&file, &pair(&[("code", "c0de")]), &server, &time);
    assert_eq!(authorization(&connection).await, "Bearer t0k");
    time.advance(crate::seconds(4000)).await;
    assert!(connection.credential().await.is_err());
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn an_assertion_is_the_grant() {
    let file = acme(&format!(
        "kind = 'oauth2_jwt_bearer'\ntoken_url = '{URL}'\nassertion = {{ alg = 'HS256', key = '{{secret}}', \
         claims = {{ iss = '{{account}}', scope = '{{scopes}}', jti = false, iat = false, exp = false, aud = false }} }}\ndefault_scopes = ['read', 'write']\n\
         [[auth.fields]]\nname = 'account'\n[[auth.fields]]\nname = 'secret'\nsecret = true"
    ));
    let expected =
        form(URL, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=JWT&scope=read+write");
    let expected = expected.replace("JWT", &signed(r#"{"iss":"svc@acme.test","scope":"read write"}"#));
    let server = Script::new().on(expected, grants("t0k"));
    let given = [("account", "svc@acme.test"), ("secret", "a key of thirty-two characters, at least")];
    let connection = connect(&file, &given, &server, &TestClock::new());
    assert_eq!(authorization(&connection).await, "Bearer t0k");
}

// SYS-V13
#[tokio::test]
async fn reserved_characters_survive() {
    let secret = "a&b=c+d %/?#:;\"\\";
    let body = "grant_type=client_credentials&client_id=id&client_secret=a%26b%3Dc%2Bd+%25%2F%3F%23%3A%3B%22%5C";
    let server = Script::new().on(form(URL, body), grants("t0k"));
    let connection =
        connect(&credentials(""), &[("client_id", "id"), ("client_secret", secret)], &server, &TestClock::new());
    assert_eq!(authorization(&connection).await, "Bearer t0k");
}
