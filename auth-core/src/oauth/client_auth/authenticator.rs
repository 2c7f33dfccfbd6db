use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::HeaderValue;

use super::secret_slot::{SecretSlot, check_text};
use super::{AssertionOptions, ClientAuth, ErasedSecretSource, Halves};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::oauth::limit::Limit;
use crate::oauth::request::Params;
use crate::{Clock, Credential, Secret, TokenError};

/// Proves who the client is.
pub(in crate::oauth) struct Authenticator {
    identity: Identity,
    slots: Vec<SecretSlot>,
    /// Every way to prove it, in the order of trial.
    ways: Vec<Way>,
    /// The way that worked last.
    good: AtomicUsize,
    /// The header, where it has no client secret in it.
    fixed_header: Option<HeaderValue>,
    clock: Clock,
}

/// Who the client is, and how it says so.
#[derive(Clone)]
pub(in crate::oauth) struct Identity {
    pub(in crate::oauth) id: String,
    pub(in crate::oauth) method: ClientAuth,
    pub(in crate::oauth) halves: Halves,
    pub(in crate::oauth) assertion: AssertionOptions,
}

/// Where one of the client's secrets comes from.
#[derive(Clone)]
pub(in crate::oauth) enum SecretOrigin {
    Fixed(Secret),
    Source(Arc<dyn ErasedSecretSource>),
}

#[derive(Clone, Copy)]
struct Way {
    method: ClientAuth,
    slot: Option<usize>,
}

/// The most secrets of one client: each is sent to the server when those before it were refused.
const MAX_SECRETS: usize = 8;

/// What proves to one request who sends it.
pub(in crate::oauth) struct Proof {
    pub(in crate::oauth) header: Option<HeaderValue>,
    pub(in crate::oauth) params: Params,
    /// What of it nobody may see, beside the parameters.
    pub(in crate::oauth) hidden: Vec<Secret>,
    /// What is put on the request when everything else of it is there.
    pub(in crate::oauth) credential: Option<Credential>,
    secret: Option<Secret>,
}

impl Proof {
    fn of_header(header: Option<HeaderValue>) -> Self {
        Self { header, params: Params::default(), hidden: Vec::new(), credential: None, secret: None }
    }

    /// A credential in place of the client's own authentication.
    pub(in crate::oauth) fn by(credential: Credential) -> Self {
        Self { credential: Some(credential), ..Self::of_header(None) }
    }
}

/// The ways that one exchange may go, one after the other.
pub(in crate::oauth) struct Trial {
    at: usize,
    tried: Vec<usize>,
    reread: Vec<usize>,
    single_use: bool,
}

impl Authenticator {
    pub(in crate::oauth) fn new(
        identity: Identity,
        secrets: Vec<SecretOrigin>,
        clock: &Clock,
    ) -> Result<Self, ConfigError> {
        if identity.id.is_empty() {
            return Err(ConfigError::new(ConfigErrorKind::MissingOption, "the client id (client_id) is missing"));
        }
        check_text("id", &identity.id)?;
        if secrets.len() > MAX_SECRETS {
            return Err(ConfigError::new(ConfigErrorKind::InvalidOption, "a client has at most 8 secrets"));
        }
        let slots = if identity.needs_secret() {
            if secrets.is_empty() {
                let message = "the client secret (client_secret) is missing";
                return Err(ConfigError::new(ConfigErrorKind::MissingOption, message));
            }
            secrets.into_iter().map(|origin| SecretSlot::new(origin, &identity, clock)).collect::<Result<_, _>>()?
        } else {
            Vec::new()
        };
        let methods = identity.method.candidates();
        let ways = if slots.is_empty() {
            methods.into_iter().map(|method| Way { method, slot: None }).collect()
        } else {
            let of_slot = |slot| methods.iter().map(move |&method| Way { method, slot: Some(slot) });
            (0..slots.len()).flat_map(of_slot).collect()
        };
        let fixed_header = if slots.is_empty() && identity.method.uses_header() {
            Some(identity.halves.header(identity.method, &identity.id, &Secret::new(""))?.0)
        } else {
            None
        };
        Ok(Self { identity, slots, ways, good: AtomicUsize::new(0), fixed_header, clock: clock.clone() })
    }

    pub(in crate::oauth) fn method(&self) -> ClientAuth {
        self.identity.method
    }

