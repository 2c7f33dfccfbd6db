//! Google's tokens between services and through its proxy.

use serde_json::{Value, json};
use tower_auth_core::jose::Algorithm;
use tower_auth_core::{Preset, RejectionKind};

use crate::support::*;
use crate::verify_support::*;

const CALLER: &str = "orders@shop.iam.gserviceaccount.com";
const US: &str = "https://orders-abc123-uc.a.run.app";

fn google() -> Value {
    json!({
        "aud": US, "azp": "112010400000000710080", "email": CALLER, "email_verified": true, "exp": NOW + 3600, "iat": NOW,
        "iss": "https://accounts.google.com", "sub": "112010400000000710080",
    })
}

// R9068-P1, R8725-3.9a, THREAT-V7, THREAT-V8
#[test]
fn a_google_id_token_counts_for_the_service_accounts_that_were_named() {
    let issuer = Issuer::new(Preset::Google.issuer(&[("service_account", CALLER)]).unwrap(), US, Algorithm::Rs256);
    let verified = issuer.judge(Some("JWT"), &google()).unwrap();
    assert_eq!((verified.subject(), verified.client_id()), ("112010400000000710080", Some("112010400000000710080")));
    issuer.accepts_types(&[Some("JWT")], &google());
    for (claims, kind) in [
        // Anybody can have a token made for our name, by an account of his own.
        (with(google(), "email", "evil@elsewhere.iam.gserviceaccount.com"), RejectionKind::MissingClaim),
        (without(google(), "email"), RejectionKind::MissingClaim),
        (with(google(), "email_verified", false), RejectionKind::WrongType),
        (with(google(), "email_verified", "true"), RejectionKind::WrongType),
        (with(google(), "aud", "https://other-service.a.run.app"), RejectionKind::WrongAudience),
        (with(google(), "iss", "accounts.google.com"), RejectionKind::UnknownIssuer),
        // The login of a person, at some web client.
        (with(google(), "at_hash", "HK6E_P6Dh8Y93mRNtsDB1Q"), RejectionKind::WrongType),
        (with(google(), "nonce", "0394852"), RejectionKind::WrongType),
        (with(google(), "aud", "1234987819200.apps.googleusercontent.com"), RejectionKind::WrongAudience),
    ] {
        assert_eq!(issuer.judge(Some("JWT"), &claims).unwrap_err(), kind, "{claims}");
    }
    let builder = Preset::Google.issuer(&[("service_account", CALLER)]).unwrap();
    let error = builder.audience("1234987819200.apps.googleusercontent.com").build().unwrap_err();
    assert!(error.to_string().contains("people's logins"), "{error}");
}

// THREAT-V8
#[test]
fn several_google_accounts_may_call_or_whoever_a_policy_lets_in() {
    let accounts = [("service_account", CALLER), ("service_account", "b@shop.iam.gserviceaccount.com")];
    let issuer = Issuer::new(Preset::Google.issuer(&accounts).unwrap(), US, Algorithm::Rs256);
    assert!(issuer.judge(Some("JWT"), &with(google(), "email", "b@shop.iam.gserviceaccount.com")).is_ok());
    assert!(issuer.judge(Some("JWT"), &with(google(), "email", "c@shop.iam.gserviceaccount.com")).is_err());
    let open = Issuer::new(Preset::Google.issuer(&[("service_account", "*")]).unwrap(), US, Algorithm::Rs256);
    assert!(open.judge(Some("JWT"), &with(google(), "email", "c@shop.iam.gserviceaccount.com")).is_ok());
    assert_eq!(open.judge(Some("JWT"), &without(google(), "email")).unwrap_err(), RejectionKind::MissingClaim);
}

// THREAT-V8
#[test]
fn an_assertion_of_the_identity_aware_proxy_is_for_one_backend() {
    let backend = "/projects/123456789/global/backendServices/987654321";
    let issuer = Issuer::new(Preset::GoogleIap.issuer(&[]).unwrap(), backend, Algorithm::Es256);
    let claims = json!({
        "iss": "https://cloud.google.com/iap", "aud": backend, "sub": "accounts.google.com:103890000000000000000",
        "email": "alice@example.com", "hd": "example.com", "iat": NOW, "exp": NOW + 600,
    });
    let verified = issuer.judge(Some("JWT"), &claims).unwrap();
    assert_eq!((verified.subject(), verified.client_id()), ("accounts.google.com:103890000000000000000", None));
    issuer.accepts_types(&[None, Some("JWT")], &claims);
    let other = with(claims.clone(), "aud", "/projects/123456789/global/backendServices/1");
    assert_eq!(issuer.judge(Some("JWT"), &other).unwrap_err(), RejectionKind::WrongAudience);
    assert_eq!(issuer.judge(Some("JWT"), &with(claims, "exp", NOW - 100)).unwrap_err(), RejectionKind::Expired);
    let rsa = Issuer::new(Preset::GoogleIap.issuer(&[]).unwrap(), backend, Algorithm::Rs256);
    assert_eq!(rsa.judge(Some("JWT"), &google()).unwrap_err(), RejectionKind::UnknownIssuer);
    let iss = with(google(), "iss", "https://cloud.google.com/iap");
    assert_eq!(rsa.judge(Some("JWT"), &iss).unwrap_err(), RejectionKind::UnsupportedAlgorithm);
}
