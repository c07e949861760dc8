//! Counts visitors, signups, activated signups and people who came back.

use std::time::Duration;

use crate::kpi::RetentionWeeks;
use crate::time::Timestamp;

/// An activation counts for a signup up to so long after it.
const ACTIVATION_WINDOW: Duration = Duration::from_hours(14 * 24);

/// What an event means for these figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventTraits {
    /// It is a signup, referred or not.
    pub is_signup: bool,
    /// It is an activation.
    pub is_activation: bool,
    /// The model has a stage for it.
    pub has_stage: bool,
}

/// The figures of one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PeriodFigures {
    /// People with an event in the period.
    pub visitors: u64,
    /// Events in the period.
    pub events: u64,
    /// Of `events`, those that the model has no stage for.
    pub unmapped_events: u64,
    /// People whose first signup is in the period.
    pub signups: u64,
    /// Of `signups`, those whose 14 days have elapsed at the watermark.
    pub activation_eligible: u64,
    /// Of `activation_eligible`, those who activated within their 14 days.
    pub activated: u64,
}

/// The figures of a range, and those of retention, which has its own weeks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PeopleFigures {
    /// The figures of the range.
    pub range: PeriodFigures,
    /// People active in week 0.
    pub retention_cohort: u64,
    /// Of `retention_cohort`, those active in week 1.
    pub retention_returned: u64,
}

/// Counts one person after another, in periods that follow each other.
#[derive(Debug)]
pub struct PeopleTally {
    /// Where the periods begin, and where the last one ends.
    starts: Vec<Timestamp>,
    as_of: Timestamp,
    weeks: Option<RetentionWeeks>,
    periods: Vec<PeriodFigures>,
    cohort: u64,
    returned: u64,
}

impl PeopleTally {
    /// Makes a tally of the periods that begin at `starts`, the last of which is where the last
    /// period ends.
    #[must_use]
    pub fn new(starts: Vec<Timestamp>, as_of: Timestamp, weeks: Option<RetentionWeeks>) -> Self {
        let periods = starts.len().saturating_sub(1);
        Self {
            starts,
            as_of,
            weeks,
            periods: vec![PeriodFigures::default(); periods],
            cohort: 0,
            returned: 0,
        }
    }

    /// Takes events that name nobody.
    pub fn nobody(&mut self, events: &[(Timestamp, EventTraits)]) {
        let mut period = None;
        for (at, traits) in events {
            period = self.count_event(*at, *traits, period);
        }
    }

    /// Takes all events of a person, in order of time.
    pub fn person(&mut self, events: &[(Timestamp, EventTraits)]) {
        let (mut in_week, mut in_next) = (false, false);
        let mut last = None;
        for (at, traits) in events {
            let period = self.count_event(*at, *traits, last);
            // In order of time a period that was left is not entered again.
            if let Some(period) = period
                && last != Some(period)
                && let Some(figures) = self.periods.get_mut(period)
            {
                figures.visitors += 1;
                last = Some(period);
            }
            if let Some(weeks) = &self.weeks {
                in_week |= weeks.week <= *at && *at < weeks.next_week;
                in_next |= weeks.next_week <= *at && *at < weeks.end;
            }
        }
        self.cohort += u64::from(in_week);
        self.returned += u64::from(in_week && in_next);
        self.count_signup(events);
    }

    /// Counts an event; returns the place of its period, if it is in one. `likely` is a period that
    /// it may be in.
    fn count_event(
        &mut self,
        at: Timestamp,
        traits: EventTraits,
        likely: Option<usize>,
    ) -> Option<usize> {
        let place = match likely {
            Some(likely) if self.is_in(likely, at) => likely,
            _ => self.period(at)?,
        };
        let period = self.periods.get_mut(place)?;
        period.events += 1;
        period.unmapped_events += u64::from(!traits.has_stage);
        Some(place)
    }

    fn count_signup(&mut self, events: &[(Timestamp, EventTraits)]) {
        let mut signups = events.iter().filter(|(_, traits)| traits.is_signup);
        let Some((signed_up, _)) = signups.next() else {
            return;
        };
        let end = signed_up.saturating_add(ACTIVATION_WINDOW);
        let activated = events
            .iter()
            .any(|(at, traits)| traits.is_activation && *signed_up <= *at && *at <= end);
        let is_over = end < self.as_of;
        let place = self.period(*signed_up);
        if let Some(period) = place.and_then(|place| self.periods.get_mut(place)) {
            period.signups += 1;
            period.activation_eligible += u64::from(is_over);
            period.activated += u64::from(is_over && activated);
        }
    }

