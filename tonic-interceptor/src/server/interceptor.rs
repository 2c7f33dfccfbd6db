use tonic::service::Interceptor;
use tonic::{Request, Status};
use tower_auth_core::{IncomingRequest, Verified, Verifier};

use super::status_from_rejection;

/// Authenticates calls by a synchronous [`Interceptor`], and puts the verdict where [`principal`](super::principal()) finds
/// it. Prefer [`GrpcValidateLayer`](super::GrpcValidateLayer) where there is room for a layer.
///
/// ```
/// use tonic::service::Interceptor;
/// use tower_auth_tonic::VerifyInterceptor;
/// use tower_auth_tonic::core::{Basic, BasicVerifier};
///
/// let verifier = BasicVerifier::new().user("batch", "s3cret").build()?;
/// let mut interceptor = VerifyInterceptor::new(verifier);
///
/// let mut request = tonic::Request::new(());
/// let pair = Basic::new("batch", "s3cret")?.header_text();
/// request.metadata_mut().insert("authorization", pair.expose_secret().parse()?);
/// let request = interceptor.call(request)?;
/// assert_eq!(tower_auth_tonic::principal(&request)?.subject(), "batch");
///
/// let refused = interceptor.call(tonic::Request::new(())).unwrap_err();
/// assert_eq!(refused.code(), tonic::Code::Unauthenticated);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What it cannot do
/// - It sees neither the path nor the method, so there are no rules by method, no scopes and no exemptions: handlers ask the
///   [`principal`](super::principal()) what it may do. DPoP proofs are about both: calls with one are answered `INTERNAL`.
/// - It cannot wait. Where keys must be fetched first, the fetch is started and the call answered `UNAVAILABLE`, for the
///   caller to try again; the same for a key id that is not known, once the cooldown allows to ask for it. Until then such a
///   call is answered `UNAUTHENTICATED`. [`Verifier::ready`] before serving spares the first callers this.
///
/// # Errors
/// Refusals are those of [`status_from_rejection`](super::status_from_rejection()).
#[derive(Clone, Debug)]
pub struct VerifyInterceptor {
    verifier: Verifier,
}

impl VerifyInterceptor {
    /// Lets pass what `verifier` accepts.
    #[must_use]
    pub fn new(verifier: Verifier) -> Self {
        Self { verifier }
    }
}

impl Interceptor for VerifyInterceptor {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        // A verdict of another verifier is removed: who finds one below shall not have to ask whose it is.
        let known = request.extensions_mut().remove::<Verified>().filter(|known| self.verifier.has_verified(known));
        let verified = match known {
            Some(verified) => verified,
            None => {
                let seen = IncomingRequest::from(request.metadata().as_ref()).with_extensions(request.extensions());
                let verdict = self.verifier.try_verify(seen);
                verdict.map_err(|refusal| status_from_rejection(&refusal))?
            }
        };
        request.extensions_mut().insert(verified);
        Ok(request)
    }
}
