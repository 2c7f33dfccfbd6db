//! Token exchange.

use tower_auth_core::{ConfigErrorKind, StaticToken, Token, TokenErrorKind, TokenExchange, TokenType};

use super::endpoint::URL;
use super::script::Answer::Json;
use super::script::{Answer, Script};

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const FIRST: &str = r#"{"access_token":"a1","token_type":"Bearer","expires_in":60,"refresh_token":"r1","issued_token_type":"urn:ietf:params:oauth:token-type:access_token"}"#;
const UNTYPED: &str = r#"{"access_token":"a1","token_type":"Bearer","expires_in":60}"#;

fn token(value: &str) -> StaticToken {
    StaticToken::new(Token::new(value).unwrap())
}

fn grant(answers: impl IntoIterator<Item = Answer>) -> (Script, TokenExchange) {
    let script = Script::new(answers);
    let grant = TokenExchange::new(URL, "orders", "s3cret").subject(token("subj3ct")).http_client(script.http.clone());
    (script, grant)
}

// R8693-2.1a, R8693-2.1b, R8707-2a
#[tokio::test]
async fn delegation_names_both_and_impersonation_the_subject_alone() {
    let (script, exchange) = grant([Json(200, FIRST), Json(200, FIRST)]);
    let impersonation = exchange
        .subject_type(TokenType::JWT)
        .requested_type(TokenType::ACCESS_TOKEN)
        .audience("stock")
        .audience("billing")
        .resource("https://a.example")
        .resource("https://b.example")
        .scopes(["read"]);
    let response = impersonation.clone().build().unwrap().request_token().await.unwrap();
    assert!(response.refresh_token().is_none());
    let delegation = impersonation.actor(token("act0r"), TokenType::other("urn:example:actor"));
    delegation.build().unwrap().request_token().await.unwrap();

    let sent = script.sent();
    assert_eq!((sent[0].get("grant_type"), sent[0].get("scope")), (Some(GRANT_TYPE), Some("read")));
    assert_eq!(sent[0].get("subject_token"), Some("subj3ct"));
    assert_eq!(sent[0].get("subject_token_type"), Some("urn:ietf:params:oauth:token-type:jwt"));
    assert_eq!(sent[0].get("requested_token_type"), Some("urn:ietf:params:oauth:token-type:access_token"));
    assert_eq!(sent[0].all("audience"), ["stock", "billing"]);
    assert_eq!(sent[0].all("resource"), ["https://a.example", "https://b.example"]);
    assert_eq!((sent[0].get("actor_token"), sent[0].get("actor_token_type")), (None, None));
    assert_eq!(
        (sent[1].get("actor_token"), sent[1].get("actor_token_type")),
        (Some("act0r"), Some("urn:example:actor"))
    );
}

// R8693-2.2a
#[tokio::test]
async fn what_is_no_access_token_never_becomes_a_credential() {
    for body in [
        r#"{"access_token":"a1","token_type":"N_A","issued_token_type":"urn:ietf:params:oauth:token-type:access_token"}"#,
        r#"{"access_token":"a1","token_type":"n_a","issued_token_type":"urn:ietf:params:oauth:token-type:jwt"}"#,
        r#"{"access_token":"a1","issued_token_type":"urn:ietf:params:oauth:token-type:refresh_token"}"#,
        r#"{"access_token":"a1","token_type":"Bearer","issued_token_type":"urn:ietf:params:oauth:token-type:saml2"}"#,
        UNTYPED,
    ] {
        let (_script, exchange) = grant([Json(200, body)]);
        let cache = exchange.cached().unwrap();
        assert_eq!(cache.token().await.unwrap_err().kind(), TokenErrorKind::Unparsable, "{body}");
        assert!(cache.try_current().is_none());
    }
    let (_script, exchange) = grant([Json(200, UNTYPED)]);
    assert!(exchange.allow_missing_issued_type().build().unwrap().request_token().await.is_ok());
}

// R8707-2c
#[tokio::test]
async fn a_refused_target_is_a_mistake_in_the_configuration() {
    let (_script, exchange) = grant([Json(400, r#"{"error":"invalid_target"}"#)]);
    let error = exchange.build().unwrap().request_token().await.unwrap_err();
    assert_eq!((error.kind(), error.oauth_error()), (TokenErrorKind::Misconfigured, Some("invalid_target")));
}

#[tokio::test]
async fn entra_has_its_own_way_to_write_it() {
    let (script, exchange) = grant([Json(200, UNTYPED)]);
    let source = exchange.clone().entra().scopes(["https://graph.microsoft.com/.default"]).build().unwrap();
    source.request_token().await.unwrap();
    let sent = &script.sent()[0];
    assert_eq!(sent.get("grant_type"), Some("urn:ietf:params:oauth:grant-type:jwt-bearer"));
    assert_eq!((sent.get("assertion"), sent.get("requested_token_use")), (Some("subj3ct"), Some("on_behalf_of")));
    assert_eq!(sent.get("scope"), Some("https://graph.microsoft.com/.default"));
    assert_eq!((sent.get("subject_token"), sent.get("subject_token_type")), (None, None));
    let odd = exchange.entra().actor(token("a"), TokenType::JWT).build();
    assert_eq!(odd.unwrap_err().kind(), ConfigErrorKind::InvalidOption);
}

#[test]
fn mistakes_are_found_before_anything_is_sent() {
    let (script, exchange) = grant([]);
    assert!(exchange.clone().param("subject_token", "x").build().is_err());
    assert!(exchange.clone().resource("https://a.example#x").build().is_err());
    let bare = TokenExchange::new(URL, "orders", "s3cret").http_client(script.http.clone());
    assert_eq!(bare.build().unwrap_err().kind(), ConfigErrorKind::MissingOption);
    let text = format!("{exchange:?} {:?}", exchange.clone().build().unwrap());
    assert!(!text.contains("subj3ct") && !text.contains("s3cret"), "{text}");
}
