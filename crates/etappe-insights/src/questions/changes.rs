//! `GET …/changes`: what was unlike other days of this weekday, and names that were never seen before.

mod band;

use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;
use etappe_core::kpi::KpiFigures;
use etappe_core::meaning::Meanings;
use etappe_core::ports::{Clock, JourneyStore};
use etappe_core::query::{TimeRange, ViewParameter, ViewQuery};
use etappe_core::unmapped::{UnmappedName, UnmappedQuery};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::calendar::{Period, day_start, days_before, local_date};
use crate::csv::CsvTable;
use crate::error::InsightsError;
use crate::field::{Fields, Problems};
use crate::parameter::{Parameter, Values, WHO};
use crate::query_limit::store_error;
use crate::question::{Answer, Frame, Method, Question, RequestInfo};
use crate::questions::kpis::figure::Figure;
use crate::questions::kpis::measure::{Currencies, Measure, measures};
use crate::questions::kpis::trend::Trend;
use crate::questions::unmapped::is_understood;
use crate::scope::Scope;
use crate::span::Span;
use crate::state::InsightsParts;
use band::{Band, LEAST_DAYS, LOOKED_AT};

/// How many days of the same weekday a day is compared with.
const WEEKS: u64 = 8;
/// The most names that were never seen before.
const MOST_NAMES: usize = 20;
/// How many names of the weeks before are looked at.
const KNOWN_NAMES: usize = 1_000;
/// The figures that are looked at.
const FIGURES: [&str; LOOKED_AT] = ["visitors", "signups", "customers", "orders", "revenue"];

/// The parameters besides who counts.
const DAY: &[Parameter] = &[
    Parameter {
        name: "day",
        description: "The day. Default: yesterday.",
        example: "2024-03-04",
        values: Values::Text,
    },
    Parameter {
        name: "timezone",
        description: "The zone that the day is in, by its IANA name. Default: the site's.",
        example: "Europe/Amsterdam",
        values: Values::Text,
    },
];

/// What was unusual about a day.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangesAnswer {
    /// The day.
    #[schema(value_type = String, format = Date, example = "2024-03-04")]
    day: NaiveDate,
    /// Whether the day had ended at the watermark. Until then no figure counts as unusual.
    complete: bool,
    /// How many days of the same weekday there are to compare with, eight at most. With fewer than
    /// four no figure counts as unusual.
    compared_days: usize,
    /// The figures that were unusual.
    changes: Vec<ChangeAnswer>,
    /// Names of events that were not understood and that the eight weeks before did not have, most
    /// frequent first.
    new_names: Vec<NewNameAnswer>,
    /// Events that came late.
    late: LateAnswer,
}

/// Events that happened before the day and were received on it or since, more than an hour after they
/// happened. The figures of the days on which they happened have them. What happened before the site's
/// first event arrived is history that was brought along, and not late.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
pub(crate) struct LateAnswer {
    /// How many there are.
    #[schema(example = 120)]
    events: u64,
    /// How many people sent them.
    #[schema(example = 31)]
    people: u64,
}

/// A figure that was unusual.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangeAnswer {
    /// The KPI's id: `visitors`, `signups`, `customers`, `orders` or `revenue`.
    #[schema(example = "orders")]
    id: &'static str,
    /// The figure of the day.
    #[schema(value_type = f64, example = 12)]
    value: Figure,
    /// The least that is usual on this weekday.
    #[schema(example = 26)]
    low: f64,
    /// The most that is usual on this weekday.
    #[schema(example = 37)]
    high: f64,
    /// For money: the ISO 4217 code; otherwise null.
    #[schema(example = "EUR")]
    currency: Option<String>,
}

/// A name that was never seen before.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewNameAnswer {
    /// The events' name.
    #[schema(example = "Garden newsletter joined")]
    name: String,
    /// `track`, `page` or `screen`.
    #[schema(example = "track")]
    kind: &'static str,
    /// How many events there were on this day.
    events: u64,
    /// How many people sent them.
    people: u64,
}

/// The question for what was unusual about a day.
pub(crate) struct Changes {
    day: NaiveDate,
    /// The day, the eight weeks before it, and one day more.
    scope: Scope,
    today: TimeRange,
    days: Trend,
}

impl Question for Changes {
    type Answer = ChangesAnswer;

