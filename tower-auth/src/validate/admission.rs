use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use tower_auth_core::{Rejection, RejectionKind, Verified};

use super::layer::Config;

impl Config {
    /// The verdict of this verifier that the request has already. One of another verifier is removed: who finds a
    /// verdict below this layer shall not have to ask whose it is.
    pub(super) fn known<B>(&self, request: &mut Request<B>) -> Option<Verified> {
        request.extensions_mut().remove::<Verified>().filter(|verified| self.verifier.has_verified(verified))
    }

    /// Makes a request ready for the inner service, or says why it must not get there. The verdict comes back if the client has
    /// to be told something of it with the response.
    pub(super) fn admit<B>(
        &self,
        request: &mut Request<B>,
        verdict: Result<Verified, Rejection>,
    ) -> Result<Option<Box<Verified>>, Rejection> {
        let mut told = None;
        match verdict {
            Ok(verified) => {
                self.verifier.require_scopes(&verified, &self.scopes)?;
                told = verified.dpop_nonce().map(|_| Box::new(verified.clone()));
                request.extensions_mut().insert(verified);
            }
            Err(refusal) => {
                let is_missing = refusal.kind() == RejectionKind::MissingCredential;
                if !(is_missing && self.allow_missing && self.scopes.is_empty()) {
                    return Err(refusal);
                }
            }
        }
        if self.strip {
            self.verifier.strip_credential(request.headers_mut());
        }
        Ok(told)
    }
}

/// A refused request: how it is to be answered.
pub(super) struct Refused {
    refusal: Rejection,
    /// The content type, if the request speaks gRPC.
    grpc: Option<HeaderValue>,
}

impl Refused {
    pub(super) fn new<B>(refusal: Rejection, request: &Request<B>) -> Self {
        let content_type = request.headers().get(CONTENT_TYPE);
        let grpc = content_type.filter(|value| is_grpc(value.as_bytes())).cloned();
        Self { refusal, grpc }
    }

    pub(super) fn into_response<B: Default>(self) -> Response<B> {
        match self.grpc {
            None => self.refusal.to_response(),
            Some(content_type) => {
                let mut response = self.refusal.to_grpc_response();
                // gRPC-Web has a type of its own, which its clients insist on.
                if content_type.as_bytes().len() > GRPC.len() && content_type.as_bytes()[GRPC.len()] == b'-' {
                    response.headers_mut().insert(CONTENT_TYPE, content_type);
                }
                response
            }
        }
    }
}

const GRPC: &[u8] = b"application/grpc";

fn is_grpc(content_type: &[u8]) -> bool {
    content_type.get(..GRPC.len()).is_some_and(|start| start.eq_ignore_ascii_case(GRPC))
}
