use std::time::Duration;

use crate::{FailureClass, TokenError};

/// The longest `Retry-After` that is believed.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// The soonest second attempt.
const SOONEST: Duration = Duration::from_millis(50);

/// How long to wait before the next attempt, after `failures` failures in a row of which `error` is the last.
///
/// Transient failures: full jitter between 1 second and a bound that doubles up to 30 seconds. What only a person can
/// mend is probed slowly: 10 seconds, doubling up to 5 minutes. `Retry-After` is honoured in both cases.
///
/// `left` is for how long the token in hand may still be used, `takes` how long an exchange takes. If the token would end before the answer to the second attempt,
/// that is made sooner: half-way through what time there is to spare, and after a quarter of what an exchange takes at the least. So callers of a service
/// whose tokens live for seconds do not notice one exchange that fails.
pub(super) fn delay(error: &TokenError, failures: u32, left: Duration, takes: Duration, random: f64) -> Duration {
    let doublings = failures.min(16);
    let own = match error.class() {
        FailureClass::Transient => {
            let bound = f64::from(1_u32 << doublings).min(30.0);
            let regular = Duration::from_secs_f64(1.0 + (bound - 1.0) * random);
            let spare = left.saturating_sub(takes);
            let sooner = (spare / 2).max(takes / 4).max(SOONEST);
            if failures == 1 && left > SOONEST && spare < regular { sooner.min(regular) } else { regular }
        }
        FailureClass::Refused | FailureClass::Misconfigured => {
            let base = (5.0 * f64::from(1_u32 << doublings)).min(300.0);
            Duration::from_secs_f64(base * (1.0 - 0.2 * random))
        }
    };
    own.max(error.retry_after().unwrap_or_default().min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TokenErrorKind;

    const HOUR: Duration = Duration::from_secs(60 * 60);

    fn bounds(kind: TokenErrorKind, failures: u32) -> (f64, f64) {
        let error = TokenError::new(kind, "x");
        (
            delay(&error, failures, Duration::ZERO, Duration::ZERO, 0.0).as_secs_f64(),
            delay(&error, failures, Duration::ZERO, Duration::ZERO, 1.0).as_secs_f64(),
        )
    }

    // THREAT-A4
    #[test]
    fn transient_failures_wait_one_to_thirty_seconds() {
        assert_eq!(bounds(TokenErrorKind::Unreachable, 1), (1.0, 2.0));
        assert_eq!(bounds(TokenErrorKind::ServerError, 3), (1.0, 8.0));
        assert_eq!(bounds(TokenErrorKind::TimedOut, 5), (1.0, 30.0));
        assert_eq!(bounds(TokenErrorKind::TimedOut, u32::MAX), (1.0, 30.0));
    }

    #[test]
    fn what_only_a_person_can_mend_is_probed_slowly_and_for_ever() {
        assert_eq!(bounds(TokenErrorKind::Refused, 1), (10.0, 8.0));
        assert_eq!(bounds(TokenErrorKind::Misconfigured, u32::MAX), (300.0, 240.0));
    }

    #[test]
    fn the_second_attempt_comes_while_a_short_lived_token_may_still_be_used() {
        let error = TokenError::new(TokenErrorKind::ServerError, "x");
        let slow = |failures, left, takes| {
            delay(&error, failures, Duration::from_millis(left), Duration::from_millis(takes), 0.0).as_millis()
        };
        let after = |failures, left| slow(failures, left, 0);
        assert_eq!((after(1, 400), after(1, 60), after(1, 50)), (200, 50, 1_000));
        assert_eq!((after(1, 1_000), after(1, 60_000)), (1_000, 1_000), "there is time enough");
        assert_eq!(after(2, 400), 1_000, "only the second");
        assert_eq!((slow(1, 400, 200), slow(1, 300, 200), slow(1, 1_100, 200)), (100, 50, 450));
        assert_eq!(
            (slow(1, 10_000, 2_000), slow(1, 10_000, 15_000)),
            (1_000, 1_000),
            "no sooner than the pause for slow ones"
        );
        let soon = Duration::from_millis(400);
        let throttled = TokenError::new(TokenErrorKind::Throttled, "x").with_retry_after(Duration::from_secs(5));
        assert_eq!(delay(&throttled, 1, soon, Duration::ZERO, 0.0), Duration::from_secs(5));
        let refused = TokenError::new(TokenErrorKind::Refused, "x");
        assert_eq!(delay(&refused, 1, soon, Duration::ZERO, 1.0), Duration::from_secs(8));
    }

    // THREAT-A4
    #[test]
    fn retry_after_is_honoured_up_to_an_hour() {
        let error =
            |seconds| TokenError::new(TokenErrorKind::Throttled, "x").with_retry_after(Duration::from_secs(seconds));
        assert_eq!(delay(&error(120), 1, HOUR, Duration::ZERO, 0.5), Duration::from_secs(120));
        assert_eq!(delay(&error(999_999), 1, HOUR, Duration::ZERO, 0.5), Duration::from_secs(3_600));
        assert_eq!(delay(&error(0), 1, HOUR, Duration::ZERO, 0.0), Duration::from_secs(1));
    }
}
