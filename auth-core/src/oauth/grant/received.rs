use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::renewal::Grantor;
use crate::{Clock, Lifetime, MonotonicTime, SourceRequest, TokenError, TokenErrorKind, TokenResponse};

/// A response and when it came.
#[derive(Clone)]
pub(in crate::oauth) struct Received {
    response: TokenResponse,
    at: MonotonicTime,
    wall: SystemTime,
}

/// The response of a grant that somebody made, which is given out once.
pub(in crate::oauth) struct FirstResponse {
    slot: Mutex<Option<Received>>,
    clock: Clock,
}

impl Received {
    /// `response`, which came now.
    pub(in crate::oauth) fn new(response: TokenResponse, clock: &Clock) -> Self {
        Self { response, at: clock.now(), wall: clock.wall() }
    }

    /// The response, with what is left of its lifetime by whichever clock has gone further.
    fn aged(self, clock: &Clock) -> TokenResponse {
        let by_wall = clock.wall().duration_since(self.wall).unwrap_or_default();
        let age = clock.now().saturating_since(self.at).max(by_wall);
        match self.response.lifetime() {
            Lifetime::For(lifetime) => self.response.expires_in(lifetime.saturating_sub(age)),
            Lifetime::Unknown => self.response,
        }
    }
}

impl FirstResponse {
    pub(in crate::oauth) fn new(received: Received, clock: Clock) -> Self {
        Self { slot: Mutex::new(Some(received)), clock }
    }

    fn slot(&self) -> MutexGuard<'_, Option<Received>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Grantor for FirstResponse {
    async fn obtain(&self, _: &SourceRequest) -> Result<TokenResponse, TokenError> {
        match self.slot().take() {
            Some(received) => Ok(received.aged(&self.clock)),
            None => Err(TokenError::new(TokenErrorKind::Refused, "access must be granted again")),
        }
    }

    fn is_repeatable(&self) -> bool {
        self.slot().is_some()
    }
}
