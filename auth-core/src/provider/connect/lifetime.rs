use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::provider::kind::ExpiryKind;

/// The longest lifetime that is believed: one year.
const MAX: f64 = 31_536_000.0;

/// From here on an absolute time is counted in milliseconds: as seconds it would be in the year 5138.
const MILLISECONDS: f64 = 1e11;

/// How long a token lives whose answer says `text` about it, read as `kind` has it. `None` if that cannot be read or does not say.
pub(super) fn lifetime(kind: ExpiryKind, text: Option<&str>, token: &str, now: SystemTime) -> Option<Duration> {
    match kind {
        ExpiryKind::RelativeSeconds => number(text?).map(bounded),
        ExpiryKind::RelativeMillis => number(text?).map(|millis| bounded(millis / 1000.0)),
        ExpiryKind::RelativeText => in_words(text?).map(bounded),
        ExpiryKind::AbsoluteAuto => point(text?).map(|at| until(at, now)),
        ExpiryKind::JwtExp => jwt_exp(token).map(|at| until(at, now)),
        ExpiryKind::Fixed | ExpiryKind::Introspect | ExpiryKind::Never => None,
    }
}

fn bounded(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.floor().clamp(0.0, MAX))
}

pub(super) fn until(at: f64, now: SystemTime) -> Duration {
    let now = now.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    bounded(at - now)
}

/// A decimal number.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    // `f64` would take `inf` and `nan` too.
    let decimal = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse().ok().filter(|_| decimal)
}

/// `1:02:03:04` and its shorter forms, counted from the end; or words such as `1h 30m` or `2 days`; or a number of seconds.
pub(super) fn in_words(text: &str) -> Option<f64> {
    let text = text.trim();
    if let Some(seconds) = number(text) {
        return Some(seconds);
    }
    if text.contains(':') {
        let parts: Vec<f64> = text.split(':').map(number).collect::<Option<_>>()?;
        let units = [1.0, 60.0, 3600.0, 86_400.0];
        return (parts.len() <= units.len())
            .then(|| parts.iter().rev().zip(units).map(|(part, unit)| part * unit).sum());
    }
    // Both `PT1H30M` and `1 hour 30 minutes` are numbers with a unit behind each.
    let text = text.to_ascii_lowercase();
    let mut rest = text.strip_prefix('p').map_or(text.clone(), |period| period.replacen('t', "", 1));
    let mut total = 0.0;
    while !rest.trim().is_empty() {
        let trimmed = rest.trim_start_matches([' ', ',']);
        let digits = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let value = number(trimmed.get(..digits)?)?;
        let behind = trimmed.get(digits..)?.trim_start();
        let word = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let unit = match behind.get(..word)? {
            "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
            "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
            "h" | "hr" | "hrs" | "hour" | "hours" => 3600.0,
            "d" | "day" | "days" => 86_400.0,
            "w" | "week" | "weeks" => 604_800.0,
            _ => return None,
        };
        total += value * unit;
        rest = behind.get(word..)?.to_owned();
    }
    Some(total)
}

/// Seconds since 1970: written so, in milliseconds, or as an ISO date. A date without an offset is in UTC.
pub(super) fn point(text: &str) -> Option<f64> {
    if let Some(value) = number(text) {
        return Some(if value >= MILLISECONDS { value / 1000.0 } else { value });
    }
    iso_date(text.trim())
}

fn iso_date(text: &str) -> Option<f64> {
    let digits = |range: std::ops::Range<usize>| -> Option<i64> {
        text.get(range).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
    };
    let is = |at: usize, wanted: &[u8]| text.as_bytes().get(at).is_some_and(|byte| wanted.contains(byte));
    let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
    if !is(4, b"-") || !is(7, b"-") || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let midnight = days_since_1970(year, month, day) as f64 * 86_400.0;
    if text.len() == 10 {
        return Some(midnight);
    }
    let (hour, minute) = (digits(11..13)?, digits(14..16)?);
    if !is(10, b"Tt ") || !is(13, b":") || hour > 24 || minute > 59 {
        return None;
    }
    let mut rest = text.get(16..)?;
    let mut seconds = 0.0;
    if let Some(own) = rest.strip_prefix(':') {
        let end = own.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(own.len());
        seconds = number(own.get(..end)?)?;
        rest = own.get(end..)?;
    }
    Some(midnight + (hour * 3600 + minute * 60) as f64 + seconds - offset(rest.trim())?)
}

