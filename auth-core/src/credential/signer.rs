use std::fmt;

use http::{HeaderMap, Method, StatusCode, Uri};

use crate::error::{SigningError, SigningErrorKind};

/// Makes a credential of each request: a signature, a proof of possession.
///
/// The layer asks it before every send, so that the second send of a request is signed anew.
///
/// ```
/// use http::{HeaderMap, HeaderValue};
/// use tower_auth_core::{Credential, RequestSigner, SigningError, SigningErrorKind, SigningRequest};
///
/// struct ContentLength;
///
/// impl RequestSigner for ContentLength {
///     fn is_present_in(&self, headers: &HeaderMap) -> bool {
///         headers.contains_key("x-signed-length")
///     }
///
///     fn needs_body(&self) -> bool {
///         true
///     }
///
///     fn sign(&self, request: &mut SigningRequest<'_>) -> Result<(), SigningError> {
///         let value = HeaderValue::from(request.body()?.len());
///         request.headers_mut().insert("x-signed-length", value);
///         Ok(())
///     }
/// }
///
/// let credential = Credential::signer(ContentLength);
/// assert!(credential.needs_body());
/// ```
pub trait RequestSigner: Send + Sync + 'static {
    /// Whether `headers` have a credential of this kind already, such as that of a caller who signs by other means.
    fn is_present_in(&self, headers: &HeaderMap) -> bool;

    /// Whether the signature covers the body. A body that is not there as a whole is then read before the request is sent.
    fn needs_body(&self) -> bool {
        false
    }

    /// Signs a request: sets headers. Called on the request's way, so it must not wait for anything.
    ///
    /// # Errors
    /// When the request cannot be signed. It is not sent then.
    fn sign(&self, request: &mut SigningRequest<'_>) -> Result<(), SigningError>;

    /// Looks at the head of a response to a signed request. True asks for the request to be signed and sent once more, which happens once at
    /// most: a DPoP nonce was missing, the server's clock is another.
    fn observe(&self, target: &Uri, status: StatusCode, headers: &HeaderMap) -> bool {
        let _ = (target, status, headers);
        false
    }
}

/// What a [`RequestSigner`] sees of a request.
pub struct SigningRequest<'a> {
    method: &'a Method,
    target: &'a Uri,
    headers: &'a mut HeaderMap,
    body: Option<&'a [u8]>,
}

impl<'a> SigningRequest<'a> {
    /// A request to the absolute URI `target`, with its body if that is there as a whole.
    pub fn new(method: &'a Method, target: &'a Uri, headers: &'a mut HeaderMap, body: Option<&'a [u8]>) -> Self {
        Self { method, target, headers, body }
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &'a Method {
        self.method
    }

    /// Where the request goes: an absolute URI, also where the request itself has a path only.
    #[must_use]
    pub fn target(&self) -> &'a Uri {
        self.target
    }

    /// The headers so far.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.headers
    }

    /// The headers, to be added to. Mark what is secret as sensitive.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        self.headers
    }

    /// The whole body.
    ///
    /// # Errors
    /// When it is not there as a whole, which does not happen to a signer that [needs it](RequestSigner::needs_body) in a layer.
    pub fn body(&self) -> Result<&'a [u8], SigningError> {
        self.body.ok_or_else(|| {
            SigningError::new(
                SigningErrorKind::Body,
                "the signature covers the body, and the body is not there as a whole",
            )
        })
    }
}

impl fmt::Debug for SigningRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningRequest").field("method", self.method).finish_non_exhaustive()
    }
}
