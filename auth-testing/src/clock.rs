use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use tower_auth_core::{Clock, TimeSource};

/// A clock that stands still until it is told to move, so that a test waits for hours in no time.
///
/// - [`clock`](Self::clock) gives it in the form that every builder of this family takes.
/// - [`advance`](Self::advance) moves it, and lets whatever slept go on in the order of its waking.
/// - [`wall_forward`](Self::wall_forward) and [`wall_back`](Self::wall_back) move the time of day alone: a suspended machine, a correction.
///
/// Use it in a current-thread runtime (the default of `#[tokio::test]`): only there can `advance` know that the other tasks have run.
/// Work that is no task's, such as a blocking thread or a socket, does not go by this clock.
///
/// ```
/// use std::time::Duration;
/// use tower_auth_testing::TestClock;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let time = TestClock::new();
/// let clock = time.clock();
/// let sleeper = tokio::spawn(async move { clock.sleep(Duration::from_secs(3600)).await });
/// time.advance(Duration::from_secs(3599)).await;
/// assert!(!sleeper.is_finished());
/// time.advance(Duration::from_secs(1)).await;
/// assert!(sleeper.is_finished());
/// # });
/// ```
///
/// # Clone
/// Clones are one clock.
#[derive(Clone)]
pub struct TestClock(Arc<Mutex<Inner>>);

struct Inner {
    monotonic: Duration,
    wall: SystemTime,
    sleepers: BTreeMap<(Duration, u64), Waker>,
    next_sleeper: u64,
}

/// How often [`TestClock::settle`] lets the other tasks run: enough for long chains of tasks that wake one another, and, since a
/// runtime runs some 60 tasks in each round, more where there are many.
const ROUNDS: usize = 64;
const TASKS_PER_EXTRA_ROUND: usize = 4;

impl TestClock {
    /// A clock that says 2026-01-01T00:00:00Z.
    #[must_use]
    pub fn new() -> Self {
        Self::at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600))
    }

    /// A clock that says `wall`.
    #[must_use]
    pub fn at(wall: SystemTime) -> Self {
        // The monotonic clock starts an hour late: a machine whose time line starts at zero hides mistakes.
        Self(Arc::new(Mutex::new(Inner {
            monotonic: Duration::from_secs(3600),
            wall,
            sleepers: BTreeMap::new(),
            next_sleeper: 0,
        })))
    }

    /// This clock, in the form that the crates take.
    #[must_use]
    pub fn clock(&self) -> Clock {
        Clock::injected(self.clone())
    }

    /// The time of day.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.inner().wall
    }

    /// Moves both clocks by `duration`, stopping at each sleeper on the way, and lets the other tasks of a current-thread
    /// runtime run before, between and after.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the clock where it stood by then.
    pub async fn advance(&self, duration: Duration) {
        let target = self.inner().monotonic + duration;
        loop {
            Self::settle().await;
            let next = self.inner().next_deadline().filter(|next| *next <= target);
            self.move_to(next.unwrap_or(target));
            if next.is_none() {
                break;
            }
        }
        Self::settle().await;
    }

    /// Moves both clocks by `duration` and wakes whoever slept until then, without letting anybody run.
    pub fn tick(&self, duration: Duration) {
        let target = self.inner().monotonic + duration;
        self.move_to(target);
    }

    /// Sets the wall clock forward, as after a suspended machine or a correction. The monotonic clock stays.
    pub fn wall_forward(&self, duration: Duration) {
        self.inner().wall += duration;
    }

    /// Sets the wall clock back, as by a correction. The monotonic clock stays.
    pub fn wall_back(&self, duration: Duration) {
        self.inner().wall -= duration;
    }

    /// Lets the other tasks of a current-thread runtime run until they have nothing more to do.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn settle() {
        let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        for _ in 0..ROUNDS + tasks / TASKS_PER_EXTRA_ROUND {
            tokio::task::yield_now().await;
        }
    }

    fn move_to(&self, target: Duration) {
        let mut due = Vec::new();
        {
            let mut inner = self.inner();
            let passed = target.saturating_sub(inner.monotonic);
            inner.monotonic += passed;
            inner.wall += passed;
            while let Some(entry) = inner.sleepers.first_entry() {
                if entry.key().0 > target {
                    break;
                }
                due.push(entry.remove());
            }
        }
        due.into_iter().for_each(Waker::wake);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn next_deadline(&self) -> Option<Duration> {
        self.sleepers.first_key_value().map(|((deadline, _), _)| *deadline)
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

impl TimeSource for TestClock {
    fn monotonic(&self) -> Duration {
        self.inner().monotonic
    }

    fn wall(&self) -> SystemTime {
        self.inner().wall
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut inner = self.inner();
        inner.next_sleeper += 1;
        let key = (inner.monotonic.saturating_add(duration), inner.next_sleeper);
        Box::pin(Sleep { clock: self.clone(), key })
    }
}

impl fmt::Debug for TestClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.inner();
        f.debug_struct("TestClock").field("wall", &inner.wall).field("sleepers", &inner.sleepers.len()).finish()
    }
}

struct Sleep {
    clock: TestClock,
    key: (Duration, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.clock.inner();
        if inner.monotonic >= self.key.0 {
            return Poll::Ready(());
        }
        inner.sleepers.insert(self.key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.clock.inner().sleepers.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sleepers_wake_in_order_at_their_time() {
        let time = TestClock::new();
        let woken = Arc::new(Mutex::new(Vec::new()));
        for seconds in [3, 1, 2] {
            let (clock, woken, time) = (time.clock(), Arc::clone(&woken), time.clone());
            tokio::spawn(async move {
                clock.sleep(Duration::from_secs(seconds)).await;
                woken.lock().unwrap().push((seconds, time.now()));
            });
        }
        let start = time.now();
        time.advance(Duration::from_millis(2_500)).await;
        let at = |seconds| (seconds, start + Duration::from_secs(seconds));
        assert_eq!(*woken.lock().unwrap(), [at(1), at(2)]);
        time.advance(Duration::from_millis(500)).await;
        assert_eq!(*woken.lock().unwrap(), [at(1), at(2), at(3)]);
    }

    #[test]
    fn a_dropped_sleeper_leaves_nothing_behind() {
        let time = TestClock::new();
        let mut sleep = time.sleep(Duration::from_secs(1));
        assert!(sleep.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(sleep);
        assert!(time.inner().sleepers.is_empty());
    }

    #[test]
    fn the_wall_clock_moves_alone() {
        let time = TestClock::new();
        let (wall, monotonic) = (time.now(), time.monotonic());
        time.wall_forward(Duration::from_secs(60));
        time.wall_back(Duration::from_secs(10));
        assert_eq!(time.now(), wall + Duration::from_secs(50));
        assert_eq!(time.monotonic(), monotonic);
    }
}
