use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use super::limits::Limits;
use crate::jose::JwkSet;
use crate::{Clock, MonotonicTime};

/// Which fetch of an issuer's keys; what was verified with the keys of one says nothing about those of the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::verify) struct Generation(pub(super) u64);

/// A key set as it was fetched. Never changed: a newer one takes its place as a whole.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) keys: JwkSet,
    pub(super) generation: Generation,
    /// Whether it is to be used only if no newer one can be had, whatever its age.
    distrusted: AtomicBool,
    fetched: MonotonicTime,
    fetched_wall: SystemTime,
    /// The age at which it is fetched again in the background: rolled once, so that replicas do not come together.
    ahead: Duration,
}

/// What may be done with a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    Fresh,
    /// To be used, and fetched again in the background.
    Due,
    /// To be used only if no newer one can be had.
    Old,
    /// Not to be used.
    Dead,
}

impl Snapshot {
    pub(super) fn new(keys: JwkSet, generation: Generation, clock: &Clock, limits: &Limits, random: f64) -> Self {
        let ahead = limits.max_age.mul_f64(0.75 + 0.15 * random);
        Self {
            keys,
            generation,
            distrusted: AtomicBool::new(false),
            fetched: clock.now(),
            fetched_wall: clock.wall(),
            ahead,
        }
    }

    pub(super) fn distrust(&self) {
        self.distrusted.store(true, Ordering::Release);
    }

    pub(super) fn is_distrusted(&self) -> bool {
        self.distrusted.load(Ordering::Acquire)
    }

    /// By the clock that says more: the monotonic one stands still while the machine is suspended.
    pub(super) fn time_since_fetch(&self, now: MonotonicTime, wall: SystemTime) -> Duration {
        let by_wall = wall.duration_since(self.fetched_wall).unwrap_or_default();
        now.saturating_since(self.fetched).max(by_wall)
    }

    pub(super) fn age(&self, now: MonotonicTime, wall: SystemTime, limits: &Limits) -> Age {
        let age = self.time_since_fetch(now, wall);
        if age < limits.max_age && self.is_distrusted() {
            Age::Old
        } else if age < self.ahead {
            Age::Fresh
        } else if age < limits.max_age {
            Age::Due
        } else if age < limits.max_age.saturating_add(limits.stale) {
            Age::Old
        } else {
            Age::Dead
        }
    }
}
