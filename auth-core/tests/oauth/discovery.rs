//! Clients that know their issuer and ask it for the rest.

use std::future::Future;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tower_auth_core::{
    BoxError, ClientAuth, ClientCredentials, ClientCredentialsSource, ConfigErrorKind, HttpClient, OAuthClient,
    OAuthClientBuilder, Secret, TokenError, TokenErrorKind,
};
use tower_auth_testing::TestClock;

use crate::endpoint::{Endpoint, response};

const ISSUER: &str = "https://login.example.com";
const DOCUMENT: &str = "/.well-known/oauth-authorization-server";

fn json(body: impl Into<Bytes>) -> Response<Bytes> {
    Response::builder().header("content-type", "application/json").body(body.into()).unwrap()
}

fn document(members: &str) -> String {
    format!(r#"{{"issuer":"{ISSUER}"{members}}}"#)
}

fn token_endpoint() -> String {
    document(r#","token_endpoint":"https://login.example.com/t""#)
}

/// A server whose metadata can change, with a count of who asked for what.
#[derive(Clone)]
struct Server {
    endpoint: Endpoint,
    document: Arc<Mutex<String>>,
    status: Arc<AtomicU16>,
}

impl Server {
    fn new(document: impl Into<String>) -> Self {
        let document = Arc::new(Mutex::new(document.into()));
        let status = Arc::new(AtomicU16::new(200));
        let (shared, code) = (Arc::clone(&document), Arc::clone(&status));
        let endpoint = Endpoint::judging(move |request: &Request<Bytes>| {
            let path = request.uri().path();
            if path.starts_with("/.well-known/") {
                let mut answer = json(shared.lock().unwrap().clone());
                *answer.status_mut() = code.load(Ordering::SeqCst).try_into().unwrap();
                return if path == DOCUMENT { answer } else { response(404, "text/plain", "") };
            }
            json(r#"{"access_token":"t0k","token_type":"Bearer","expires_in":60}"#)
        });
        Self { endpoint, document, status }
    }

    fn set(&self, document: impl Into<String>) {
        *self.document.lock().unwrap() = document.into();
    }

    fn fail(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// The URLs asked since the last call.
    fn asked(&self) -> Vec<String> {
        self.endpoint.seen().iter().map(|request| request.uri().to_string()).collect()
    }

    fn client(&self) -> OAuthClientBuilder {
        OAuthClient::builder("orders").secret("s3cret").issuer(ISSUER).http_client(self.endpoint.http.clone())
    }

    fn grant(&self, time: &TestClock) -> ClientCredentialsSource {
        ClientCredentials::over(self.client().clock(time.clock())).build().unwrap()
    }

    async fn error(&self, change: impl FnOnce(OAuthClientBuilder) -> OAuthClientBuilder) -> TokenError {
        let source = ClientCredentials::over(change(self.client())).build().unwrap();
        source.request_token().await.unwrap_err()
    }
}

/// What `work` comes to while the time goes by.
async fn passing<T: Send + 'static>(
    time: &TestClock,
    limit: Duration,
    work: impl Future<Output = T> + Send + 'static,
) -> T {
    let work = tokio::spawn(work);
    time.advance(limit).await;
    assert!(work.is_finished(), "not done within {limit:?}");
    work.await.unwrap()
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

// R9700-2.6a
#[tokio::test]
async fn an_issuer_is_all_that_a_client_needs_to_know() {
    let time = TestClock::new();
    let server = Server::new(token_endpoint());
    let source = server.grant(&time);
    assert!(server.asked().is_empty(), "nobody is asked before there is need");
    source.request_token().await.unwrap();
    assert_eq!(server.asked(), [format!("{ISSUER}{DOCUMENT}"), format!("{ISSUER}/t")]);
    time.advance(secs(3599)).await;
    source.request_token().await.unwrap();
    assert_eq!(server.asked(), [format!("{ISSUER}/t")]);
    time.advance(secs(2)).await;
    server.set(document(r#","token_endpoint":"https://login.example.com/new""#));
    source.request_token().await.unwrap();
    assert_eq!(server.asked(), [format!("{ISSUER}{DOCUMENT}"), format!("{ISSUER}/new")]);
    // A machine that slept has a wall clock that went on.
    time.wall_forward(secs(3601));
    source.request_token().await.unwrap();
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn an_endpoint_that_was_configured_is_used_and_nobody_is_asked() {
    let server = Server::new(token_endpoint());
    let own = "https://tokens.example.net/own";
    let client = server.client().token_endpoint(own).build().unwrap();
    ClientCredentials::over(server.client().token_endpoint(own)).build().unwrap().request_token().await.unwrap();
    assert_eq!(server.asked(), [own]);
    // What is missing is looked up, and only that.
    let error = client.revoke(&Secret::new("t"), None).await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Misconfigured);
    assert!(error.to_string().contains("names no revocation endpoint"), "{error}");
    server.set(document(
        r#","token_endpoint":"https://login.example.com/t","revocation_endpoint":"https://login.example.com/r""#,
    ));
    let client = server.client().token_endpoint(own).build().unwrap();
    server.asked();
    client.revoke(&Secret::new("t"), None).await.unwrap();
    assert_eq!(server.asked(), [format!("{ISSUER}{DOCUMENT}"), format!("{ISSUER}/r")]);
    assert_eq!(client.metadata().await.unwrap().issuer(), ISSUER);
    assert!(server.asked().is_empty(), "it is known by now");
}

// THREAT-A4
#[tokio::test]
async fn many_who_want_it_at_once_cost_one_fetch() {
    let time = TestClock::new();
    let server = Server::new(token_endpoint());
    let (inner, clock) = (server.endpoint.http.clone(), time.clock());
    let slow = HttpClient::new(tower::service_fn(move |request: Request<Bytes>| {
        let (inner, clock) = (inner.clone(), clock.clone());
        async move {
            clock.sleep(secs(1)).await;
            inner.send(request).await
        }
    }));
    let source = |http| ClientCredentials::over(server.client().clock(time.clock()).http_client(http)).build().unwrap();
    let shared = source(slow.clone());
    let ask = || {
        tokio::spawn({
            let source = shared.clone();
            async move { source.request_token().await }
        })
    };
    // The first of them goes away in the middle.
    let first = ask();
    time.advance(Duration::from_millis(500)).await;
    let others: Vec<_> = (0..50).map(|_| ask()).collect();
    first.abort();
    time.advance(secs(3)).await;
    for other in others {
        other.await.unwrap().unwrap();
    }
    let fetches = server.asked().iter().filter(|url| url.ends_with(DOCUMENT)).count();
    assert_eq!(fetches, 1, "the one that was given up had not been answered");

    // One that is no longer polled holds up nobody for longer than a fetch may take.
    let stuck = source(slow);
    let mut frozen = Box::pin({
        let source = stuck.clone();
        async move { source.request_token().await }
    });
    assert!(futures_poll_once(&mut frozen).await);
    passing(&time, secs(18), async move { stuck.request_token().await }).await.unwrap_err();
    drop(frozen);
}

/// Polls once; whether it is still pending.
async fn futures_poll_once<F: Future + Unpin>(future: &mut F) -> bool {
    std::future::poll_fn(|context| std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_pending()))
        .await
}

// THREAT-A4
#[tokio::test]
async fn what_is_known_serves_on_and_a_server_in_trouble_is_left_alone() {
    let time = TestClock::new();
    let server = Server::new(token_endpoint());
    server.fail(503);
    let source = server.grant(&time);
    for _ in 0..5 {
        let error = source.request_token().await.unwrap_err();
        assert_eq!((error.kind(), error.is_transient()), (TokenErrorKind::ServerError, true));
    }
    assert_eq!(server.asked().len(), 1);
    time.advance(secs(6)).await;
    server.fail(200);
    source.request_token().await.unwrap();
    assert_eq!(server.asked().len(), 2);

    // An hour later the document is another's, garbage, or not to be had: the known one is used.
    for (status, body) in [
        (503, token_endpoint()),
        (200, r#"{"issuer":"https://evil.example","token_endpoint":"https://evil.example/t"}"#.to_owned()),
        (200, "<html>".to_owned()),
    ] {
        time.advance(secs(3601)).await;
        server.fail(status);
        server.set(body);
        for _ in 0..3 {
            source.request_token().await.unwrap();
        }
        let asked = server.asked();
        assert_eq!(asked.iter().filter(|url| url.ends_with(DOCUMENT)).count(), 1);
        assert_eq!(asked.iter().filter(|url| **url == format!("{ISSUER}/t")).count(), 3);
    }
}

// THREAT-A4
#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let time = TestClock::new();
    let server = Server::new(token_endpoint());
    let (inner, hangs) = (server.endpoint.http.clone(), Arc::new(AtomicU16::new(1)));
    let switch = Arc::clone(&hangs);
    let http = HttpClient::new(tower::service_fn(move |request: Request<Bytes>| {
        let inner = inner.clone();
        let hang = switch.load(Ordering::SeqCst) == 1 && request.uri().path() == DOCUMENT;
        async move { if hang { std::future::pending::<Result<_, BoxError>>().await } else { inner.send(request).await } }
    }));
    let source = ClientCredentials::over(server.client().clock(time.clock()).http_client(http)).build().unwrap();
    let ask = || {
        let source = source.clone();
        async move { source.request_token().await }
    };
    assert_eq!(passing(&time, secs(16), ask()).await.unwrap_err().kind(), TokenErrorKind::TimedOut);
    hangs.store(0, Ordering::SeqCst);
    passing(&time, secs(6), ask()).await.unwrap_err();
    source.request_token().await.unwrap();
    // The next time there is something to go on with, before the time of the request is over.
    hangs.store(1, Ordering::SeqCst);
    time.advance(secs(3601)).await;
    passing(&time, secs(6), ask()).await.unwrap();
}

// R8414-3.3a, R8414-2a, THREAT-T4, THREAT-T5
#[tokio::test]
async fn hostile_metadata_gets_no_secret() {
    use TokenErrorKind::{Misconfigured, Unparsable};
    let with = |url: &str| document(&format!(r#","token_endpoint":"{url}""#));
    for (body, kind) in [
        (
            r#"{"issuer":"https://login.example.com/","token_endpoint":"https://login.example.com/t"}"#.to_owned(),
            Misconfigured,
        ),
        (
            r#"{"issuer":"https://LOGIN.example.com","token_endpoint":"https://login.example.com/t"}"#.to_owned(),
            Misconfigured,
        ),
        (r#"{"token_endpoint":"https://login.example.com/t"}"#.to_owned(), Unparsable),
        (with("http://login.example.com/t"), Unparsable),
        (with("https://evil.example/t"), Misconfigured),
        (with("https://login.example.com:8443/t"), Misconfigured),
        (with("https://login.example.com.evil.example/t"), Misconfigured),
        (with("https://login.example.com@evil.example/t"), Unparsable),
        (with("file:///etc/passwd"), Unparsable),
        (document(""), Misconfigured),
        (document(&format!(r#","x":"{}""#, "x".repeat(256 * 1024))), Unparsable),
    ] {
        let server = Server::new(&*body);
        let error = server.error(|client| client).await;
        assert_eq!(error.kind(), kind, "{body:.100}: {error}");
        assert!(server.asked().iter().all(|url| url.contains("/.well-known/")), "{body:.100}");
    }
}

// THREAT-T4
#[tokio::test]
async fn another_origin_has_to_be_allowed_by_name() {
    let elsewhere = document(r#","token_endpoint":"https://tokens.example.net/t""#);
    let server = Server::new(elsewhere);
    let error = server.error(|client| client.allow_endpoint_origin("https://example.net")).await;
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("tokens.example.net"), "{source}");
    server.asked();
    let client = server.client().allow_endpoint_origin("https://tokens.example.net");
    ClientCredentials::over(client).build().unwrap().request_token().await.unwrap();
    assert_eq!(server.asked()[1], "https://tokens.example.net/t");
    for bad in ["https://tokens.example.net/t", "tokens.example.net", ""] {
        let error = server.client().allow_endpoint_origin(bad).build().unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::InvalidOrigin, "{bad}");
    }
}

// R8705-5a
#[tokio::test]
async fn who_shows_a_certificate_is_sent_to_the_alias() {
    let aliased = document(
        r#","token_endpoint":"https://login.example.com/t","mtls_endpoint_aliases":{"token_endpoint":"https://login.example.com/mtls"}"#,
    );
    let server = Server::new(aliased);
    for (auth, expected) in [
        (ClientAuth::TlsClientAuth, "/mtls"),
        (ClientAuth::SelfSignedTlsClientAuth, "/mtls"),
        (ClientAuth::Basic, "/t"),
    ] {
        let client = server.client().client_auth(auth);
        ClientCredentials::over(client).build().unwrap().request_token().await.unwrap();
        assert_eq!(server.asked()[1], format!("{ISSUER}{expected}"), "{auth:?}");
    }
}

#[tokio::test]
async fn a_method_that_the_server_does_not_list_is_a_misconfiguration_before_any_secret_is_sent() {
    let listing = |methods: &str| {
        document(&format!(
            r#","token_endpoint":"https://login.example.com/t","token_endpoint_auth_methods_supported":[{methods}]"#
        ))
    };
    let both = r#""client_secret_post","private_key_jwt""#;
    for (methods, auth, fits) in [
        (both, ClientAuth::Basic, false),
        (both, ClientAuth::BasicRaw, false),
        (both, ClientAuth::Body, true),
        (both, ClientAuth::Both, true),
        (both, ClientAuth::Auto, true),
        (both, ClientAuth::TlsClientAuth, false),
        (r#""tls_client_auth""#, ClientAuth::TlsClientAuth, true),
        (r#""client_secret_basic""#, ClientAuth::Body, false),
        ("", ClientAuth::Basic, false),
    ] {
        let server = Server::new(listing(methods));
        let source = ClientCredentials::over(server.client().client_auth(auth)).build().unwrap();
        let result = source.request_token().await;
        assert_eq!(result.is_ok(), fits, "{methods} {auth:?}");
        assert_eq!(server.asked().len(), 1 + usize::from(fits));
        if let Err(error) = result {
            assert_eq!(error.kind(), TokenErrorKind::Misconfigured);
            assert!(error.to_string().contains("choose another `client_auth`"), "{error}");
        }
    }
    // A list that is not there holds nothing against anybody.
    let server = Server::new(token_endpoint());
    let body = ClientCredentials::over(server.client().client_auth(ClientAuth::Body));
    body.build().unwrap().request_token().await.unwrap();
}

// R8414-2a
#[test]
fn without_a_token_endpoint_the_issuer_must_be_one_that_can_be_asked() {
    let server = Server::new("");
    let kind = |client: OAuthClientBuilder| client.build().map_err(|error| error.kind()).err();
    for (bad, expected) in [
        ("login.example.com", ConfigErrorKind::InvalidUrl),
        ("https://login.example.com?x", ConfigErrorKind::InvalidUrl),
        ("https://login.example.com#x", ConfigErrorKind::InvalidUrl),
        ("https://u@login.example.com", ConfigErrorKind::InvalidUrl),
        ("http://login.example.com", ConfigErrorKind::InsecureUrl),
        ("http://127.0.0.1:9", ConfigErrorKind::InsecureUrl),
        ("", ConfigErrorKind::MissingOption),
    ] {
        assert_eq!(kind(server.client().issuer(bad)), Some(expected), "{bad}");
        assert_eq!(kind(server.client().issuer(bad).token_endpoint("https://a/t")), None, "{bad}");
    }
    assert_eq!(kind(server.client().issuer("http://127.0.0.1:9").allow_loopback_http()), None);
    let http = server.endpoint.http.clone();
    let neither = OAuthClient::builder("orders").secret("x").http_client(http);
    assert_eq!(kind(neither.clone()), Some(ConfigErrorKind::MissingOption));
    assert_eq!(kind(neither.token_endpoint("https://a/t")), None);
}

#[tokio::test]
async fn a_client_without_an_issuer_says_so() {
    let server = Server::new("");
    let client = OAuthClient::builder("orders").secret("x").http_client(server.endpoint.http.clone());
    let error = client.token_endpoint("https://a/t").build().unwrap().metadata().await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Misconfigured);
    assert!(error.to_string().contains("`issuer`"), "{error}");
    assert!(server.asked().is_empty());
}
