//! What the refresh engine remembers between attempts. Behind a lock that no reader takes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::bucket::Bucket;
use super::snapshot::{Generation, Received, Snapshot};
use crate::error::TokenError;
use crate::{MonotonicTime, Secret};

/// What a flight ended with; `None` while it is under way.
pub(super) type Outcome = Option<Result<Arc<Snapshot>, TokenError>>;

pub(super) struct Flow {
    pub(super) flight: Option<Flight>,
    pub(super) flights: u64,
    /// The last flight that brought a response.
    pub(super) landed: u64,
    /// How long that took.
    pub(super) took: Duration,
    pub(super) closed: bool,
    pub(super) version: u64,
    pub(super) generation: Generation,
    /// The value of `generation`, to see whether a refresh changed anything.
    pub(super) value: Option<Secret>,
    /// The last response, for the source; kept when its token is gone.
    pub(super) previous: Option<Received>,
    /// A response that was obtained and not yet made durable.
    pub(super) unpersisted: Option<Received>,
    /// The snapshot that was refused, until a newer one replaces it.
    pub(super) refused: Option<Arc<Snapshot>>,
    /// Until when refusals of a generation are not believed.
    pub(super) barred: Option<(Generation, MonotonicTime)>,
    pub(super) failures: u32,
    pub(super) last_error: Option<TokenError>,
    pub(super) next_attempt: MonotonicTime,
    pub(super) forced: Bucket,
}

/// An exchange under way.
pub(super) struct Flight {
    pub(super) id: u64,
    /// When it must have ended, unless its runtime stands still. Then another takes its place.
    pub(super) lost_at: MonotonicTime,
    pub(super) outcome: watch::Receiver<Outcome>,
}

impl Flow {
    pub(super) fn new(forced: Bucket) -> Self {
        Self {
            flight: None,
            flights: 0,
            landed: 0,
            took: Duration::ZERO,
            closed: false,
            version: 0,
            generation: Generation(0),
            value: None,
            previous: None,
            unpersisted: None,
            refused: None,
            barred: None,
            failures: 0,
            last_error: None,
            next_attempt: MonotonicTime::START,
            forced,
        }
    }

    /// The flight to join, if there is one that can still end.
    pub(super) fn joinable(&self, now: MonotonicTime) -> Option<watch::Receiver<Outcome>> {
        self.flight.as_ref().filter(|flight| now < flight.lost_at).map(|flight| flight.outcome.clone())
    }

    /// Whether a response that the flight `id` brings now comes too late: a later flight brought one, or one that is
    /// ahead of it by sequence was published.
    pub(super) fn is_past(&self, id: u64, received: &Received) -> bool {
        let last = self.previous.as_ref().and_then(|previous| previous.response.sequence());
        let is_behind = matches!((received.response.sequence(), last), (Some(own), Some(last)) if own < last);
        is_behind || self.landed > id
    }

    /// Forgets the flight `id`; false if another took its place.
    pub(super) fn end_flight(&mut self, id: u64) -> bool {
        let own = self.flight.as_ref().is_some_and(|flight| flight.id == id);
        if own {
            self.flight = None;
        }
        own
    }

    /// The last error, with the time until the next attempt, while the source is left alone.
    pub(super) fn back_off(&self, now: MonotonicTime) -> Option<TokenError> {
        let left = self.next_attempt.saturating_since(now);
        self.last_error.as_ref().filter(|_| !left.is_zero()).map(|error| error.clone().with_retry_in(left))
    }

    /// Whether a refusal of `generation` is believed.
    pub(super) fn is_barred(&self, generation: Generation, now: MonotonicTime) -> bool {
        self.barred.is_some_and(|(barred, until)| barred == generation && now < until)
    }
}
