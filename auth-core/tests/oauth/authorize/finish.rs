use std::time::Duration;

use http::Method;
use tower_auth_core::{
    AuthorizationCallback, AuthorizationErrorKind, AuthorizationTransaction, ClientAuth, IssuerParameter,
    TokenErrorKind,
};
use tower_auth_testing::TestClock;

use super::support::*;
use crate::endpoint::Endpoint;

// R6749-4.1.3a, R7636-4.5a, R8707-2b, R6749-4.1.2a
#[tokio::test]
async fn the_code_is_exchanged_with_the_same_redirect_uri_and_the_proof_key() {
    let endpoint = Endpoint::granting();
    let client = client(&endpoint);
    let request = request(&client).scopes(["b", "a"]).resource("https://api.example.com/x").resource("urn:y");
    let started = request.start().await.unwrap();
    let url = started.url.query().unwrap().to_owned();
    let resources = |pairs: Vec<(String, String)>| -> Vec<String> {
        pairs.into_iter().filter(|(name, _)| name == "resource").map(|(_, value)| value).collect()
    };
    assert_eq!(resources(pairs(&url)), ["https://api.example.com/x", "urn:y"]);
    let find = |name: &str| pairs(&url).into_iter().find(|(own, _)| own == name).unwrap().1;
    let callback = format!("state={}&code=c%2B0de&session_state=x", find("state"));
    let callback = AuthorizationCallback::from_query(&callback).unwrap();
    let response = started.transaction.finish(&client, &callback).await.unwrap();
    assert_eq!(response.token().scope().unwrap().to_string(), "a b", "what was asked for, since the answer has none");

    let sent = endpoint.only_request();
    assert_eq!((sent.method(), sent.uri().to_string().as_str()), (&Method::POST, TOKEN));
    let body = pairs(std::str::from_utf8(sent.body()).unwrap());
    assert_eq!(resources(body.clone()), ["https://api.example.com/x", "urn:y"]);
    let sent = |name: &str| body.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    assert_eq!(sent("grant_type"), Some("authorization_code"));
    assert_eq!(sent("code"), Some("c+0de"));
    assert_eq!(sent("redirect_uri"), Some(CALLBACK));
    assert_eq!(sent("client_id"), Some("orders"));
    assert_eq!(sent("scope"), None);
    assert_eq!(challenge(sent("code_verifier").unwrap()), find("code_challenge"));
}

// R6749-4.1.2a, R9700-2.1a, THREAT-C1
#[tokio::test]
async fn without_the_state_that_was_sent_nothing_is_used() {
    let endpoint = Endpoint::granting();
    let client = client(&endpoint);
    for bad in ["code=c", "code=c&state=", "code=c&state=x", "code=c&state={state}x", "error=access_denied&state=x", ""]
    {
        let error = finish(&request(&client), &client, bad).await.unwrap_err();
        assert_eq!(error.kind(), AuthorizationErrorKind::StateMismatch, "{bad}");
        assert!(error.oauth_error().is_none());
    }
    // The state of another login.
    let (_, other) = started(&request(&client)).await;
    let (transaction, _) = started(&request(&client)).await;
    let callback = AuthorizationCallback::from_query(&format!("code=c&state={other}")).unwrap();
    let error = transaction.finish(&client, &callback).await.unwrap_err();
    assert_eq!(error.kind(), AuthorizationErrorKind::StateMismatch);
    assert!(endpoint.seen().is_empty());
}

// R6749-3.1b, R6749-10.14a
#[tokio::test]
async fn what_is_no_authorization_response_is_refused() {
    let endpoint = Endpoint::granting();
    let client = client(&endpoint);
    let long = format!("state={{state}}&code={}", "x".repeat(17_000));
    let many = format!("state={{state}}&code=c{}", (0..64).map(|n| format!("&p{n}=1")).collect::<String>());
    for bad in [
        "code=c&code=c&state={state}",
        "code=c&state={state}&state={state}",
        "code=c&state={state}&state=",
        "code=c&state={state}&x=1&x=2",
        "code=c&state={state}&iss=a&iss=b",
        "code=c&state={state}&x=%zz",
        "code=c&state={state}&x=%ff",
        "state={state}",
        "state={state}&code=&error=",
        "state={state}&code=a%0d%0ab",
        "state={state}&code=%C3%A4",
        &long,
        &many,
    ] {
        let error = finish(&request(&client), &client, bad).await.unwrap_err();
        assert_eq!(error.kind(), AuthorizationErrorKind::InvalidCallback, "{bad:.60}");
    }
    assert!(endpoint.seen().is_empty());
    // A parameter that nobody knows is ignored, and so is an empty one.
    finish(&request(&client), &client, "?state={state}&code=c&error=&new=1").await.unwrap();
}

