//! Where an answer has what the standard puts elsewhere, and errors that look like none.

use tower_auth_core::TokenErrorKind;
use tower_auth_testing::TestClock;

use crate::script::{Script, answer, form, json};
use crate::{acme, authorization, connect, pair, refusal};

const URL: &str = "https://login.acme.test/token";

fn credentials(more: &str) -> String {
    acme(&format!("kind = \"oauth2_client_credentials\"\ntoken_url = \"{URL}\"\n{more}"))
}

fn request() -> String {
    form(URL, "grant_type=client_credentials&client_id=id&client_secret=s3cret%2B%2F%25%3A")
}

#[tokio::test]
async fn a_token_is_deeper_down_or_has_an_alternative() {
    let more = "[auth.response]\ntoken = ['data.access_token', 'access_token']\nexpires = ['data.ttl', 'expires_in']\nscope = 'data.scopes'";
    for (body, token, lifetime) in [
        (r#"{"data":{"access_token":"in","ttl":60,"scopes":["a","b"]},"access_token":"out"}"#, "Bearer in", 60),
        (r#"{"access_token":"out","expires_in":"90"}"#, "Bearer out", 90),
    ] {
        let server = Script::new().on(request(), json(200, body));
        let connection = connect(&credentials(more), &pair(&[]), &server, &TestClock::new());
        assert_eq!(authorization(&connection).await, token);
        assert_eq!(crate::lifetime(&connection), Some(lifetime));
        let scope = connection.response().unwrap().token().scope().map(ToString::to_string);
        assert_eq!(scope.as_deref(), (lifetime == 60).then_some("a b"));
    }
}

#[tokio::test]
async fn another_token_than_the_one_that_was_meant_is_never_taken() {
    let server = Script::new().on(request(), json(200, r#"{"access_token":"other"}"#));
    let more = "response = { token = 'data.access_token' }";
    let connection = connect(&credentials(more), &pair(&[]), &server, &TestClock::new());
    assert_eq!(refusal(&connection).await.kind(), TokenErrorKind::Unparsable);
}

#[tokio::test]
async fn a_form_is_an_answer_too() {
    let body = "access_token=gho_1&scope=repo%2Cgist&token_type=bearer";
    let server = Script::new().on(request(), answer(200, "application/x-www-form-urlencoded; charset=utf-8", body));
    let connection = connect(&credentials("scope_separator = ','"), &pair(&[]), &server, &TestClock::new());
    assert_eq!(authorization(&connection).await, "Bearer gho_1");
}

#[tokio::test]
async fn an_unknown_type_is_understood_where_the_description_places_the_token() {
    let body = r#"{"access_token":"t0k","token_type":"manage_project:acme"}"#;
    let server = Script::new().on(request(), json(200, body));
    let connection = connect(&credentials(""), &pair(&[]), &server, &TestClock::new());
    assert_eq!(refusal(&connection).await.kind(), TokenErrorKind::Unparsable);
    let server = Script::new().on(request(), json(200, body));
    let more = "placement = [{ header = 'authorization', value = 'Bearer {token}' }]";
    let connection = connect(&credentials(more), &pair(&[]), &server, &TestClock::new());
    assert_eq!(authorization(&connection).await, "Bearer t0k");
}

async fn error_of(more: &str, answered: http::Response<bytes::Bytes>) -> (TokenErrorKind, Option<String>, String) {
    let server = Script::new().on(request(), answered);
    let connection = connect(&credentials(more), &pair(&[]), &server, &TestClock::new());
    let error = refusal(&connection).await;
    (error.kind(), error.oauth_error().map(str::to_owned), error.to_string())
}

#[tokio::test]
async fn errors_with_status_200_are_errors() {
    // GitHub's, as a form and as JSON.
    let form =
        answer(200, "application/x-www-form-urlencoded", "error=bad_verification_code&error_description=The+code");
    let (_, code, text) = error_of("", form).await;
    assert_eq!(code.as_deref(), Some("bad_verification_code"));
    assert!(text.contains("The code"), "{text}");
    let (_, code, _) = error_of("", json(200, r#"{"error":"bad_verification_code"}"#)).await;
    assert_eq!(code.as_deref(), Some("bad_verification_code"));
    // Slack's, with and without a description for it.
    for more in ["", "response = { error_when = { body = { path = 'ok', equals = false } } }"] {
        let (_, code, _) = error_of(more, json(200, r#"{"ok":false,"error":"invalid_code"}"#)).await;
        assert_eq!(code.as_deref(), Some("invalid_code"), "{more}");
    }
    let more = "response = { error_when = { body = { path = 'ok', equals = false } } }";
    let (_, code, _) = error_of(more, json(200, r#"{"ok":false,"access_token":"t0k"}"#)).await;
    assert_eq!(code.as_deref(), Some("request_failed"));
}

#[tokio::test]
async fn an_error_stands_elsewhere() {
    let more = "response = { error = 'fault.code', error_description = 'fault.text' }";
    let body = r#"{"fault":{"code":"invalid_client","text":"who are you?"}}"#;
    for status in [200, 400] {
        let (kind, code, text) = error_of(more, json(status, body)).await;
        assert_eq!((kind, code.as_deref()), (TokenErrorKind::Misconfigured, Some("invalid_client")), "{status}");
        assert!(text.contains("who are you?"), "{text}");
    }
    // Even beside a token.
    let body = r#"{"access_token":"t0k","fault":{"code":"invalid_client"}}"#;
    assert_eq!(error_of(more, json(200, body)).await.1.as_deref(), Some("invalid_client"));
}

#[tokio::test]
async fn a_code_of_zero_is_success() {
    let more = "[auth.response]\ntoken = 'data.token'\nerror = 'code'\nerror_description = 'message'\n\
                success_when = { status = '2xx', body = { path = 'code', equals = 0 } }";
    let server = Script::new().on(request(), json(200, r#"{"code":0,"message":"OK","data":{"token":"t0k"}}"#));
    let connection = connect(&credentials(more), &pair(&[]), &server, &TestClock::new());
    assert_eq!(authorization(&connection).await, "Bearer t0k");
    let (_, code, text) = error_of(more, json(200, r#"{"code":40105,"message":"bad key","data":{}}"#)).await;
    assert_eq!(code.as_deref(), Some("40105"));
    assert!(text.contains("bad key"), "{text}");
}

#[tokio::test]
async fn success_may_have_another_status() {
    let more = "response = { success_when = { status = 302 } }";
    let server = Script::new().on(request(), json(302, r#"{"access_token":"t0k"}"#));
    let connection = connect(&credentials(more), &pair(&[]), &server, &TestClock::new());
    assert_eq!(authorization(&connection).await, "Bearer t0k");
}

// THREAT-A5
#[tokio::test]
async fn nonsense_is_no_token() {
    let long = format!(r#"{{"access_token":"t","x":"{}"}}"#, "y".repeat(70_000));
    let deep = format!(r#"{{"access_token":"t","x":{}{}}}"#, "[".repeat(40), "]".repeat(40));
    for body in
        ["", "<html>", "[]", "null", r#"{"access_token":"a\r\nb"}"#, r#"{"a":{"access_token":"t"}}"#, &long, &deep]
    {
        for more in ["", "response = { token = ['access_token', 'token'] }"] {
            let (kind, ..) = error_of(more, json(200, body.to_owned())).await;
            assert_eq!(kind, TokenErrorKind::Unparsable, "{more} {}", &body[..body.len().min(40)]);
        }
    }
}
