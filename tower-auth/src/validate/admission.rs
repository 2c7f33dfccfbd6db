use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response};
use tower_auth_core::{IncomingRequest, Rejection, RejectionKind, Verified};

use super::bodies::RefusalBodies;
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
        let chosen = self.choose.as_ref().map(|choose| choose(&IncomingRequest::from(&*request)));
        let mut told = None;
        match verdict {
            Ok(verified) => {
                self.verifier.require(&verified, &self.policy)?;
                if let Some(policy) = &chosen {
                    self.verifier.require(&verified, policy)?;
                }
                told = verified.dpop_nonce().map(|_| Box::new(verified.clone()));
                request.extensions_mut().insert(verified);
            }
            Err(refusal) => {
                let demands_nothing = self.policy.is_empty() && chosen.is_none_or(|policy| policy.is_empty());
                // What the verifier does not know is no absence: somebody claims to be somebody.
                let is_anonymous = refusal.kind() == RejectionKind::MissingCredential
                    && !self.verifier.finds_anything(request.headers());
                if !(self.allow_missing && demands_nothing && is_anonymous) {
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
    is_head: bool,
    /// The content type, if the request speaks gRPC.
    grpc: Option<HeaderValue>,
}

impl Refused {
    pub(super) fn new<B>(refusal: Rejection, request: &Request<B>) -> Self {
        let content_type = request.headers().get(CONTENT_TYPE);
        let grpc = content_type.filter(|value| is_grpc(value.as_bytes())).cloned();
        Self { refusal, is_head: request.method() == Method::HEAD, grpc }
    }

    pub(super) fn into_response<A: RefusalBodies<R>, R: Default>(self) -> Response<R> {
        match self.grpc {
            None => {
                let mut response = A::answer(&self.refusal);
                if self.is_head {
                    *response.body_mut() = R::default();
                }
                response
            }
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
