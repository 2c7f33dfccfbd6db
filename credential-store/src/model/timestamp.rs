use std::time::{Duration, SystemTime};

use serde::Serialize;

/// A point in time by a database's clock, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
#[allow(clippy::exhaustive_structs, reason = "backends of other crates write and read it whole")]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The time by the system's clock.
    #[must_use]
    pub fn of(time: SystemTime) -> Self {
        let millis = |length: Duration| i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        Self(match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => millis(after),
            Err(before) => millis(before.duration()).saturating_neg(),
        })
    }

    /// The same as a point of the system's clock.
    #[must_use]
    pub fn to_system_time(self) -> SystemTime {
        let length = Duration::from_millis(self.0.unsigned_abs());
        let point = match self.0 >= 0 {
            true => SystemTime::UNIX_EPOCH.checked_add(length),
            false => SystemTime::UNIX_EPOCH.checked_sub(length),
        };
        point.unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// This much later.
    #[must_use]
    pub fn after(self, length: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(length.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` it is; zero if it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}
