//! One place for time: monotonic now, wall-clock now, and sleep.

mod monotonic;
mod race;
mod source;

pub use self::monotonic::MonotonicTime;
pub use self::source::{Clock, TimeSource};

pub(crate) use self::race::race;
#[cfg(any(feature = "http", feature = "command", feature = "verify", feature = "loopback"))]
pub(crate) use self::race::within;
