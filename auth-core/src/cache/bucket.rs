use std::time::Duration;

use crate::MonotonicTime;

/// A token bucket that limits how often a refused token may cause a refresh (THREAT-C8).
#[derive(Debug)]
pub(super) struct Bucket {
    burst: u32,
    period: Duration,
    left: u32,
    refilled: MonotonicTime,
}

impl Bucket {
    /// A full bucket of `burst`, refilled by one every `period`.
    pub(super) fn new(burst: u32, period: Duration) -> Self {
        Self { burst, period, left: burst, refilled: MonotonicTime::START }
    }

    /// Takes one, if there is one.
    pub(super) fn take(&mut self, now: MonotonicTime) -> bool {
        self.refill(now);
        let taken = self.left > 0;
        self.left = self.left.saturating_sub(1);
        taken
    }

    fn refill(&mut self, now: MonotonicTime) {
        let passed = now.saturating_since(self.refilled);
        if self.left >= self.burst || self.period.is_zero() {
            self.left = self.burst;
            self.refilled = now;
        } else if passed >= self.period {
            let periods = u32::try_from(passed.as_nanos() / self.period.as_nanos()).unwrap_or(u32::MAX);
            self.left = self.left.saturating_add(periods).min(self.burst);
            self.refilled = self.refilled + self.period.saturating_mul(periods);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // THREAT-C8
    #[test]
    fn a_burst_of_two_then_one_every_thirty_seconds() {
        let at = |seconds| MonotonicTime::START + Duration::from_secs(seconds);
        let mut bucket = Bucket::new(2, Duration::from_secs(30));
        let taken: Vec<bool> = [1_000, 1_000, 1_000, 1_029, 1_030, 1_031, 1_059, 1_060, 1_200, 1_200, 1_200]
            .into_iter()
            .map(|seconds| bucket.take(at(seconds)))
            .collect();
        assert_eq!(taken, [true, true, false, false, true, false, false, true, true, true, false]);
    }
}
