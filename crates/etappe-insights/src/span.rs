//! The time range of a question: `from`, `to` and `timezone`.

use chrono::NaiveDate;
use chrono_tz::Tz;
use etappe_core::query::TimeRange;
use etappe_core::time::{StatedTime, Timestamp};

use crate::calendar::{date_starting_at, day_start, days_before, local_date, local_instant};
use crate::field::Problems;

/// The length of the default range in days, including today.
const DEFAULT_DAYS: u64 = 30;
/// The first and the last supported date.
const DATES: (NaiveDate, NaiveDate) = (
    NaiveDate::from_ymd_opt(1970, 1, 1).expect("a date"),
    NaiveDate::from_ymd_opt(2100, 1, 1).expect("a date"),
);

/// A range of time in a time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) range: TimeRange,
    pub(crate) zone: Tz,
}

/// The range parameters of a question.
#[derive(Debug, Clone, Default)]
pub(crate) struct SpanText {
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) timezone: Option<String>,
}

impl SpanText {
    /// Parses the range; defaults come from the site's zone and from `now`.
    ///
    /// Without `to` the range ends with today; without `from` it begins 30 days before its end.
    pub(crate) fn resolve(
        &self,
        site_zone: &str,
        now: Timestamp,
        problems: &mut Problems,
    ) -> Option<Span> {
        let zone = zone_of(self.timezone.as_deref(), site_zone, problems)?;
        let mut edge = |name: &str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => parse_instant(text, zone)
                .map(Some)
                .map_err(|detail| problems.push(name, detail)),
        };
        let (from, to) = (edge("from", &self.from), edge("to", &self.to));
        let (from, to) = (from.ok()?, to.ok()?);
        let to = to.unwrap_or_else(|| {
            let tomorrow = local_date(zone, now).succ_opt().unwrap_or(DATES.1);
            clamp(day_start(zone, tomorrow))
        });
        let from = from.unwrap_or_else(|| before(zone, to, DEFAULT_DAYS));
        if from > to {
            problems.push("from", format!("{from} is after `to`, {to}"));
            return None;
        }
        Some(Span {
            range: TimeRange { from, to },
            zone,
        })
    }
}

impl Span {
    /// Returns the range of the same length that ends where this one begins, or `None` if it would
    /// begin before 1970. Whole days stay whole days even if the clocks change.
    pub(crate) fn previous(&self) -> Option<TimeRange> {
        let TimeRange { from, to } = self.range;
        let whole_days = date_starting_at(self.zone, from)
            .zip(date_starting_at(self.zone, to))
            .and_then(|(first, end)| {
                let days = u64::try_from((end - first).num_days()).ok()?;
                Some(day_start(self.zone, days_before(first, days)?))
            });
        let start = whole_days.unwrap_or_else(|| {
            Timestamp::from_millis(from.as_millis().saturating_sub(to.millis_since(from)))
        });
        (start >= Timestamp::EPOCH && start < from).then_some(TimeRange {
            from: start,
            to: from,
        })
    }
}

/// Returns the zone called `name`, or the site's without a name.
pub(crate) fn zone_of(name: Option<&str>, site_zone: &str, problems: &mut Problems) -> Option<Tz> {
    let Some(name) = name else {
        return Some(site_zone.parse().unwrap_or(Tz::UTC));
    };
    let zone = name.parse::<Tz>().ok();
    if zone.is_none() {
        let detail =
            format!("`{name}` is not a time zone: use an IANA name such as Europe/Amsterdam");
        problems.push("timezone", detail);
    }
    zone
}

/// Parses a time: a time without an offset is in `zone`, and a date is its first instant there.
fn parse_instant(text: &str, zone: Tz) -> Result<Timestamp, String> {
    let stated = StatedTime::parse(text).map_err(|_| {
        let text: String = text.chars().take(64).collect();
        format!("`{text}` is no time: use a date, or RFC 3339 such as 2024-03-01T12:00:00Z")
    })?;
    let at = match stated {
        StatedTime::Date(date) if date < DATES.0 || date > DATES.1 => return Err(outside(text)),
        // In some zones the first and last day extend beyond the supported instants.
        StatedTime::Date(date) => return Ok(clamp(day_start(zone, date))),
        StatedTime::Local(local) => local_instant(zone, local),
        StatedTime::Instant(at) => at,
    };
    if at == clamp(at) {
        Ok(at)
    } else {
        Err(outside(text))
    }
}

fn outside(text: &str) -> String {
    format!("`{text}` is outside 1970-01-01 to 2100-01-01")
}

fn clamp(at: Timestamp) -> Timestamp {
    at.clamp(Timestamp::EPOCH, Timestamp::MAX_QUERY)
}

