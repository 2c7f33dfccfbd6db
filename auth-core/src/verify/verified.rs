use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Principal;
use crate::SubjectToken;

/// A value that a [`Verifier`](super::Verifier) has checked. To hold one is the proof: nothing but a verifier makes it.
///
/// It travels in request extensions from the layer that verified to whoever asks. Whoever takes it out compares
/// [`verifier`](Self::verifier), since another layer may have put there what *its* verifier accepts. A clone counts a
/// reference and copies nothing.
///
/// ```compile_fail,E0451
/// fn forge(principal: std::sync::Arc<tower_auth_core::Principal>) -> tower_auth_core::Verified {
///     tower_auth_core::Verified { value: principal, by: todo!(), subject_token: None }
/// }
/// ```
pub struct Verified<T = Principal> {
    value: Arc<T>,
    by: VerifierId,
    subject_token: Option<SubjectToken>,
}

/// Which verifier: unique in the process, the same for all clones of one verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VerifierId(u64);

impl<T> Verified<T> {
    pub(super) fn new(value: T, by: VerifierId) -> Self {
        Self { value: Arc::new(value), by, subject_token: None }
    }

    pub(super) fn with_subject_token(mut self, token: Option<SubjectToken>) -> Self {
        self.subject_token = token;
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
        Self { value: Arc::clone(&self.value), by: self.by, subject_token: self.subject_token.clone() }
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
