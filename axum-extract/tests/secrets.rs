//! No secret is shown in an answer or a log, and a refusal is told once.
//!
//! This file has one test: an event that a test on another thread meets first, where no subscriber listens, can be lost
//! to this one.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use axum::{Router, routing};
use serde::Deserialize;
use tower_auth_axum::core::Verifier;
use tower_auth_axum::{ApiKey, Auth, Bearer, Identity, RequiredScope, Scoped};
use tower_auth_testing::Flaw;

use self::support::{Issuer, api_key, basic, bearer, get, send};

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn start(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || log.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

struct Admin;

impl RequiredScope for Admin {
    const SCOPES: &'static [&'static str] = &["admin"];
}

#[derive(Deserialize)]
struct Faulty {
    #[allow(dead_code, reason = "never read: no token has it")]
    sentinel: u32,
}

// THREAT-L1, THREAT-L2, THREAT-L3, THREAT-L4
#[tokio::test]
async fn no_answer_and_no_log_shows_a_credential() {
    let log = Log::default();
    let _guard = log.start();
    let issuer = Issuer::new();
    let verifier = Verifier::any_of([issuer.verifier(), basic(), api_key()]).unwrap();
    let app = Router::new()
        .route("/bearer", routing::get(|_: Bearer| async {}))
        .route("/any", routing::get(|_: Auth| async {}))
        .route("/option", routing::get(|_: Option<Auth>| async {}))
        .route("/claims", routing::get(|_: Bearer<Faulty>| async {}))
        .route("/admin", routing::get(|_: Scoped<Admin>| async {}))
        .route("/identity", routing::get(|_: Identity| async {}))
        .with_state(verifier);

    let claim = |value: &str| issuer.token().claim("sentinel", value);
    let good = bearer(claim("sentinel-claim"));
    let expired = bearer(claim("sentinel-claim").flaw(Flaw::Expired));
    let tampered = bearer(claim("sentinel-claim").flaw(Flaw::TamperedSignature));
    // `sentinel-user:sentinel-password`
    let wrong = "Basic c2VudGluZWwtdXNlcjpzZW50aW5lbC1wYXNzd29yZA==";
    let lines = [
        ("authorization", good.as_str()),
        ("authorization", expired.as_str()),
        ("authorization", tampered.as_str()),
        ("authorization", "Bearer sentinel-opaque"),
        ("authorization", "Bearer sentinel opaque"),
        ("authorization", "Sentinel-scheme sentinel-value"),
        ("authorization", wrong),
        ("x-api-key", "sentinel-id.sentinel-key"),
    ];
    let mut shown = String::new();
    let mut refused = 0;
    for path in ["/bearer", "/any", "/option", "/claims", "/admin", "/identity"] {
        for line in lines {
            let answer = send(&app, path, &[line]).await;
            refused += usize::from(!answer.status.is_success());
            shown += &format!("{answer:?}\n");
        }
        shown += &format!("{:?}\n", send(&app, path, &lines[..2]).await);
    }
    assert!(refused > 40, "most are refused: {refused}");
    let logged = log.text();
    assert!(logged.contains("request refused") && logged.contains("rejection.expired"), "something is logged");
    assert!(logged.contains("nothing around it verifies"), "a forgotten layer is explained");
    for text in [&shown, &logged] {
        let text = text.to_lowercase();
        for secret in ["sentinel-", "sentinel opaque", &wrong.to_lowercase()[6..]] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        for token in [&good, &expired, &tampered] {
            // Not even the first few characters of the signature, nor of the claims.
            let parts: Vec<_> = token.split('.').collect();
            assert!(!text.contains(&parts[1].to_lowercase()[..12]) && !text.contains(&parts[2].to_lowercase()[..12]));
        }
    }

    let mistaken = Router::new().route("/", routing::get(|_: ApiKey| async {})).with_state(basic());
    let events = || log.text().matches("tower_auth::audit").count();
    for credential in [None, Some(wrong), Some("Foreign abc")] {
        let before = events();
        assert_eq!(get(&mistaken, "/", credential).await.status, 500);
        assert_eq!(events() - before, 1, "one refusal is one event: {credential:?}");
    }
}
