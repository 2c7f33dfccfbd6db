#[cfg(feature = "error-details")]
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
#[cfg(feature = "error-details")]
use tonic::Code;
use tonic::Status;
#[cfg(feature = "error-details")]
use tower_auth_core::Rejection;

/// What refusals are to tell beside their status.
#[derive(Clone, Default)]
pub(super) struct Refusals {
    /// The domain of error details, where they are told.
    #[cfg(feature = "error-details")]
    pub(super) details: Option<std::sync::Arc<str>>,
}

impl Refusals {
    /// Adds what is to be told to a response that refuses a call.
    pub(super) fn complete<B>(&self, response: &mut Response<B>) {
        #[cfg(feature = "error-details")]
        if let Some(domain) = &self.details
            && let Some(rejection) = response.extensions().get::<Rejection>()
        {
            let code = Code::from_i32(rejection.grpc_code());
            let status = Status::with_details(code, rejection.message(), super::details::details(rejection, domain));
            let mut written = HeaderMap::new();
            // What cannot be written is left out: the refusal stands without.
            if status.add_header(&mut written).is_ok()
                && let Some(value) = written.remove(Status::GRPC_STATUS_DETAILS)
            {
                response.headers_mut().insert(Status::GRPC_STATUS_DETAILS, value);
            }
        }
        #[cfg(not(feature = "error-details"))]
        let _ = response;
    }
}

/// The answer to a request whose path is none of a method: `UNIMPLEMENTED`, or 404 if it does not speak gRPC. It says the
/// same to everybody, and the same as routing says of a method that does not exist.
pub(super) struct NoMethod {
    /// The content type, if the request speaks gRPC.
    grpc: Option<HeaderValue>,
}

impl NoMethod {
    pub(super) fn new<B>(request: &Request<B>) -> Self {
        let content_type = request.headers().get(CONTENT_TYPE);
        Self { grpc: content_type.filter(|value| after_grpc(value).is_some()).cloned() }
    }

    pub(super) fn to_response<B: Default>(&self) -> Response<B> {
        let Some(content_type) = &self.grpc else {
            let mut response = Response::new(B::default());
            *response.status_mut() = StatusCode::NOT_FOUND;
            return response;
        };
        let mut response = Status::unimplemented("The path is not /package.Service/Method").into_http();
        // gRPC-Web has a type of its own, which its clients insist on.
        if after_grpc(content_type).is_some_and(|rest| rest.starts_with(b"-")) {
            response.headers_mut().insert(CONTENT_TYPE, content_type.clone());
        }
        response
    }
}

/// What follows `application/grpc` in a content type, if it begins so. `ValidateLayer` tells gRPC by the same rule.
fn after_grpc(content_type: &HeaderValue) -> Option<&[u8]> {
    const GRPC: &[u8] = b"application/grpc";
    let (start, rest) = content_type.as_bytes().split_at_checked(GRPC.len())?;
    start.eq_ignore_ascii_case(GRPC).then_some(rest)
}