    /// Whose assertions name the URL of the token endpoint, so that it must be known.
    pub(in crate::oauth) fn assertion(&self) -> &AssertionOptions {
        &self.identity.assertion
    }

    /// The secrets that are known without asking anybody.
    pub(in crate::oauth) fn known_secrets(&self) -> Vec<Secret> {
        let known = self.slots.iter().filter_map(SecretSlot::known).flat_map(|prepared| prepared.hidden.clone());
        known.chain(self.identity.halves.fixed().cloned()).collect()
    }

    /// Begins with what worked last.
    pub(in crate::oauth) fn trial(&self, single_use: bool) -> Trial {
        let at = self.good.load(Ordering::Relaxed);
        Trial { at, tried: vec![at], reread: Vec::new(), single_use }
    }

    /// The proof for one request. An assertion is made anew each time; `audience` is for whom.
    pub(in crate::oauth) async fn prove(
        &self,
        trial: &Trial,
        audience: &str,
        limit: Limit<'_>,
    ) -> Result<Proof, TokenError> {
        let Identity { id, assertion, .. } = &self.identity;
        let way = self.way(trial.at);
        let mut proof = Proof::of_header(self.fixed_header.clone());
        if way.method.id_in_body() {
            proof.params.push("client_id", id.as_str());
        }
        let prepared = match way.slot.and_then(|slot| self.slots.get(slot)) {
            Some(slot) => Some(slot.get(&self.identity, &self.clock, limit).await?),
            None => None,
        };
        if let Some(prepared) = &prepared {
            if way.method.uses_header() {
                proof.header.clone_from(&prepared.header);
            }
            if way.method.secret_in_body() {
                proof.params.push("client_secret", prepared.secret.clone());
            }
            proof.hidden.clone_from(&prepared.hidden);
            proof.secret = Some(prepared.secret.clone());
        }
        let token = match way.method {
            ClientAuth::Assertion => Some(assertion.fetch(limit).await?),
            #[cfg(feature = "jwt")]
            ClientAuth::PrivateKeyJwt => {
                assertion.key.as_ref().map(|key| assertion.sign(key, id, audience, &self.clock)).transpose()?
            }
            #[cfg(feature = "jwt")]
            ClientAuth::SecretJwt => {
                let key = prepared.as_ref().and_then(|prepared| prepared.key.as_ref());
                key.map(|key| assertion.sign(key, id, audience, &self.clock)).transpose()?
            }
            _ => None,
        };
        #[cfg(not(feature = "jwt"))]
        let _ = audience;
        if let Some(token) = token {
            proof.params.push("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
            proof.params.push("client_assertion", token);
        }
        Ok(proof)
    }

    /// Remembers the way that an exchange went.
    pub(in crate::oauth) fn worked(&self, trial: &Trial) {
        if self.good.swap(trial.at, Ordering::Relaxed) != trial.at {
            tracing::info!(client_id = %self.identity.id, method = self.way(trial.at).method.as_str(), "the client was accepted in another way than before");
        }
    }

    /// Turns to the next way after the server refused the client; `false` if there is none.
    pub(in crate::oauth) async fn next(&self, trial: &mut Trial, refused: &Proof, limit: Limit<'_>) -> bool {
        let way = self.way(trial.at);
        if let (Some(index), Some(secret)) = (way.slot, &refused.secret) {
            if !trial.reread.contains(&index) {
                trial.reread.push(index);
                let slot = self.slots.get(index);
                if let Some(slot) = slot {
                    if slot.changed_since(secret, &self.identity, &self.clock, limit).await {
                        return true;
                    }
                }
            }
        }
        let may = |other: &Way| !trial.single_use || other.method == way.method;
        let next = self.ways.iter().enumerate().find(|(index, other)| !trial.tried.contains(index) && may(other));
        let Some((index, _)) = next else { return false };
        trial.at = index;
        trial.tried.push(index);
        true
    }

    fn way(&self, at: usize) -> Way {
        self.ways.get(at).copied().unwrap_or(Way { method: self.identity.method, slot: None })
    }
}

impl Identity {
    /// Whether there is no proof without a client secret.
    fn needs_secret(&self) -> bool {
        match self.method {
            ClientAuth::Basic | ClientAuth::BasicRaw => self.halves.use_secret(),
            method => method.uses_header() || method.secret_in_body() || method == ClientAuth::SecretJwt,
        }
    }
}
