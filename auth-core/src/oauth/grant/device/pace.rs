use std::time::Duration;

use crate::{MonotonicTime, TokenError, TokenErrorKind};

/// How much `slow_down` adds to the interval (RFC 8628 section 3.5).
const STEP: Duration = Duration::from_secs(5);

/// The longest pause that failures alone lead to.
const MAX_PAUSE: Duration = Duration::from_secs(300);

/// When the server may be asked again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Between polls. Grows, and never shrinks.
    pub(super) interval: Duration,
    /// How often in a row no answer came.
    failures: u32,
    /// The next poll, at the earliest.
    pub(super) due: MonotonicTime,
}

/// What a poll without a token means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// The user has not decided yet.
    Pending,
    SlowDown,
    /// Nothing that counts as an answer.
    None,
    /// Any other error.
    Stop,
}

impl Reply {
    pub(super) fn of(error: &TokenError) -> Self {
        use TokenErrorKind::{ServerError, Throttled, TimedOut, Unreachable};
        match error.oauth_error() {
            Some("authorization_pending") => Self::Pending,
            Some("slow_down") => Self::SlowDown,
            None if matches!(error.kind(), Unreachable | TimedOut | ServerError | Throttled) => Self::None,
            _ => Self::Stop,
        }
    }
}

impl Pace {
    /// The first poll is an interval after the code came.
    pub(super) fn new(interval: Duration, now: MonotonicTime) -> Self {
        Self { interval, failures: 0, due: now + interval }
    }

    /// Takes in a reply that came `now`; `asked` is what `Retry-After` says.
    pub(super) fn note(&mut self, reply: Reply, asked: Option<Duration>, now: MonotonicTime) {
        match reply {
            Reply::SlowDown => {
                self.interval = self.interval.saturating_add(STEP);
                self.failures = 0;
            }
            Reply::None => self.failures = self.failures.saturating_add(1),
            Reply::Pending | Reply::Stop => self.failures = 0,
        }
        self.due = now + self.pause().max(asked.unwrap_or_default());
    }

    /// The interval, doubled with each failure in a row.
    fn pause(&self) -> Duration {
        let factor = 2_u32.saturating_pow(self.failures.min(16));
        self.interval.saturating_mul(factor).min(MAX_PAUSE.max(self.interval))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    // R8628-3.5b, R8628-3.5d, THREAT-C6
    #[test]
    fn slowness_lasts_and_back_off_ends_with_an_answer() {
        let now = MonotonicTime::START;
        let mut pace = Pace::new(secs(5), now);
        let mut after = |reply, asked: Option<u64>| {
            pace.note(reply, asked.map(secs), now);
            pace.due.saturating_since(now).as_secs()
        };
        assert_eq!(after(Reply::Pending, None), 5);
        assert_eq!(after(Reply::SlowDown, None), 10);
        assert_eq!(after(Reply::Pending, None), 10);
        assert_eq!([(); 3].map(|()| after(Reply::None, None)), [20, 40, 80]);
        assert_eq!(after(Reply::None, Some(200)), 200);
        assert_eq!(after(Reply::None, None), 300);
        assert_eq!(after(Reply::Pending, Some(7)), 10);
        assert_eq!(after(Reply::SlowDown, None), 15);
    }

    // THREAT-C6
    #[test]
    fn no_interval_overflows_or_is_shortened() {
        let mut pace = Pace::new(Duration::MAX, MonotonicTime::START);
        assert_eq!(pace.due, MonotonicTime::NEVER);
        for reply in [Reply::SlowDown, Reply::None, Reply::Pending] {
            pace.note(reply, None, MonotonicTime::START);
            assert_eq!(pace.due, MonotonicTime::NEVER);
        }
        let mut slow = Pace::new(secs(1000), MonotonicTime::START);
        for _ in 0..100 {
            slow.note(Reply::None, None, MonotonicTime::START);
        }
        assert_eq!(slow.due, MonotonicTime::START + secs(1000));
    }
}
