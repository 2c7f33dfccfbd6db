use std::ops::Deref;
use std::sync::Arc;

use super::TestClient;
use super::answer::Refusal;
use super::authenticate::claimed_id;
use super::grants::Binding;
use super::jwt_bearer::JWT_BEARER;
use super::received::Received;
use super::shared::Shared;
use super::{AuthorizationServer, Quirk};
use crate::certificate::PeerCertificate;
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
        let nobody = request.param("grant_type") == Some(JWT_BEARER) && claimed_id(request).is_none();
        let issuing = if nobody { self.issuing_client(request) } else { None };
        let client = match issuing {
            Some(client) => client,
            None => self.authenticate(request)?,
        };
        let jkt = self.proven_key(request)?;
        if jkt.is_none() && client.requires_dpop {
            return Err(Refusal::new("invalid_dpop_proof", "the client's tokens are bound, but there is no proof"));
        }
        let x5t = PeerCertificate::of(&request.head.extensions).map(PeerCertificate::thumbprint);
        if x5t.is_none() && client.requires_certificate {
            return Err(Refusal::invalid_request("the client's tokens are bound, but there is no certificate"));
        }
        Ok(Caller { client, binding: Binding { jkt, x5t } })
    }

    /// The thumbprint of the key whose DPoP proof is in the request, if there is one.
    pub(super) fn proven_key(&self, request: &Received) -> Result<Option<String>, Refusal> {
        let check = || {
            let Some(proof) = proof_of(&request.head.headers)? else { return Ok(None) };
            let urls = self.urls_of(request.head.uri.path());
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
    ///
    /// ```
    /// use http::Request;
    /// use serde_json::{Value, json};
    /// use tower_auth_core::jose::{Algorithm, SigningKey, TokenHeader};
    /// use tower_auth_testing::{AuthorizationServer, DpopNonce, TestClient, TestClock};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let time = TestClock::new();
    /// let server = AuthorizationServer::builder()
    ///     .client_with(TestClient::new("orders", "secret").require_dpop())
    ///     .clock(time.clock())
    ///     .build()?;
    /// server.set_dpop_nonce(DpopNonce::Demanded);
    /// let nonce = server.rotate_dpop_nonce();
    ///
    /// let key = SigningKey::generate(Algorithm::Es256)?;
    /// let jwk: Value = serde_json::from_str(&key.public_jwk(None)?)?;
    /// let now = time.now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    /// let url = server.token_url();
    /// let claims = json!({ "htm": "POST", "htu": url, "iat": now, "jti": "a-new-id-for-each", "nonce": nonce });
    /// let request = Request::post(url)
    ///     .header("content-type", "application/x-www-form-urlencoded")
    ///     .header("dpop", key.sign(&TokenHeader::new().typ("dpop+jwt").field("jwk", &jwk)?, &claims)?)
    ///     .body("grant_type=client_credentials&client_id=orders&client_secret=secret".into())?;
    /// let answer = server.http_client().send(request).await?;
    /// assert_eq!(serde_json::from_slice::<Value>(answer.body())?["token_type"], "DPoP");
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// # }).unwrap();
    /// ```
    pub fn set_dpop_nonce(&self, policy: DpopNonce) {
        self.shared().proofs.nonces.set_policy(policy);
    }

    /// Makes a new nonce, and takes the old one no more.
    pub fn rotate_dpop_nonce(&self) -> String {
        self.shared().proofs.nonces.rotate()
    }
}
