use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::MonotonicTime;
use super::monotonic::nanos;

/// Where everything in this family takes the time from: the system's clocks, or injected ones.
///
/// The system clock is read at the resolution of the scheduler tick where there is such a clock (Linux, Android,
/// FreeBSD: 1 to 10 ms), because reading the precise one costs more than attaching a token does. No margin
/// of ours is near that.
///
/// The monotonic clock stands still while the machine is suspended; users of a `Clock` that keep deadlines
/// compare the wall clock too.
#[derive(Clone, Default)]
pub struct Clock(Repr);

#[derive(Clone, Default)]
enum Repr {
    #[default]
    System,
    Injected(Arc<dyn TimeSource>),
}

/// A clock that can stand in for the system's: in a test, in a simulation.
pub trait TimeSource: Send + Sync + 'static {
    /// Time since an arbitrary start; never goes back.
    fn monotonic(&self) -> Duration;

    /// The time of day.
    fn wall(&self) -> SystemTime;

    /// Ends when `duration` has passed on the monotonic clock.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

impl Clock {
    /// The system's clocks. Sleeping needs a tokio runtime with its timer enabled.
    #[must_use]
    pub const fn system() -> Self {
        Self(Repr::System)
    }

    /// A clock that reads `source`.
    pub fn injected(source: impl TimeSource) -> Self {
        Self(Repr::Injected(Arc::new(source)))
    }

    /// The monotonic time.
    #[inline]
    #[must_use]
    pub fn now(&self) -> MonotonicTime {
        match &self.0 {
            Repr::System => MonotonicTime::from_nanos(system_monotonic()),
            Repr::Injected(source) => MonotonicTime::from_nanos(nanos(source.monotonic())),
        }
    }

    /// The time of day.
    #[must_use]
    pub fn wall(&self) -> SystemTime {
        match &self.0 {
            Repr::System => system_wall(),
            Repr::Injected(source) => source.wall(),
        }
    }

    /// Waits until `duration` has passed.
    ///
    /// # Panics
    /// With the system clock, outside a tokio runtime that has its timer enabled.
    pub async fn sleep(&self, duration: Duration) {
        self.sleep_until(self.now() + duration).await;
    }

    /// Waits until `deadline` has passed.
    ///
    /// # Panics
    /// As [`sleep`](Self::sleep).
    pub async fn sleep_until(&self, deadline: MonotonicTime) {
        loop {
            let left = deadline.saturating_since(self.now());
            if left.is_zero() {
                return;
            }
            match &self.0 {
                // The coarse clock may be a tick behind the timer, hence the loop.
                Repr::System => tokio::time::sleep(left).await,
                Repr::Injected(source) => source.sleep(left).await,
            }
        }
    }

    /// How long a reader may go without a look at the wall clock. An injected clock is looked at always, so that
    /// a test sees a step at once.
    pub(crate) fn wall_check_interval(&self) -> Duration {
        match &self.0 {
            Repr::System => Duration::from_secs(1),
            Repr::Injected(_) => Duration::ZERO,
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Repr::System => "Clock(system)",
            Repr::Injected(_) => "Clock(injected)",
        })
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
mod system {
    use std::time::{Duration, SystemTime};

    use rustix::time::{ClockId, Timespec, clock_gettime};

    #[inline]
    pub(super) fn system_monotonic() -> u64 {
        let time = clock_gettime(ClockId::MonotonicCoarse);
        seconds(&time).wrapping_mul(1_000_000_000).wrapping_add(subsecond(&time))
    }

    pub(super) fn system_wall() -> SystemTime {
        let time = clock_gettime(ClockId::RealtimeCoarse);
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds(&time)) + Duration::from_nanos(subsecond(&time))
    }

    /// Neither clock is before its epoch on a machine that runs this.
    #[inline]
    fn seconds(time: &Timespec) -> u64 {
        u64::try_from(time.tv_sec).unwrap_or(0)
    }

    #[inline]
    #[allow(clippy::useless_conversion, reason = "the field's type differs between targets")]
    fn subsecond(time: &Timespec) -> u64 {
        u64::try_from(time.tv_nsec).unwrap_or(0)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
#[allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "this is where the clock reads the system")]
mod system {
    use std::sync::OnceLock;
    use std::time::{Instant, SystemTime};

    pub(super) fn system_monotonic() -> u64 {
        static START: OnceLock<Instant> = OnceLock::new();
        super::nanos(START.get_or_init(Instant::now).elapsed())
    }

    pub(super) fn system_wall() -> SystemTime {
        SystemTime::now()
    }
}

use self::system::{system_monotonic, system_wall};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "compares with the standard library's clock")]
    fn the_system_clock_agrees_with_the_standard_library() {
        let clock = Clock::system();
        let difference = match clock.wall().duration_since(SystemTime::now()) {
            Ok(ahead) => ahead,
            Err(behind) => behind.duration(),
        };
        assert!(difference < Duration::from_millis(100), "{difference:?}");
    }

    #[tokio::test]
    async fn sleeping_never_ends_early_by_our_own_clock() {
        let clock = Clock::system();
        let before = clock.now();
        clock.sleep(Duration::from_millis(5)).await;
        assert!(clock.now().saturating_since(before) >= Duration::from_millis(5));
    }
}
