//! No secret shows, whatever a token endpoint does.
#![cfg(feature = "oauth")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::error::Error;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use tower_auth_core::{BoxError, ClientAuth, ClientCredentials, HttpClient, TokenError};
use tower_auth_testing::{AuthorizationServer, Endpoint, Fault, TestClient, TestClock};
use tracing_subscriber::fmt::MakeWriter;

/// Every secret has this in it. Encodings of it are looked for too.
const SENTINEL: &str = "sentinel+/ %";
const ENCODED: [&str; 6] = ["sentinel", "c2VudGluZW", "NlbnRpbmVs", "zZW50aW5lb", "73656e74", "%73%65"];

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Keeps every event and every span of this thread, with all their fields.
fn listen() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    (log, tracing::subscriber::set_default(subscriber))
}

/// Everything that an error shows of itself.
fn shown(error: &TokenError) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(&format!(" {source} {source:?}"));
        next = source.source();
    }
    text
}

fn assert_clean(text: &str, what: &str) {
    for form in ENCODED {
        assert!(!text.contains(form), "{what} shows {form:?}: {text}");
    }
}

fn server(time: &TestClock, method: ClientAuth) -> AuthorizationServer {
    let client = TestClient::new("orders", format!("secret-{SENTINEL}"))
        .auth([method])
        .answer("refresh_token", "\"refresh-sentinel\"")
        .answer("id_token", "\"id-sentinel\"")
        .answer("surprise", "\"surprise-sentinel\"")
        .answer("access_token", "\"access-sentinel\"");
    AuthorizationServer::builder().client_with(client).clock(time.clock()).build().unwrap()
}

