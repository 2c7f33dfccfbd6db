use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::clock::race;
use crate::{Clock, MonotonicTime, TokenError};

/// How long a server is left alone after a failure; longer if it asks for that, up to the second.
const PAUSE: Duration = Duration::from_secs(5);
const MAX_PAUSE: Duration = Duration::from_secs(300);

/// Something that is fetched when it is first needed, by one caller at a time, and again when it is old. A failure discards
/// nothing that is known.
pub(in crate::oauth) struct Kept<T> {
    /// Held by whoever fetches.
    gate: tokio::sync::Mutex<()>,
    state: Mutex<State<T>>,
}

struct State<T> {
    known: Option<Known<T>>,
    failed: Option<Failed>,
}

struct Known<T> {
    value: T,
    fetched: MonotonicTime,
    fetched_wall: SystemTime,
}

struct Failed {
    error: TokenError,
    until: MonotonicTime,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        let state = State { known: None, failed: None };
        Self { gate: tokio::sync::Mutex::new(()), state: Mutex::new(state) }
    }
}

impl<T: Clone> Kept<T> {
    /// What is known, if it is younger than `life`, or else what `fetch` brings in the time that it is given: `limit`, or a part
    /// of that where there is something to go on with.
    pub(in crate::oauth) async fn get<F>(
        &self,
        clock: &Clock,
        life: Duration,
        limit: Duration,
        fetch: impl FnOnce(Duration) -> F,
    ) -> Result<T, TokenError>
    where
        F: Future<Output = Result<T, TokenError>>,
    {
        if let Some(answer) = self.answer(clock, life) {
            return answer;
        }
        let old = self.known();
        let gate = match &old {
            Some(value) => match self.gate.try_lock() {
                Ok(gate) => Some(gate),
                // What is old serves until the one who fetches is back.
                Err(_) => return Ok(value.clone()),
            },
            // Whoever holds the gate longer than a fetch may take is not being polled.
            None => race(self.gate.lock(), clock.sleep(limit)).await,
        };
        // Somebody else may have fetched in the meantime.
        if let Some(answer) = self.answer(clock, life) {
            return answer;
        }
        // The request that wants something newer than what is known has to be sent in the same time.
        let limit = if old.is_some() { limit / 3 } else { limit };
        let answer = self.land(clock, fetch(limit).await);
        drop(gate);
        answer
    }

    /// What can be said without asking: what is known and fresh, or what came of the last attempt if that was just now.
    fn answer(&self, clock: &Clock, life: Duration) -> Option<Result<T, TokenError>> {
        let state = self.state();
        let fresh = state.known.as_ref().filter(|known| {
            let by_wall = clock.wall().duration_since(known.fetched_wall).unwrap_or_default();
            clock.now().saturating_since(known.fetched).max(by_wall) < life
        });
        if let Some(known) = fresh {
            return Some(Ok(known.value.clone()));
        }
        let failed = state.failed.as_ref()?;
        let left = failed.until.saturating_since(clock.now());
        if left.is_zero() {
            return None;
        }
        Some(match &state.known {
            Some(known) => Ok(known.value.clone()),
            None if failed.error.is_transient() => Err(failed.error.clone().with_retry_after(left)),
            None => Err(failed.error.clone()),
        })
    }

    pub(in crate::oauth) fn known(&self) -> Option<T> {
        self.state().known.as_ref().map(|known| known.value.clone())
    }

    fn land(&self, clock: &Clock, fetched: Result<T, TokenError>) -> Result<T, TokenError> {
        let now = clock.now();
        let mut state = self.state();
        match fetched {
            Ok(value) => {
                state.known = Some(Known { value: value.clone(), fetched: now, fetched_wall: clock.wall() });
                state.failed = None;
                Ok(value)
            }
            Err(error) => {
                tracing::warn!(%error, has_known = state.known.is_some(), "metadata could not be had");
                let pause = error.retry_after().unwrap_or_default().clamp(PAUSE, MAX_PAUSE);
                state.failed = Some(Failed { error: error.clone(), until: now + pause });
                state.known.as_ref().map(|known| known.value.clone()).ok_or(error)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
