use std::time::Duration;

use crate::token::Lifetime;

/// The longest lifetime that is believed.
const MAX_LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The soonest renewal that a server can ask for: its word must not make each request cause an exchange.
const MIN_REFRESH_IN: Duration = Duration::from_secs(1);

/// How long before a token's end it is renewed, and no longer used.
#[derive(Clone, Debug, Default)]
pub(super) struct Margins {
    /// Set by the user, in place of a quarter of the lifetime (5 minutes at most).
    pub(super) refresh: Option<Duration>,
    /// Set by the user, in place of a tenth of the lifetime (30 seconds at most).
    pub(super) expiry: Option<Duration>,
    /// Assumed where the source states no lifetime.
    pub(super) default_lifetime: Option<Duration>,
}

/// For how long after its reception a token is used without (`soft`) and with (`hard`) a refresh in the
/// background, and how long it lives. `None`: without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Windows {
    pub(super) soft: Option<Duration>,
    pub(super) hard: Option<Duration>,
    pub(super) lifetime: Option<Duration>,
}

impl Windows {
    /// The windows of a token that took so long to get. `jitter`, from 0 to 1, moves the soft deadline forward by up to a quarter of its
    /// margin, so that a fleet does not refresh in step.
    pub(super) fn new(
        lifetime: Lifetime,
        refresh_in: Option<Duration>,
        took: Duration,
        margins: &Margins,
        jitter: f64,
    ) -> Self {
        let lifetime = match lifetime {
            Lifetime::For(lifetime) => Some(lifetime),
            Lifetime::Unknown => margins.default_lifetime,
        };
        let early = |after: Duration| after.mul_f64(1.0 - 0.1 * jitter).max(MIN_REFRESH_IN);
        let Some(lifetime) = lifetime.map(|lifetime| lifetime.min(MAX_LIFETIME)) else {
            return Self { soft: refresh_in.map(|after| early(after.min(MAX_LIFETIME))), hard: None, lifetime: None };
        };
        // No margin of the user's takes more than half of the life, nor what exchanges take more than two thirds, before jitter: a token that lives shorter
        // than somebody's favourite margin is still used for a while and not fetched anew for each request.
        let half = lifetime / 2;
        let refresh = margins.refresh.unwrap_or_else(|| (lifetime / 4).min(Duration::from_secs(5 * 60))).min(half);
        let expiry =
            margins.expiry.unwrap_or_else(|| (lifetime / 10).min(Duration::from_secs(30)).min(refresh / 2)).min(half);
        // The next renewal is to end before callers have to wait for it, also if its first exchange fails: that is twice what this one took,
        // a quarter for the pause between (see `backoff::delay`), and a quarter for what goes slower.
        let refresh = match margins.refresh {
            Some(_) => refresh,
            None => refresh.max(expiry.saturating_add(took.saturating_mul(5) / 2).min(lifetime * 2 / 3)),
        };
        let hard = lifetime - expiry;
        let soft = match refresh_in {
            Some(after) => early(after.min(lifetime)),
            None => lifetime - refresh - (refresh / 4).mul_f64(jitter),
        };
        Self { soft: Some(soft.min(hard)), hard: Some(hard), lifetime: Some(lifetime) }
    }

