use std::fmt;

use http::{Extensions, HeaderMap, Method, Request, Uri, request};

/// What a verifier may look at of a request: always its header, and as much of the rest as the caller has.
///
/// It is made of a whole request, of its parts, or of a header map alone:
///
/// ```
/// use tower_auth_core::{BasicVerifier, IncomingRequest};
///
/// let verifier = BasicVerifier::new().user("batch", "s3cret").build()?;
/// let request = http::Request::get("/orders").body(())?;
/// assert_eq!(verifier.try_verify(&request).unwrap_err().status(), 401);
/// assert_eq!(verifier.try_verify(request.headers()).unwrap_err().status(), 401);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Proofs of possession are about more than the header: a DPoP proof names method and URL, a client certificate comes from
/// the connection, by the extensions. Where those are not known such a credential is refused.
#[derive(Clone, Copy, Default)]
pub struct IncomingRequest<'a> {
    headers: Option<&'a HeaderMap>,
    method: Option<&'a Method>,
    uri: Option<&'a Uri>,
    extensions: Option<&'a Extensions>,
}

impl<'a> IncomingRequest<'a> {
    /// The header.
    #[must_use]
    pub fn headers(&self) -> Option<&'a HeaderMap> {
        self.headers
    }

    /// The method, if it is known.
    #[must_use]
    pub fn method(&self) -> Option<&'a Method> {
        self.method
    }

    /// The target, if it is known.
    #[must_use]
    pub fn uri(&self) -> Option<&'a Uri> {
        self.uri
    }

    /// The same request with this target: the one that the client asked for, where a router has taken a prefix from the path.
    #[must_use]
    pub fn with_uri(mut self, uri: &'a Uri) -> Self {
        self.uri = Some(uri);
        self
    }

    /// The same request with what was put beside it.
    #[must_use]
    pub fn with_extensions(mut self, extensions: &'a Extensions) -> Self {
        self.extensions = Some(extensions);
        self
    }

    /// What layers and servers have put beside the request.
    #[must_use]
    pub fn extensions(&self) -> Option<&'a Extensions> {
        self.extensions
    }
}

impl<'a> From<&'a HeaderMap> for IncomingRequest<'a> {
    fn from(headers: &'a HeaderMap) -> Self {
        Self { headers: Some(headers), ..Self::default() }
    }
}

impl<'a> From<&'a request::Parts> for IncomingRequest<'a> {
    fn from(parts: &'a request::Parts) -> Self {
        Self {
            headers: Some(&parts.headers),
            method: Some(&parts.method),
            uri: Some(&parts.uri),
            extensions: Some(&parts.extensions),
        }
    }
}

impl<'a, B> From<&'a Request<B>> for IncomingRequest<'a> {
    fn from(request: &'a Request<B>) -> Self {
        Self {
            headers: Some(request.headers()),
            method: Some(request.method()),
            uri: Some(request.uri()),
            extensions: Some(request.extensions()),
        }
    }
}

impl fmt::Debug for IncomingRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncomingRequest").field("method", &self.method).finish_non_exhaustive()
    }
}
