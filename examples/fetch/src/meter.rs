//! What many calls took.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

/// How often the line of progress is drawn at most.
const REDRAW: Duration = Duration::from_millis(100);

/// Counts calls, and shows how far they are on a terminal.
#[derive(Debug)]
pub(crate) struct Meter {
    total: u64,
    /// A clock of its own: those of tokens are too coarse for latencies.
    started: Instant,
    shown: bool,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    calls: u64,
    errors: u64,
    resent: u64,
    first_generation: Option<u64>,
    last_generation: Option<u64>,
    latencies: Histogram,
    drawn: Option<Instant>,
}

/// One call's outcome.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) took: Duration,
    pub(crate) failed: bool,
    pub(crate) sends: u32,
    pub(crate) generation: Option<u64>,
}

/// Counts of durations in microseconds, exact below 128 µs, else to one part in 64. Its size does not depend on their number.
#[derive(Debug, Default)]
struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max: u64,
}

impl Meter {
    /// For `total` calls.
    pub(crate) fn new(total: u64) -> Self {
        // Bodies on the same terminal would tear the line apart.
        let shown = total > 1 && io::stderr().is_terminal() && !io::stdout().is_terminal();
        Self { total, started: Instant::now(), shown, counts: Mutex::default() }
    }

    pub(crate) fn add(&self, outcome: Outcome) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.calls += 1;
        counts.errors += u64::from(outcome.failed);
        counts.resent += u64::from(outcome.sends > 1);
        if let Some(generation) = outcome.generation {
            counts.first_generation = Some(counts.first_generation.map_or(generation, |first| first.min(generation)));
            counts.last_generation = counts.last_generation.max(Some(generation));
        }
        counts.latencies.add(outcome.took);
        self.draw(&mut counts);
    }

    fn draw(&self, counts: &mut Counts) {
        let now = Instant::now();
        let due = counts.drawn.is_none_or(|drawn| now.saturating_duration_since(drawn) >= REDRAW);
        if !self.shown || !due {
            return;
        }
        counts.drawn = Some(now);
        let filled = usize::try_from(counts.calls.saturating_mul(30) / self.total.max(1)).unwrap_or(30).min(30);
        let bar = format!("{}{}", "#".repeat(filled), ".".repeat(30 - filled));
        let (calls, errors, rate) = (counts.calls, counts.errors, self.rate(counts.calls, now));
        let _ =
            write!(io::stderr().lock(), "\r[{bar}] {calls}/{} calls, {errors} errors, {rate:.1}/s\x1b[K", self.total);
    }

    /// Takes the line of progress away.
    pub(crate) fn end(&self) {
        if self.shown {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }

    fn rate(&self, calls: u64, now: Instant) -> f64 {
        let seconds = now.saturating_duration_since(self.started).as_secs_f64();
        #[allow(clippy::cast_precision_loss, reason = "nobody counts that far")]
        if seconds > 0.0 { calls as f64 / seconds } else { 0.0 }
    }

    /// The numbers, as an object.
    pub(crate) fn summary(&self) -> Value {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let millis = |part| counts.latencies.percentile(part).map(|micros| Value::from(thousandths(micros)));
        let generations = counts.first_generation.zip(counts.last_generation).map(|(first, last)| last - first + 1);
        json!({ "summary": {
            "count": counts.calls,
            "errors": counts.errors,
            "resent": counts.resent,
            "token_generations": generations,
            "p50_ms": millis(500),
            "p90_ms": millis(900),
            "p99_ms": millis(990),
            "max_ms": millis(1000),
            "requests_per_second": (self.rate(counts.calls, Instant::now()) * 10.0).round() / 10.0,
        }})
    }

    /// The numbers, as a line.
    pub(crate) fn line(&self) -> String {
        let summary = self.summary();
        let number = |name: &str| match &summary["summary"][name] {
            Value::Null => "-".to_owned(),
            value => value.to_string(),
        };
        format!(
            "{} calls, {} errors, {} resent, {} token generations; p50 {} ms, p90 {} ms, p99 {} ms, max {} ms; {} requests/s",
            number("count"),
            number("errors"),
            number("resent"),
            number("token_generations"),
            number("p50_ms"),
            number("p90_ms"),
            number("p99_ms"),
            number("max_ms"),
            number("requests_per_second"),
        )
    }
}

/// Thousandths as a number with three places.
fn thousandths(micros: u64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "fifteen digits are enough")]
    let micros = micros as f64;
    micros / 1000.0
}

impl Histogram {
    fn add(&mut self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = bucket(micros);
        if self.buckets.len() <= bucket {
            self.buckets.resize(bucket + 1, 0);
        }
        if let Some(count) = self.buckets.get_mut(bucket) {
            *count += 1;
        }
        self.count += 1;
        self.max = self.max.max(micros);
    }

    /// The least duration that `part` of 1000 do not exceed.
    fn percentile(&self, part: u64) -> Option<u64> {
        let wanted = self.count.saturating_mul(part).div_ceil(1000).max(1);
        let mut seen = 0;
        let found = self.buckets.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        found.map(|bucket| upper(bucket).min(self.max))
    }
}

/// 64 buckets for each power of two.
fn bucket(micros: u64) -> usize {
    let shift = (64 - micros.leading_zeros()).saturating_sub(7);
    (usize::try_from(shift).unwrap_or(0) * 64) + usize::try_from(micros >> shift).unwrap_or(0)
}

/// The largest number of a bucket.
fn upper(bucket: usize) -> u64 {
    let shift = (bucket / 64).saturating_sub(1);
    let base = u64::try_from(bucket - shift * 64).unwrap_or(0);
    (base.saturating_add(1) << shift).wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_durations() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(500), None);
        (1..=100).for_each(|millis| histogram.add(Duration::from_millis(millis)));
        for (part, expected) in [(500, 50_000), (900, 90_000), (990, 99_000), (1000, 100_000)] {
            let found = histogram.percentile(part).unwrap();
            assert!(found >= expected && found <= expected + expected / 64 + 1, "{part}: {found}");
        }
    }

    #[test]
    fn every_number_is_within_its_bucket() {
        for micros in (0..5000).chain([1 << 20, (1 << 40) - 1, 1 << 62, u64::MAX]) {
            let found = upper(bucket(micros));
            assert!(found >= micros && found - micros <= micros / 64, "{micros}: {found}");
        }
        assert!((1..100_000).all(|micros| bucket(micros) >= bucket(micros - 1)));
    }

    #[test]
    fn the_summary_counts_what_happened() {
        let meter = Meter::new(3);
        for (sends, failed, generation) in [(1, false, 1), (2, false, 2), (1, true, 2)] {
            meter.add(Outcome { took: Duration::from_millis(10), failed, sends, generation: Some(generation) });
        }
        let summary = meter.summary();
        for (name, expected) in [("count", 3), ("errors", 1), ("resent", 1), ("token_generations", 2)] {
            assert_eq!(summary["summary"][name], expected, "{name}");
        }
        assert_eq!(summary["summary"]["max_ms"], 10.0);
        assert!(meter.line().starts_with("3 calls, 1 errors, 1 resent, 2 token generations; p50 10.0 ms"));
    }
}
