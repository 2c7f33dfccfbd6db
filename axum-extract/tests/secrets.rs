//! No secret is shown anywhere.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fmt::Debug;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use axum::extract::{FromRequestParts, Request};
use axum::http::header::AUTHORIZATION;
use axum::{Router, routing};
use serde::Deserialize;
use tower_auth_axum::core::{BasicVerifier, Verifier};
use tower_auth_axum::{ApiKey, Auth, AuthRejection, Basic, Bearer, Identity, RequiredScope, Scoped};
use tower_auth_testing::Flaw;

use self::support::{API_KEY, BASIC, Issuer, api_key, basic, bearer, send};

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
}

// THREAT-L1
#[tokio::test]
async fn debug_shows_neither_credential_nor_claims() {
    async fn extract<T, S>(state: &S, line: (&str, &str)) -> Result<T, AuthRejection>
    where
        T: FromRequestParts<S, Rejection = AuthRejection>,
    {
        let mut parts = Request::get("/").header(line.0, line.1).body(()).unwrap().into_parts().0;
        T::from_request_parts(&mut parts, state).await
    }
    fn check(secret: &str, shown: &dyn Debug) {
        let text = format!("{shown:?} {shown:#?}");
        assert!(!text.contains(secret) && !text.contains("s3cret") && !text.contains("sentinel"), "{text}");
    }
    let issuer = Issuer::new();
    let jwt = issuer.verifier();
    let good = bearer(issuer.token().subject("sentinel").claim("x", "sentinel").scopes(["admin"]));
    let line = (AUTHORIZATION.as_str(), good.as_str());
    check(&good[7..], &extract::<Bearer, _>(&jwt, line).await.unwrap());
    check(&good[7..], &extract::<Bearer<serde_json::Value>, _>(&jwt, line).await.unwrap());
    check(&good[7..], &extract::<Scoped<Admin>, _>(&jwt, line).await.unwrap());
    check(&good[7..], &extract::<Auth, _>(&jwt, line).await.unwrap());
    check("YmF0Y2g6czNjcmV0", &extract::<Basic, _>(&basic(), ("authorization", BASIC)).await.unwrap());
    check(API_KEY, &extract::<ApiKey, _>(&api_key(), ("x-api-key", API_KEY)).await.unwrap());

    let other = BasicVerifier::new().user("somebody", "else").build().unwrap();
    let refused = extract::<Basic, _>(&other, ("authorization", BASIC)).await.unwrap_err();
    check("batch", &refused);
    assert!(
        !refused.to_string().contains("batch"),
        "the user-id may be a password that was typed into the wrong field"
    );
    let tampered = bearer(issuer.token().claim("x", "sentinel").flaw(Flaw::TamperedClaims));
    let refused = extract::<Bearer, _>(&jwt, ("authorization", &tampered)).await.unwrap_err();
    check(&tampered[7..], &refused);
    assert!(std::error::Error::source(&refused).is_none());
}
