use std::time::{Duration, SystemTime};

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, StatusCode};

use super::lifetime::{in_words, point, until};

/// The longest wait that a server can ask for.
const MAX: Duration = Duration::from_secs(3600);

/// From here on a number is a time and not a length: as a length it would be over thirty years.
const TIMES: f64 = 1e9;

/// Whether an answer with this status may say when to come back.
pub(super) fn asks_to_wait(status: StatusCode) -> bool {
    matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
}

/// When to come back, by the first of the headers `names` that says so, else by `Retry-After`; one hour at most.
pub(super) fn retry_after(headers: &HeaderMap, names: &[HeaderName], now: SystemTime) -> Option<Duration> {
    let told = names.iter().find_map(|name| match headers.get(name)?.to_str().ok()?.trim() {
        _ if *name == RETRY_AFTER => crate::http::retry_after(headers, now),
        text => wait(text, name.as_str().ends_with("-ms"), now),
    });
    told.or_else(|| crate::http::retry_after(headers, now)).map(|wait| wait.min(MAX))
}

/// Seconds, milliseconds, words such as `6m0s`, a date, or seconds or milliseconds since 1970.
fn wait(text: &str, in_millis: bool, now: SystemTime) -> Option<Duration> {
    let millis = text.strip_suffix("ms").map(str::trim_end);
    if let Some(millis) = millis.or(in_millis.then_some(text)) {
        let millis: f64 = millis.parse().ok().filter(|millis: &f64| millis.is_finite() && *millis >= 0.0)?;
        return Some(Duration::from_secs_f64((millis / 1000.0).min(MAX.as_secs_f64())));
    }
    if let Some(seconds) = in_words(text).filter(|_| !text.is_empty()) {
        if seconds < TIMES {
            return Some(Duration::from_secs_f64(seconds.clamp(0.0, MAX.as_secs_f64())));
        }
    }
    if let Some(at) = point(text) {
        return Some(until(at, now));
    }
    let mut date = HeaderMap::new();
    date.insert(RETRY_AFTER, text.parse().ok()?);
    crate::http::retry_after(&date, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000;

    fn of(name: &'static str, value: &str) -> Option<u128> {
        let name = HeaderName::from_static(name);
        let mut headers = HeaderMap::new();
        headers.insert(&name, value.parse().unwrap());
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
        retry_after(&headers, &[name], now).map(|wait| wait.as_millis())
    }

    // THREAT-A4
    #[test]
    fn a_wait_is_a_length_or_a_time_and_never_longer_than_an_hour() {
        for (name, value, millis) in [
            ("x-ratelimit-reset", "7", 7_000),
            ("x-ratelimit-reset", "0.5", 500),
            ("x-ratelimit-reset", "120ms", 120),
            ("retry-after-ms", "1500", 1_500),
            ("x-ratelimit-reset", "6m0s", 360_000),
            ("x-ratelimit-reset", "1700000030", 30_000),
            ("x-ratelimit-reset", "1700000030000", 30_000),
            ("x-ratelimit-reset", "2023-11-14T22:14:20Z", 60_000),
            ("x-ratelimit-reset", "Tue, 14 Nov 2023 22:14:20 GMT", 60_000),
            ("x-ratelimit-reset", "1600000000", 0),
            ("x-ratelimit-reset", "-3", 0),
            ("x-ratelimit-reset", "86400", 3_600_000),
            ("retry-after", "9", 9_000),
        ] {
            assert_eq!(of(name, value), Some(millis), "{name}: {value}");
        }
        for bad in ["", "soon", "nan", "inf", "-1ms", "1e999ms"] {
            assert_eq!(of("x-ratelimit-reset", bad), None, "{bad}");
        }
    }
}
