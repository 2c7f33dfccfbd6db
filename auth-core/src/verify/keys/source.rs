use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use super::snapshot::Generation;
use super::store::Store;
use super::wait::{KeyWait, Landed};
use crate::MonotonicTime;
use crate::jose::{JoseError, JwkSet, Jws, VerifyingKey};
use crate::verify::rejection::{Fault, RejectionKind};
use crate::verify::{KeysState, KeysStatus};

/// Where the keys of one issuer are.
#[derive(Debug)]
pub(in crate::verify) enum KeySource {
    /// Known beforehand.
    Fixed(JwkSet, Epoch),
    /// A secret shared with the issuer; it has no id.
    Shared(Box<VerifyingKey>, Epoch),
    Fetched(Arc<Store>),
}

/// How often verdicts made with keys that never change were to be forgotten.
#[derive(Debug, Default)]
pub(in crate::verify) struct Epoch(AtomicU64);

impl Epoch {
    fn now(&self) -> Generation {
        Generation(self.0.load(Ordering::Acquire))
    }

    fn end(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// Why a token was not accepted at once.
pub(in crate::verify) enum Miss {
    Fault(Fault),
    /// A fetch has been started, or was under way, that may bring the key.
    Wait(KeyWait),
}

impl KeySource {
    /// Checks the signature with the keys of this issuer and no others, and tells which keys these are.
    pub(in crate::verify) fn verify(
        &self,
        jws: &Jws<'_>,
        wall: SystemTime,
        after: Option<&Landed>,
    ) -> Result<Generation, Miss> {
        // Read before the signature is checked, so that what is forgotten meanwhile is forgotten.
        let generation = match self {
            Self::Fixed(_, epoch) | Self::Shared(_, epoch) => epoch.now(),
            Self::Fetched(store) => return store.verify(jws, wall, after),
        };
        match self {
            Self::Fixed(keys, _) => judge(keys, jws)?,
            Self::Shared(key, _) => jws.verify(key).map_err(mismatch)?,
            Self::Fetched(_) => {}
        }
        Ok(generation)
    }

    /// Lets no verdict stand that was made with the keys of now, and has those that can be fetched fetched again.
    pub(in crate::verify) fn forget(&self) {
        match self {
            Self::Fixed(_, epoch) | Self::Shared(_, epoch) => epoch.end(),
            Self::Fetched(store) => store.distrust(),
        }
    }

    /// Whether the keys of this generation are those in use.
    pub(in crate::verify) fn serves(&self, generation: Generation, now: MonotonicTime, wall: SystemTime) -> bool {
        match self {
            Self::Fixed(_, epoch) | Self::Shared(_, epoch) => epoch.now() == generation,
            Self::Fetched(store) => store.serves(generation, now, wall),
        }
    }

    pub(in crate::verify) fn status(&self, issuer: &str) -> KeysStatus {
        let usable = match self {
            Self::Fixed(keys, _) => keys.keys().len(),
            Self::Shared(..) => 1,
            Self::Fetched(store) => return store.status(),
        };
        KeysStatus {
            issuer: issuer.to_owned(),
            state: KeysState::Fixed,
            usable,
            age: None,
            fetching: false,
            last_failure: None,
            consecutive_failures: 0,
            next_attempt_in: None,
        }
    }

    /// Whether keys are there; what to wait for, if not.
    pub(in crate::verify) fn ready(&self) -> Result<(), Miss> {
        match self {
            Self::Fixed(..) | Self::Shared(..) => Ok(()),
            Self::Fetched(store) => store.ready(),
        }
    }
}

/// What a key set says of a token.
pub(super) fn judge(keys: &JwkSet, jws: &Jws<'_>) -> Result<(), Fault> {
    let header = jws.header();
    let kid = header.kid.as_deref();
    let mut last = None;
    for key in keys.candidates(kid, header.alg) {
        match jws.verify(key) {
            Ok(()) => return Ok(()),
            Err(error) => last = Some(error),
        }
    }
    Err(match (last, kid) {
        (Some(error), _) => mismatch(error),
        (None, Some(kid)) if keys.has_kid(kid) => Fault::new(
            RejectionKind::UnsupportedAlgorithm,
            format!("the key that the token names is not for its algorithm {}", header.alg),
        ),
        (None, Some(_)) => Fault::new(RejectionKind::UnknownKey, "the issuer has no key with the token's `kid`"),
        (None, None) => Fault::new(
            RejectionKind::UnknownKey,
            format!("the token names no key, and there is not exactly one for its algorithm {}", header.alg),
        ),
    })
}

fn mismatch(error: JoseError) -> Fault {
    match error {
        JoseError::AlgorithmMismatch => {
            Fault::new(RejectionKind::UnsupportedAlgorithm, "the key is not for the token's algorithm")
        }
        _ => Fault::new(RejectionKind::BadSignature, "the signature does not match"),
    }
}

impl Miss {
    /// For those who do not wait.
    pub(in crate::verify) fn into_fault(self) -> Fault {
        match self {
            Self::Fault(fault) => fault,
            Self::Wait(wait) => wait.pending(),
        }
    }
}

impl From<Fault> for Miss {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}