/// `Z`, nothing, `+01:00` or `-0130`, in seconds.
fn offset(text: &str) -> Option<f64> {
    let (sign, rest) = match text.as_bytes().first() {
        None => return Some(0.0),
        Some(b'Z' | b'z') => return (text.len() == 1).then_some(0.0),
        Some(b'+') => (1.0, text.get(1..)?),
        Some(b'-') => (-1.0, text.get(1..)?),
        _ => return None,
    };
    let digits: String = rest.chars().filter(|c| *c != ':').collect();
    let fits = matches!(digits.len(), 2 | 4) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let hours = digits.get(..2).filter(|_| fits)?.parse::<f64>().ok()?;
    let minutes = digits.get(2..).filter(|rest| !rest.is_empty()).map_or(Some(0.0), |rest| rest.parse().ok())?;
    Some(sign * (hours * 3600.0 + minutes * 60.0))
}

/// Days are counted in years that begin with March, so that the day that is sometimes missing comes last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The claim `exp` of a token that is a JWT. It is only a hint when to renew, so that nothing is verified.
fn jwt_exp(token: &str) -> Option<f64> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    claims.get("exp")?.as_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000;

    fn of(kind: ExpiryKind, text: &str) -> Option<u64> {
        let now = UNIX_EPOCH + Duration::from_secs(NOW);
        lifetime(kind, Some(text), "", now).map(|lifetime| lifetime.as_secs())
    }

    // THREAT-A6
    #[test]
    fn relative_lifetimes_are_numbers_texts_or_words() {
        for (text, seconds) in [("3600", 3600), ("3599.9", 3599), ("-1", 0), ("1e30", 31_536_000)] {
            assert_eq!(of(ExpiryKind::RelativeSeconds, text), Some(seconds), "{text}");
        }
        assert_eq!(of(ExpiryKind::RelativeMillis, "1800000"), Some(1800));
        for (text, seconds) in [
            ("177:05:38", 637_538),
            ("1:00:00:01", 86_401),
            ("05:30", 330),
            ("90", 90),
            ("1h30m", 5400),
            ("2 hours, 5 minutes", 7500),
            ("PT1H", 3600),
            ("P1DT1M", 86_460),
        ] {
            assert_eq!(of(ExpiryKind::RelativeText, text), Some(seconds), "{text}");
        }
        for bad in ["", "soon", "inf", "nan", "1:2:3:4:5", "1 fortnight", "h"] {
            assert_eq!(of(ExpiryKind::RelativeText, bad).filter(|_| !bad.is_empty()), None, "{bad}");
            assert_eq!(of(ExpiryKind::RelativeSeconds, bad), None, "{bad}");
        }
    }

    // THREAT-A6
    #[test]
    fn absolute_times_are_dates_seconds_or_milliseconds() {
        for (text, seconds) in [
            ("1700003600", 3600),
            ("1700003600000", 3600),
            ("2023-11-14T23:13:20Z", 3600),
            ("2023-11-14T23:13:20.999Z", 3600),
            ("2023-11-15T00:13:20+01:00", 3600),
            ("2023-11-14T22:43:20-0030", 3600),
            ("2023-11-14 23:13:20", 3600),
            ("2023-11-15", 6400),
            ("2020-02-29T00:00:00Z", 0),
        ] {
            assert_eq!(of(ExpiryKind::AbsoluteAuto, text), Some(seconds), "{text}");
        }
        for bad in ["", "tomorrow", "2023-13-01", "2023-11-14T2x:13:20Z", "2023-11-14T23:13:20+1", "14.11.2023"] {
            assert_eq!(of(ExpiryKind::AbsoluteAuto, bad), None, "{bad}");
        }
    }

    #[test]
    fn a_jwt_says_itself_when_it_ends() {
        let now = UNIX_EPOCH + Duration::from_secs(NOW);
        let token = |claims: &str| format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims));
        let exp = |token: &str| lifetime(ExpiryKind::JwtExp, None, token, now);
        assert_eq!(exp(&token(r#"{"exp":1700000060}"#)), Some(Duration::from_secs(60)));
        assert_eq!(exp(&token(r#"{"exp":1}"#)), Some(Duration::ZERO));
        for bad in ["opaque", "a.b.c", "..", &token("[]"), &token(r#"{"exp":"x"}"#)] {
            assert_eq!(exp(bad), None, "{bad}");
        }
    }
}
