use std::time::Duration;

/// One to 30 seconds with full jitter, growing with failures in a row, and not more than `longest`; what the provider asks for if that is more, an hour
/// at the most.
pub(super) fn back_off(attempts: i64, longest: Duration, asked: Option<Duration>) -> Duration {
    let exponent = u32::try_from(attempts.clamp(0, 5)).unwrap_or(5);
    let bound = f64::from(1_u32 << exponent).min(30.0);
    let own = Duration::from_secs_f64(1.0 + (bound - 1.0).max(0.0) * fastrand::f64()).min(longest);
    own.max(asked.unwrap_or_default().min(Duration::from_secs(3600)))
}

#[cfg(test)]
mod tests {
    use super::*;

    // THREAT-A4
    #[test]
    fn pauses_grow_to_thirty_seconds_and_end_within_a_grace() {
        let seconds = Duration::from_secs;
        for attempts in [-1, 0, 1, 3, 5, i64::MAX] {
            for _ in 0..100 {
                let pause = back_off(attempts, Duration::MAX, None);
                assert!((seconds(1)..=seconds(30)).contains(&pause), "{attempts}: {pause:?}");
                assert!(back_off(attempts, seconds(2), None) <= seconds(2));
            }
        }
        assert!(back_off(0, Duration::MAX, None) == seconds(1) && back_off(1, Duration::MAX, None) <= seconds(2));
        assert_eq!(back_off(0, seconds(2), Some(seconds(90))), seconds(90));
        assert_eq!(back_off(0, Duration::MAX, Some(seconds(90_000))), seconds(3_600));
    }
}
