use tonic::{Request, Status};
use tower_auth_core::{Rejection, RejectionKind, SubjectToken, Verified};

use super::status_from_rejection;

/// Who called, in a handler below a [`GrpcValidateLayer`](super::GrpcValidateLayer) or a
/// [`VerifyInterceptor`](super::VerifyInterceptor).
///
/// ```
/// use tonic::{Request, Response, Status};
/// use tower_auth_tonic::principal;
///
/// async fn delete(request: Request<u64>) -> Result<Response<()>, Status> {
///     let caller = principal(&request)?;
///     println!("{} deletes order {}", caller.subject(), request.get_ref());
///     Ok(Response::new(()))
/// }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// // Without the layer nobody gets in.
/// assert_eq!(runtime.block_on(delete(Request::new(7))).unwrap_err().code(), tonic::Code::Internal);
/// ```
///
/// # Errors
/// `INTERNAL` if there is no verdict: no layer guards this handler, which is a mistake of the service and never makes the
/// caller anonymous. In a method that [allows anonymous calls](super::GrpcValidateLayer::allow_anonymous) ask
/// `request.extensions().get::<Verified>()` instead.
pub fn principal<T>(request: &Request<T>) -> Result<&Verified, Status> {
    request.extensions().get::<Verified>().ok_or_else(|| {
        let detail = "no verdict is with the request: put the service under `GrpcValidateLayer`";
        status_from_rejection(&Rejection::new(RejectionKind::Misconfigured, detail))
    })
}

/// The token of who called, in a handler below a [`GrpcValidateLayer`](super::GrpcValidateLayer) or a
/// [`VerifyInterceptor`](super::VerifyInterceptor): to be exchanged for calls on the caller's behalf.
///
/// ```
/// use tonic::{Request, Response, Status};
/// use tower_auth_tonic::subject_token;
///
/// async fn order(request: Request<u64>) -> Result<Response<()>, Status> {
///     let caller = subject_token(&request)?;
///     // It goes into `OnBehalfOf::tokens_for`.
///     println!("on behalf of the caller until {:?}", caller.expires_at());
///     Ok(Response::new(()))
/// }
/// ```
///
/// # Errors
/// `INTERNAL` if there is no verdict, or one of a verifier that does not keep tokens (`JwtVerifier::keep_subject_token`): a mistake
/// of the service, which never turns a call on somebody's behalf into one in its own name.
pub fn subject_token<T>(request: &Request<T>) -> Result<&SubjectToken, Status> {
    principal(request)?.subject_token().ok_or_else(|| {
        let detail = "the handler asks for the token of its caller, and the verifier of its issuer does not keep tokens: build it with \
                      `JwtVerifier::keep_subject_token`";
        status_from_rejection(&Rejection::new(RejectionKind::Misconfigured, detail))
    })
}
