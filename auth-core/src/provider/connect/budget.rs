use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::{Clock, MonotonicTime, TokenError, TokenErrorKind};

/// How many token requests a provider allows in a time: Zoho, for one, locks a refresh token that is used too often.
pub(super) struct Budget {
    count: usize,
    per: Duration,
    taken: Mutex<VecDeque<MonotonicTime>>,
}

/// The most requests that are remembered.
const MAX_COUNT: u64 = 10_000;

impl Budget {
    pub(super) fn new(count: u64, per: Duration) -> Self {
        Self { count: count.min(MAX_COUNT) as usize, per, taken: Mutex::default() }
    }

    /// Takes one request of the budget.
    ///
    /// # Errors
    /// When none is left, with the time until one is.
    pub(super) fn take(&self, clock: &Clock, who: &str) -> Result<(), TokenError> {
        let now = clock.now();
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while taken.front().is_some_and(|first| now.saturating_since(*first) >= self.per) {
            taken.pop_front();
        }
        if taken.len() < self.count {
            taken.push_back(now);
            return Ok(());
        }
        let wait = taken.front().map_or(self.per, |first| (*first + self.per).saturating_since(now));
        let message = format!("{who} allows {} token requests in {:?}, and they are used up", self.count, self.per);
        Err(TokenError::new(TokenErrorKind::Throttled, message).with_retry_after(wait))
    }
}
