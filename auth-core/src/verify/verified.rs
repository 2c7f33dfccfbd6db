use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue};

use super::Principal;
use super::rejection::DPOP_NONCE;
use crate::SubjectToken;

/// A value that a [`Verifier`](super::Verifier) has checked. To hold one is the proof: nothing but a verifier makes it.
///
/// It travels in request extensions from the layer that verified to whoever asks. Whoever takes it out compares
/// [`verifier`](Self::verifier), since another layer may have put there what *its* verifier accepts. A clone counts a
/// reference and copies nothing.
///
/// ```compile_fail,E0451
/// fn forge(principal: std::sync::Arc<tower_auth_core::Principal>) -> tower_auth_core::Verified {
///     tower_auth_core::Verified { value: principal, by: todo!(), subject_token: None, nonce: None }
/// }
/// ```
pub struct Verified<T = Principal> {
    value: Arc<T>,
    by: VerifierId,
    subject_token: Option<SubjectToken>,
    /// Behind a pointer, since hardly any verdict has one.
    nonce: Option<Arc<HeaderValue>>,
}

/// Which verifier: unique in the process, the same for all clones of one verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VerifierId(u64);

impl<T> Verified<T> {
    pub(super) fn new(value: Arc<T>, by: VerifierId) -> Self {
        Self { value, by, subject_token: None, nonce: None }
    }

    pub(super) fn with_subject_token(mut self, token: Option<SubjectToken>) -> Self {
        self.subject_token = token;
        self
    }

    pub(super) fn with_nonce(mut self, nonce: Option<HeaderValue>) -> Self {
        self.nonce = nonce.map(Arc::new);
        self
    }

    /// The same verdict, as that of a verifier that asked the one that came to it.
    pub(super) fn judged_by(mut self, verifier: VerifierId) -> Self {
        self.by = verifier;
        self
    }

    /// The token that was verified, for an exchange. `None` unless it is a token and its verifier was told to keep it
    /// (`JwtVerifier::keep_subject_token`).
    #[must_use]
    pub fn subject_token(&self) -> Option<&SubjectToken> {
        self.subject_token.as_ref()
    }

    /// The nonce that the client shall put into its next DPoP proof, since the one that it used ends soon (RFC 9449 section
    /// 8.2).
    #[must_use]
    pub fn dpop_nonce(&self) -> Option<&HeaderValue> {
        self.nonce.as_deref()
    }

    /// Puts into the header of the response what the client has to be told: the [nonce](Self::dpop_nonce), if there is one, and then
    /// that the response is not to be kept by caches. Layers do this.
    pub fn tell_client(&self, headers: &mut HeaderMap) {
        if let Some(nonce) = &self.nonce {
            headers.insert(DPOP_NONCE, HeaderValue::clone(nonce));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
    }

    /// The verifier that accepted the credential.
    #[must_use]
    pub fn verifier(&self) -> VerifierId {
        self.by
    }
}

impl VerifierId {
    pub(super) fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

impl<T> Clone for Verified<T> {
    fn clone(&self) -> Self {
        Self {
            value: Arc::clone(&self.value),
            by: self.by,
            subject_token: self.subject_token.clone(),
            nonce: self.nonce.clone(),
        }
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Verified<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Verified").field(&self.value).finish()
    }
}
