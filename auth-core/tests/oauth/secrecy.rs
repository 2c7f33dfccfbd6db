//! Nothing secret in errors, logs and debug output, whatever the endpoint answers.

use std::cell::RefCell;
use std::io;
use std::sync::{Arc, Mutex, Once};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, Response};
use tower_auth_core::{BoxError, ClientAuth, ClientCredentials, OAuthClient};
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::{Layer, SubscriberExt};

use super::endpoint::{Endpoint, URL};

/// What the subscriber wrote.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

std::thread_local! {
    /// What this thread captures into.
    static CURRENT: RefCell<Option<Log>> = const { RefCell::new(None) };
}

/// Ends a capture.
struct Captured;

impl Drop for Captured {
    fn drop(&mut self) {
        CURRENT.set(None);
    }
}

impl Log {
    /// Captures everything from now on, on this thread. One subscriber for the whole program: with one per test, tests that run beside
    /// each other switch each other's events off.
    fn capture() -> (Self, Captured) {
        static BEGUN: Once = Once::new();
        BEGUN.call_once(|| {
            let here = || CURRENT.with_borrow(Clone::clone);
            let layer = tracing_subscriber::fmt::layer()
                .with_span_events(FmtSpan::FULL)
                .with_ansi(false)
                .with_writer(move || here().unwrap_or_default())
                .with_filter(dynamic_filter_fn(move |_, _| here().is_some()));
            tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer)).unwrap();
        });
        let log = Self::default();
        CURRENT.set(Some(log.clone()));
        (log, Captured)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

const SECRET: &str = "s3ntinel+/ %x";
const EXTRA: &str = "s3ntinel-extra";
const KEY: &str = "s3ntinel-key";
const TOKEN: &str = "s3ntinel-token";

fn grant() -> ClientCredentials {
    ClientCredentials::new(URL, "orders", SECRET)
        .param("password", EXTRA)
        .configure(|client| client.header(HeaderName::from_static("x-api-key"), KEY))
}

fn everything(error: &dyn std::error::Error) -> String {
    let mut text = format!("{error:?} {error:#?}");
    let mut next = Some(error);
    while let Some(error) = next {
        text.push_str(&format!(" {error} {error:?}"));
        next = error.source();
    }
    text
}

fn assert_clean(text: &str, what: &str) {
    let pair = STANDARD.encode(format!("orders:{SECRET}"));
    let book = STANDARD.encode("orders:s3ntinel%2B%2F+%25x");
    for form in ["s3ntinel", &STANDARD.encode(SECRET), &pair, &book] {
        assert!(!text.contains(form), "{what}: {text}");
    }
}

