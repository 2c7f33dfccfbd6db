//! The OAuth client and the cache against an authorization server.
#![cfg(feature = "oauth")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use http::StatusCode;
use tower_auth_core::{
    CacheState, ClientAuth, ClientCredentials, FailureClass, TokenCache, TokenError, TokenErrorKind,
};
use tower_auth_testing::{AuthorizationServer, AuthorizationServerBuilder, Endpoint, Fault, TestClient, TestClock};

/// What form and Basic encoding both have to touch.
const AWKWARD: &str = "p+s/w %o:r=d&\"'~";

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A server with one client, `orders`, as `describe` makes it.
fn server(time: &TestClock, describe: impl FnOnce(TestClient) -> TestClient) -> AuthorizationServer {
    server_with(time, describe, |builder| builder)
}

fn server_with(
    time: &TestClock,
    describe: impl FnOnce(TestClient) -> TestClient,
    options: impl FnOnce(AuthorizationServerBuilder) -> AuthorizationServerBuilder,
) -> AuthorizationServer {
    let client = describe(TestClient::new("orders", AWKWARD));
    options(AuthorizationServer::builder().client_with(client).clock(time.clock())).build().unwrap()
}

/// The grant of `orders` with another secret.
fn with_secret(server: &AuthorizationServer, secret: &str) -> ClientCredentials {
    ClientCredentials::new(server.token_url(), "orders", secret).http_client(server.http_client()).clock(server.clock())
}

/// Asks for a token while the time goes by, `limit` at the most.
async fn within(time: &TestClock, tokens: &TokenCache, limit: Duration) -> Result<String, TokenError> {
    let asking = tokio::spawn(tokens.token());
    let mut left = limit;
    while !left.is_zero() && !asking.is_finished() {
        let step = left.min(Duration::from_millis(500));
        time.advance(step).await;
        left -= step;
    }
    assert!(asking.is_finished(), "no answer within {limit:?}");
    asking.await.unwrap().map(|token| token.secret().expose_secret().to_owned())
}

// R6749-2.3.1a, R6749-2.3.1b, R6749-2.3a, R6749-4.4a
#[tokio::test]
async fn each_method_of_authentication_is_understood_by_a_strict_server() {
    let time = TestClock::new();
    for method in [ClientAuth::Basic, ClientAuth::BasicRaw, ClientAuth::Body, ClientAuth::Both] {
        let server = server(&time, |client| client.auth([method]).with_refresh_tokens());
        let source = server.client_credentials("orders").build().unwrap();
        let response = source.request_token().await.unwrap();
        assert!(response.refresh_token().is_none(), "this grant has no use for one");
        let request = &server.requests()[0];
        let in_header = request.header("authorization").is_some();
        let in_body = request.param("client_secret") == Some(AWKWARD);
        let expected = match method {
            ClientAuth::Body => (false, true),
            ClientAuth::Both => (true, true),
            _ => (true, false),
        };
        assert_eq!((in_header, in_body), expected, "{method:?}");
        assert_eq!(request.uri().query(), None);

        // A server that wants another method says no.
        for other in [ClientAuth::Basic, ClientAuth::BasicRaw, ClientAuth::Body].into_iter().filter(|m| *m != method) {
            let error = with_secret(&server, AWKWARD).client_auth(other).build().unwrap().request_token().await;
            let error = error.unwrap_err();
            assert_eq!(error.kind(), TokenErrorKind::Misconfigured, "{method:?} {other:?}");
            assert!(error.to_string().contains(&format!("(currently {})", other.as_str())), "{error}");
        }
    }
}

