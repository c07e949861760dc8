//! Days, weeks and months in a site's time zone.

use chrono::{
    Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Weekday,
};
use chrono_tz::Tz;
use etappe_core::kpi::RetentionWeeks;
use etappe_core::time::Timestamp;

/// A calendar period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Period {
    Day,
    /// Starts on this day of the week.
    Week(Weekday),
    Month,
}

impl Period {
    /// Returns the first day of the period that `date` is in.
    pub(crate) fn start(self, date: NaiveDate) -> NaiveDate {
        let days_in = match self {
            Self::Day => 0,
            Self::Week(first) => date.weekday().days_since(first),
            Self::Month => date.day0(),
        };
        date.checked_sub_days(Days::new(days_in.into()))
            .unwrap_or(date)
    }

    /// Returns the first day of the period after the one that starts at `start`.
    pub(crate) fn next(self, start: NaiveDate) -> NaiveDate {
        let next = match self {
            Self::Day => start.checked_add_days(Days::new(1)),
            Self::Week(_) => start.checked_add_days(Days::new(7)),
            Self::Month => start.checked_add_months(Months::new(1)),
        };
        next.unwrap_or(NaiveDate::MAX)
    }
}

/// Returns the instant at which `date` begins in `zone`: midnight, or the first instant after it if
/// the clocks go forward at midnight.
pub(crate) fn day_start(zone: Tz, date: NaiveDate) -> Timestamp {
    local_instant(zone, date.and_time(NaiveTime::MIN))
}

/// Returns the instant at which clocks in `zone` show `local`. A time shown twice yields the first
/// instant. A time that is skipped yields the first quarter of an hour after it that exists.
pub(crate) fn local_instant(zone: Tz, local: NaiveDateTime) -> Timestamp {
    let quarters = (0..=96).filter_map(|quarter| {
        let later = local.checked_add_signed(TimeDelta::minutes(15 * quarter))?;
        zone.from_local_datetime(&later).earliest()
    });
    let start = quarters.map(|at| at.timestamp_millis()).next();
    Timestamp::from_millis(start.unwrap_or_else(|| local.and_utc().timestamp_millis()))
}

/// Returns the date in `zone` at `at`.
pub(crate) fn local_date(zone: Tz, at: Timestamp) -> NaiveDate {
    at.to_utc()
        .map_or(NaiveDate::MIN, |at| at.with_timezone(&zone).date_naive())
}

/// Returns the date that starts exactly at `at` in `zone`, if any.
pub(crate) fn date_starting_at(zone: Tz, at: Timestamp) -> Option<NaiveDate> {
    let date = local_date(zone, at);
    (day_start(zone, date) == at).then_some(date)
}

/// Returns the date `days` before `date`.
pub(crate) fn days_before(date: NaiveDate, days: u64) -> Option<NaiveDate> {
    date.checked_sub_days(Days::new(days))
}

/// Returns the most recent week in `zone` whose following week has ended at `at`.
pub(crate) fn retention_weeks(zone: Tz, at: Timestamp) -> RetentionWeeks {
    let monday = Period::Week(Weekday::Mon).start(local_date(zone, at));
    // Stored events start at the epoch.
    let start = |days| {
        let date = days_before(monday, days).unwrap_or(monday);
        day_start(zone, date).max(Timestamp::EPOCH)
    };
    RetentionWeeks {
        week: start(14),
        next_week: start(7),
        end: start(0),
    }
}

/// Returns the first days of the last `count` whole months that ended at or before `at`, oldest
/// first, then the first day after them.
pub(crate) fn months_before(zone: Tz, at: Timestamp, count: u32) -> Vec<NaiveDate> {
    let end = Period::Month.start(local_date(zone, at));
    let months = (0..=count).rev();
    months
        .filter_map(|back| end.checked_sub_months(Months::new(back)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn days_begin_at_local_midnight() {
        let cases = [
            ("Europe/Amsterdam", "2024-03-01", "2024-02-29T23:00:00.000Z"),
            ("Europe/Amsterdam", "2024-04-01", "2024-03-31T22:00:00.000Z"),
            ("UTC", "2024-03-01", "2024-03-01T00:00:00.000Z"),
            // Midnight did not exist: the clocks went forward from 0:00 to 1:00.
            (
                "America/Sao_Paulo",
                "2018-11-04",
                "2018-11-04T03:00:00.000Z",
            ),
            // Midnight occurred twice: the clocks went back from 1:00 to 0:00.
            ("America/Havana", "2024-11-03", "2024-11-03T04:00:00.000Z"),
        ];
        for (zone, day, expected) in cases {
            let zone: Tz = zone.parse().unwrap();
            let start = day_start(zone, date(day));
            assert_eq!(start.to_string(), expected);
            assert_eq!(date_starting_at(zone, start), Some(date(day)));
        }
    }

    #[test]
    fn periods_start_on_monday_and_on_the_first() {
        let day = date("2024-03-06");
        assert_eq!(Period::Day.start(day), day);
        assert_eq!(Period::Week(Weekday::Mon).start(day), date("2024-03-04"));
        assert_eq!(Period::Month.start(day), date("2024-03-01"));
        assert_eq!(Period::Month.next(date("2024-12-01")), date("2025-01-01"));
        assert_eq!(
            Period::Week(Weekday::Mon).next(date("2024-02-26")),
            date("2024-03-04")
        );
    }

    #[test]
    fn retention_weeks_end_with_the_last_monday_in_the_time_zone() {
        let zone = Tz::Europe__Amsterdam;
        let weeks = |at: &str| {
            let weeks = retention_weeks(zone, Timestamp::parse(at).unwrap());
            [weeks.week, weeks.next_week, weeks.end].map(|start| start.to_string())
        };
        // The clocks go forward on 31 March.
        let expected = [
            "2024-03-17T23:00:00.000Z",
            "2024-03-24T23:00:00.000Z",
            "2024-03-31T22:00:00.000Z",
        ];
        assert_eq!(weeks("2024-03-31T22:00:00Z"), expected);
        assert_eq!(weeks("2024-04-07T21:59:59.999Z"), expected);
        assert_ne!(weeks("2024-03-31T21:59:59.999Z"), expected);
        assert_eq!(
            weeks("1970-01-02T00:00:00Z"),
            ["1970-01-01T00:00:00.000Z"; 3]
        );
    }

    #[test]
    fn months_before_an_instant_are_complete() {
        let at = Timestamp::parse("2024-03-01T00:00:00Z").unwrap();
        let expected = [date("2024-01-01"), date("2024-02-01"), date("2024-03-01")];
        assert_eq!(months_before(Tz::UTC, at, 2), expected);
        // In New York it is still February.
        let expected = [date("2023-12-01"), date("2024-01-01"), date("2024-02-01")];
        assert_eq!(months_before(Tz::America__New_York, at, 2), expected);
    }
}
