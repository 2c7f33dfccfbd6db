//! What refusals tell programs.
#![cfg(all(feature = "jwt", feature = "error-details"))]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod server_support;

use tonic::{Code, Status};
use tonic_types::StatusExt;
use tower_auth_tonic::{GrpcValidateLayer, status_with_details};

use self::server_support::{CHECK, Desk, HEALTH, Issuer, check, serve};

const DOMAIN: &str = "orders.example.com";

fn reason(status: &Status) -> String {
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.domain, DOMAIN);
    info.reason
}

// GRPC-3, GRPC-4, GRPC-10, THREAT-L2
#[tokio::test]
async fn refusals_say_in_details_as_much_as_the_challenge_does() {
    let (issuer, desk) = (Issuer::new(), Desk::default());
    let layer = GrpcValidateLayer::new(issuer.verifier()).method(CHECK, "health:admin").unwrap().error_details(DOMAIN);
    let address = serve(layer, &desk).await;

    let missing = check(address, []).await.unwrap_err();
    assert_eq!((missing.code(), reason(&missing).as_str()), (Code::Unauthenticated, "MISSING_CREDENTIAL"));
    let invalid = check(address, ["Bearer sentinel.b.c".to_owned()]).await.unwrap_err();
    assert_eq!((invalid.code(), reason(&invalid).as_str()), (Code::Unauthenticated, "INVALID_TOKEN"));
    assert!(!format!("{invalid:?}").contains("sentinel"));
    let scope = check(address, [issuer.bearer()]).await.unwrap_err();
    assert_eq!((scope.code(), reason(&scope).as_str()), (Code::PermissionDenied, "INSUFFICIENT_SCOPE"));
    assert_eq!(scope.get_details_error_info().unwrap().metadata["scope"], "health:admin");
    assert!(scope.get_details_retry_info().is_none());
}

// GRPC-7
#[tokio::test]
async fn what_cannot_be_told_now_says_when_to_try_again() {
    let issuer = Issuer::new();
    let refusal = issuer.verifier().try_verify(&bearer(&issuer)).unwrap_err();
    let status = status_with_details(&refusal, DOMAIN);
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "UNAVAILABLE"));
    assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
}

#[tokio::test]
async fn without_the_option_there_are_no_details_and_health_can_be_open_to_all() {
    let (issuer, desk) = (Issuer::new(), Desk { serves_anyone: true, ..Desk::default() });
    let address = serve(GrpcValidateLayer::new(issuer.verifier()), &desk).await;
    let plain = check(address, []).await.unwrap_err();
    assert!(plain.details().is_empty() && plain.code() == Code::Unauthenticated);

    let open = GrpcValidateLayer::new(issuer.verifier()).allow_health().unwrap().allow_reflection().unwrap();
    assert!(check(serve(open.clone(), &desk).await, []).await.is_ok());
    assert!(open.service(HEALTH, "a").is_err(), "it has a rule already");
}

fn bearer(issuer: &Issuer) -> http::HeaderMap {
    let mut headers = http::HeaderMap::new();
    headers.insert("authorization", issuer.bearer().parse().unwrap());
    headers
}
