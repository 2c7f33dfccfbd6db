use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::Principal;
use super::rejection::Fault;
use crate::SubjectToken;

/// What comes of one check of one credential.
pub(super) enum Step {
    Done(Result<Finding, Fault>),
    /// Something has to be waited for: keys, an answer of the authorization server, a password to be hashed.
    #[allow(dead_code, reason = "which checks can wait depends on the features")]
    Wait {
        /// What those are answered who cannot wait.
        pending: Fault,
        /// Owns what it needs, and does not hold what must survive a caller who goes away.
        future: Pin<Box<dyn Future<Output = Result<Finding, Fault>> + Send>>,
    },
}

/// A credential that holds, as far as one check can tell.
pub(super) struct Finding {
    /// Nobody else has it yet. Behind the pointer that its verdict will have, since it is large and goes through many hands.
    pub(super) principal: Arc<Principal>,
    /// The token itself, where it is kept.
    pub(super) subject_token: Option<SubjectToken>,
    /// How long the verdict may be remembered, where it may.
    #[cfg(feature = "jwt")]
    pub(super) memorable: Option<super::memo::Memorable>,
}

impl Step {
    #[allow(dead_code, reason = "which checks can wait depends on the features")]
    pub(super) fn wait(pending: Fault, future: impl Future<Output = Result<Finding, Fault>> + Send + 'static) -> Self {
        Self::Wait { pending, future: Box::pin(future) }
    }
}

impl From<Principal> for Finding {
    fn from(principal: Principal) -> Self {
        Self {
            principal: Arc::new(principal),
            subject_token: None,
            #[cfg(feature = "jwt")]
            memorable: None,
        }
    }
}

impl From<Result<Principal, Fault>> for Step {
    fn from(result: Result<Principal, Fault>) -> Self {
        Self::Done(result.map(Finding::from))
    }
}

impl From<Fault> for Step {
    fn from(fault: Fault) -> Self {
        Self::Done(Err(fault))
    }
}
