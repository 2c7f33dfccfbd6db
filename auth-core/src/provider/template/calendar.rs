use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::ast::TimeFormat;

/// A moment in UTC, by the Gregorian calendar.
struct Moment {
    year: i64,
    month: usize,
    day: i64,
    weekday: usize,
    hour: u64,
    minute: u64,
    second: u64,
}

const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Writes `time` in `format`. A time before 1970 is written as 1970.
pub(super) fn write(time: SystemTime, format: &TimeFormat) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let at = Moment::of(since.as_secs());
    match format {
        TimeFormat::Unix => since.as_secs().to_string(),
        TimeFormat::UnixMillis => since.as_millis().to_string(),
        TimeFormat::Rfc3339 => at.pattern("%Y-%m-%dT%H:%M:%SZ"),
        TimeFormat::Http => {
            let name = |names: &[&'static str], index: usize| names.get(index).copied().unwrap_or_default();
            let (day, month) = (name(&DAYS, at.weekday), name(&MONTHS, at.month - 1));
            format!("{day}, {:02} {month} {:04} {:02}:{:02}:{:02} GMT", at.day, at.year, at.hour, at.minute, at.second)
        }
        TimeFormat::Pattern(pattern) => at.pattern(pattern),
    }
}

/// Whether `pattern` has only places that are known.
pub(super) fn check_pattern(pattern: &str) -> Result<(), String> {
    let mut characters = pattern.chars();
    let mut places = 0;
    while let Some(c) = characters.next() {
        if c == '%' {
            match characters.next() {
                Some('Y' | 'm' | 'd' | 'H' | 'M' | 'S') => places += 1,
                Some('%') => {}
                _ => return Err("a pattern has %Y, %m, %d, %H, %M, %S and %%".to_owned()),
            }
        }
    }
    if places > 0 {
        Ok(())
    } else {
        Err("a format is \"unix\", \"unix_ms\", \"rfc3339\", \"http\" or a pattern such as \"%Y%m%d\"".to_owned())
    }
}

impl Moment {
    /// Days become a date by counting in eras of 400 years that begin with March.
    fn of(seconds: u64) -> Self {
        let (days, rest) = ((seconds / 86_400) as i64, seconds % 86_400);
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month: month as usize,
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
            weekday: (days + 4).rem_euclid(7) as usize,
            hour: rest / 3600,
            minute: rest / 60 % 60,
            second: rest % 60,
        }
    }

    fn pattern(&self, pattern: &str) -> String {
        let mut text = String::new();
        let mut characters = pattern.chars();
        while let Some(c) = characters.next() {
            if c != '%' {
                text.push(c);
                continue;
            }
            match characters.next() {
                Some('Y') => text.push_str(&format!("{:04}", self.year)),
                Some('m') => text.push_str(&format!("{:02}", self.month)),
                Some('d') => text.push_str(&format!("{:02}", self.day)),
                Some('H') => text.push_str(&format!("{:02}", self.hour)),
                Some('M') => text.push_str(&format!("{:02}", self.minute)),
                Some('S') => text.push_str(&format!("{:02}", self.second)),
                Some(other) => text.push(other),
                None => {}
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_are_written_in_every_format() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(write(at(784_111_777), &TimeFormat::Http), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(write(at(951_782_400), &TimeFormat::Rfc3339), "2000-02-29T00:00:00Z");
        assert_eq!(write(at(4_107_542_399), &TimeFormat::Rfc3339), "2100-02-28T23:59:59Z");
        assert_eq!(write(at(4_107_542_400), &TimeFormat::Rfc3339), "2100-03-01T00:00:00Z");
        assert_eq!(write(at(0), &TimeFormat::Pattern("%Y%m%d %H:%M:%S %%".to_owned())), "19700101 00:00:00 %");
        assert_eq!(write(at(1), &TimeFormat::Unix), "1");
        assert_eq!(write(at(1) + Duration::from_millis(5), &TimeFormat::UnixMillis), "1005");
        assert_eq!(write(UNIX_EPOCH - Duration::from_secs(1), &TimeFormat::Unix), "0");
    }

    #[test]
    fn a_pattern_has_known_places_only() {
        assert!(check_pattern("%Y-%m").is_ok());
        for bad in ["%x", "%", "unixx", "%%"] {
            assert!(check_pattern(bad).is_err(), "{bad}");
        }
    }
}