// R6749-5.2a
#[tokio::test]
async fn a_wrong_secret_is_a_misconfiguration_that_is_probed_slowly() {
    let time = TestClock::new();
    let server = server(&time, |client| client);
    let tokens = with_secret(&server, "wrong").cached().unwrap();
    let error = tokens.token().await.unwrap_err();
    assert_eq!((error.class(), error.oauth_error()), (FailureClass::Misconfigured, Some("invalid_client")));
    assert_eq!(error.status(), Some(401));
    assert!(error.to_string().starts_with("login.test refused the client (status 401, invalid_client"), "{error}");
    for _ in 0..100 {
        assert_eq!(tokens.token().await.unwrap_err().kind(), TokenErrorKind::Misconfigured);
    }
    assert_eq!(server.token_requests(), 1, "no hot loop");
    assert_eq!(tokens.status().consecutive_failures, 1);
    time.advance(secs(10)).await;
    assert!(tokens.token().await.is_err());
    assert_eq!(server.token_requests(), 2, "but not for ever");
}

#[tokio::test]
async fn a_cache_is_named_after_the_host_and_uses_the_clients_clock() {
    let time = TestClock::new();
    let server = server(&time, |client| client);
    let tokens = server.client_credentials("orders").cached().unwrap();
    assert!(format!("{tokens:?}").contains("login.test"), "{tokens:?}");
    tokens.ready().await.unwrap();
    assert_eq!(tokens.status().expires_at, Some(time.now() + secs(3600)));
    let source = server.client_credentials("orders").build().unwrap();
    let named = source.cache_builder().name("orders-api").refresh_margin(secs(1000)).build().unwrap();
    named.ready().await.unwrap();
    time.advance(secs(2650)).await;
    assert_eq!((named.status().state, tokens.status().state), (CacheState::Due, CacheState::Fresh));
}

// R8707-2a
#[tokio::test]
async fn parameters_arrive_as_they_were_given_in_a_form_and_in_json() {
    let time = TestClock::new();
    let server =
        server_with(&time, |client| client.auth([ClientAuth::Body]), AuthorizationServerBuilder::accept_json_bodies);
    let grant = || {
        let grant = server.client_credentials("orders").scopes(["b", "a"]).param("tenant", "ä &=+%");
        grant.resource("https://a.test/x").resource("urn:b").audience("c")
    };
    for (grant, content_type) in
        [(grant(), "application/x-www-form-urlencoded"), (grant().json_body(), "application/json")]
    {
        let response = grant.build().unwrap().request_token().await.unwrap();
        assert_eq!(response.token().scope().unwrap().to_string(), "a b");
        let request = server.requests().pop().unwrap();
        assert_eq!(request.header("content-type"), Some(content_type));
        assert_eq!(request.header("accept"), Some("application/json"));
        for (name, expected) in [
            ("grant_type", vec!["client_credentials"]),
            ("client_id", vec!["orders"]),
            ("client_secret", vec![AWKWARD]),
            ("resource", vec!["https://a.test/x", "urn:b"]),
            ("audience", vec!["c"]),
            ("tenant", vec!["ä &=+%"]),
        ] {
            let sent: Vec<_> = request.params().iter().filter(|(own, _)| own == name).collect();
            assert_eq!(sent.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>(), expected, "{name}");
        }
    }
    assert_eq!(server.token_requests(), 2);
}

/// What a cache makes of a lifetime.
enum Kept {
    For(u64),
    /// It serves the request that waits for it.
    NotAtAll,
    /// Until it is refused.
    UntilRefused,
}

