//! `POST …/lifecycle`: who is new, who comes back, and who stays away, per period.
//!
//! Periods are whole: the range is widened to those that it touches, because a part of a week
//! cannot be compared with the week before.

use chrono::{NaiveDate, Weekday};
use etappe_core::id::SiteId;
use etappe_core::ports::{Clock, JourneyStore};
use etappe_core::query::{Bots, TimeRange, ViewParameter, ViewQuery};
use etappe_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::calendar::{Period, day_start, local_date};
use crate::csv::CsvTable;
use crate::error::InsightsError;
use crate::field::{Fields, Problems};
use crate::parameter::{Parameter, SPAN, Values, WHO};
use crate::query_limit::store_error;
use crate::question::{Answer, Frame, Method, Question, RequestInfo};
use crate::span::Span;
use crate::state::InsightsParts;

/// The most periods of an answer.
const MAX_PERIODS: usize = 1_000;

/// The parameters besides the range and who counts.
const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "period",
        description: "The length of a period. Default: `day`.",
        example: "week",
        values: Values::Words(&["day", "week", "month"]),
    },
    Parameter {
        name: "week_start",
        description: "The first day of a week. Default: `monday`.",
        example: "monday",
        values: Values::Words(&["monday", "sunday"]),
    },
];

/// The question for the life cycle of a site's people.
pub(crate) struct Lifecycle {
    site: SiteId,
    bots: Bots,
    span: Span,
    as_of: Timestamp,
    /// The first days of the period before those asked about, of these, and of the period after.
    days: Vec<NaiveDate>,
}

/// New, returning, resurrecting and dormant people per period.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LifecycleAnswer {
    /// The periods in order.
    periods: Vec<LifecyclePeriod>,
}

/// The people of one period.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LifecyclePeriod {
    /// The first day of the period.
    #[schema(value_type = String, format = Date, example = "2024-03-04")]
    start: NaiveDate,
    /// People whose first event ever is in the period.
    new: u64,
    /// People who were active in the period before, too.
    returning: u64,
    /// People who were seen before, but not in the period before.
    resurrecting: u64,
    /// People who were active in the period before and are not in this one, as a negative number;
    /// null while the period has not ended at the watermark, because they may still come.
    dormant: Option<i64>,
}

/// A row of the view `kpi_lifecycle`.
#[derive(Deserialize)]
struct LifecycleRow {
    period: usize,
    new_actors: u64,
    returning: u64,
    resurrecting: u64,
    dormant: i64,
}

impl Question for Lifecycle {
    type Answer = LifecycleAnswer;

    const METHOD: Method = Method::Post;
    const PATH: &'static str = "lifecycle";
    const SUMMARY: &'static str = "Counts who is new, comes back or stays away, per period.";
    const DESCRIPTION: &'static str = "Periods are whole: the range is widened to those that it touches. With `Accept: text/csv` the periods come as a table.";
    const PARAMETERS: &'static [&'static [Parameter]] = &[SPAN, PARAMETERS, WHO];

    fn read(
        fields: &mut Fields,
        request: &RequestInfo<'_>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let access = request.access;
        let span = fields.take_span(&access.settings.timezone, request.now, problems);
        let period = take_period(fields, problems);
        let bots = fields.take_bots(problems);
        fields.take_actor_unit(problems);
        let span = span?;
        let days = period_days(span, period);
        if days.len() > MAX_PERIODS + 2 {
            let detail = format!(
                "the range has more than {MAX_PERIODS} periods: ask for longer periods or a shorter range"
            );
            problems.push("period", detail);
            return None;
        }
        Some(Self {
            site: access.site.clone(),
            bots,
            span,
            as_of: request.as_of,
            days,
        })
    }

    fn frame(&self) -> Frame {
        let range = TimeRange {
            from: self.start(1),
            to: self.start(self.days.len() - 1),
        };
        Frame::of_actors(self.span.zone.name().to_owned(), self.as_of).with_range(range)
    }

    async fn answer<S: JourneyStore, C: Clock>(
        &self,
        parts: &InsightsParts<S, C>,
    ) -> Result<LifecycleAnswer, InsightsError> {
        let starts = (0..self.days.len()).map(|day| self.start(day)).collect();
        let query = ViewQuery {
            view: "kpi_lifecycle",
            site: self.site.clone(),
            parameters: vec![
                ("bots", ViewParameter::Bots(self.bots)),
                ("starts", ViewParameter::Instants(starts)),
            ],
        };
        let rows = parts.store.view_rows(&query).await.map_err(store_error)?;
        Ok(self.answer_of(rows))
    }
}

impl Lifecycle {
    fn start(&self, day: usize) -> Timestamp {
        day_start(self.span.zone, self.days[day])
    }

    fn answer_of(&self, rows: Vec<LifecycleRow>) -> LifecycleAnswer {
        let asked = 1..self.days.len() - 1;
        let mut periods: Vec<LifecyclePeriod> = asked
            .map(|day| LifecyclePeriod {
                start: self.days[day],
                new: 0,
                returning: 0,
                resurrecting: 0,
                dormant: (self.start(day + 1) <= self.as_of).then_some(0),
            })
            .collect();
        for row in rows {
            if let Some(period) = periods.get_mut(row.period) {
                period.new = row.new_actors;
                period.returning = row.returning;
                period.resurrecting = row.resurrecting;
                period.dormant = period.dormant.map(|_| -row.dormant);
            }
        }
        LifecycleAnswer { periods }
    }
}

fn take_period(fields: &mut Fields, problems: &mut Problems) -> Period {
    let starts = [("monday", Weekday::Mon), ("sunday", Weekday::Sun)];
    let week_start = fields.take_choice("week_start", &starts, problems);
    let periods = [
        ("day", Period::Day),
        ("week", Period::Week(week_start.unwrap_or(Weekday::Mon))),
        ("month", Period::Month),
    ];
    let period = fields.take_choice("period", &periods, problems);
    period.unwrap_or(Period::Day)
}

/// Returns the first days of the period before the range, of those that it touches, and of the one
/// after; at most one more than is answered.
fn period_days(span: Span, period: Period) -> Vec<NaiveDate> {
    let first = period.start(local_date(span.zone, span.range.from));
    let before = first.pred_opt().map_or(first, |day| period.start(day));
    let mut days = vec![before, first];
    let mut next = period.next(first);
    while day_start(span.zone, next) < span.range.to && days.len() <= MAX_PERIODS + 1 {
        days.push(next);
        next = period.next(next);
    }
    days.push(next);
    days
}

impl Answer for LifecycleAnswer {
    const HAS_TABLE: bool = true;

    /// One row per period.
    fn table(&self) -> Option<CsvTable> {
        let mut table = CsvTable::new(["start", "new", "returning", "resurrecting", "dormant"]);
        for period in &self.periods {
            table.push_text(&period.start.to_string());
            for count in [period.new, period.returning, period.resurrecting] {
                table.push_number(Some(count));
            }
            table.push_number(period.dormant);
            table.end_row();
        }
        Some(table)
    }
}
