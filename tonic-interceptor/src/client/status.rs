use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tonic::{Code, Status};
use tower_auth::AuthError;
use tower_auth_core::{BoxError, FailureClass, TokenErrorKind};

pub(super) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const UNAUTHENTICATED: &[u8] = b"16";

/// Whether a response's headers, or its trailers, say UNAUTHENTICATED.
pub(super) fn is_unauthenticated(headers: &HeaderMap) -> bool {
    headers.get(GRPC_STATUS).is_some_and(|status| status.as_bytes() == UNAUTHENTICATED)
}

/// Turns the reason why a call was not sent into the status that it ends with. Errors of the transport stay as they are:
/// tonic knows their status.
pub(super) fn explain(error: BoxError) -> BoxError {
    match error.downcast::<AuthError>() {
        Ok(error) => {
            let class = error.token_error().map(|error| error.kind().class());
            let mut status = Status::new(code(class), error.to_string());
            status.set_source(Arc::new(*error));
            status.into()
        }
        Err(error) => error,
    }
}

/// The code for a token that cannot be had. What concerns the credential of a call must never read as an answer of the
/// application, so that these are the only two.
fn code(class: Option<FailureClass>) -> Code {
    match class {
        Some(FailureClass::Transient) => Code::Unavailable,
        _ => Code::Unauthenticated,
    }
}

/// The code for a token whose last attempt failed in this way; UNAVAILABLE if there was none.
pub(super) fn code_of(failure: Option<TokenErrorKind>) -> Code {
    failure.map_or(Code::Unavailable, |kind| code(Some(kind.class())))
}

/// Gives a response from something that is not a gRPC server the status of the protocol's table.
pub(super) fn map_http_status(status: StatusCode, headers: &mut HeaderMap) {
    let code = match status {
        StatusCode::BAD_REQUEST => Code::Internal,
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND => Code::Unimplemented,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Code::Unavailable,
        _ => Code::Unknown,
    };
    headers.insert(GRPC_STATUS, HeaderValue::from(i32::from(code)));
    let message = format!("the answer is not gRPC, its HTTP status is {}", status.as_u16()).replace(' ', "%20");
    if let Ok(message) = HeaderValue::from_str(&message) {
        headers.insert(GRPC_MESSAGE, message);
    }
}