// R9207-2.4a, R9207-2.4b, R9207-2.4c
#[tokio::test]
async fn the_issuer_is_compared_in_success_and_in_error() {
    let endpoint = Endpoint::granting();
    let client = client(&endpoint);
    let ours = "iss=https%3A%2F%2Flogin.example.com";
    let other = "iss=https%3A%2F%2Flogin.example.com%2F";
    for answer in ["state={state}&code=c", "state={state}&error=access_denied"] {
        let kind = async |request: &tower_auth_core::AuthorizationRequest, iss: &str| {
            finish(request, &client, &format!("{answer}&{iss}")).await.err().map(|error| error.kind())
        };
        let fine = answer.contains("error").then_some(AuthorizationErrorKind::Denied);
        let refused = Some(AuthorizationErrorKind::IssuerMismatch);
        let required = request(&client).issuer_parameter(IssuerParameter::Required);
        assert_eq!(kind(&required, ours).await, fine);
        assert_eq!(kind(&required, other).await, refused);
        assert_eq!(kind(&required, "x=").await, refused);
        let accepted = request(&client);
        assert_eq!(kind(&accepted, ours).await, fine);
        assert_eq!(kind(&accepted, other).await, refused);
        assert_eq!(kind(&accepted, "x=").await, fine);
        // Of this server nobody knows that it sends one.
        let unexpected = request(&client).issuer_parameter(IssuerParameter::Unexpected);
        assert_eq!(kind(&unexpected, ours).await, refused);
        assert_eq!(kind(&unexpected, "x=").await, fine);
    }
    assert_eq!(endpoint.seen().len(), 4, "one request for each code that was accepted");
}

// R6749-10.14a, THREAT-T7, THREAT-L2
#[tokio::test]
async fn an_error_is_typed_and_its_text_is_cleaned() {
    let endpoint = Endpoint::granting();
    let client = builder(&endpoint).client_auth(ClientAuth::Body).secret("sentinel-secret").build().unwrap();
    let answer =
        "state={state}&error_description=a%0d%0ab%20%22c%22%20sentinel-secret%20{state}%E2%80%AE<script>&error=";
    for (code, kind, transient) in [
        ("access_denied", AuthorizationErrorKind::Denied, false),
        ("login_required", AuthorizationErrorKind::InteractionRequired, false),
        ("consent_required", AuthorizationErrorKind::InteractionRequired, false),
        ("server_error", AuthorizationErrorKind::ProviderError, true),
        ("temporarily_unavailable", AuthorizationErrorKind::ProviderError, true),
        ("invalid_scope", AuthorizationErrorKind::ProviderError, false),
    ] {
        let error = finish(&request(&client), &client, &format!("{answer}{code}")).await.unwrap_err();
        assert_eq!((error.kind(), error.oauth_error(), error.is_transient()), (kind, Some(code), transient));
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("ab 'c' [redacted] [redacted]<script>"), "{shown}");
        assert!(!shown.contains("sentinel") && !error.to_string().contains(['\r', '\n', '\u{202e}']), "{shown}");
    }
    let odd = finish(&request(&client), &client, &format!("{answer}{}%0aX", "e".repeat(500))).await.unwrap_err();
    assert_eq!(odd.oauth_error().map(str::len), Some(64));
    assert!(odd.to_string().len() < 500 && endpoint.seen().is_empty());
}

// THREAT-C1, SYS-C13
#[tokio::test]
async fn a_login_ends() {
    let time = TestClock::new();
    let endpoint = Endpoint::granting();
    let client = builder(&endpoint).clock(time.clock()).build().unwrap();
    for (wait, long, expired) in
        [(10 * MINUTE, None, true), (10 * MINUTE - Duration::from_secs(1), None, false), (MINUTE, Some(MINUTE), true)]
    {
        let request = match long {
            Some(lifetime) => request(&client).lifetime(lifetime),
            None => request(&client),
        };
        let (transaction, state) = started(&request).await;
        assert_eq!(transaction.expires_at(), time.now() + long.unwrap_or(10 * MINUTE));
        time.tick(wait);
        let callback = AuthorizationCallback::from_query(&format!("code=c&state={state}")).unwrap();
        let result = transaction.finish(&client, &callback).await;
        assert_eq!(result.err().map(|error| error.kind()), expired.then_some(AuthorizationErrorKind::Expired));
    }
    assert_eq!(endpoint.seen().len(), 1);
    // A clock that was far ahead when the login began makes it no longer.
    let (transaction, state) = started(&request(&client)).await;
    time.wall_back(Duration::from_secs(301));
    let callback = AuthorizationCallback::from_query(&format!("code=c&state={state}")).unwrap();
    let error = transaction.finish(&client, &callback).await.unwrap_err();
    assert_eq!(error.kind(), AuthorizationErrorKind::Expired);
}