/// Answers that repeat what they got, or hold tokens where they must not be read.
fn hostile() -> Vec<Fault> {
    let secret = format!("secret-{SENTINEL}");
    let form: String = secret.replace('%', "%25").replace('+', "%2B").replace('/', "%2F").replace(' ', "+");
    let echoes = [
        secret.clone(),
        format!("client_secret={secret}&client_id=orders"),
        format!("you sent {secret} and extra-{SENTINEL}"),
        form,
    ];
    let mut faults = vec![
        Fault::html(),
        Fault::truncated(),
        Fault::gzip(),
        Fault::disconnect(),
        Fault::lost_answer(),
        Fault::status(StatusCode::FOUND)
            .header(http::header::LOCATION, HeaderValue::from_static("https://evil.test/?t=sentinel")),
        Fault::body(StatusCode::OK, "text/html", "<title>access-sentinel</title>"),
        Fault::body(StatusCode::OK, "application/x-www-form-urlencoded", "access_token=access-sentinel&access_token=x"),
        Fault::body(StatusCode::OK, "text/plain", "access_token=access-sentinel"),
        Fault::json(StatusCode::OK, r#"{"access_token":"access-sentinel","access_token":"other-sentinel"}"#),
        Fault::json(StatusCode::OK, r#"{"access_token":"access-sentinel","token_type":"sentinel"}"#),
        Fault::json(StatusCode::OK, r#"{"access_token":"access sentinel"}"#),
        Fault::json(StatusCode::OK, r#"{"access_token":"access-sentinel""#),
        Fault::json(StatusCode::OK, r#"{"access_token":"access-sentinel"} sentinel"#),
        Fault::json(StatusCode::OK, r#"["access-sentinel"]"#),
        Fault::json(StatusCode::OK, "\"access-sentinel\""),
        Fault::json(StatusCode::UNAUTHORIZED, "sentinel"),
        Fault::json(StatusCode::BAD_GATEWAY, r#"{"access_token":"access-sentinel"}"#),
        Fault::huge(100_000),
    ];
    for echo in echoes {
        let json = |text: &str| serde_json::to_string(text).unwrap();
        for code in ["invalid_client", "invalid_grant", "x"] {
            let body = format!(r#"{{"error":"{code}","error_description":{}}}"#, json(&echo));
            faults.push(Fault::json(StatusCode::BAD_REQUEST, body.clone()));
            faults.push(Fault::json(StatusCode::OK, body));
        }
        faults.push(Fault::json(StatusCode::BAD_REQUEST, format!(r#"{{"error":{}}}"#, json(&echo))));
        faults.push(Fault::json(StatusCode::OK, format!(r#"{{"error":{{"code":"x","message":{}}}}}"#, json(&echo))));
        faults.push(Fault::body(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", echo));
    }
    faults
}

fn grant(server: &AuthorizationServer) -> ClientCredentials {
    server
        .client_credentials("orders")
        .param("extra", format!("extra-{SENTINEL}"))
        .configure(|client| client.header(http::HeaderName::from_static("x-api-key"), "key-sentinel"))
}

// THREAT-L2, THREAT-L3
#[tokio::test]
async fn no_failure_of_the_token_endpoint_shows_a_secret() {
    let (log, _guard) = listen();
    let time = TestClock::new();
    for method in [ClientAuth::Basic, ClientAuth::BasicRaw, ClientAuth::Body, ClientAuth::Both] {
        let server = server(&time, method);
        let source = grant(&server).build().unwrap();
        for fault in hostile() {
            let what = format!("{fault:?}");
            server.fault(Endpoint::Token, fault);
            let error = source.request_token().await.expect_err(&what);
            assert_clean(&shown(&error), &what);
        }
        assert_clean(&format!("{source:?} {:?}", grant(&server)), "the source");
    }
    let text = log.text();
    assert!(text.contains("oauth.token_request") && text.contains("client_id=orders"), "nothing was logged: {text}");
    assert_clean(&text, "the log");
}

// THREAT-L2, THREAT-L3
#[tokio::test]
async fn neither_a_cache_nor_its_log_shows_a_secret() {
    let (log, _guard) = listen();
    let time = TestClock::new();
    let server = server(&time, ClientAuth::Basic);
    let tokens = grant(&server).cached().unwrap();
    server.fault(Endpoint::Token, Fault::oauth_error(StatusCode::BAD_REQUEST, &format!("secret-{SENTINEL}")));
    assert_clean(&shown(&tokens.token().await.unwrap_err()), "the error");
    time.advance(std::time::Duration::from_secs(10)).await;
    let token = tokens.token().await.unwrap();
    assert_eq!(token.secret().expose_secret(), "access-sentinel");
    let current = tokens.current().await.unwrap();
    tokens.invalidate(current.generation);
    tokens.ready().await.unwrap();
    assert_clean(&format!("{tokens:?} {token:?} {current:?} {:?}", tokens.status()), "the cache");
    let text = log.text();
    assert!(text.contains("token refreshed"), "nothing was logged: {text}");
    assert_clean(&text, "the log");
}

/// A client of the user's own whose errors quote the request.
#[derive(Clone)]
struct Talkative;

impl tower_service::Service<http::Request<Bytes>> for Talkative {
    type Response = http::Response<Bytes>;
    type Error = BoxError;
    type Future = std::future::Ready<Result<http::Response<Bytes>, BoxError>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), BoxError>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Bytes>) -> Self::Future {
        let authorization = request.headers()["authorization"].to_str().unwrap().to_owned();
        let body = String::from_utf8_lossy(request.body()).into_owned();
        std::future::ready(Err(io::Error::other(format!("could not send {authorization} {body}")).into()))
    }
}

// THREAT-L2, THREAT-L3
#[tokio::test]
async fn an_http_client_that_quotes_the_request_is_not_quoted() {
    let (log, _guard) = listen();
    let server = server(&TestClock::new(), ClientAuth::Both);
    let source = grant(&server).http_client(HttpClient::new(Talkative)).build().unwrap();
    let error = source.request_token().await.unwrap_err();
    assert!(shown(&error).contains("could not send"), "{error:?}");
    assert_clean(&shown(&error), "the error");
    assert_clean(&log.text(), "the log");
}
