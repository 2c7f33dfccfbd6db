use std::sync::Barrier;
use std::thread;
use std::time::Instant;

/// One thing that is repeated. Each thread makes its own.
pub(crate) trait Case: Sync {
    /// Makes what one thread repeats.
    fn start(&self) -> Box<dyn FnMut() + '_>;
}

impl<F, G> Case for F
where
    F: Fn() -> G + Sync,
    G: FnMut() + 'static,
{
    fn start(&self) -> Box<dyn FnMut() + '_> {
        Box::new(self())
    }
}

const SAMPLES: usize = 31;
const BATCH: u32 = 100_000;

/// Nanoseconds for one repetition, the median of many batches, with `threads` threads at once.
pub(crate) fn nanoseconds(threads: usize, case: &dyn Case) -> f64 {
    let barrier = Barrier::new(threads);
    let mut samples: Vec<f64> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut repeat = case.start();
                    (0..BATCH).for_each(|_| repeat());
                    (0..SAMPLES)
                        .map(|_| {
                            barrier.wait();
                            let start = Instant::now();
                            (0..BATCH).for_each(|_| repeat());
                            start.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH)
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// A line of a table: both thread counts, with ratios to `floors`.
pub(crate) fn line(name: &str, floors: (f64, f64), case: &dyn Case) -> (f64, f64) {
    let (one, two) = (nanoseconds(1, case), nanoseconds(2, case));
    println!("{name:<62} {one:>9.1} {:>7.2} {two:>9.1} {:>7.2}", one / floors.0, two / floors.1);
    (one, two)
}
