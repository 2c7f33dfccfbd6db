use std::time::{Duration, SystemTime};

use super::answer::Answer;
use crate::Lifetime;

/// The longest lifetime that is believed: one year.
const MAX: f64 = 31_536_000.0;

/// From here on an absolute time is counted in milliseconds: as seconds it would be in the year 5138.
const MILLISECONDS: f64 = 1e11;

/// How long the token of an answer lives.
///
/// Servers write a lifetime as a number, as text, as an absolute time, or not at all. What cannot be read is as good as
/// absent, and said in the log: a token is never lost to a bad lifetime.
pub(super) fn lifetime(answer: &Answer<'_>, now: SystemTime) -> Lifetime {
    match answer.number_text("expires_in") {
        None => {}
        Some(text) => match seconds(&text) {
            Some(seconds) => return Lifetime::For(bounded(seconds)),
            None => warn_unreadable("expires_in"),
        },
    }
    for name in ["expires_at", "expires_on"] {
        let Some(text) = answer.number_text(name) else { continue };
        match seconds(&text) {
            Some(at) => return Lifetime::For(until(at, now)),
            None => warn_unreadable(name),
        }
    }
    Lifetime::Unknown
}

/// After how long the server would like the token to be renewed.
pub(super) fn refresh_in(answer: &Answer<'_>) -> Option<Duration> {
    span(answer, "refresh_in")
}

/// The whole seconds of a member, at least one.
pub(super) fn span(answer: &Answer<'_>, name: &str) -> Option<Duration> {
    let text = answer.number_text(name)?;
    seconds(&text).map(bounded).filter(|span| !span.is_zero())
}

/// A decimal number, infinity included for one that is out of range.
fn seconds(text: &str) -> Option<f64> {
    let text = text.trim();
    // `f64` would take `inf` and `nan` too.
    let decimal = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse().ok().filter(|_| decimal)
}

fn bounded(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.floor().clamp(0.0, MAX))
}

fn until(at: f64, now: SystemTime) -> Duration {
    let at = if at >= MILLISECONDS { at / 1000.0 } else { at };
    let now = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    bounded(at - now)
}

fn warn_unreadable(member: &str) {
    tracing::warn!(member, "the token endpoint gave a lifetime that cannot be read; it is taken as unknown");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Lifetime {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        lifetime(&Answer::from_json(json.as_bytes()).unwrap(), now)
    }

    fn secs(seconds: u64) -> Lifetime {
        Lifetime::For(Duration::from_secs(seconds))
    }

    // THREAT-A6, X14, R6749-5.1c, SYS-L3
    #[test]
    fn relative_lifetimes_are_read_leniently_and_bounded() {
        for (written, expected) in [
            ("60", secs(60)),
            ("3600", secs(3600)),
            ("86400", secs(86400)),
            ("\"3600\"", secs(3600)),
            ("\" 3600 \"", secs(3600)),
            ("3599.9", secs(3599)),
            ("\"3599.9\"", secs(3599)),
            ("3.6e3", secs(3600)),
            ("0.5", secs(0)),
            ("0", secs(0)),
            ("-1", secs(0)),
            ("\"-3600\"", secs(0)),
            ("-1e400", secs(0)),
            ("31536000", secs(31_536_000)),
            ("31536001", secs(31_536_000)),
            ("18446744073709551616", secs(31_536_000)),
            ("1e400", secs(31_536_000)),
            ("null", Lifetime::Unknown),
            ("\"\"", Lifetime::Unknown),
            ("\"soon\"", Lifetime::Unknown),
            ("\"nan\"", Lifetime::Unknown),
            ("\"inf\"", Lifetime::Unknown),
            ("true", Lifetime::Unknown),
            ("[3600]", Lifetime::Unknown),
            ("{\"seconds\":3600}", Lifetime::Unknown),
        ] {
            assert_eq!(of(&format!("{{\"expires_in\":{written}}}")), expected, "{written}");
        }
        assert_eq!(of("{}"), Lifetime::Unknown);
    }

    // THREAT-A6
    #[test]
    fn absolute_times_count_where_no_relative_one_can_be_read() {
        for (written, expected) in [
            (r#"{"expires_at":1700003600}"#, secs(3600)),
            (r#"{"expires_on":"1700003600"}"#, secs(3600)),
            (r#"{"expires_at":1700003600000}"#, secs(3600)),
            (r#"{"expires_at":1600000000}"#, secs(0)),
            (r#"{"expires_at":-5}"#, secs(0)),
            (r#"{"expires_at":1e400}"#, secs(31_536_000)),
            (r#"{"expires_in":60,"expires_at":1700003600}"#, secs(60)),
            (r#"{"expires_in":null,"expires_on":1700003600}"#, secs(3600)),
            (r#"{"expires_in":"soon","expires_on":1700003600}"#, secs(3600)),
            (r#"{"expires_at":"2030-01-01T00:00:00Z"}"#, Lifetime::Unknown),
        ] {
            assert_eq!(of(written), expected, "{written}");
        }
    }

    #[test]
    fn a_wish_for_renewal_is_read_the_same_way() {
        let wish = |json: &str| refresh_in(&Answer::from_json(json.as_bytes()).unwrap());
        assert_eq!(wish(r#"{"refresh_in":"1800"}"#), Some(Duration::from_secs(1800)));
        for none in ["{}", r#"{"refresh_in":0}"#, r#"{"refresh_in":-1}"#, r#"{"refresh_in":"x"}"#] {
            assert_eq!(wish(none), None, "{none}");
        }
    }
}
