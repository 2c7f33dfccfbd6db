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
    /// When it is fetched again in the background, by the clock that is there first: rolled once, so that replicas do not come
    /// together. `None` for a time that no calendar has.
    fresh_until: (MonotonicTime, Option<SystemTime>),
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
        let (fetched, fetched_wall) = (clock.now(), clock.wall());
        Self {
            keys,
            generation,
            distrusted: AtomicBool::new(false),
            fetched,
            fetched_wall,
            fresh_until: (fetched + ahead, fetched_wall.checked_add(ahead)),
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
        let is_distrusted = self.is_distrusted();
        let (until, until_wall) = self.fresh_until;
        if now < until && until_wall.is_none_or(|until| wall < until) && !is_distrusted {
            return Age::Fresh;
        }
        let age = self.time_since_fetch(now, wall);
        if age < limits.max_age && !is_distrusted {
            Age::Due
        } else if age < limits.max_age.saturating_add(limits.stale) {
            Age::Old
        } else {
            Age::Dead
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half an hour, of which 27 minutes pass until it is due, and an hour beyond.
    fn snapshot() -> (Snapshot, Limits, MonotonicTime, SystemTime) {
        let (max_age, stale) = (minutes(30), minutes(60));
        let limits = Limits { max_age, stale, cooldown: minutes(1), timeout: minutes(1) };
        let clock = Clock::system();
        let snapshot = Snapshot::new(JwkSet::default(), Generation(1), &clock, &limits, 1.0);
        let (now, wall) = (snapshot.fetched, snapshot.fetched_wall);
        (snapshot, limits, now, wall)
    }

    fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(minutes * 60)
    }

    // THREAT-A2, THREAT-A7
    #[test]
    fn it_ages_by_the_clock_that_is_further() {
        let (snapshot, limits, now, wall) = snapshot();
        let tick = Duration::from_nanos(1);
        for (age, expected) in [
            (Duration::ZERO, Age::Fresh),
            (minutes(27) - tick, Age::Fresh),
            (minutes(27), Age::Due),
            (minutes(30) - tick, Age::Due),
            (minutes(30), Age::Old),
            (minutes(90) - tick, Age::Old),
            (minutes(90), Age::Dead),
        ] {
            assert_eq!(snapshot.age(now + age, wall, &limits), expected, "{age:?} by the monotonic clock");
            assert_eq!(snapshot.age(now, wall + age, &limits), expected, "{age:?} by the wall clock");
            assert_eq!(
                snapshot.age(now + age, wall - minutes(600), &limits),
                expected,
                "{age:?}, and the wall set back"
            );
        }
    }

    // THREAT-A2
    #[test]
    fn one_that_is_distrusted_is_old_at_any_age() {
        let (snapshot, limits, now, wall) = snapshot();
        snapshot.distrust();
        for age in [0, 27, 30, 89] {
            assert_eq!(snapshot.age(now + minutes(age), wall, &limits), Age::Old, "{age}");
        }
        assert_eq!(snapshot.age(now + minutes(90), wall, &limits), Age::Dead);
    }
}
