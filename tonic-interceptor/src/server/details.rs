use std::collections::HashMap;

use bytes::Bytes;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};
use tower_auth_core::{Rejection, RejectionKind};

use super::status_from_rejection;

/// As [`status_from_rejection`](super::status_from_rejection()), with details that programs can read (`google.rpc.Status`): an
/// `ErrorInfo`, and a `RetryInfo` where it makes sense to try again.
///
/// The `reason` of the `ErrorInfo` says as much as the challenge does over HTTP, and no more: `INVALID_TOKEN`,
/// `INSUFFICIENT_SCOPE`, `INSUFFICIENT_USER_AUTHENTICATION`, `MISSING_CREDENTIAL`, `INVALID_CREDENTIAL`, `FORBIDDEN`,
/// `UNAVAILABLE`, `INTERNAL` and those of DPoP. Its metadata hold what a next call needs, such as `scope`. `domain` is the name of
/// your service, by which clients tell its reasons from those of others.
///
/// ```
/// use tonic_types::StatusExt;
/// use tower_auth_tonic::core::{BasicVerifier, RejectionKind};
/// use tower_auth_tonic::status_with_details;
///
/// let verifier = BasicVerifier::new().user("batch", "s3cret").build()?;
/// let refusal = verifier.refusal(RejectionKind::MissingCredential, "nobody said who they are");
/// let status = status_with_details(&refusal, "orders.example.com");
/// let info = status.get_details_error_info().unwrap();
/// assert_eq!((info.reason.as_str(), info.domain.as_str()), ("MISSING_CREDENTIAL", "orders.example.com"));
/// # Ok::<(), tower_auth_tonic::core::ConfigError>(())
/// ```
#[must_use]
pub fn status_with_details(rejection: &Rejection, domain: &str) -> Status {
    let plain = status_from_rejection(rejection);
    Status::with_details_and_metadata(
        plain.code(),
        plain.message(),
        details(rejection, domain),
        plain.metadata().clone(),
    )
}

/// The details, as they stand in the metadata.
pub(super) fn details(rejection: &Rejection, domain: &str) -> Bytes {
    let metadata: HashMap<String, String> =
        rejection.told().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut details = ErrorDetails::with_error_info(reason(rejection), domain, metadata);
    if rejection.retry_after().is_some() {
        details.set_retry_info(rejection.retry_after());
    }
    let code = Code::from_i32(rejection.grpc_code());
    Bytes::copy_from_slice(Status::with_error_details(code, rejection.message(), details).details())
}

fn reason(rejection: &Rejection) -> String {
    match rejection.kind() {
        kind if kind.oauth_error().is_some() => kind.oauth_error().unwrap_or_default().to_ascii_uppercase(),
        RejectionKind::MissingCredential => "MISSING_CREDENTIAL".to_owned(),
        RejectionKind::Forbidden => "FORBIDDEN".to_owned(),
        kind if kind.status().as_u16() == 503 => "UNAVAILABLE".to_owned(),
        kind if kind.status().is_server_error() => "INTERNAL".to_owned(),
        _ => "INVALID_CREDENTIAL".to_owned(),
    }
}
