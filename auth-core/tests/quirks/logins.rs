//! Requests of a provider's own that answer with a token or a session.

use tower_auth_testing::TestClock;

use crate::script::{Script, answer, basic, form, grants, json, json_body};
use crate::{acme, api, authorization, connect, pair, refusal, seconds};

const URL: &str = "https://login.acme.test/session";

fn login(more: &str) -> String {
    acme(&format!(
        "kind = 'login'\ntoken_url = '{URL}'\n{more}\n[[auth.fields]]\nname = 'user'\n[[auth.fields]]\nname = 'password'\nsecret = true"
    ))
}

const GIVEN: &[(&str, &str)] = &[("user", "ann"), ("password", "p&w")];
const BODY: &str = "token_params = { user = '{user}', password = '{password}' }";

#[tokio::test]
async fn a_login_is_json_or_a_form_or_a_get() {
    for (more, request) in [
        ("", json_body(URL, r#"{"user":"ann","password":"p&w"}"#)),
        ("body_format = 'form'", form(URL, "user=ann&password=p%26w")),
        ("method = 'GET'", format!("GET {URL}?user=ann&password=p%26w\n")),
    ] {
        let server = Script::new().on(request, grants("t0k"));
        let connection = connect(&login(&format!("{more}\n{BODY}")), GIVEN, &server, &TestClock::new());
        assert_eq!(authorization(&connection).await, "Bearer t0k");
    }
}

#[tokio::test]
async fn a_login_by_basic_has_no_body_at_all() {
    let file = login("client_auth = 'basic'\nbasic_user = '{user}'\nbasic_password = '{password}'");
    let server = Script::new().on(format!("POST {URL}\nauthorization: {}\n", basic("ann:p&w")), grants("t0k"));
    let connection = connect(&file, GIVEN, &server, &TestClock::new());
    assert_eq!(authorization(&connection).await, "Bearer t0k");
}

#[tokio::test]
async fn a_get_has_the_credential_in_its_headers() {
    let file = login("method = 'GET'\ntoken_headers = { x-user = '{user}', x-password = '{password}' }");
    let server = Script::new().on(format!("GET {URL}\nx-password: p&w\nx-user: ann\n"), grants("t0k"));
    let connection = connect(&file, GIVEN, &server, &TestClock::new());
    assert_eq!(authorization(&connection).await, "Bearer t0k");
}

#[tokio::test]
async fn a_body_is_nested() {
    let file = login("[auth.token_params.credentials]\nname = '{user}'\nsite = { contentUrl = 'acme' }");
    let body = r#"{"credentials":{"name":"ann","site":{"contentUrl":"acme"}}}"#;
    let answered = json(200, r#"{"credentials":{"token":"t0k","estimatedTimeToExpiration":"177:05:38"}}"#);
    let file = file.replace(
        "[auth.token_params",
        "response = { token = 'credentials.token', expires = 'credentials.estimatedTimeToExpiration' }\n\
         expires = { kind = 'relative_text' }\nplacement = [{ header = 'x-tableau-auth' }]\n[auth.token_params",
    );
    let server = Script::new().on(json_body(URL, body), answered);
    let connection = connect(&file, GIVEN, &server, &TestClock::new());
    assert_eq!(api(&connection).await, "GET https://api.acme.test/items?page=2\nx-tableau-auth: t0k\n");
    assert_eq!(crate::lifetime(&connection), Some(177 * 3600 + 5 * 60 + 38));
}

#[tokio::test]
async fn a_session_is_a_cookie() {
    let more = format!(
        "{BODY}\nplacement = [{{ cookie = 'B1SESSION' }}, {{ cookie = 'ROUTEID', value = '{{route}}' }}]\n\
         [auth.response]\ntoken = [{{ cookie = 'B1SESSION' }}]\ncapture_headers = [{{ name = 'route', cookie = 'ROUTEID' }}]"
    );
    let answered = http::Response::builder()
        .header("set-cookie", "B1SESSION=abc-1; HttpOnly; Path=/")
        .header("set-cookie", "ROUTEID=.node2; path=/")
        .header("content-type", "application/json")
        .body(bytes::Bytes::from_static(br#"{"SessionTimeout":30}"#))
        .unwrap();
    let server = Script::new().on(json_body(URL, r#"{"user":"ann","password":"p&w"}"#), answered);
    let connection = connect(&login(&more), GIVEN, &server, &TestClock::new());
    let expected = "GET https://api.acme.test/items?page=2\ncookie: B1SESSION=abc-1; ROUTEID=.node2\n";
    assert_eq!(api(&connection).await, expected);
}

#[tokio::test]
async fn a_token_is_in_a_header() {
    let more = format!(
        "{BODY}\nresponse = {{ token = {{ header = 'x-subject-token' }} }}\nplacement = [{{ header = 'x-auth-token' }}]"
    );
    let mut answered = json(201, "{}");
    answered.headers_mut().insert("x-subject-token", "t0k".parse().unwrap());
    let server = Script::new().on(json_body(URL, r#"{"user":"ann","password":"p&w"}"#), answered);
    let connection = connect(&login(&more), GIVEN, &server, &TestClock::new());
    assert!(api(&connection).await.ends_with("\nx-auth-token: t0k\n"));
}

const STEPS: &str = r#"
response = { token = "result.token", expires = "result.until" }
expires = { kind = "absolute_auto" }
token_headers = { x-app = "tests" }

[[auth.steps]]
url = "https://login.acme.test/accounts"
method = "GET"
headers = { x-session = "{step1.session.id}" }
capture = [{ name = "account", path = "[0].id" }]

[[auth.steps]]
url = "https://login.acme.test/accounts/{account}/token"
params = { session = "{step1.session.id}", plan = "{step2[0].plan}" }
body_format = "form"
"#;

fn stepped() -> String {
    login(&format!("{BODY}\n{STEPS}"))
}

fn step_script(time: &TestClock, round: u64) -> Script {
    steps_onto(Script::new(), time, round)
}

fn steps_onto(script: Script, time: &TestClock, round: u64) -> Script {
    let until = crate::unix(time) + 600 * round;
    script
        .on(
            format!("POST {URL}\ncontent-type: application/json\nx-app: tests\n{{\"user\":\"ann\",\"password\":\"p&w\"}}"),
            json(200, r#"{"session":{"id":"sess-1"}}"#),
        )
        .on(
            "GET https://login.acme.test/accounts\nx-app: tests\nx-session: sess-1\n",
            json(200, r#"[{"id":"a/7","plan":"pro"}]"#),
        )
        .on(
            "POST https://login.acme.test/accounts/a%2F7/token\ncontent-type: application/x-www-form-urlencoded\nx-app: tests\n\
             session=sess-1&plan=pro",
            json(200, format!(r#"{{"result":{{"token":"t{round}","until":{until}}}}}"#)),
        )
}

#[tokio::test]
async fn further_requests_see_the_answers_before_them_and_run_again_at_each_renewal() {
    let time = TestClock::new();
    let server = steps_onto(step_script(&time, 1), &time, 2);
    let connection = connect(&stepped(), GIVEN, &server, &time);
    assert_eq!(authorization(&connection).await, "Bearer t1");
    assert_eq!(crate::captured(&connection, "account").as_deref(), Some("a/7"));
    time.advance(seconds(600)).await;
    assert_eq!(authorization(&connection).await, "Bearer t2");
}

#[tokio::test]
async fn a_step_that_fails_says_which_and_shows_no_secret() {
    let time = TestClock::new();
    let refused =
        json(403, r#"{"error":"no_account","error_description":"sess-secret-1 has no account for p&w-long"}"#);
    let server = Script::new()
        .on(
            format!("POST {URL}\ncontent-type: application/json\nx-app: tests\n{{\"user\":\"ann\",\"password\":\"p&w-long\"}}"),
            json(200, r#"{"session":{"id":"sess-secret-1"}}"#),
        )
        .on("GET https://login.acme.test/accounts\nx-app: tests\nx-session: sess-secret-1\n", refused);
    let connection = connect(&stepped(), &[("user", "ann"), ("password", "p&w-long")], &server, &time);
    let text = refusal(&connection).await.to_string();
    assert!(text.contains("next step of the login") && text.contains("no_account"), "{text}");
    assert!(!text.contains("sess-secret-1") && !text.contains("p&w-long"), "{text}");
}

#[tokio::test]
async fn the_signed_assertion_is_the_token_itself() {
    let file = acme(
        "kind = 'login'\nassertion = { alg = 'HS256', key = '{secret}', key_encoding = 'hex', kid = '{id}', claims = { aud = '/admin/' } }\n\
         placement = [{ header = 'authorization', value = 'Ghost {token}' }]\n\
         [[auth.fields]]\nname = 'id'\n[[auth.fields]]\nname = 'secret'\nsecret = true",
    );
    let given = [("id", "k1"), ("secret", "6162636465666768696a6b6c6d6e6f707172737475767778797a303132333435")];
    let time = TestClock::new();
    let server = Script::new();
    let connection = connect(&file, &given, &server, &time);
    let first = authorization(&connection).await;
    let jwt = first.strip_prefix("Ghost ").unwrap();
    let key = jsonwebtoken::DecodingKey::from_secret(b"abcdefghijklmnopqrstuvwxyz012345");
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
    rules.set_audience(&["/admin/"]);
    rules.validate_exp = false;
    let read = jsonwebtoken::decode::<serde_json::Value>(jwt, &key, &rules).unwrap();
    assert_eq!((read.header.kid.as_deref(), read.claims["exp"].as_u64()), (Some("k1"), Some(crate::unix(&time) + 300)));
    // It is signed anew before it ends.
    time.advance(seconds(300)).await;
    assert_ne!(authorization(&connection).await, first);
}

#[tokio::test]
async fn an_assertion_buys_the_token_of_a_login() {
    let file = acme(
        "kind = 'login'\ntoken_url = 'https://api.acme.test/apps/{app}/tokens'\n\
         assertion = { alg = 'HS256', key = '{secret}', claims = { iss = '{app}' } }\n\
         token_headers = { authorization = 'Bearer {assertion}' }\nresponse = { token = 'token', expires = 'expires_at' }\n\
         expires = { kind = 'absolute_auto' }\n\
         [[auth.fields]]\nname = 'app'\n[[auth.fields]]\nname = 'secret'\nsecret = true",
    );
    let given = [("app", "7"), ("secret", "a secret of thirty-two characters")];
    let server = Script::new().on(
        "POST https://api.acme.test/apps/7/tokens\nauthorization: Bearer *\n",
        json(201, r#"{"token":"ghs_1","expires_at":"2026-01-01T01:00:00Z"}"#),
    );
    let connection = connect(&file, &given, &server, &TestClock::new());
    assert_eq!(authorization(&connection).await, "Bearer ghs_1");
    assert_eq!(crate::lifetime(&connection), Some(3600));
}

#[tokio::test]
async fn scopes_are_known_to_steps() {
    let file = acme(&format!(
        "kind = 'oauth2_client_credentials'\ntoken_url = '{URL}'\nscopes = ['a']\ndefault_scopes = ['b']\n\
         [[auth.steps]]\nurl = 'https://login.acme.test/more'\nparams = {{ wanted = '{{scopes}}' }}"
    ));
    let body = "grant_type=client_credentials&client_id=id&client_secret=s3cret%2B%2F%25%3A&scope=a+b";
    let server = Script::new()
        .on(form(URL, body), grants("first"))
        .on(form("https://login.acme.test/more", "wanted=a+b"), grants("t0k"));
    let connection = connect(&file, &pair(&[]), &server, &TestClock::new());
    assert_eq!(authorization(&connection).await, "Bearer t0k");
}

#[tokio::test]
async fn the_whole_body_is_the_token() {
    for answered in [answer(200, "text/plain", "t0k\n"), json(200, "\"t0k\"")] {
        let more = format!("{BODY}\nresponse = {{ token = '' }}\nexpires = {{ kind = 'fixed', default = '10m' }}");
        let server = Script::new().on(json_body(URL, r#"{"user":"ann","password":"p&w"}"#), answered);
        let connection = connect(&login(&more), GIVEN, &server, &TestClock::new());
        assert_eq!(authorization(&connection).await, "Bearer t0k");
        assert_eq!(crate::lifetime(&connection), Some(600));
    }
}

#[tokio::test]
async fn a_client_pair_logs_in_too() {
    let file = acme(&format!(
        "kind = 'login'\ntoken_url = '{URL}'\ntoken_params = {{ clientId = '{{client_id}}', userAccessType = 'M2M' }}\n\
         response = {{ token = 'token.accessToken', expires = 'token.expiresIn' }}\nrefresh_margin = '60s'\n\
         [[auth.fields]]\nname = 'client_id'\n[[auth.fields]]\nname = 'client_secret'\nsecret = true"
    ));
    let body = r#"{"clientId":"id","userAccessType":"M2M"}"#;
    let answered = |token: &str| json(200, format!(r#"{{"token":{{"accessToken":"{token}","expiresIn":600}}}}"#));
    let server = Script::new().on(json_body(URL, body), answered("one")).on(json_body(URL, body), answered("two"));
    let time = TestClock::new();
    let connection = connect(&file, &pair(&[]), &server, &time);
    assert_eq!(authorization(&connection).await, "Bearer one");
    time.advance(seconds(450)).await;
    assert_eq!(authorization(&connection).await, "Bearer one");
    assert_eq!(server.asked(), 1);
    // From the margin on it is renewed behind the callers.
    time.advance(seconds(91)).await;
    authorization(&connection).await;
    TestClock::settle().await;
    assert_eq!(authorization(&connection).await, "Bearer two");
}
