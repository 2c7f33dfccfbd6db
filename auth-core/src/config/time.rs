use std::time::{Duration, SystemTime};

/// Reads a date and time as RFC 3339 writes it: `2027-01-31T23:59:59Z`, `2027-01-31 23:59:59.5+01:00`. `None` for anything
/// else, also without an offset, and for what lies before 1970.
pub(super) fn parse_time(text: &str) -> Option<SystemTime> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (time, rest) = rest.split_at_checked(8)?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let (fraction, offset) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.find(|letter: char| !letter.is_ascii_digit())?),
        None => ("0", rest),
    };
    if !(1..=12).contains(&month)
        || !(1..=days_of(year, month)).contains(&day)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return None;
    }
    let nanos: u32 =
        format!("{:0<9}", fraction.get(..fraction.len().min(9)).filter(|digits| !digits.is_empty())?).parse().ok()?;
    let seconds = days_before(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset_of(offset)?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::new(u64::try_from(seconds).ok()?, nanos))
}

/// Numbers of so many digits each.
fn numbers<const N: usize>(text: &str, separator: char, digits: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part =
            parts.next().filter(|part| part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// Seconds east of Greenwich.
fn offset_of(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) = if let Some(rest) = text.strip_prefix('+') { (1, rest) } else { (-1, text.strip_prefix('-')?) };
    let [hours, minutes] = numbers(rest, ':', [2, 2])?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to this one; negative before.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let past = year - 1;
    let in_years = past * 365 + past / 4 - past / 100 + past / 400 - 719_162;
    in_years + (1..month).map(|month| days_of(year, month)).sum::<i64>() + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<f64> {
        parse_time(text).map(|time| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64())
    }

    #[test]
    fn moments_are_read_with_their_offset() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0.0),
            ("2026-01-01T00:00:00Z", 1_767_225_600.0),
            ("2000-02-29t00:00:00z", 951_782_400.0),
            ("2100-02-28 23:59:59Z", 4_107_542_399.0),
            ("2100-03-01T00:00:00Z", 4_107_542_400.0),
            ("2026-01-01T01:30:00+01:30", 1_767_225_600.0),
            ("2025-12-31T16:00:00-08:00", 1_767_225_600.0),
            ("2026-01-01T00:00:00.25Z", 1_767_225_600.25),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        let exact = SystemTime::UNIX_EPOCH + Duration::new(1_767_225_600, 123_456_789);
        assert_eq!(parse_time("2026-01-01T00:00:00.123456789123Z"), Some(exact));
        assert!(seconds("9999-12-31T23:59:59Z").is_some());
    }

    #[test]
    fn anything_else_is_none() {
        for bad in [
            "",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00Z",
            "2026-1-01T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-01-32T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.5",
            "2026-01-01T00:00:00+1:00",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00ZZ",
            "+026-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01",
            "tomorrow",
            "2026\u{2d}01-01T00:00:0\u{e9}",
        ] {
            assert_eq!(seconds(bad), None, "{bad:?}");
        }
    }
}