// THREAT-C1, R6749-4.1.1a, SYS-C13
#[tokio::test]
async fn two_sessions_cannot_swap_their_logins() {
    let endpoint = Endpoint::granting();
    let client = client(&endpoint);
    let begin = async |session: &str| started(&request(&client).bound_to(session)).await;
    let (alice, alice_state) = begin("session-of-alice").await;
    let (mallory, mallory_state) = begin("session-of-mallory").await;
    let callback = |state: &str| AuthorizationCallback::from_query(&format!("code=c&state={state}")).unwrap();
    // Mallory's answer, brought by the browser of Alice; and one that nobody's session vouches for.
    let error = mallory.finish(&client, &callback(&mallory_state).bound_to("session-of-alice")).await.unwrap_err();
    assert_eq!(error.kind(), AuthorizationErrorKind::BindingMismatch);
    let (unbound, state) = begin("session-of-alice").await;
    let error = unbound.finish(&client, &callback(&state)).await.unwrap_err();
    assert_eq!(error.kind(), AuthorizationErrorKind::BindingMismatch);
    assert!(endpoint.seen().is_empty());
    // Kept and read again, the tie holds.
    let kept = AuthorizationTransaction::from_secret_json(&alice.to_secret_json()).unwrap();
    let error = kept.finish(&client, &callback(&alice_state).bound_to("session-of-mallory")).await.unwrap_err();
    assert_eq!(error.kind(), AuthorizationErrorKind::BindingMismatch);
    alice.finish(&client, &callback(&alice_state).bound_to("session-of-alice")).await.unwrap();
}

// R8252-8.10a
#[tokio::test]
async fn a_whole_uri_is_compared_with_the_redirect_uri() {
    let endpoint = Endpoint::granting();
    let client = client(&endpoint);
    let kind = async |own: &str, found: &str| {
        let request = tower_auth_core::AuthorizationRequest::new(&client, own);
        let (transaction, state) = started(&request).await;
        let callback =
            AuthorizationCallback::from_uri(&found.replace("{answer}", &format!("code=c&state={state}"))).unwrap();
        transaction.finish(&client, &callback).await.err().map(|error| error.kind())
    };
    assert_eq!(kind("com.example.app:/cb", "com.example.app:/cb?{answer}").await, None);
    assert_eq!(kind("https://a.example/cb?t=1", "https://a.example/cb?t=1&{answer}#_=_").await, None);
    for other in [
        "com.example.app:/cbx?{answer}",
        "com.example.app:/cb/?{answer}",
        "com.example.app:/CB?{answer}",
        "com.example.other:/cb?{answer}",
        "com.example.app:/cb&{answer}?{answer}",
        "?{answer}",
    ] {
        assert_eq!(
            kind("com.example.app:/cb", other).await,
            Some(AuthorizationErrorKind::RedirectUriMismatch),
            "{other}"
        );
    }
    assert_eq!(endpoint.seen().len(), 2);
}

// R6749-4.1.2a, R6749-5.2a
#[tokio::test]
async fn a_failed_exchange_is_not_repeated_and_says_why() {
    for (status, body, kind, transient) in [
        (400, r#"{"error":"invalid_grant"}"#, TokenErrorKind::Refused, true),
        (401, r#"{"error":"invalid_client"}"#, TokenErrorKind::Misconfigured, false),
        (503, "", TokenErrorKind::ServerError, true),
    ] {
        let endpoint = Endpoint::json(status, body);
        let client = client(&endpoint);
        let error = finish(&request(&client), &client, "code=c&state={state}").await.unwrap_err();
        assert_eq!(error.kind(), AuthorizationErrorKind::ExchangeFailed);
        assert_eq!(error.token_error().map(tower_auth_core::TokenError::kind), Some(kind));
        assert_eq!(error.is_transient(), transient);
        endpoint.only_request();
    }
}
