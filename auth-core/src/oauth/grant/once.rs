use std::fmt;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::arrival::Arrival;
use crate::{TokenError, TokenErrorKind, TokenResponse};

/// Something that may be sent to a server once, such as a code.
pub(crate) struct Once<T> {
    what: &'static str,
    slot: Mutex<Option<T>>,
}

impl<T: Clone + Send> Once<T> {
    /// `what` names it in errors.
    pub(crate) fn new(what: &'static str, value: T) -> Self {
        Self { what, slot: Mutex::new(Some(value)) }
    }

    /// Whether it was not sent yet.
    pub(crate) fn is_left(&self) -> bool {
        self.slot().is_some()
    }

    /// Sends it, unless that was done before. It is gone from the moment `send` begins, whatever becomes of that; it comes
    /// back only if it is certain that nothing has left.
    pub(crate) async fn send<F, Fut>(&self, send: F) -> Result<TokenResponse, TokenError>
    where
        F: FnOnce(T) -> Fut + Send,
        Fut: Future<Output = Result<TokenResponse, TokenError>> + Send,
    {
        let Some(value) = self.slot().take() else {
            let message =
                format!("the {} was sent before and is good for one attempt: access must be granted again", self.what);
            return Err(TokenError::new(TokenErrorKind::Refused, message));
        };
        let kept = value.clone();
        let result = send(value).await;
        if result.as_ref().is_err_and(|error| Arrival::of(error) == Arrival::Unsent) {
            *self.slot() = Some(kept);
        }
        result
    }

    fn slot(&self) -> MutexGuard<'_, Option<T>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for Once<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").field("what", &self.what).finish_non_exhaustive()
    }
}
