//! The truth about a simulation: the answers to the API's questions, counted by plain loops.
//!
//! Every figure is counted from what people did, by its definition in words, and shares no code with
//! the product. Answers have the form of the API's, so that a test can compare them member by
//! member; sentences of advice and the names of stages are left out.

mod figures;
mod funnel;
mod kpis;
mod leak;
mod money;
mod referrals;
mod stages;

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Days, Duration, NaiveDate, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use crate::Settings;
use crate::act::Act;
use crate::calendar::{day_start, local_date};
use crate::population::Population;
use crate::world::Happening;

/// A range of time, and how far everything has been received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first instant.
    pub from: DateTime<Utc>,
    /// The first instant after it.
    pub to: DateTime<Utc>,
    /// The watermark: what needs time, such as two weeks to activate, has had it up to here.
    pub as_of: DateTime<Utc>,
}

/// A range in milliseconds.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: i64,
    to: i64,
}

impl Span {
    const fn contains(self, at: i64) -> bool {
        self.from <= at && at < self.to
    }
}

impl Range {
    const fn span(self) -> Span {
        Span {
            from: self.from.timestamp_millis(),
            to: self.to.timestamp_millis(),
        }
    }

    const fn as_of_millis(self) -> i64 {
        self.as_of.timestamp_millis()
    }
}

/// Knows everything that was simulated, and answers questions about it.
#[derive(Debug)]
pub struct Truth {
    zone: Tz,
    currency: String,
    end: DateTime<Utc>,
    days: u32,
    /// The id of each person.
    ids: Vec<String>,
    /// The events of each person, in order of time. Crawlers have none.
    journeys: Vec<Vec<Happening>>,
    /// The number of all events, also those of crawlers.
    events: usize,
}

impl Truth {
    pub(crate) fn new(population: &Population, settings: &Settings) -> Self {
        let mut journeys = vec![Vec::new(); population.people.len()];
        let mut events = 0;
        for happening in &population.happenings {
            if !happening.act.is_event() {
                continue;
            }
            events += 1;
            if population.people[happening.person].persona.is_some() {
                journeys[happening.person].push(*happening);
            }
        }
        Self {
            zone: settings.zone,
            currency: settings.currency.clone(),
            end: settings.end,
            days: settings.days,
            ids: population.people.iter().map(|it| it.id.clone()).collect(),
            journeys,
            events,
        }
    }

    /// Returns the number of all events, also those of crawlers, which no figure counts.
    #[must_use]
    pub const fn events(&self) -> usize {
        self.events
    }

    /// Returns the number of events of people.
    #[must_use]
    pub fn events_of_people(&self) -> usize {
        self.journeys.iter().map(Vec::len).sum()
    }

    /// Returns the ranges that a summary shows: all days, the last thirty, and each whole month.
    #[must_use]
    pub fn ranges(&self) -> Vec<(String, Range)> {
        let end = self.end;
        let last = local_date(self.zone, end.timestamp_millis() - 1);
        let back = |days: u64| last.checked_sub_days(Days::new(days)).unwrap_or(last);
        let first = back(u64::from(self.days.max(1)) - 1);
        let next = last.succ_opt().unwrap_or(last);
        let range = |from: NaiveDate, to: NaiveDate| Range {
            from: self.start_of(from),
            to: self.start_of(to),
            as_of: end,
        };
        let mut ranges = vec![
            ("all".to_owned(), range(first, next)),
            ("last 30 days".to_owned(), range(back(29), next)),
        ];
        let mut month = first.with_day(1).unwrap_or(first);
        while let Some(after) = month.checked_add_months(chrono::Months::new(1)) {
            if after > next {
                break;
            }
            if month >= first {
                ranges.push((month.format("%Y-%m").to_string(), range(month, after)));
            }
            month = after;
        }
        ranges
    }

    /// Returns the answers for the [`ranges`](Self::ranges), for a file.
    #[must_use]
    pub fn summary(&self) -> Value {
        let window = Some(Duration::days(30));
        let answers = self.ranges().into_iter().map(|(name, range)| {
            json!({
                "range": name,
                "from": range.from, "to": range.to, "as_of": range.as_of,
                "kpis": self.kpis(range),
                "stages": self.stages(range),
                "referrals": self.referrals(range),
                "funnel": self.funnel(range, None),
                "funnel_of_30_days": self.funnel(range, window),
            })
        });
        json!({
            "events": self.events,
            "events_of_people": self.events_of_people(),
            "people": self.journeys.iter().filter(|it| !it.is_empty()).count(),
            "timezone": self.zone.name(),
            "currency": self.currency,
            "answers": answers.collect::<Vec<_>>(),
        })
    }

    fn start_of(&self, date: NaiveDate) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(day_start(self.zone, date)).unwrap_or_default()
    }

    /// Returns all events in order of time, with the number of the person.
    fn all(&self) -> impl Iterator<Item = &Happening> {
        self.journeys.iter().flatten()
    }

    /// Returns the first time that a person did what `matches` says.
    fn first(&self, person: usize, matches: impl Fn(Act) -> bool) -> Option<i64> {
        let journey = self.journeys.get(person)?;
        journey.iter().find(|it| matches(it.act)).map(|it| it.at)
    }

    /// Returns the people with an event in a span.
    fn active(&self, span: Span) -> BTreeSet<usize> {
        let events = self.all().filter(|it| span.contains(it.at));
        events.map(|it| it.person).collect()
    }

    /// Returns the range before, as long; `None` if it would begin before 1970. Whole days stay
    /// whole days.
    fn before(&self, span: Span) -> Option<Span> {
        let (first, end) = (
            local_date(self.zone, span.from),
            local_date(self.zone, span.to),
        );
        let is_whole =
            day_start(self.zone, first) == span.from && day_start(self.zone, end) == span.to;
        let from = if is_whole {
            day_start(self.zone, first - (end - first))
        } else {
            span.from - (span.to - span.from)
        };
        (from >= 0 && from < span.from).then_some(Span {
            from,
            to: span.from,
        })
    }
}

/// Returns `part / whole`; null if there is nothing to divide by.
fn share(part: u64, whole: u64) -> Value {
    if whole == 0 {
        return Value::Null;
    }
    json!(as_f64(part) / as_f64(whole))
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
const fn as_f64(count: u64) -> f64 {
    count as f64
}

/// Returns a value between the neighbours at a share of a sorted list, in seconds; null if it is
/// empty.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "durations of months in milliseconds, and places in a short list"
)]
fn percentile(sorted: &[i64], share: f64) -> Value {
    let Some(last) = sorted.len().checked_sub(1) else {
        return Value::Null;
    };
    let place = share * last as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    let (low, high) = (sorted[below] as f64, sorted[above] as f64);
    json!((low + (high - low) * (place - place.floor())) / 1_000.0)
}
