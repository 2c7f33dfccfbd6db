use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, Method};

use super::UsedProof;
use super::fault::ProofFault;
use super::nonce_issuer::{NonceIssuer, Standing};
use super::own_url::OwnUrl;
use super::replay_cache::{Memory, ReplayCache};
use super::replay_store::ErasedReplayStore;
use crate::Clock;
use crate::clock::within;
use crate::dpop::DpopKey;
use crate::error::printable;
use crate::jose::{AlgorithmSet, DpopProof, NumericDate};

/// Longest proof that is looked at, in bytes.
const MAX_PROOF: usize = 4 * 1024;

/// Longest `jti`, in bytes.
const MAX_JTI: usize = 256;

/// How much longer a proof is remembered than any clock of ours accepts it.
const SPARE: Duration = Duration::from_secs(1);

/// Checks the proofs of requests; see [`DpopProofs`](super::DpopProofs).
#[derive(Debug)]
pub(crate) struct ProofChecker {
    pub(super) urls: Vec<OwnUrl>,
    pub(super) algorithms: AlgorithmSet,
    pub(super) max_age: Duration,
    pub(super) leeway: Duration,
    pub(super) nonces: Option<NonceIssuer>,
    pub(super) memory: ReplayMemory,
    pub(super) is_required: bool,
    pub(super) clock: Clock,
}

/// Where it is noted which proofs were used.
pub(super) enum ReplayMemory {
    Own(ReplayCache),
    Shared { store: Arc<dyn ErasedReplayStore>, timeout: Duration },
}

/// What a proof must be about.
#[derive(Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) method: &'a Method,
    /// The path of the request as the service received it.
    pub(crate) path: &'a str,
    /// The hash of the access token that it comes with, by [`digest_of`].
    pub(crate) ath: &'a str,
    /// The thumbprint that the token is bound to.
    pub(crate) jkt: &'a str,
}

/// A proof that is right in itself. Whether it is used for the first time remains to be asked.
#[derive(Clone, Debug)]
pub(crate) struct Proven {
    used: UsedProof,
    /// What the client shall use next, if the nonce of this proof will soon be worth nothing.
    pub(crate) fresh_nonce: Option<HeaderValue>,
}

/// Whether a proof is used for the first time.
pub(crate) enum FirstUse {
    Known(Result<(), ProofFault>),
    Asked(Pin<Box<dyn Future<Output = Result<(), ProofFault>> + Send>>),
}

/// The one proof of a request.
pub(crate) fn only_proof(headers: &HeaderMap) -> Result<&str, ProofFault> {
    let mut fields = headers.get_all(DpopKey::HEADER).iter();
    match (fields.next(), fields.next()) {
        (Some(field), None) if field.len() > MAX_PROOF => Err(ProofFault::invalid("the proof is longer than 4 KiB")),
        (Some(field), None) => field.to_str().map_err(|_| ProofFault::invalid("the proof is not printable ASCII")),
        (None, _) => Err(ProofFault::invalid("the request has no DPoP field")),
        (Some(_), Some(_)) => Err(ProofFault::invalid("the request has more than one DPoP field")),
    }
}

impl ProofChecker {
    /// Whether tokens that are bound to nothing are refused.
    pub(crate) fn is_required(&self) -> bool {
        self.is_required
    }

    /// The accepted algorithms, as a challenge names them.
    pub(crate) fn algorithm_names(&self) -> String {
        self.algorithms.iter().map(|algorithm| algorithm.name()).collect::<Vec<_>>().join(" ")
    }

    /// The nonce to give out now, if any is demanded.
    pub(crate) fn nonce(&self) -> Option<HeaderValue> {
        self.nonces.as_ref().map(|nonces| nonces.current(self.clock.wall()))
    }

