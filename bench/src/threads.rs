//! One thing, repeated by one thread and by several at once.

use std::hint::black_box;
use std::sync::{Barrier, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use criterion::BenchmarkGroup;
use criterion::BenchmarkId;
use criterion::measurement::WallTime;
use rustix::thread::{CpuSet, sched_setaffinity};

/// How many threads do the same thing at once: one, two, and as many as the machine has if those are more.
#[must_use]
pub fn thread_counts() -> Vec<usize> {
    let most = thread::available_parallelism().map_or(1, usize::from);
    if most > 2 { vec![1, 2, most] } else { vec![1, 2] }
}

/// Measures one case at each count of threads. Each thread makes what it repeats with `make`, and stays on a processor of its own. The
/// figure is the time of one repetition by one thread.
pub fn case<M, F>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, make: M)
where
    M: Fn() -> F + Sync,
    F: FnMut(),
{
    timed_case(group, name, || {
        let mut repeat = make();
        move |times| {
            let start = Instant::now();
            (0..times).for_each(|_| repeat());
            start.elapsed()
        }
    });
}

/// The same for what measures its repetitions itself, since not all that it does counts.
pub fn timed_case<M, F>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, make: M)
where
    M: Fn() -> F + Sync,
    F: FnMut(u64) -> Duration,
{
    for threads in thread_counts() {
        group.bench_function(BenchmarkId::new(name, threads), |bencher| {
            bencher.iter_custom(|times| time(threads, times, &make));
        });
    }
}

/// How long `times` repetitions take a thread while all of them work.
///
/// A shared machine is not equally fast at all times. So between slices of the repetitions the same arithmetic is timed again and again, and what the
/// repetitions took is told as if the machine had been as fast throughout as when that was fastest.
fn time<M, F>(threads: usize, times: u64, make: &M) -> Duration
where
    M: Fn() -> F + Sync,
    F: FnMut(u64) -> Duration,
{
    let barrier = Barrier::new(threads);
    let work = |number: usize| {
        stay_on(number);
        let mut repeat = make();
        // First times are dearer: caches fill, and values that were never cloned are moved.
        repeat(64);
        let fastest = fastest();
        barrier.wait();
        let (mut took, mut arithmetic, mut slices, mut left) = (Duration::ZERO, Duration::ZERO, 0, times);
        while left > 0 {
            let slice = (times / SLICES).clamp(1, left);
            took += at_depth(slices, &mut || repeat(slice));
            arithmetic += time_of_arithmetic();
            (slices, left) = (slices + 1, left - slice);
        }
        took.mul_f64((fastest.as_secs_f64() * f64::from(slices) / arithmetic.as_secs_f64()).min(1.0))
    };
    let sum: Duration = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|number| scope.spawn(move || work(number))).collect();
        workers.into_iter().map(|worker| worker.join().expect("a case does not panic")).sum()
    });
    sum / u32::try_from(threads).unwrap_or(u32::MAX)
}

/// Where on the stack something lies decides which of its moves cross lines of the cache, and which wait for a write before them that looks like
/// theirs: some 20 ns of 150 by luck. So the slices begin at different places.
fn at_depth(number: u32, work: &mut dyn FnMut() -> Duration) -> Duration {
    match number % 4 {
        0 => deeper::<16>(work),
        1 => deeper::<32>(work),
        2 => deeper::<48>(work),
        _ => deeper::<64>(work),
    }
}

#[inline(never)]
fn deeper<const BYTES: usize>(work: &mut dyn FnMut() -> Duration) -> Duration {
    let room = black_box([0_u8; BYTES]);
    let took = work();
    black_box(room);
    took
}

/// In how many slices repetitions are done.
const SLICES: u64 = 64;

/// Some microseconds of arithmetic that no compiler shortens.
fn time_of_arithmetic() -> Duration {
    let start = Instant::now();
    let mut value = black_box(1_u64);
    for step in 0..2_000 {
        value = black_box(value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step));
    }
    start.elapsed()
}

/// What that took when the machine was fastest, as far as was seen at the start.
fn fastest() -> Duration {
    static FASTEST: OnceLock<Duration> = OnceLock::new();
    *FASTEST.get_or_init(|| (0..20_000).map(|_| time_of_arithmetic()).min().unwrap_or_default())
}

/// Keeps this thread on one processor. Where that cannot be had it runs where it runs.
fn stay_on(number: usize) {
    let mut processors = CpuSet::new();
    processors.set(number % thread::available_parallelism().map_or(1, usize::from));
    let _ = sched_setaffinity(None, &processors);
}
