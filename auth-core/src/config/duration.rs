use std::time::Duration;

/// The longest duration that a configuration may have.
const MAX: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

/// `90`, `90s`, `250ms`, `5m`, `24h` or `7d`, at most ten years.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let number: u64 = digits.parse().ok()?;
    let seconds = match unit {
        "ms" => return Some(Duration::from_millis(number)).filter(|duration| *duration <= MAX),
        "" | "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs).filter(|duration| *duration <= MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_and_an_end() {
        for (text, millis) in [("90", 90_000), ("90s", 90_000), ("250ms", 250), ("5m", 300_000), ("24h", 86_400_000)] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "s", "-1", "1.5", "1 s", "1w", "3661d", "18446744073709551615d", "99999999999999ms"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }
}
