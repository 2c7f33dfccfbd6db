use std::sync::Arc;

use tonic::metadata::MetadataMap;
use tonic::{Code, Status};
use tower_auth_core::Rejection;

/// The status that tells a gRPC caller of a refusal: its [code](Rejection::grpc_code), its short ASCII
/// [message](Rejection::message), and as metadata the challenges (`www-authenticate`) and `retry-after`.
///
/// The `source()` of the status is the refusal itself, which says what was wrong. It stays in the process.
///
/// ```
/// use tower_auth_tonic::core::{BasicVerifier, RejectionKind};
/// use tower_auth_tonic::status_from_rejection;
///
/// let verifier = BasicVerifier::new().user("batch", "s3cret").realm("orders").build()?;
/// let dismissed = verifier.refusal(RejectionKind::MissingCredential, "this user was dismissed");
/// let status = status_from_rejection(&dismissed);
/// assert_eq!(status.code(), tonic::Code::Unauthenticated);
/// assert_eq!(status.message(), "Authentication is required");
/// assert_eq!(status.metadata().get("www-authenticate").unwrap(), r#"Basic realm="orders", charset="UTF-8""#);
/// # Ok::<(), tower_auth_tonic::core::ConfigError>(())
/// ```
#[must_use]
pub fn status_from_rejection(rejection: &Rejection) -> Status {
    let code = Code::from_i32(rejection.grpc_code());
    let metadata = MetadataMap::from_headers(rejection.headers());
    let mut status = Status::with_metadata(code, rejection.message(), metadata);
    status.set_source(Arc::new(rejection.clone()));
    status
}