    /// Whether the token may be kept for a second request.
    pub(super) fn is_kept(&self) -> bool {
        self.hard.is_none_or(|hard| !hard.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(seconds: u64, jitter: f64) -> Windows {
        taking(Duration::ZERO, seconds, jitter)
    }

    fn taking(took: Duration, seconds: u64, jitter: f64) -> Windows {
        Windows::new(Lifetime::For(Duration::from_secs(seconds)), None, took, &Margins::default(), jitter)
    }

    fn secs(seconds: f64) -> Option<Duration> {
        Some(Duration::from_secs_f64(seconds))
    }

    // SYS-L3, THREAT-A6
    #[test]
    fn windows_suit_lifetimes_of_five_seconds_and_of_thirty_days() {
        for (lifetime, soft, hard) in [
            (5, 3.75, 4.5),
            (60, 45.0, 54.0),
            (3_600, 3_300.0, 3_570.0),
            (86_400, 86_100.0, 86_370.0),
            (2_592_000, 2_591_700.0, 2_591_970.0),
        ] {
            let windows = windows(lifetime, 0.0);
            assert_eq!((windows.soft, windows.hard), (secs(soft), secs(hard)), "{lifetime}");
            assert!(windows.is_kept());
        }
    }

    #[test]
    fn who_waits_long_for_tokens_begins_earlier() {
        let millis = Duration::from_millis;
        assert_eq!(taking(millis(200), 1, 0.0).soft, Some(millis(400)));
        assert_eq!(taking(millis(200), 2, 0.0).soft, Some(millis(1_300)));
        assert_eq!(taking(millis(200), 1, 0.0).hard, windows(1, 0.0).hard);
        assert_eq!(taking(millis(200), 60, 0.0), windows(60, 0.0), "a quarter of the life is enough");
        assert_eq!(taking(Duration::MAX, 60, 0.0).soft, secs(20.0), "two thirds of the life at the most");
        assert_eq!(taking(Duration::MAX, 60, 1.0).soft, secs(10.0), "and a quarter of them earlier");
        let own = Margins { refresh: Some(Duration::from_secs(10)), ..Margins::default() };
        let own = Windows::new(Lifetime::For(Duration::from_secs(60)), None, Duration::from_secs(9), &own, 0.0);
        assert_eq!(own.soft, secs(50.0), "a margin that was set is kept");
    }

    // THREAT-A8
    #[test]
    fn jitter_moves_the_refresh_forward_by_at_most_a_quarter_of_the_margin() {
        assert_eq!(windows(3_600, 1.0).soft, secs(3_225.0));
        assert_eq!(windows(3_600, 0.5).soft, secs(3_262.5));
        assert_eq!(windows(3_600, 1.0).hard, secs(3_570.0));
    }

    // THREAT-A6
    #[test]
    fn zero_is_not_kept_and_absurd_lifetimes_are_capped() {
        assert!(!windows(0, 0.5).is_kept());
        assert_eq!(windows(1_000_000_000_000_000_000, 0.0).lifetime, Some(MAX_LIFETIME));
    }

    // SYS-L4
    #[test]
    fn margins_are_settable_and_never_eat_more_than_half_of_the_life() {
        let margins = Margins { refresh: Some(Duration::from_secs(60)), ..Margins::default() };
        let long = Windows::new(Lifetime::For(Duration::from_secs(600)), None, Duration::ZERO, &margins, 0.0);
        assert_eq!((long.soft, long.hard), (secs(540.0), secs(570.0)));
        let short = Windows::new(Lifetime::For(Duration::from_secs(10)), None, Duration::ZERO, &margins, 0.0);
        assert_eq!((short.soft, short.hard), (secs(5.0), secs(9.0)));
        let strict = Margins { expiry: Some(Duration::from_secs(120)), ..Margins::default() };
        let strict = Windows::new(Lifetime::For(Duration::from_secs(600)), None, Duration::ZERO, &strict, 0.0);
        assert_eq!((strict.soft, strict.hard), (secs(450.0), secs(480.0)));
    }

    #[test]
    fn the_server_may_say_when_to_renew() {
        let hour = Lifetime::For(Duration::from_secs(3_600));
        let windows = |after, jitter| {
            Windows::new(hour, Some(Duration::from_secs(after)), Duration::ZERO, &Margins::default(), jitter)
        };
        assert_eq!(windows(1_800, 0.0).soft, secs(1_800.0));
        assert_eq!(windows(1_800, 1.0).soft, secs(1_620.0));
        assert_eq!(windows(9_999, 0.0).soft, secs(3_570.0));
        assert_eq!(windows(0, 1.0).soft, secs(1.0), "never at once");
    }

    // R6749-5.1c, SYS-A5, SYS-V5
    #[test]
    fn an_unknown_lifetime_has_no_end_unless_one_is_declared() {
        let unknown = Windows::new(Lifetime::Unknown, None, Duration::ZERO, &Margins::default(), 0.3);
        assert_eq!(unknown, Windows { soft: None, hard: None, lifetime: None });
        let margins = Margins { default_lifetime: Some(Duration::from_secs(3_600)), ..Margins::default() };
        assert_eq!(Windows::new(Lifetime::Unknown, None, Duration::ZERO, &margins, 0.0), self::windows(3_600, 0.0));
        let reread =
            Windows::new(Lifetime::Unknown, Some(Duration::from_secs(60)), Duration::ZERO, &Margins::default(), 0.0);
        assert_eq!((reread.soft, reread.hard), (secs(60.0), None));
    }
}
