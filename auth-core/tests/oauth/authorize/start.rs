use std::collections::HashSet;
use std::time::Duration;

use tower_auth_core::{
    AuthorizationErrorKind, AuthorizationRequest, ConfigError, ConfigErrorKind, OAuthClient, ResponseMode, Secret,
};

use super::support::*;
use crate::endpoint::Endpoint;

fn config_kind(error: &dyn std::error::Error) -> ConfigErrorKind {
    error.source().unwrap().downcast_ref::<ConfigError>().unwrap().kind()
}

// R6749-4.1.1a, R7636-4.2a, R7636-4.1a, R8252-8.9a, R9700-2.1.1a, R9700-2.1.2a
#[tokio::test]
async fn the_url_has_what_the_standard_asks_for_and_no_secret() {
    let endpoint = Endpoint::granting();
    let client = client(&endpoint);
    let request = request(&client)
        .scopes(["orders:write", "orders:read"])
        .prompt("consent")
        .login_hint("a@b.example")
        .response_mode(ResponseMode::Query)
        .param("access_type", "offline");
    let started = request.start().await.unwrap();
    assert_eq!(started.url.to_string().split('?').next(), Some(AUTHORIZE));
    let params = query(&started.url);
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "orders"),
        ("redirect_uri", CALLBACK),
        ("scope", "orders:read orders:write"),
        ("code_challenge_method", "S256"),
        ("prompt", "consent"),
        ("login_hint", "a@b.example"),
        ("response_mode", "query"),
        ("access_type", "offline"),
    ] {
        assert_eq!(params[name], value);
    }
    assert_eq!(params.len(), 11);
    // 256 bits of each.
    assert_eq!((params["state"].len(), params["code_challenge"].len()), (43, 43));
    assert!(started.use_within.is_none());
    assert!(endpoint.seen().is_empty());
}

// R6749-4.1.1a, R7636-4.1a, R9700-2.1.1a
#[tokio::test]
async fn each_start_has_a_state_and_a_proof_key_of_its_own() {
    let client = client(&Endpoint::granting());
    let request = request(&client);
    let mut seen = HashSet::new();
    for _ in 0..50 {
        let params = query(&request.start().await.unwrap().url);
        assert!(seen.insert(params["state"].clone()) && seen.insert(params["code_challenge"].clone()));
    }
}

// R6749-3.1a
#[tokio::test]
async fn the_query_of_the_endpoint_is_kept() {
    let endpoint = Endpoint::granting();
    let at = |url: &str| builder(&endpoint).authorization_endpoint(url).build();
    let client = at("https://login.example.com/authorize?tenant=a%20b").unwrap();
    let url = request(&client).start().await.unwrap().url;
    assert!(url.query().unwrap().starts_with("tenant=a%20b&response_type=code&"), "{url}");
    assert_eq!(at("https://login.example.com/authorize#x").unwrap_err().kind(), ConfigErrorKind::InvalidUrl);
}

// R6749-3.1b, R9126-2.1a
#[tokio::test]
async fn no_parameter_is_sent_twice_and_none_that_is_not_for_a_browser() {
    let client = client(&Endpoint::granting());
    for name in [
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "resource",
        "code_challenge",
        "code_challenge_method",
        "dpop_jkt",
        "request",
        "request_uri",
        "code_verifier",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
        "",
    ] {
        for request in [request(&client), request(&client).pushed()] {
            let error = request.param(name, "x").start().await.unwrap_err();
            assert_eq!(error.kind(), AuthorizationErrorKind::Misconfigured, "{name}");
        }
    }
    let twice = request(&client).param("prompt", "none").prompt("login");
    assert_eq!(config_kind(&twice.start().await.unwrap_err()), ConfigErrorKind::InvalidOption);
}

// R6749-3.1.2a, R8707-2a, R6749-3.3a
#[tokio::test]
async fn what_breaks_its_grammar_is_refused() {
    let client = client(&Endpoint::granting());
    let kind = async |request: AuthorizationRequest| config_kind(&request.start().await.unwrap_err());
    for bad in ["/callback", "https://app.example.com/callback#x", "app.example.com"] {
        assert_eq!(kind(AuthorizationRequest::new(&client, bad)).await, ConfigErrorKind::InvalidUrl, "{bad}");
    }
    let plain = AuthorizationRequest::new(&client, "http://app.example.com/callback");
    assert_eq!(kind(plain.clone()).await, ConfigErrorKind::InsecureUrl);
    assert!(plain.dangerous().allow_plaintext_redirect_uri().start().await.is_ok());
    assert_eq!(kind(request(&client).scopes(["a b"])).await, ConfigErrorKind::InvalidScope);
    assert_eq!(kind(request(&client).resource("orders")).await, ConfigErrorKind::InvalidUrl);
    assert_eq!(kind(request(&client).resource("https://a/#x")).await, ConfigErrorKind::InvalidUrl);
    assert_eq!(kind(request(&client).lifetime(Duration::ZERO)).await, ConfigErrorKind::InvalidOption);
    assert_eq!(kind(request(&client).param("x", "y".repeat(70_000))).await, ConfigErrorKind::InvalidOption);
}

#[tokio::test]
async fn an_unknown_endpoint_is_named() {
    let client = OAuthClient::builder("orders")
        .secret("s3cret")
        .token_endpoint(TOKEN)
        .http_client(Endpoint::granting().http)
        .build()
        .unwrap();
    let error = request(&client).start().await.unwrap_err();
    assert_eq!(error.kind(), AuthorizationErrorKind::StartFailed);
    assert!(error.token_error().unwrap().to_string().contains("authorization endpoint"), "{error:?}");
    assert!(!error.is_transient());
}

// R7636-4.2b, SYS-C13
#[tokio::test]
async fn proof_keys_can_be_declared_off_and_are_never_plain() {
    let endpoint = Endpoint::granting();
    let client = client(&endpoint);
    let request = request(&client).without_pkce();
    let params = query(&request.start().await.unwrap().url);
    assert!(!params.contains_key("code_challenge") && !params.contains_key("code_challenge_method"));
    finish(&request, &client, "code=c0de&state={state}").await.unwrap();
    assert!(!form(&endpoint.only_request()).contains_key("code_verifier"));
}

// THREAT-L1
#[tokio::test]
async fn nothing_shows_the_state_or_the_proof_key() {
    let endpoint = Endpoint::granting();
    let client = client(&endpoint);
    let request = request(&client).param("hint", "sentinel-hint").bound_to("sentinel-session");
    let started = request.start().await.unwrap();
    let state = query(&started.url)["state"].clone();
    let shown = format!("{started:?} {:?} {request:?}", started.transaction);
    assert!(!shown.contains(&state) && !shown.contains("sentinel"), "{shown}");
    let json = started.transaction.to_secret_json();
    assert!(json.expose_secret().contains(&state) && !json.expose_secret().contains("sentinel-session"));
    let verifier = json.expose_secret().split("\"code_verifier\":\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(verifier.len() == 43 && !shown.contains(verifier));
    assert_ne!(Secret::from(state.as_str()), Secret::from(started.transaction.key()));
}
