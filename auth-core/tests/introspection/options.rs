//! How a verifier is described.

use std::time::Duration;

use tower_auth_core::{ClientAuth, ConfigErrorKind, IntrospectionVerifier, OAuthClient, Verifier};
use tower_auth_testing::TestClock;

use super::support::*;

fn described() -> IntrospectionVerifier {
    IntrospectionVerifier::new(URL, "orders", "client-sentinel").http_client(Peer::new().http())
}

fn mistake(verifier: IntrospectionVerifier) -> (ConfigErrorKind, String) {
    let error = verifier.build().unwrap_err();
    (error.kind(), error.to_string())
}

// THREAT-V8, THREAT-T3
#[test]
fn mistakes_are_found_when_it_is_built() {
    use ConfigErrorKind::{InsecureUrl, InvalidOption, InvalidUrl, MissingOption};
    let good = || described().audience("orders");
    assert!(good().build().is_ok());
    for (verifier, kind, text) in [
        (described(), MissingOption, "the audience is missing"),
        (described().audience(""), MissingOption, "the audience is missing"),
        (good().dangerous().any_audience(), InvalidOption, "any audience would do"),
        (good().issuer(""), MissingOption, "is empty"),
        (good().token_prefix(""), MissingOption, "is empty"),
        (good().leeway(secs(301)), InvalidOption, "over 300 s"),
        (good().cache_for(secs(3601)), InvalidOption, "an hour at most"),
        (good().refusals_for(secs(61)), InvalidOption, "a minute"),
        (good().cache_capacity(0), InvalidOption, "must not be zero"),
        (good().max_in_flight(0), InvalidOption, "must not be zero"),
        (good().max_per_second(0), InvalidOption, "must not be zero"),
        (good().timeout(Duration::ZERO), InvalidOption, "must not be zero"),
        (good().configure(|client| client.client_auth(ClientAuth::SecretJwt)), MissingOption, ""),
    ] {
        let (found, message) = mistake(verifier);
        assert!(message.contains(text), "{message}");
        if !text.is_empty() {
            assert_eq!(found, kind, "{message}");
        }
        assert!(!message.contains("sentinel"));
    }
    let at = |url: &str| IntrospectionVerifier::new(url, "orders", "s").http_client(Peer::new().http()).audience("a");
    assert_eq!(mistake(at("http://login.example.com/i")).0, InsecureUrl);
    assert_eq!(mistake(at("http://127.0.0.1:9/i")).0, InsecureUrl);
    assert!(at("http://127.0.0.1:9/i").allow_loopback_http().build().is_ok());
    assert!(at("http://mesh.internal/i").dangerous().allow_plaintext("http://mesh.internal").build().is_ok());
    assert_eq!(mistake(at("nonsense")).0, InvalidUrl);
    assert_eq!(mistake(at("")).0, MissingOption);
    let nameless = IntrospectionVerifier::new(URL, "", "s").http_client(Peer::new().http()).audience("a");
    assert_eq!(mistake(nameless).0, MissingOption);
    let secretless = IntrospectionVerifier::new(URL, "orders", "").http_client(Peer::new().http()).audience("a");
    assert_eq!(mistake(secretless).0, MissingOption);
}

#[tokio::test]
async fn a_client_that_is_built_serves_with_what_it_has() {
    let (peer, time) = (Peer::with_good(), TestClock::new());
    let client = OAuthClient::builder("orders").secret("s3cret").introspection_endpoint(URL);
    let client = client.http_client(peer.http()).clock(time.clock()).build().unwrap();
    let verifier = || IntrospectionVerifier::with_client(client.clone()).audience("orders");
    assert!(verdict(&verifier().build().unwrap(), "good").await.is_ok());
    for misplaced in [
        verifier().http_client(peer.http()),
        verifier().allow_loopback_http(),
        verifier().configure(|client| client),
        verifier().dangerous().allow_plaintext("http://a"),
    ] {
        let (kind, message) = mistake(misplaced);
        assert_eq!(kind, ConfigErrorKind::InvalidOption);
        assert!(message.contains("belongs to the client that was given"), "{message}");
    }
}

// THREAT-L1
#[test]
fn nothing_shows_a_secret() {
    let verifier = described().audience("orders");
    let described = format!("{verifier:?}");
    let shown = format!("{described} {:?}", verifier.build().unwrap());
    assert!(shown.contains("login.example.com") && !shown.contains("sentinel"), "{shown}");
}

#[tokio::test]
async fn the_token_is_kept_for_those_who_exchange_it() {
    let (peer, time) = (Peer::with_good(), TestClock::new());
    for cache in [Duration::ZERO, secs(60)] {
        let verifier = plain(&peer, &time).keep_subject_token().cache_for(cache).build().unwrap();
        for _ in 0..2 {
            let verified = verdict(&verifier, "good").await.unwrap();
            let token = verified.subject_token().unwrap();
            assert_eq!(token.secret().expose_secret(), "good");
            assert_eq!(token.expires_at(), verified.expires_at());
        }
    }
    let verified = verdict(&plain(&peer, &time).build().unwrap(), "good").await.unwrap();
    assert!(verified.subject_token().is_none());
}

#[tokio::test]
async fn a_service_can_wait_until_the_endpoint_is_known() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use bytes::Bytes;
    use http::{Request, Response};
    use tower_auth_core::{BoxError, HttpClient, RejectionKind};

    let down = Arc::new(AtomicBool::new(true));
    let state = Arc::clone(&down);
    let http = HttpClient::new(tower::service_fn(move |request: Request<Bytes>| {
        let down = state.load(Ordering::SeqCst);
        async move {
            let body = match request.uri().path() {
                _ if down => return Ok::<_, BoxError>(Response::builder().status(503).body(Bytes::new())?),
                "/introspect" => good().to_string(),
                _ => r#"{"issuer":"https://login.example.com","introspection_endpoint":"https://login.example.com/introspect"}"#.to_owned(),
            };
            Ok(Response::builder().header("content-type", "application/json").body(Bytes::from(body))?)
        }
    }));
    let time = TestClock::new();
    let client = OAuthClient::builder("orders").secret("s3cret").issuer("https://login.example.com").http_client(http);
    let verifier = IntrospectionVerifier::over(client).audience("orders").clock(time.clock()).build().unwrap();
    assert_eq!(verifier.ready().await.unwrap_err().kind(), RejectionKind::IntrospectionUnavailable);
    assert_eq!(verdict(&verifier, "good").await.err(), Some(RejectionKind::IntrospectionUnavailable));
    down.store(false, Ordering::SeqCst);
    time.advance(secs(60)).await;
    verifier.ready().await.unwrap();
    assert_eq!(verdict(&verifier, "good").await.unwrap().subject(), "alice");
    plain(&Peer::new(), &time).build().unwrap().ready().await.unwrap();
    assert!(verifier.accepts(tower_auth_core::Scheme::Bearer));
    let _: &Verifier = &verifier;
}