// THREAT-A6, R6749-5.1c
#[tokio::test]
async fn a_token_is_never_lost_to_a_bad_lifetime() {
    use Kept::{For, NotAtAll, UntilRefused};
    const YEAR: u64 = 31_536_000;
    for (written, expected) in [
        ("3600", For(3600)),
        ("\"3600\"", For(3600)),
        ("3600.9", For(3600)),
        ("\"3600.9\"", For(3600)),
        ("3.6e3", For(3600)),
        ("1", For(1)),
        ("31536001", For(YEAR)),
        ("18446744073709551616", For(YEAR)),
        ("1e400", For(YEAR)),
        ("0", NotAtAll),
        ("0.9", NotAtAll),
        ("-1", NotAtAll),
        ("\"-3600\"", NotAtAll),
        ("-1e400", NotAtAll),
        ("null", UntilRefused),
        ("absent", UntilRefused),
        ("\"\"", UntilRefused),
        ("\"soon\"", UntilRefused),
        ("\"NaN\"", UntilRefused),
        ("true", UntilRefused),
        ("[3600]", UntilRefused),
        ("{\"seconds\":3600}", UntilRefused),
    ] {
        let time = TestClock::new();
        let server = server(&time, |client| match written {
            "absent" => client.omit("expires_in"),
            json => client.answer("expires_in", json),
        });
        let tokens = server.client_credentials("orders").cached().unwrap();
        let first = tokens.token().await.unwrap();
        let expires_at = tokens.status().expires_at;
        match expected {
            For(seconds) => {
                assert_eq!(expires_at, Some(time.now() + secs(seconds)), "{written}");
                assert_eq!(tokens.token().await.unwrap().secret(), first.secret(), "{written}");
                assert_eq!(server.token_requests(), 1, "{written}");
                time.advance(secs(seconds)).await;
                assert_ne!(tokens.token().await.unwrap().secret(), first.secret(), "{written}");
            }
            NotAtAll => {
                assert_ne!(tokens.token().await.unwrap().secret(), first.secret(), "{written}");
                assert_eq!(server.token_requests(), 2, "{written}");
            }
            UntilRefused => {
                assert_eq!(expires_at, None, "{written}");
                time.advance(secs(10 * YEAR)).await;
                assert_eq!(tokens.token().await.unwrap().secret(), first.secret(), "{written}");
                assert_eq!(server.token_requests(), 1, "{written}");
                let generation = tokens.current().await.unwrap().generation;
                tokens.invalidate(generation);
                assert_ne!(tokens.token().await.unwrap().secret(), first.secret(), "{written}");
            }
        }
    }
}

// THREAT-A6
#[tokio::test]
async fn a_default_lifetime_stands_in_for_an_unreadable_one() {
    let time = TestClock::new();
    let server = server(&time, |client| client.answer("expires_in", "\"soon\""));
    let tokens = server.client_credentials("orders").default_lifetime(secs(60)).cached().unwrap();
    let first = tokens.token().await.unwrap();
    assert_eq!(tokens.status().expires_at, Some(time.now() + secs(60)));
    time.advance(secs(60)).await;
    assert_ne!(tokens.token().await.unwrap().secret(), first.secret());
}

// THREAT-A4
#[tokio::test]
async fn retry_after_is_kept_to_and_capped_at_an_hour() {
    for (asked, kept) in [(120, 120), (86_400, 3_600)] {
        let time = TestClock::new();
        let server = server(&time, |client| client);
        let tokens = server.client_credentials("orders").cached().unwrap();
        server.fault(Endpoint::Token, Fault::status(StatusCode::SERVICE_UNAVAILABLE).retry_after(asked));
        let error = tokens.token().await.unwrap_err();
        assert_eq!((error.kind(), error.retry_after()), (TokenErrorKind::ServerError, Some(secs(kept))));
        assert_eq!(tokens.token().await.unwrap_err().retry_in(), Some(secs(kept)));
        time.advance(secs(kept - 1)).await;
        assert!(tokens.token().await.is_err());
        assert_eq!(server.token_requests(), 1);
        time.advance(secs(1)).await;
        assert!(tokens.token().await.is_ok());
        assert_eq!(server.token_requests(), 2);
    }
}

