//! The days of a simulation: how busy each is, and at which hours people are about.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

use crate::dice::Dice;

/// A minute in milliseconds.
pub(crate) const MINUTE: i64 = 60_000;
/// An hour in milliseconds.
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// A day in milliseconds, when the clocks do not change.
pub(crate) const DAY: i64 = 24 * HOUR;

/// How busy the days of the week are, from Monday.
const WEEK: [f64; 7] = [1.0, 0.95, 0.95, 1.0, 0.9, 1.05, 1.25];
/// How busy the months are, from January.
const YEAR: [f64; 12] = [
    0.85, 0.85, 0.95, 1.05, 1.1, 1.0, 0.85, 0.85, 1.0, 1.05, 1.25, 1.3,
];
/// The last day is this much busier than the first one.
const GROWTH: f64 = 0.4;

/// When in the day something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rhythm {
    /// At any hour, mostly in the evening.
    Online,
    /// While the shop and its telephone are open.
    OpeningHours,
}

impl Rhythm {
    /// Returns how busy each hour of the day is.
    const fn hours(self) -> [f64; 24] {
        match self {
            Self::Online => [
                1.0, 0.5, 0.3, 0.2, 0.2, 0.4, 1.0, 2.0, 3.0, 3.5, 4.0, 4.0, 4.5, 4.0, 3.5, 3.5,
                4.0, 4.5, 5.0, 7.0, 8.5, 8.0, 5.5, 2.5,
            ],
            Self::OpeningHours => [
                0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 3.0, 4.0, 3.5, 3.0, 4.0, 4.0,
                3.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
            ],
        }
    }
}

/// The days in the shop's time zone.
#[derive(Debug)]
pub(crate) struct Calendar {
    zone: Tz,
    end: i64,
    days: Vec<NaiveDate>,
}

impl Calendar {
    /// Makes the calendar of the last days before `end`.
    pub(crate) fn new(zone: Tz, end: DateTime<Utc>, days: u32) -> Self {
        let last = local_date(zone, end.timestamp_millis() - 1);
        let days = (0..u64::from(days.max(1))).rev();
        Self {
            zone,
            end: end.timestamp_millis(),
            days: days
                .filter_map(|back| last.checked_sub_days(Days::new(back)))
                .collect(),
        }
    }

    /// Returns the first instant after the simulation, in milliseconds.
    pub(crate) const fn end(&self) -> i64 {
        self.end
    }

    /// Returns the number of days.
    pub(crate) const fn days(&self) -> usize {
        self.days.len()
    }

    /// Draws a day on which somebody may come for the first time.
    pub(crate) fn any_day(&self, dice: &mut Dice) -> usize {
        let last = as_f64(self.days.len().max(2) - 1);
        let busy = self.days.iter().enumerate().map(|(number, date)| {
            let week = WEEK[date.weekday().num_days_from_monday() as usize];
            week * YEAR[date.month0() as usize] * (1.0 + GROWTH * as_f64(number) / last)
        });
        dice.weighted(busy)
    }

    /// Draws a moment of a day, which may lie after the last one.
    pub(crate) fn moment(&self, dice: &mut Dice, day: usize, rhythm: Rhythm) -> i64 {
        let hour = dice.weighted(rhythm.hours().into_iter());
        let within = dice.between(0, HOUR - 1);
        self.start_of(day) + i64::try_from(hour).unwrap_or_default() * HOUR + within
    }

    /// Returns when a day begins; the days go on after the last one.
    fn start_of(&self, day: usize) -> i64 {
        let first = self.days.first().copied().unwrap_or_default();
        let date = first.checked_add_days(Days::new(u64::try_from(day).unwrap_or_default()));
        day_start(self.zone, date.unwrap_or(first))
    }

    /// Returns the number of the day of an instant.
    pub(crate) fn day_of(&self, at: i64) -> usize {
        let first = self.days.first().copied().unwrap_or_default();
        let days = (local_date(self.zone, at) - first).num_days();
        usize::try_from(days).unwrap_or_default()
    }
}

/// Returns the date in `zone` at an instant.
pub(crate) fn local_date(zone: Tz, at: i64) -> NaiveDate {
    let at = Utc.timestamp_millis_opt(at).single();
    at.map_or(NaiveDate::MIN, |at| at.with_timezone(&zone).date_naive())
}

/// Returns the first instant of a date in `zone`.
pub(crate) fn day_start(zone: Tz, date: NaiveDate) -> i64 {
    // Where the clocks skip midnight, the day begins up to some hours later.
    let midnight = date.and_time(NaiveTime::MIN);
    let quarters = (0..=96).map(|quarter| midnight + chrono::TimeDelta::minutes(15 * quarter));
    let mut instants = quarters.filter_map(|local| zone.from_local_datetime(&local).earliest());
    let start = instants.next().map(|at| at.timestamp_millis());
    start.unwrap_or_else(|| midnight.and_utc().timestamp_millis())
}

#[expect(clippy::cast_precision_loss, reason = "a number of days is small")]
const fn as_f64(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_end_with_the_last_one_and_begin_at_local_midnight() {
        let zone = Tz::Europe__Amsterdam;
        let end = Utc.with_ymd_and_hms(2026, 4, 1, 22, 0, 0).unwrap();
        let calendar = Calendar::new(zone, end, 5);
        let dates: Vec<String> = calendar.days.iter().map(ToString::to_string).collect();
        assert_eq!(
            dates,
            [
                "2026-03-28",
                "2026-03-29",
                "2026-03-30",
                "2026-03-31",
                "2026-04-01"
            ]
        );
        // The second day has 23 hours.
        assert_eq!(calendar.start_of(2) - calendar.start_of(1), 23 * HOUR);
        assert_eq!(calendar.day_of(calendar.start_of(3)), 3);
        assert_eq!(calendar.start_of(5), end.timestamp_millis());
    }
}
