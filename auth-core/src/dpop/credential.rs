use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use zeroize::Zeroizing;

use super::DpopKey;
use crate::credential::wiped_value;
use crate::error::{ConfigError, ConfigErrorKind, SigningError};
use crate::{Challenge, Credential, RequestSigner, SigningRequest, Token, TokenKind};

/// A bound token and the key that it is bound to.
struct BoundToken {
    token: Token,
    authorization: HeaderValue,
    key: DpopKey,
}

/// # DPoP
impl Credential {
    /// A token that is bound to `key`: `Authorization: DPoP <token>` and a proof of its own with each request (RFC 9449 section 7.1).
    ///
    /// # Errors
    /// When the token is no DPoP token.
    pub fn dpop(token: &Token, key: &DpopKey) -> Result<Self, ConfigError> {
        let invalid = |what| ConfigError::new(ConfigErrorKind::InvalidCredential, what);
        if token.kind() != TokenKind::Dpop {
            return Err(invalid("a token that is not bound to a key goes without a DPoP proof"));
        }
        let text = Zeroizing::new(format!("{} {}", token.kind().scheme(), token.secret().expose_secret()));
        let authorization =
            wiped_value(text.as_bytes()).ok_or_else(|| invalid("the token cannot be sent in a header"))?;
        Ok(Self::signer(BoundToken { token: token.clone(), authorization, key: key.clone() }))
    }
}

impl RequestSigner for BoundToken {
    fn is_present_in(&self, headers: &HeaderMap) -> bool {
        headers.contains_key(AUTHORIZATION)
    }

    fn sign(&self, request: &mut SigningRequest<'_>) -> Result<(), SigningError> {
        let target = request.target();
        let nonce = self.key.resource_nonces().newest(target);
        let proof = self.key.proof(request.method(), target, Some(&self.token), nonce.as_deref())?;
        request.headers_mut().insert(AUTHORIZATION, self.authorization.clone());
        request.headers_mut().insert(DpopKey::HEADER, proof);
        Ok(())
    }

    fn observe(&self, target: &Uri, status: StatusCode, headers: &HeaderMap) -> bool {
        self.key.resource_nonces().observe(target, headers) && asks_for_a_nonce(status, headers)
    }
}

/// A 401, or UNAUTHENTICATED of gRPC, whose challenge wants a nonce in the proof (RFC 9449 section 9).
fn asks_for_a_nonce(status: StatusCode, headers: &HeaderMap) -> bool {
    let is_refusal = status == StatusCode::UNAUTHORIZED
        || headers.get("grpc-status").is_some_and(|status| status.as_bytes() == b"16");
    is_refusal
        && headers.contains_key(WWW_AUTHENTICATE)
        && Challenge::from_headers(headers).iter().any(|challenge| {
            challenge.is_scheme(TokenKind::Dpop.scheme()) && challenge.param("error") == Some("use_dpop_nonce")
        })
}