    const METHOD: Method = Method::Get;
    const PATH: &'static str = "changes";
    const SUMMARY: &'static str = "Returns what was unusual about a day.";
    const DESCRIPTION: &'static str = "Visitors, signups, customers, orders and revenue of the day are compared with the same weekday of the eight weeks before. What lies within the band that these give is left to chance; the band is wide enough that of all five figures together one leaves it by chance about once in twenty days. With `Accept: text/csv` the unusual figures come as a table.";
    const PARAMETERS: &'static [&'static [Parameter]] = &[DAY, WHO];

    fn read(
        fields: &mut Fields,
        request: &RequestInfo<'_>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let zone = fields.take_zone(&request.access.settings.timezone, problems);
        let day = take_day(fields, problems);
        let model = request.catalog.default_model();
        let zone = zone?;
        let day = match day? {
            Some(day) => day,
            None => days_before(local_date(zone, request.now), 1)?,
        };
        let span = span_of(zone, day, problems);
        let scope = Scope::over(span, model, fields, request, problems)?;
        let days = Trend::of(&scope, Period::Day)?;
        let today = TimeRange {
            from: day_start(zone, day),
            to: scope.span.range.to,
        };
        Some(Self {
            day,
            scope,
            today,
            days,
        })
    }

    fn frame(&self) -> Frame {
        let zone = self.scope.span.zone.name().to_owned();
        Frame::of_actors(zone, self.scope.as_of).with_range(self.today)
    }

    async fn answer<S: JourneyStore, C: Clock>(
        &self,
        parts: &InsightsParts<S, C>,
    ) -> Result<ChangesAnswer, InsightsError> {
        let names = UnmappedQuery {
            site: self.scope.site.clone(),
            range: self.scope.span.range,
            bots: self.scope.bots,
            kind: None,
            model: None,
            limit: KNOWN_NAMES,
        };
        let names = async {
            parts
                .store
                .unmapped_names(&names)
                .await
                .map_err(store_error)
        };
        let figures = self.days.figures(parts, &self.scope);
        let late = self.late(parts);
        let (figures, names, late) = tokio::try_join!(figures, names, late)?;
        let complete = self.today.to <= self.scope.as_of;
        let compared = comparable(&figures);
        let changes = match figures.last() {
            Some(present) if complete => changes(present, &compared, &self.scope.currency),
            _ => Vec::new(),
        };
        Ok(ChangesAnswer {
            day: self.day,
            complete,
            compared_days: compared.len(),
            changes,
            new_names: self.new_names(parts, names.names),
            late,
        })
    }
}

impl Changes {
    async fn late<S: JourneyStore, C: Clock>(
        &self,
        parts: &InsightsParts<S, C>,
    ) -> Result<LateAnswer, InsightsError> {
        let query = ViewQuery {
            view: "late_events",
            site: self.scope.site.clone(),
            parameters: vec![
                ("bots", ViewParameter::Bots(self.scope.bots)),
                ("since", ViewParameter::Instant(self.today.from)),
            ],
        };
        let rows = parts.store.view_rows::<LateAnswer>(&query).await;
        let rows = rows.map_err(store_error)?;
        Ok(rows.into_iter().next().unwrap_or_default())
    }

    /// Returns the names that began on the day and that nobody said the meaning of since.
    fn new_names<S, C>(
        &self,
        parts: &InsightsParts<S, C>,
        names: Vec<UnmappedName>,
    ) -> Vec<NewNameAnswer> {
        let directory = Arc::clone(&parts.sites.borrow());
        let site = directory.site(self.scope.site.as_str());
        let own = site.map_or_else(Meanings::new, |site| site.meanings.clone());
        let new = names
            .into_iter()
            .filter(|name| name.first_seen >= self.today.from)
            .filter(|name| !is_understood(&parts.rules, &own, name));
        new.take(MOST_NAMES)
            .map(|name| NewNameAnswer {
                name: name.name,
                kind: name.kind.as_str(),
                events: name.events,
                people: name.people,
            })
            .collect()
    }
}

/// Takes `day`: the inner option is none if it is not given, the outer one if it is a problem.
#[expect(clippy::option_option, reason = "a missing day and a wrong one differ")]
fn take_day(fields: &mut Fields, problems: &mut Problems) -> Option<Option<NaiveDate>> {
    let Some(text) = fields.take_text("day", problems) else {
        return (!problems.mentions("day")).then_some(None);
    };
    let day = text.parse::<NaiveDate>().ok();
    if day.is_none() {
        problems.push("day", "must be a date such as 2024-03-04");
    }
    day.map(Some)
}

