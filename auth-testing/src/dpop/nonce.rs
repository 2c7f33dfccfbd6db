use std::sync::{Mutex, MutexGuard, PoisonError};

use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderName, HeaderValue};

/// The header that brings a nonce.
const NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// Whether a server demands its own nonce in DPoP proofs (RFC 9449 sections 8 and 9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DpopNonce {
    /// It has none.
    #[default]
    Off,
    /// It demands the newest one, and tells it in every answer.
    Demanded,
    /// As [`Demanded`](Self::Demanded), and each nonce is good for one accepted proof.
    OncePerProof,
}

/// The nonce of a server.
#[derive(Debug, Default)]
pub(crate) struct Nonces(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    policy: DpopNonce,
    current: String,
}

impl Nonces {
    pub(crate) fn new(policy: DpopNonce) -> Self {
        Self(Mutex::new(State { policy, current: fresh() }))
    }

    pub(crate) fn set_policy(&self, policy: DpopNonce) {
        *self.state() = State { policy, current: fresh() };
    }

    /// Makes a new nonce; the old one is good no more.
    pub(crate) fn rotate(&self) -> String {
        let mut state = self.state();
        state.current = fresh();
        state.current.clone()
    }

    /// Whether a proof may have `nonce`.
    pub(crate) fn accepts(&self, nonce: Option<&str>) -> bool {
        let state = self.state();
        state.policy == DpopNonce::Off || nonce == Some(state.current.as_str())
    }

    /// A proof was accepted.
    pub(crate) fn used(&self) {
        let mut state = self.state();
        if state.policy == DpopNonce::OncePerProof {
            state.current = fresh();
        }
    }

    /// Tells the nonce in an answer, which then belongs to its receiver alone.
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        let state = self.state();
        if state.policy != DpopNonce::Off {
            let nonce = HeaderValue::from_str(&state.current).expect("hexadecimal digits can stand in a header");
            headers.insert(NONCE, nonce);
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fresh() -> String {
    format!("nonce-{:032x}", fastrand::u128(..))
}