// SYS-V10, THREAT-A5, R6749-5.1a
#[tokio::test]
async fn each_wrong_answer_has_its_class_and_its_advice() {
    use TokenErrorKind::{Misconfigured, Refused, ServerError, Throttled, Unparsable, Unreachable};
    let time = TestClock::new();
    let server = server(&time, |client| client);
    let source = server.client_credentials("orders").build().unwrap();
    for (fault, kind, text) in [
        (Fault::html(), Unparsable, "an HTML page (status 200), not JSON: is the token URL right?"),
        (Fault::truncated(), Unparsable, "something that is not a JSON object"),
        (Fault::huge(100_000), Unparsable, "more than 64 KiB"),
        (Fault::gzip(), Unparsable, "something that is not a JSON object"),
        (Fault::duplicate_members(), Unparsable, "JSON that names a member twice"),
        (Fault::json(StatusCode::OK, "{}"), Unparsable, "neither a token nor an error"),
        (Fault::json(StatusCode::OK, r#"{"error":"invalid_scope"}"#), Misconfigured, "check the configured scopes"),
        (Fault::oauth_error(StatusCode::BAD_REQUEST, "invalid_grant"), Refused, "access must be granted again"),
        (Fault::status(StatusCode::TOO_MANY_REQUESTS), Throttled, "try again later"),
        (Fault::status(StatusCode::BAD_GATEWAY), ServerError, "try again later"),
        (Fault::status(StatusCode::NOT_FOUND), Misconfigured, "check the token URL"),
        (Fault::status(StatusCode::FOUND), Misconfigured, "put the final URL"),
        (Fault::disconnect(), Unreachable, "could not send the token request to login.test"),
    ] {
        let shown = format!("{fault:?}");
        server.fault(Endpoint::Token, fault);
        let error = source.request_token().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{shown}: {error}");
        assert!(error.to_string().contains(text), "{shown}: {error}");
    }
    assert!(source.request_token().await.is_ok());
}

// THREAT-A4
#[tokio::test]
async fn a_hanging_endpoint_ends_by_the_clients_timeout() {
    for (limit, fault) in [(15, Fault::hang()), (3, Fault::hang()), (3, Fault::drip(1, secs(1)))] {
        let time = TestClock::new();
        let server = server(&time, |client| client);
        let grant = server.client_credentials("orders").configure(|client| client.timeout(secs(limit)));
        let tokens = grant.cached().unwrap();
        server.fault(Endpoint::Token, fault);
        let before = time.now();
        let error = within(&time, &tokens, secs(limit)).await.unwrap_err();
        assert_eq!(time.now().duration_since(before).unwrap(), secs(limit));
        // At 15 seconds the waiter's own patience ends too.
        let waited_out = limit == 15 && error.kind() == TokenErrorKind::WaitTimedOut;
        assert!(waited_out || error.kind() == TokenErrorKind::TimedOut, "{error}");
        // The fault is used up, and the back-off is over after two seconds at the latest.
        time.advance(secs(2)).await;
        assert!(tokens.token().await.is_ok());
    }
}

// THREAT-A4, THREAT-A8
#[tokio::test]
async fn a_usable_token_serves_while_the_endpoint_hangs_or_fails() {
    for fault in [Fault::hang().always(), Fault::status(StatusCode::INTERNAL_SERVER_ERROR).always()] {
        let time = TestClock::new();
        let server = server(&time, |client| client);
        let tokens = server.client_credentials("orders").cached().unwrap();
        let first = tokens.token().await.unwrap();
        server.fault(Endpoint::Token, fault);
        // The last five minutes, until 30 seconds before the end.
        time.advance(secs(3310)).await;
        for _ in 0..25 {
            assert_eq!(tokens.token().await.unwrap().secret(), first.secret());
            time.advance(secs(10)).await;
        }
        let asked = server.token_requests();
        assert!((5..100).contains(&asked), "{asked} requests: neither given up nor a hot loop");
        time.advance(secs(30)).await;
        let error = within(&time, &tokens, secs(15)).await.unwrap_err();
        assert!(error.is_transient(), "an expired token is never sent: {error}");
        server.clear_faults();
        time.advance(secs(60)).await;
        assert_ne!(tokens.token().await.unwrap().secret(), first.secret());
    }
}