    /// Returns whether an instant is in the period at a place.
    fn is_in(&self, place: usize, at: Timestamp) -> bool {
        let ends = self.starts.get(place).zip(self.starts.get(place + 1));
        ends.is_some_and(|(start, end)| (*start..*end).contains(&at))
    }

    /// Returns the place of the period that an instant is in.
    fn period(&self, at: Timestamp) -> Option<usize> {
        let ends = self.starts.first().zip(self.starts.last());
        if ends.is_none_or(|(start, end)| at < *start || at >= *end) {
            return None;
        }
        let begun = self.starts.partition_point(|start| *start <= at);
        let place = begun.checked_sub(1)?;
        (place < self.periods.len()).then_some(place)
    }

    /// Returns the figures of every period.
    #[must_use]
    pub fn periods(self) -> Vec<PeriodFigures> {
        self.periods
    }

    /// Returns the figures of the first period, and those of retention.
    #[must_use]
    pub fn figures(self) -> PeopleFigures {
        PeopleFigures {
            range: self.periods.first().copied().unwrap_or_default(),
            retention_cohort: self.cohort,
            retention_returned: self.returned,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 60 * 60 * 1_000;

    fn day(day: i64) -> Timestamp {
        Timestamp::from_millis(day * DAY)
    }

    const PLAIN: EventTraits = EventTraits {
        is_signup: false,
        is_activation: false,
        has_stage: true,
    };
    const SIGNUP: EventTraits = EventTraits {
        is_signup: true,
        ..PLAIN
    };
    const ACTIVATION: EventTraits = EventTraits {
        is_activation: true,
        ..PLAIN
    };
    const UNMAPPED: EventTraits = EventTraits {
        has_stage: false,
        ..PLAIN
    };

    #[test]
    fn people_count_once_in_every_period_that_they_were_in() {
        let starts = [10, 20, 30].map(day).to_vec();
        let mut tally = PeopleTally::new(starts, day(100), None);
        tally.person(&[(day(9), PLAIN), (day(10), PLAIN), (day(19), UNMAPPED)]);
        tally.person(&[(day(19), PLAIN), (day(20), PLAIN), (day(30), PLAIN)]);
        tally.nobody(&[(day(25), UNMAPPED), (day(40), PLAIN)]);
        let periods = tally.periods();
        let counted =
            |period: &PeriodFigures| (period.visitors, period.events, period.unmapped_events);
        assert_eq!(
            periods.iter().map(counted).collect::<Vec<_>>(),
            [(2, 3, 1), (1, 2, 1)]
        );
    }

    #[test]
    fn the_first_signup_counts_and_both_ends_of_the_fourteen_days_do() {
        let mut tally = PeopleTally::new(vec![day(0), day(100)], day(60), None);
        // The activation before the signup does not count, that of the last instant does.
        tally.person(&[
            (day(1), ACTIVATION),
            (day(2), SIGNUP),
            (day(16), ACTIVATION),
        ]);
        tally.person(&[(day(3), SIGNUP), (day(18), ACTIVATION), (day(20), SIGNUP)]);
        // Their fourteen days are not over before the watermark.
        tally.person(&[(day(46), SIGNUP), (day(46), ACTIVATION)]);
        // They signed up before the range.
        tally.person(&[(day(-1), SIGNUP), (day(5), SIGNUP)]);
        let range = tally.figures().range;
        assert_eq!(
            (range.signups, range.activation_eligible, range.activated),
            (3, 2, 1)
        );
    }

    #[test]
    fn who_comes_back_was_there_the_week_before() {
        let weeks = RetentionWeeks {
            week: day(0),
            next_week: day(7),
            end: day(14),
        };
        let mut tally = PeopleTally::new(vec![day(0), day(1)], day(60), Some(weeks));
        tally.person(&[(day(0), PLAIN), (day(13), PLAIN)]);
        tally.person(&[(day(6), PLAIN), (day(14), PLAIN)]);
        tally.person(&[(day(7), PLAIN)]);
        let figures = tally.figures();
        assert_eq!(
            (figures.retention_cohort, figures.retention_returned),
            (2, 1)
        );
    }
}
