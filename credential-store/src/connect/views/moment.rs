use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use askama::Template;
use askama::filters::HtmlSafe;

/// A point in time, as a `<time>` element that says how far away it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    machine: String,
    full: String,
    relative: String,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<time datetime="{{ moment.machine }}" title="{{ moment.full }}">{{ moment.relative }}</time>"#
)]
struct Element<'m> {
    moment: &'m Moment,
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl Moment {
    /// The time `at`, seen from `now`. Pages have no clock of their own.
    pub(crate) fn new(at: SystemTime, now: SystemTime) -> Self {
        let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let (year, month, day) = date(seconds / 86_400);
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        let name = MONTHS[usize::from(month) - 1];
        let relative = match (at.duration_since(now), now.duration_since(at)) {
            (Ok(ahead), _) => relative(ahead).map(|span| format!("in {span}")),
            (_, Ok(ago)) => relative(ago).map(|span| format!("{span} ago")),
            _ => None,
        };
        Self {
            machine: format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"),
            full: format!("{day} {name} {year}, {hour:02}:{minute:02}:{second:02} UTC"),
            // Far away, the day says more than a number of months.
            relative: relative.unwrap_or_else(|| format!("{day} {name} {year}")),
        }
    }
}

impl Moment {
    /// The words alone, for a sentence.
    pub(crate) fn relative(&self) -> &str {
        &self.relative
    }

    /// As RFC 3339 has it, in UTC.
    pub(crate) fn machine(&self) -> &str {
        &self.machine
    }
}

/// In words; `None` beyond 30 days.
fn relative(span: Duration) -> Option<String> {
    let seconds = span.as_secs();
    let (count, unit) = match seconds {
        0..60 => return Some("less than a minute".to_owned()),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        86_400..=2_592_000 => (seconds / 86_400, "day"),
        _ => return None,
    };
    Some(format!("{count} {unit}{}", if count == 1 { "" } else { "s" }))
}

/// Year, month and day of a number of days after 1 January 1970, in the Gregorian calendar.
///
/// Counted in eras of 400 years that begin in March, so that the leap day is the last of its year.
fn date(days: u64) -> (u64, u8, u8) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, u8::try_from(month).unwrap_or(1), u8::try_from(day).unwrap_or(1))
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Element { moment: self }.render_into(f).map_err(|_| fmt::Error)
    }
}

// The template above escapes.
impl HtmlSafe for Moment {}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::Moment;

    fn shown(at: u64, now: u64) -> String {
        Moment::new(UNIX_EPOCH + Duration::from_secs(at), UNIX_EPOCH + Duration::from_secs(now)).to_string()
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert!(shown(seconds, 0).contains(expected), "{} is not {expected}", shown(seconds, 0));
        }
    }

    #[test]
    fn near_times_are_told_as_spans_and_far_ones_as_days() {
        assert!(shown(100, 100).contains(">in less than a minute<"));
        assert!(shown(0, 61).contains(">1 minute ago<"));
        assert!(shown(7_200, 0).contains(">in 2 hours<"));
        assert!(shown(0, 86_400 * 3).contains(">3 days ago<"));
        assert!(shown(0, 86_400 * 300).contains(">1 Jan 1970<"));
    }
}
