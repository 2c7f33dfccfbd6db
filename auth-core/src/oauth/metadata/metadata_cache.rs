use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::{ServerDiscovery, ServerMetadata};
use crate::clock::race;
use crate::{MonotonicTime, TokenError};

/// How long a document is believed.
const LIFE: Duration = Duration::from_secs(3600);

/// How long a server is left alone after a failure; longer if it asks for that, up to the second.
const PAUSE: Duration = Duration::from_secs(5);
const MAX_PAUSE: Duration = Duration::from_secs(300);

/// The metadata of one server: fetched when it is first needed, by one caller at a time, and again when it is old. A failure
/// discards nothing that is known.
pub(in crate::oauth) struct MetadataCache {
    discovery: ServerDiscovery,
    /// Held by whoever fetches.
    gate: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: Option<Known>,
    failed: Option<Failed>,
}

struct Known {
    metadata: ServerMetadata,
    fetched: MonotonicTime,
    fetched_wall: SystemTime,
}

struct Failed {
    error: TokenError,
    until: MonotonicTime,
}

impl MetadataCache {
    pub(in crate::oauth) fn new(discovery: ServerDiscovery) -> Self {
        Self { discovery, gate: tokio::sync::Mutex::new(()), state: Mutex::default() }
    }

    /// What the server says of itself.
    pub(in crate::oauth) async fn get(&self) -> Result<ServerMetadata, TokenError> {
        if let Some(answer) = self.answer() {
            return answer;
        }
        let limit = self.discovery.time_limit();
        let old = self.known();
        let gate = match &old {
            Some(metadata) => match self.gate.try_lock() {
                Ok(gate) => Some(gate),
                // What is old serves until the one who fetches is back.
                Err(_) => return Ok(metadata.clone()),
            },
            // Whoever holds the gate longer than a fetch may take is not being polled.
            None => race(self.gate.lock(), self.discovery.time().sleep(limit)).await,
        };
        // Somebody else may have fetched in the meantime.
        if let Some(answer) = self.answer() {
            return answer;
        }
        // The request that wants a newer document than the known one has to be sent in the same time.
        let limit = if old.is_some() { limit / 3 } else { limit };
        let fetched = self.discovery.clone().timeout(limit).fetch_again().await;
        let answer = self.land(fetched);
        drop(gate);
        answer
    }

    /// What can be said without asking: what is known and fresh, or what came of the last attempt if that was just now.
    fn answer(&self) -> Option<Result<ServerMetadata, TokenError>> {
        let clock = self.discovery.time();
        let state = self.state();
        let fresh = state.known.as_ref().filter(|known| {
            let by_wall = clock.wall().duration_since(known.fetched_wall).unwrap_or_default();
            clock.now().saturating_since(known.fetched).max(by_wall) < LIFE
        });
        if let Some(known) = fresh {
            return Some(Ok(known.metadata.clone()));
        }
        let failed = state.failed.as_ref()?;
        let left = failed.until.saturating_since(clock.now());
        if left.is_zero() {
            return None;
        }
        Some(match &state.known {
            Some(known) => Ok(known.metadata.clone()),
            None if failed.error.is_transient() => Err(failed.error.clone().with_retry_after(left)),
            None => Err(failed.error.clone()),
        })
    }

    fn known(&self) -> Option<ServerMetadata> {
        self.state().known.as_ref().map(|known| known.metadata.clone())
    }

    fn land(&self, fetched: Result<ServerMetadata, TokenError>) -> Result<ServerMetadata, TokenError> {
        let clock = self.discovery.time();
        let issuer = self.discovery.issuer();
        let (now, wall) = (clock.now(), clock.wall());
        let mut state = self.state();
        match fetched {
            Ok(metadata) => {
                tracing::debug!(%issuer, "the metadata of the authorization server was fetched");
                state.known = Some(Known { metadata: metadata.clone(), fetched: now, fetched_wall: wall });
                state.failed = None;
                Ok(metadata)
            }
            Err(error) => {
                let has_known = state.known.is_some();
                tracing::warn!(%issuer, %error, has_known, "the metadata of the authorization server could not be had");
                let pause = error.retry_after().unwrap_or_default().clamp(PAUSE, MAX_PAUSE);
                state.failed = Some(Failed { error: error.clone(), until: now + pause });
                state.known.as_ref().map(|known| known.metadata.clone()).ok_or(error)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
