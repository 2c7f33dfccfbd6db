use std::ops::Deref;
use std::sync::Arc;

use super::TestClient;
use super::answer::Refusal;
use super::grants::Binding;
use super::received::Received;
use super::shared::Shared;
use super::{AuthorizationServer, Quirk};
use crate::dpop::{DpopNonce, Expected, ProofRefusal, proof_of};

/// An authenticated client, and the keys that it showed.
pub(super) struct Caller {
    client: Arc<TestClient>,
    /// What its tokens are bound to.
    pub(super) binding: Binding,
}

impl Deref for Caller {
    type Target = TestClient;

    fn deref(&self) -> &TestClient {
        &self.client
    }
}

impl Shared {
    /// Who calls the token endpoint.
    pub(super) fn caller(&self, request: &Received) -> Result<Caller, Refusal> {
        let client = self.authenticate(request)?;
        let jkt = self.proven_key(request)?;
        if jkt.is_none() && client.requires_dpop {
            return Err(Refusal::new("invalid_dpop_proof", "the client's tokens are bound, but there is no proof"));
        }
        Ok(Caller { client, binding: Binding { jkt, x5t: None } })
    }

    /// The thumbprint of the key whose DPoP proof is in the request, if there is one.
    pub(super) fn proven_key(&self, request: &Received) -> Result<Option<String>, Refusal> {
        let check = || {
            let Some(proof) = proof_of(&request.head.headers)? else { return Ok(None) };
            let urls = [self.url_of(request.head.uri.path())];
            let expected =
                Expected { method: &request.head.method, urls: &urls, token: None, now: self.clock().wall() };
            self.proofs.check(proof, &expected).map(Some)
        };
        check().map_err(|refusal| match refusal {
            ProofRefusal::Invalid(why) => Refusal::new("invalid_dpop_proof", why),
            ProofRefusal::NeedsNonce => Refusal::new("use_dpop_nonce", "the proof needs the newest nonce"),
        })
    }

    /// Whether `caller` shows the keys that something is bound to.
    pub(super) fn check_binding(&self, caller: &Caller, bound: &Binding) -> Result<(), Refusal> {
        let shown = &caller.binding;
        let differs = |bound: &Option<String>, shown: &Option<String>| bound.is_some() && bound != shown;
        if differs(&bound.jkt, &shown.jkt) || differs(&bound.x5t, &shown.x5t) {
            return Err(Refusal::new("invalid_grant", "it is bound to another key"));
        }
        Ok(())
    }

    /// What an access token for `caller` is bound to.
    pub(super) fn token_binding(&self, caller: &Caller) -> Binding {
        let mut binding = caller.binding.clone();
        if self.quirks.has(Quirk::BearerForDpop) {
            binding.jkt = None;
        }
        binding
    }
}

/// What the server demands of DPoP proofs.
impl AuthorizationServer {
    /// Demands a nonce of its own from now on, or no longer.
    pub fn set_dpop_nonce(&self, policy: DpopNonce) {
        self.shared().proofs.nonces.set_policy(policy);
    }

    /// Makes a new nonce, and takes the old one no more.
    pub fn rotate_dpop_nonce(&self) -> String {
        self.shared().proofs.nonces.rotate()
    }
}
