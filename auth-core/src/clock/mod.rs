//! One place for time: monotonic now, wall-clock now, and sleep.

mod monotonic;
mod source;

pub use self::monotonic::MonotonicTime;
pub use self::source::{Clock, TimeSource};