/// Answers that repeat secrets of the request, or carry a token, and are failures all the same.
fn hostile_answers() -> Vec<(u16, &'static str, String)> {
    let form = "s3ntinel%2B%2F+%25x";
    let echo = format!("{SECRET} {form} {EXTRA} {KEY} {}", STANDARD.encode(format!("orders:{SECRET}")));
    let json =
        |code: &str| format!(r#"{{"error":"{code}","error_description":"{echo}","error_uri":"https://x/{form}"}}"#);
    vec![
        (400, "application/json", json("invalid_client")),
        (401, "application/json", json("invalid_grant")),
        (400, "application/json", json(SECRET)),
        (403, "application/json", json("x")),
        (500, "application/json", json("server_error")),
        (503, "text/plain", echo.clone()),
        (429, "text/html", format!("<html>{echo}")),
        (302, "text/html", echo.clone()),
        (404, "text/html", format!("<html>{echo}")),
        (200, "text/html", format!("<html>{echo}")),
        (200, "application/json", json("invalid_scope")),
        (200, "application/json", format!(r#"{{"error":{{"message":"{echo}","type":"{SECRET}"}}}}"#)),
        (200, "application/json", echo.clone()),
        (200, "application/json", format!(r#"{{"access_token":"{TOKEN}""#)),
        (200, "application/json", format!(r#"{{"access_token":"{TOKEN}","access_token":"{TOKEN}"}}"#)),
        (200, "application/json", format!(r#"{{"access_token":"{TOKEN}\n"}}"#)),
        (200, "application/json", format!(r#"{{"access_token":"{TOKEN}","token_type":"{SECRET}"}}"#)),
        (200, "application/json", format!(r#"{{"access_token":["{TOKEN}"]}}"#)),
        (200, "application/json", format!(r#""{TOKEN}""#)),
        (200, "application/json", format!("{}{TOKEN}", "[".repeat(100))),
        (200, "application/json", TOKEN.repeat(10_000)),
        (200, "application/x-www-form-urlencoded", format!("access_token={TOKEN}&access_token=%zz")),
        (200, "application/x-www-form-urlencoded", format!("error={form}&error_description={form}")),
    ]
}

// THREAT-L2, THREAT-L3, SYS-A9, SYS-V10
#[tokio::test]
async fn no_failure_shows_a_secret_in_errors_or_logs() {
    let (log, _guard) = Log::capture();
    for auth in [ClientAuth::Basic, ClientAuth::BasicRaw, ClientAuth::Body, ClientAuth::Both] {
        for (status, content_type, body) in hostile_answers() {
            let shape = format!("{auth:?} {status} {content_type} {body:.60}");
            let endpoint = Endpoint::new(move || {
                let body = Bytes::from(body.clone());
                Ok(Response::builder().status(status).header("content-type", content_type).body(body)?)
            });
            let tokens = grant().client_auth(auth).http_client(endpoint.http.clone()).build().unwrap();
            let error = tokens.request_token().await.expect_err(&shape);
            assert_clean(&everything(&error), &shape);
            // What was sent must not show itself either.
            assert_clean(&format!("{:?}", endpoint.only_request().headers()), &shape);
        }
    }
    let broken = Endpoint::new(|| Err(BoxError::from(format!("{SECRET} {EXTRA} {KEY}"))));
    let error = grant().http_client(broken.http).build().unwrap().request_token().await.unwrap_err();
    assert_clean(&everything(&error), "a foreign error");
    let text = log.text();
    assert_clean(&text, "the log");
    let span = r#"oauth.token_request{grant="client_credentials" client_id=orders host=login.example.com"#;
    assert!(text.contains(span), "{text}");
    assert!(text.contains(r#"outcome="token.misconfigured""#) && text.contains("status=401"), "{text}");
}

// THREAT-A6, THREAT-L3
#[tokio::test]
async fn an_unreadable_lifetime_is_said_in_the_log_and_an_absent_one_is_not() {
    for (lifetime, warns) in [("\"s3ntinel\"", true), ("{}", true), ("null", false), ("60", false)] {
        let (log, _guard) = Log::capture();
        let body = format!(r#"{{"access_token":"{TOKEN}","refresh_token":"{TOKEN}","expires_in":{lifetime}}}"#);
        let endpoint = Endpoint::new(move || Ok(Response::new(Bytes::from(body.clone()))));
        let response = grant().http_client(endpoint.http).build().unwrap().request_token().await.unwrap();
        assert_eq!(response.token().secret().expose_secret(), TOKEN);
        assert_clean(&format!("{response:?}"), "the response");
        let text = log.text();
        assert_eq!(text.contains("cannot be read"), warns, "{lifetime}: {text}");
        assert!(text.contains(r#"outcome="ok""#), "{text}");
        assert_clean(&text, "the log");
    }
}

// THREAT-L1, SYS-A9
#[test]
fn debug_output_of_every_type_is_clean() {
    let endpoint = Endpoint::granting();
    let client = OAuthClient::builder("orders")
        .secret(SECRET)
        .token_endpoint("https://login.example.com/token?key=s3ntinel")
        .param("password", EXTRA)
        .header(HeaderName::from_static("x-api-key"), KEY)
        .http_client(endpoint.http.clone());
    let source = grant().http_client(endpoint.http.clone()).build().unwrap();
    let shown =
        format!("{client:#?} {:#?} {:#?} {source:#?} {:?}", client.clone().build().unwrap(), grant(), endpoint.http);
    assert_clean(&shown, "debug output");
    assert!(shown.contains("orders") && shown.contains("login.example.com"), "{shown}");
}

// THREAT-L2, THREAT-L3, THREAT-L4
#[tokio::test]
async fn parameters_of_the_request_that_come_back_in_a_kibibyte_of_junk_are_not_shown() {
    let (log, _guard) = Log::capture();
    let values = [
        ("refresh_token", "s3ntinel-refresh-0123456789"),
        ("code", "s3nt"),
        ("code_verifier", "s3ntinel-verifier-0123456789-0123456789-012345"),
        ("password", "s3ntinel pässwörd"),
        ("assertion", "s3ntinel.assertion.0123456789"),
        ("subject_token", "s3ntinel.subject.0123456789"),
        ("device_code", "s3ntinel-device"),
        ("otp", "s3ntinel-otp"),
    ];
    for (name, value) in values {
        for cut in [value.len(), 21] {
            let echo: String = value.chars().take(cut).collect();
            let body = format!(
                r#"{{"error":"{echo}","error_description":"{echo} {:x<40}{echo}{:x<40}{echo}{:x<940}{echo}"}}"#,
                "", "", ""
            );
            for status in [400, 401, 500, 200] {
                let body = body.clone();
                let endpoint =
                    Endpoint::new(move || Ok(Response::builder().status(status).body(body.clone().into())?));
                let tokens = ClientCredentials::new(URL, "orders", SECRET)
                    .param(name, value)
                    .http_client(endpoint.http)
                    .build()
                    .unwrap();
                let error = tokens.request_token().await.unwrap_err();
                let shown = everything(&error);
                assert!(!shown.contains("s3nt") && shown.contains("[redacted]"), "{name}: {shown}");
            }
            let broken = Endpoint::new(move || Err(BoxError::from(format!("{value} {}", echo.clone()))));
            let tokens = ClientCredentials::new(URL, "orders", SECRET)
                .param(name, value)
                .http_client(broken.http)
                .build()
                .unwrap();
            let shown = everything(&tokens.request_token().await.unwrap_err());
            assert!(!shown.contains("s3nt"), "{name}: {shown}");
        }
    }
    assert!(!log.text().contains("s3nt"), "{}", log.text());
}

// THREAT-L2
#[tokio::test]
async fn names_in_a_request_are_no_secrets() {
    let body = r#"{"error":"invalid_target","error_description":"https://api.example.com is unknown to orders"}"#;
    let endpoint = Endpoint::json(400, body);
    let tokens = grant().resource("https://api.example.com").http_client(endpoint.http).build().unwrap();
    let error = tokens.request_token().await.unwrap_err();
    assert!(error.to_string().contains("https://api.example.com is unknown to orders"), "{error}");
}
