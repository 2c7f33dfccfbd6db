use std::time::Duration;

use crate::MonotonicTime;

const SECOND: Duration = Duration::from_secs(1);

/// At most so many in a second; as many as that may come at once.
#[derive(Debug)]
pub(super) struct Rate {
    interval: Duration,
    /// When as much time has passed as all that were let through are worth.
    paid_at: MonotonicTime,
}

impl Rate {
    pub(super) fn new(per_second: u32) -> Self {
        Self { interval: SECOND / per_second.max(1), paid_at: MonotonicTime::START }
    }

    /// Takes a place; the time until there is one again, if there is none.
    pub(super) fn take(&mut self, now: MonotonicTime) -> Result<(), Duration> {
        let paid_at = self.paid_at.max(now) + self.interval;
        let ahead = paid_at.saturating_since(now);
        if ahead > SECOND {
            return Err(ahead - SECOND);
        }
        self.paid_at = paid_at;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // THREAT-A4
    #[test]
    fn a_second_has_so_many_places_and_no_more() {
        let at = |millis| MonotonicTime::START + Duration::from_millis(millis);
        let mut rate = Rate::new(2);
        let taken: Vec<bool> = [0, 0, 0, 499, 500, 500, 1_000, 9_000, 9_000, 9_000]
            .into_iter()
            .map(|millis| rate.take(at(1_000_000 + millis)).is_ok())
            .collect();
        assert_eq!(taken, [true, true, false, false, true, false, true, true, true, false]);
        assert_eq!(rate.take(at(1_009_100)), Err(Duration::from_millis(400)));
    }
}
