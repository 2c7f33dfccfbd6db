//! Tokens that are bound to a key serve nobody else than who holds the key.

use super::rejection::{Fault, RejectionKind, Scheme};
use super::{IncomingCredential, Principal};

/// What a request proves beside its token, taken from it before anything is waited for.
pub(super) struct Presented {
    scheme: Scheme,
}

impl Presented {
    pub(super) fn new(credential: &IncomingCredential<'_>) -> Result<Self, Fault> {
        Ok(Self { scheme: credential.scheme })
    }

    /// Whether the request proves what its token is bound to, and a token that needs no proof has none.
    pub(super) fn suits(&self, principal: &Principal) -> Result<(), Fault> {
        if self.scheme.is_token() && principal.is_bound() {
            return Err(Fault::new(
                RejectionKind::BoundToken,
                "the token is bound to a key (`cnf`) and was presented as a plain Bearer token",
            ));
        }
        Ok(())
    }
}