/// Returns the instant `days` before `at`: by the calendar if `at` is the start of a day.
fn before(zone: Tz, at: Timestamp, days: u64) -> Timestamp {
    let by_calendar = date_starting_at(zone, at)
        .and_then(|date| days_before(date, days))
        .map(|date| day_start(zone, date));
    let by_clock = || {
        let millis = i64::try_from(days * 86_400_000).unwrap_or(i64::MAX);
        Timestamp::from_millis(at.as_millis().saturating_sub(millis))
    };
    clamp(by_calendar.unwrap_or_else(by_clock))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::InsightsError;

    fn resolve(from: Option<&str>, to: Option<&str>, zone: &str) -> Result<String, String> {
        let text = SpanText {
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
            timezone: Some(zone.to_owned()),
        };
        let mut problems = Problems::default();
        let now = Timestamp::parse("2024-03-15T12:00:00Z").unwrap();
        let span = text.resolve("UTC", now, &mut problems);
        match problems.into_result() {
            Ok(()) => {
                let range = span.unwrap().range;
                Ok(format!("{} {}", range.from, range.to))
            }
            Err(InsightsError::InvalidQuestion(problems)) => {
                let texts = problems
                    .iter()
                    .map(|p| format!("{}: {}", p.field, p.detail));
                Err(texts.collect::<Vec<_>>().join("; "))
            }
            Err(other) => Err(other.to_string()),
        }
    }

    #[test]
    fn dates_are_midnight_in_the_time_zone() {
        assert_eq!(
            resolve(Some("2024-03-01"), Some("2024-04-01"), "Europe/Amsterdam").unwrap(),
            "2024-02-29T23:00:00.000Z 2024-03-31T22:00:00.000Z"
        );
    }

    #[test]
    fn instants_are_used_unchanged() {
        let expected = "2024-03-01T11:00:00.000Z 2024-03-02T00:00:00.500Z";
        for from in [
            "2024-03-01T12:00:00+01:00",
            "2024-03-01T12:00:00 01:00",
            "2024-03-01T12:00+0100",
            "2024-03-01 12:00 01",
            "2024-03-01t11:00z",
            "2024-03-01T20:00",
            "2024-03-01 20:00:00,000",
        ] {
            let to = Some("2024-03-02T00:00:00.5Z");
            assert_eq!(
                resolve(Some(from), to, "Asia/Tokyo").unwrap(),
                expected,
                "{from}"
            );
        }
    }

    #[test]
    fn the_widest_range_is_valid_everywhere() {
        for zone in [
            "UTC",
            "Europe/Amsterdam",
            "America/New_York",
            "Pacific/Kiritimati",
        ] {
            let range = resolve(Some("1970-01-01"), Some("2100-01-01"), zone).unwrap();
            assert!(range.starts_with("1970-01-01T"), "{range}");
        }
    }

    #[test]
    fn the_default_range_is_thirty_days_until_today() {
        assert_eq!(
            resolve(None, None, "Europe/Amsterdam").unwrap(),
            "2024-02-14T23:00:00.000Z 2024-03-15T23:00:00.000Z"
        );
        assert_eq!(
            resolve(None, Some("2024-04-10"), "Europe/Amsterdam").unwrap(),
            "2024-03-10T23:00:00.000Z 2024-04-09T22:00:00.000Z"
        );
        assert_eq!(
            resolve(None, Some("1970-01-05"), "UTC").unwrap(),
            "1970-01-01T00:00:00.000Z 1970-01-05T00:00:00.000Z"
        );
    }

    #[test]
    fn invalid_ranges_are_refused() {
        let cases = [
            (
                Some("yesterday"),
                None,
                "UTC",
                "from: `yesterday` is no time",
            ),
            (
                Some("1709294400"),
                None,
                "UTC",
                "from: `1709294400` is no time",
            ),
            (
                Some("1969-12-31"),
                None,
                "UTC",
                "from: `1969-12-31` is outside",
            ),
            (
                None,
                Some("2100-01-01T00:00:01Z"),
                "UTC",
                "to: `2100-01-01T00:00:01Z` is outside",
            ),
            (
                Some("2024-03-02"),
                Some("2024-03-01"),
                "UTC",
                "from: 2024-03-02T00:00:00.000Z is after",
            ),
            (
                None,
                None,
                "Europe/Utrecht",
                "timezone: `Europe/Utrecht` is not a time zone",
            ),
        ];
        for (from, to, zone, expected) in cases {
            let problem = resolve(from, to, zone).unwrap_err();
            assert!(problem.starts_with(expected), "{problem}");
        }
        let both = resolve(Some("x"), Some("y"), "UTC").unwrap_err();
        assert!(both.contains("from:") && both.contains("to:"), "{both}");
    }

    #[test]
    fn the_previous_range_has_the_same_length() {
        let span = |from: &str, to: &str| Span {
            range: TimeRange {
                from: Timestamp::parse(from).unwrap(),
                to: Timestamp::parse(to).unwrap(),
            },
            zone: Tz::Europe__Amsterdam,
        };
        // Seven days, one of which has 23 hours.
        let week = span("2024-03-31T22:00:00Z", "2024-04-07T22:00:00Z");
        assert_eq!(
            week.previous().unwrap().from.to_string(),
            "2024-03-24T23:00:00.000Z"
        );
        let hour = span("2024-03-01T10:30:00Z", "2024-03-01T11:30:00Z");
        assert_eq!(
            hour.previous().unwrap().from.to_string(),
            "2024-03-01T09:30:00.000Z"
        );
        assert_eq!(
            span("1970-01-01T00:00:00Z", "2024-03-01T11:30:00Z").previous(),
            None
        );
        assert_eq!(
            span("2024-03-01T10:30:00Z", "2024-03-01T10:30:00Z").previous(),
            None
        );
    }
}
