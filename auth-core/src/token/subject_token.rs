use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::Secret;

/// The access token itself by which a caller was verified: what is exchanged to call others on the caller's behalf.
///
/// A verifier keeps it only if it was told to (`JwtVerifier::keep_subject_token`). Nothing else makes one, so that a token that
/// nobody has verified cannot be exchanged by mistake.
///
/// # Security
/// Whoever has it can be the caller, at this service and at each other one that takes its audience. Exchange it; do not pass it on, and do
/// not keep it beyond the request. `Debug` does not show it.
#[derive(Clone)]
pub struct SubjectToken(Arc<Inner>);

struct Inner {
    secret: Secret,
    expires_at: Option<SystemTime>,
}

impl SubjectToken {
    #[cfg(feature = "jwt")]
    pub(crate) fn new(secret: &str, expires_at: Option<SystemTime>) -> Self {
        Self(Arc::new(Inner { secret: Secret::new(secret), expires_at }))
    }

    /// The token.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.0.secret
    }

    /// When it ends.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.0.expires_at
    }
}

impl fmt::Debug for SubjectToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubjectToken").field("expires_at", &self.0.expires_at).finish_non_exhaustive()
    }
}
