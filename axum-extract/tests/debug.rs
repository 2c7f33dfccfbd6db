//! No secret is shown by `Debug`.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fmt::Debug;

use axum::extract::{FromRequestParts, Request};
use axum::http::header::AUTHORIZATION;
use tower_auth_axum::core::BasicVerifier;
use tower_auth_axum::{ApiKey, Auth, AuthRejection, Basic, Bearer, RequiredScope, Scoped};
use tower_auth_testing::Flaw;

use self::support::{API_KEY, BASIC, Issuer, api_key, basic, bearer};

struct Admin;

impl RequiredScope for Admin {
    const SCOPES: &'static [&'static str] = &["admin"];
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
