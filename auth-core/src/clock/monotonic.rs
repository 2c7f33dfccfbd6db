use std::ops::Add;
use std::time::Duration;

/// A point on a [`Clock`](super::Clock)'s monotonic time line, in nanoseconds since an arbitrary start.
///
/// Arithmetic saturates: a point that would lie beyond the end is [`NEVER`](Self::NEVER).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonotonicTime(u64);

impl MonotonicTime {
    /// Later than every other point.
    pub const NEVER: Self = Self(u64::MAX);

    /// The start of the time line.
    pub const START: Self = Self(0);

    /// The point `nanos` nanoseconds after the start.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to this point; zero if `earlier` is later.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The point `duration` before this one, or the start.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(duration)))
    }
}

impl Add<Duration> for MonotonicTime {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }
}

/// A duration in nanoseconds, cut off at about 584 years.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    // THREAT-A6
    #[test]
    fn arithmetic_saturates() {
        let start = MonotonicTime::from_nanos(5);
        assert_eq!(start + Duration::MAX, MonotonicTime::NEVER);
        assert_eq!(MonotonicTime::NEVER + Duration::from_secs(1), MonotonicTime::NEVER);
        assert_eq!(start.saturating_sub(Duration::from_secs(1)), MonotonicTime::START);
        assert_eq!(start.saturating_since(MonotonicTime::NEVER), Duration::ZERO);
        assert_eq!((start + Duration::from_secs(2)).saturating_since(start), Duration::from_secs(2));
    }
}
