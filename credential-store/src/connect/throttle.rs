use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::model::Timestamp;

/// How often somebody may have a provider asked about values, so that nobody tries out stolen ones here. It counts in this process;
/// bounded (THREAT-A9).
#[derive(Debug)]
pub(super) struct Throttle {
    limit: u32,
    window: Duration,
    counts: Mutex<HashMap<[u8; 32], Window>>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    since: Timestamp,
    count: u32,
}

const CAPACITY: usize = 10_000;

impl Throttle {
    pub(super) fn new(limit: u32, window: Duration) -> Self {
        Self { limit, window, counts: Mutex::default() }
    }

    /// Counts an attempt of `who`.
    ///
    /// # Errors
    /// How long to wait, if there were too many.
    pub(super) fn count(&self, who: [u8; 32], now: Timestamp) -> Result<(), Duration> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= CAPACITY && !counts.contains_key(&who) {
            counts.retain(|_, window| now.since(window.since) < self.window);
            // Those who began first are let off first.
            let first = counts.iter().min_by_key(|(_, window)| window.since).map(|(who, _)| *who);
            if let Some(first) = first.filter(|_| counts.len() >= CAPACITY) {
                counts.remove(&first);
            }
        }
        let window = counts.entry(who).or_insert(Window { since: now, count: 0 });
        if now.since(window.since) >= self.window {
            *window = Window { since: now, count: 0 };
        }
        if window.count >= self.limit {
            return Err(self.window.saturating_sub(now.since(window.since)).max(Duration::from_secs(1)));
        }
        window.count += 1;
        Ok(())
    }
}

/// A wait in whole seconds, for `Retry-After`: rather a little longer.
pub(super) fn seconds(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_in_a_while_and_no_more() {
        let throttle = Throttle::new(2, Duration::from_secs(10));
        let at = |seconds: i64| Timestamp(seconds * 1000);
        assert!(throttle.count([1; 32], at(0)).is_ok());
        assert!(throttle.count([1; 32], at(1)).is_ok());
        assert_eq!(throttle.count([1; 32], at(4)), Err(Duration::from_secs(6)));
        assert!(throttle.count([2; 32], at(4)).is_ok());
        assert!(throttle.count([1; 32], at(10)).is_ok());
    }
}
