//! One thing, repeated by one thread and by several at once.

use std::sync::Barrier;
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
    for threads in thread_counts() {
        group.bench_function(BenchmarkId::new(name, threads), |bencher| {
            bencher.iter_custom(|times| time(threads, times, &make));
        });
    }
}

/// How long `times` repetitions take a thread while all of them work.
fn time<M, F>(threads: usize, times: u64, make: &M) -> Duration
where
    M: Fn() -> F + Sync,
    F: FnMut(),
{
    let barrier = Barrier::new(threads);
    let work = |number: usize| {
        stay_on(number);
        let mut repeat = make();
        // First times are dearer: caches fill, and values that were never cloned are moved.
        (0..64).for_each(|_| repeat());
        barrier.wait();
        let start = Instant::now();
        (0..times).for_each(|_| repeat());
        start.elapsed()
    };
    let sum: Duration = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|number| scope.spawn(move || work(number))).collect();
        workers.into_iter().map(|worker| worker.join().expect("a case does not panic")).sum()
    });
    sum / u32::try_from(threads).unwrap_or(u32::MAX)
}

/// Keeps this thread on one processor. Where that cannot be had it runs where it runs.
fn stay_on(number: usize) {
    let mut processors = CpuSet::new();
    processors.set(number % thread::available_parallelism().map_or(1, usize::from));
    let _ = sched_setaffinity(None, &processors);
}
