use std::time::Duration;

use super::flight::Failure;
use crate::MonotonicTime;
use crate::verify::keys::back_off;
use crate::verify::rejection::Fault;

/// How many failures in a row are taken for chance.
const CHANCES: u32 = 3;

/// Leaves an endpoint alone that fails, so that a dead one is not asked once for each request.
///
/// It opens after three failures in a row, or one that says when to come again, and then lets one request through at a time
/// to see whether the endpoint is back.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    last_failure: Option<&'static str>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    /// How often in a row.
    times: u32,
    since: MonotonicTime,
    until: MonotonicTime,
    /// While this has not passed, somebody is trying.
    tried_until: MonotonicTime,
    last: Fault,
}

impl Breaker {
    /// What to answer instead of asking, if the endpoint is left alone.
    pub(super) fn refusal(&self, now: MonotonicTime) -> Option<Fault> {
        let open = self.open.as_ref()?;
        let left = open.until.max(open.tried_until).saturating_since(now);
        if left.is_zero() {
            return None;
        }
        // Nobody knows how long an attempt takes; it is soon over if the endpoint is back.
        let wait = if now < open.until { left } else { Duration::from_secs(1) };
        Some(open.last.clone().retry_after(wait.max(Duration::from_secs(1))))
    }

    /// How many attempts in a row failed, and with what the last.
    pub(super) fn failures(&self) -> (u32, Option<&'static str>) {
        (self.failures, self.last_failure)
    }

    /// Takes note of an attempt, which lasts until `lost_at` at the most.
    pub(super) fn begin(&mut self, lost_at: MonotonicTime) {
        if let Some(open) = &mut self.open {
            open.tried_until = lost_at;
        }
    }

    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// Takes note of the failure of an attempt that began at `started`.
    pub(super) fn failed(&mut self, now: MonotonicTime, started: MonotonicTime, failure: &Failure, random: f64) {
        self.failures = self.failures.saturating_add(1);
        self.last_failure = Some(failure.code);
        let times = match &self.open {
            // It began before the others failed, and says nothing new.
            Some(open) if started < open.since => return,
            Some(open) => open.times.saturating_add(1),
            None if self.failures < CHANCES && failure.asked.is_none() => return,
            None => 1,
        };
        // Up to eight seconds: callers are refused meanwhile.
        let pause = back_off(times.min(3), random, failure.asked);
        self.open = Some(Open {
            times,
            since: now,
            until: now + pause,
            tried_until: MonotonicTime::START,
            last: failure.fault.clone(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::rejection::RejectionKind;

    fn at(millis: u64) -> MonotonicTime {
        MonotonicTime::START + Duration::from_millis(1_000_000 + millis)
    }

    fn failure(asked: Option<u64>) -> Failure {
        let fault = Fault::new(RejectionKind::IntrospectionUnavailable, "gone");
        Failure { fault, code: "token.server_error", asked: asked.map(Duration::from_secs) }
    }

    fn fail(breaker: &mut Breaker, now: u64, started: u64, asked: Option<u64>) {
        breaker.failed(at(now), at(started), &failure(asked), 0.0);
    }

    fn wait(breaker: &Breaker, now: u64) -> Option<Duration> {
        breaker.refusal(at(now)).and_then(|fault| fault.retry_after)
    }

    // THREAT-A4
    #[test]
    fn two_failures_are_chance_and_three_open_it_for_a_moment() {
        let mut breaker = Breaker::default();
        fail(&mut breaker, 0, 0, None);
        fail(&mut breaker, 0, 0, None);
        assert_eq!(wait(&breaker, 0), None);
        fail(&mut breaker, 0, 0, None);
        assert_eq!(wait(&breaker, 0), Some(Duration::from_secs(1)));
        assert_eq!(wait(&breaker, 999), Some(Duration::from_secs(1)), "never less than a second");
        assert_eq!(wait(&breaker, 1000), None);
        breaker.succeeded();
        fail(&mut breaker, 2000, 2000, None);
        assert_eq!(wait(&breaker, 2000), None, "counted anew");
    }

    // THREAT-A4
    #[test]
    fn one_attempt_at_a_time_sees_whether_the_endpoint_is_back() {
        let mut breaker = Breaker::default();
        (0..3).for_each(|_| fail(&mut breaker, 0, 0, None));
        breaker.begin(at(7000));
        assert_eq!(wait(&breaker, 1000), Some(Duration::from_secs(1)));
        assert_eq!(wait(&breaker, 7000), None, "the attempt is lost");
        fail(&mut breaker, 2000, 1000, None);
        assert!(wait(&breaker, 2999).is_some());
        assert_eq!(wait(&breaker, 3000), None);
        breaker.begin(at(9000));
        breaker.succeeded();
        assert_eq!(wait(&breaker, 3000), None);
    }

    // THREAT-A4
    #[test]
    fn what_was_under_way_when_it_opened_does_not_lengthen_the_pause() {
        let mut breaker = Breaker::default();
        (0..3).for_each(|_| fail(&mut breaker, 100, 0, None));
        (0..500).for_each(|_| fail(&mut breaker, 900, 50, None));
        assert_eq!(wait(&breaker, 1100), None);
    }

    // THREAT-A4
    #[test]
    fn an_endpoint_is_left_alone_as_long_as_it_asks() {
        let mut breaker = Breaker::default();
        fail(&mut breaker, 0, 0, Some(20));
        assert_eq!(wait(&breaker, 0), Some(Duration::from_secs(20)));
    }

    // THREAT-A4
    #[test]
    fn pauses_grow_to_eight_seconds() {
        let mut breaker = Breaker::default();
        let mut now = 0;
        for longest in [2, 4, 8, 8, 8] {
            for _ in 0..3 {
                breaker.failed(at(now), at(now), &failure(None), 1.0);
                if breaker.refusal(at(now)).is_some() {
                    break;
                }
            }
            assert_eq!(wait(&breaker, now), Some(Duration::from_secs(longest)));
            now += longest * 1000;
        }
    }
}
