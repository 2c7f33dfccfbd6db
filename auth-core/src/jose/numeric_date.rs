use std::fmt;
use std::time::{Duration, SystemTime};

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// The last second of the year 9999. A date beyond is a mistake (milliseconds, most often), and every date
/// below can be added to and compared without overflow.
const MAX_SECONDS: u64 = 253_402_300_799;

/// A NumericDate of RFC 7519 section 2: seconds since 1970 (UTC), fractions allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NumericDate(Duration);

impl NumericDate {
    /// The time since the start of 1970.
    #[must_use]
    pub fn since_epoch(self) -> Duration {
        self.0
    }

    /// The same instant as a wall-clock time.
    #[must_use]
    pub fn to_system_time(self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.0
    }
}

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_f64(NumericDateVisitor)
    }
}

struct NumericDateVisitor;

impl Visitor<'_> for NumericDateVisitor {
    type Value = NumericDate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("seconds since 1970, up to the year 9999")
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<NumericDate, E> {
        if seconds > MAX_SECONDS {
            return Err(E::custom("out of range"));
        }
        Ok(NumericDate(Duration::from_secs(seconds)))
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<NumericDate, E> {
        match Duration::try_from_secs_f64(seconds) {
            Ok(date) if date.as_secs() <= MAX_SECONDS => Ok(NumericDate(date)),
            _ => Err(E::custom("out of range")),
        }
    }
}