/// Returns the day with the weeks before it, and one day more, which shows whether the site had begun.
fn span_of(zone: Tz, day: NaiveDate, problems: &mut Problems) -> Option<Span> {
    let first = days_before(day, WEEKS * 7 + 1).filter(|first| *first >= NaiveDate::default());
    let Some(first) = first.filter(|_| day <= LAST_DAY) else {
        problems.push("day", "must be from 1970-02-27 to 2099-12-31");
        return None;
    };
    let range = TimeRange {
        from: day_start(zone, first),
        to: day_start(zone, Period::Day.next(day)),
    };
    Some(Span { range, zone })
}

/// The last day that can be asked about.
const LAST_DAY: NaiveDate = NaiveDate::from_ymd_opt(2099, 12, 31).expect("a date");

/// Returns the figures of the same weekday, from the second day on that has events: on the first one
/// the site may have begun at noon.
fn comparable(figures: &[KpiFigures]) -> Vec<&KpiFigures> {
    let begun = figures.iter().position(|day| day.events > 0);
    let before = figures.len().saturating_sub(1);
    let same = figures.iter().enumerate().take(before).skip(1).step_by(7);
    same.filter(|(index, _)| begun.is_some_and(|begun| *index > begun))
        .map(|(_, figures)| figures)
        .collect()
}

/// Returns the figures of a day that left their band.
fn changes(present: &KpiFigures, before: &[&KpiFigures], currency: &str) -> Vec<ChangeAnswer> {
    if before.len() < LEAST_DAYS {
        return Vec::new();
    }
    let own = Currencies::choose(present, None, currency, 1);
    let of_day = |figures: &KpiFigures| measures(figures, &own);
    let earlier: Vec<Vec<Measure>> = before.iter().map(|figures| of_day(figures)).collect();
    let looked_at = of_day(present);
    let looked_at = looked_at.iter().filter(|kpi| FIGURES.contains(&kpi.id));
    looked_at
        .filter_map(|kpi| {
            let value = kpi.value?;
            let days: Vec<f64> = earlier.iter().map(|day| value_of(day, kpi)).collect();
            let band = Band::of(&days, size_of(kpi, &earlier))?;
            let is_usual = band.has(value.as_f64());
            (!is_usual).then(|| ChangeAnswer {
                id: kpi.id,
                value,
                // No count is negative; revenue is on a day of refunds.
                low: if value.as_f64() < 0.0 {
                    band.low
                } else {
                    band.low.max(0.0)
                },
                high: band.high,
                currency: kpi.currency.clone(),
            })
        })
        .collect()
}

fn value_of(day: &[Measure], kpi: &Measure) -> f64 {
    let same = day.iter().find(|other| other.is_same(kpi));
    same.and_then(|other| other.value)
        .map_or(0.0, Figure::as_f64)
}

/// Returns what one more order adds to a figure: its usual value to revenue, and one to a count.
fn size_of(kpi: &Measure, earlier: &[Vec<Measure>]) -> f64 {
    if kpi.id != "revenue" {
        return 1.0;
    }
    let sum = |id: &str| {
        let days = earlier.iter().flatten().filter(|other| {
            other.id == id && (other.currency.is_none() || other.currency == kpi.currency)
        });
        days.filter_map(|other| other.value)
            .map(Figure::as_f64)
            .sum::<f64>()
    };
    let (revenue, orders) = (sum("revenue"), sum("orders"));
    if orders > 0.0 {
        (revenue / orders).max(1.0)
    } else {
        1.0
    }
}

impl Answer for ChangesAnswer {
    const HAS_TABLE: bool = true;

    /// One row per figure that was unusual.
    fn table(&self) -> Option<CsvTable> {
        let mut table = CsvTable::new(["day", "kpi", "currency", "value", "low", "high"]);
        for change in &self.changes {
            table.push_text(&self.day.to_string());
            table.push_text(change.id);
            table.push_text(change.currency.as_deref().unwrap_or_default());
            table.push_number(Some(change.value));
            table.push_number(Some(change.low));
            table.push_number(Some(change.high));
            table.end_row();
        }
        Some(table)
    }
}