    /// Everything but whether the proof was used before; the order of the rules is documented at
    /// [`DpopProofs`](super::DpopProofs).
    pub(crate) fn check(&self, proof: &str, about: &About<'_>) -> Result<Proven, ProofFault> {
        let mut buffer = Vec::new();
        let proof = DpopProof::parse(proof, MAX_PROOF, &mut buffer)
            .map_err(|error| ProofFault::invalid(format!("the proof is not acceptable: {error}")))?;
        let algorithm = proof.algorithm();
        if !self.algorithms.contains(algorithm) {
            return Err(ProofFault::invalid(format!("the proof's algorithm {algorithm} is not accepted")));
        }
        let claims = proof.claims();
        let jti = present(&claims.jti, "jti")?;
        if jti.is_empty() || jti.len() > MAX_JTI {
            return Err(ProofFault::invalid("the proof's `jti` is empty or longer than 256 bytes"));
        }
        let (htm, htu) = (present(&claims.htm, "htm")?, present(&claims.htu, "htu")?);
        if htm != about.method.as_str() {
            return Err(ProofFault::invalid(format!("the proof is for the method {:?}", printable(htm, 20))));
        }
        if !self.urls.iter().any(|url| url.is_named_by(htu, about.path)) {
            return Err(ProofFault::invalid(format!(
                "the proof is for the URL {:?}, and the request came to {:?} below the base URL",
                printable(htu, 200),
                printable(about.path, 200)
            )));
        }
        if present(&claims.ath, "ath")? != about.ath {
            return Err(ProofFault::invalid("the proof is for another access token"));
        }
        let now = self.clock.wall();
        let issued = claims.iat.ok_or_else(|| ProofFault::invalid("the proof has no `iat`"))?;
        self.check_times(issued, claims.nbf, claims.exp, now)?;
        let thumbprint = proof.thumbprint().map_err(|error| ProofFault::invalid(error.to_string()))?;
        if thumbprint != about.jkt {
            return Err(ProofFault::OtherKey);
        }
        let fresh_nonce = self.check_nonce(claims.nonce.as_deref(), now)?;
        proof.verify().map_err(|error| ProofFault::invalid(format!("the proof proves nothing: {error}")))?;
        let expires_at = issued.to_system_time() + self.max_age + self.leeway + SPARE;
        Ok(Proven { used: UsedProof::new(&thumbprint, jti, expires_at), fresh_nonce })
    }

    /// Whether the proof is used for the first time, which it is not again afterwards. To be asked last, when nothing
    /// else is wrong with the request: strangers then cannot fill the memory.
    pub(crate) fn first_use(&self, proven: &Proven) -> FirstUse {
        match &self.memory {
            ReplayMemory::Own(cache) => FirstUse::Known(match cache.note(&proven.used, self.clock.wall()) {
                Memory::First => Ok(()),
                Memory::Again => Err(ProofFault::Replayed),
                Memory::Full => Err(ProofFault::CannotRemember(
                    "no more used DPoP proofs can be remembered: raise `replay_capacity`",
                )),
                Memory::Forgotten => Err(ProofFault::CannotRemember(
                    "the clock was set back: which DPoP proofs were used before is not known until it has caught up",
                )),
            }),
            ReplayMemory::Shared { store, timeout } => {
                let (store, timeout, used, clock) = (Arc::clone(store), *timeout, proven.used, self.clock.clone());
                FirstUse::Asked(Box::pin(async move {
                    match within(&clock, timeout, store.note_boxed(used)).await {
                        Some(Ok(true)) => Ok(()),
                        Some(Ok(false)) => Err(ProofFault::Replayed),
                        Some(Err(error)) => {
                            tracing::warn!(%error, "the store of used DPoP proofs failed");
                            Err(ProofFault::StoreFailed("the store of used DPoP proofs failed"))
                        }
                        None => Err(ProofFault::StoreFailed("the store of used DPoP proofs did not answer in time")),
                    }
                }))
            }
        }
    }

    fn check_times(
        &self,
        issued: NumericDate,
        not_before: Option<NumericDate>,
        expires: Option<NumericDate>,
        now: SystemTime,
    ) -> Result<(), ProofFault> {
        let is_ahead = |date: NumericDate| date.to_system_time() > now + self.leeway;
        if issued.to_system_time() + self.max_age < now {
            return Err(ProofFault::invalid(format!("the proof is older than {:?}", self.max_age)));
        }
        if is_ahead(issued) || not_before.is_some_and(is_ahead) {
            return Err(ProofFault::invalid("the proof is from the future: compare the clocks"));
        }
        if expires.is_some_and(|date| date.to_system_time() + self.leeway <= now) {
            return Err(ProofFault::invalid("the proof has expired"));
        }
        Ok(())
    }

    fn check_nonce(&self, nonce: Option<&str>, now: SystemTime) -> Result<Option<HeaderValue>, ProofFault> {
        let Some(nonces) = &self.nonces else { return Ok(None) };
        match nonces.judge(nonce.ok_or(ProofFault::NonceRequired)?, now) {
            Standing::Current => Ok(None),
            Standing::Previous => Ok(Some(nonces.current(now))),
            Standing::Unknown => Err(ProofFault::NonceRequired),
        }
    }
}

fn present<'c>(claim: &'c Option<Cow<'_, str>>, name: &str) -> Result<&'c str, ProofFault> {
    claim.as_deref().ok_or_else(|| ProofFault::invalid(format!("the proof has no `{name}`")))
}

/// What `ath` must be for `token` (RFC 9449 section 4.2).
pub(crate) fn digest_of(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, token.as_bytes()))
}

impl std::fmt::Debug for ReplayMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Own(cache) => cache.fmt(f),
            Self::Shared { timeout, .. } => f.debug_struct("Shared").field("timeout", timeout).finish_non_exhaustive(),
        }
    }
}
