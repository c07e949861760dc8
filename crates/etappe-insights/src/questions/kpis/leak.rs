//! The biggest leak: the step that loses the most people compared with its best recent month.
//!
//! Present and past use the same funnel of the model, with the same window, and count the attempts
//! whose window was over at the watermark. Leaving out only those who have not converted yet would
//! keep the quick ones of the last days and nobody else, and make them look like a good month. The
//! window is a quarter of the question's range, 30 days at most, so that three quarters of a range
//! that ends today are counted. The counted part ends with a day of the site, so that the funnel of
//! these dates, with this window, has the same counts and opens the same people.

use std::ops::ControlFlow;
use std::time::Duration;

use chrono::NaiveDate;
use etappe_core::funnel::{FunnelMatcher, FunnelSpec};
use etappe_core::ports::{Clock, JourneyStore};
use etappe_core::query::{
    CandidateQuery, Condition, Dimension, Hit, TimeRange, Unit, completion_end,
};
use etappe_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::calendar::{day_start, local_date, months_before};
use crate::catalog::ModelStage;
use crate::error::InsightsError;
use crate::language::Language;
use crate::query_limit::store_error;
use crate::questions::funnel::question::model_question;
use crate::questions::kpis::gate_counts::{RangeCounts, as_f64};
use crate::questions::kpis::worth::Worth;
use crate::scope::Scope;
use crate::state::InsightsParts;

/// The longest window of the funnels that are compared, in days.
const LONGEST_WINDOW: u64 = 30;
/// The range has this many windows, unless that would make the window too long.
const WINDOWS_IN_RANGE: u64 = 4;
const DAY: Duration = Duration::from_hours(24);
/// How many full months the present is compared with.
const MONTHS: u32 = 6;

/// The step that loses the most people compared with its best recent month.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Leak {
    /// The stage that fewer people reach.
    #[schema(example = "activation")]
    stage: String,
    /// The stage's name.
    #[schema(example = "Activation")]
    label: String,
    /// The previous stage (gate).
    #[schema(example = "acquisition")]
    from_stage: String,
    /// How soon after its first step an attempt had to get here, in seconds: a quarter of the
    /// range in whole days, at least one and at most 30.
    #[schema(example = 604_800.0)]
    window_s: f64,
    /// Where the counted part of the range begins: attempts count that began in it.
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// Where it ends: the last start of a day of the site by which attempts had their whole window.
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
    /// Actors at the previous stage, of those whose attempt began in the counted part.
    actors: u64,
    /// Of `actors`, those that reached this stage.
    reached: u64,
    /// `reached` / `actors`.
    rate: f64,
    /// The best rate in a full month.
    best_rate: f64,
    /// The month with the best rate.
    #[schema(example = "2024-01")]
    best_month: String,
    /// `(best_rate − rate) × actors`.
    lost: f64,
    /// What it is worth to get back to the best rate; null for a step behind the one where people
    /// buy, and in a model that does not say where they buy.
    worth: Option<Worth>,
    /// The channel that explains most of the loss; null if no channel with enough people does.
    #[serde(rename = "where")]
    place: Option<Place>,
    /// A sentence that explains the leak.
    advice: String,
}

/// Where a step got worse.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Place {
    /// What people are told apart by: `channel`.
    by: &'static str,
    /// The channel of the event with which people arrived; null if it has none.
    #[schema(example = "Organic Social")]
    value: Option<String>,
    /// Actors at the previous stage who came through it.
    actors: u64,
    /// Of these, those that reached the stage.
    reached: u64,
    /// The rate of these people.
    rate: f64,
    /// Their rate in the best month of all people.
    best_rate: f64,
}

impl Leak {
    /// Adds the money, given what a customer brings.
    pub(crate) fn priced(mut self, revenue_per_customer: Option<f64>, currency: &str) -> Self {
        self.worth = self
            .worth
            .map(|it| it.priced(revenue_per_customer, currency));
        self
    }
}

/// Finds the biggest leak of the question's range; `None` if no step does worse than before.
pub(crate) async fn find<S: JourneyStore, C: Clock>(
    parts: &InsightsParts<S, C>,
    scope: &Scope,
) -> Result<Option<Leak>, InsightsError> {
    let window = window(scope.span.range);
    let (spec, conditions) = model_question(&scope.model, window);
    let months = months(scope);
    let ranges = std::iter::once(scope.span.range).chain(months.iter().map(|(_, range)| *range));
    let ranges: Vec<TimeRange> = ranges.map(|range| over(scope, range, window)).collect();
    let counts = attempts(parts, scope, (&spec, conditions), &ranges).await?;
    let (Some(present), past) = (counts.first(), counts.get(1..).unwrap_or_default()) else {
        return Ok(None);
    };
    let Some((mut leak, gate, best)) = biggest(scope, &spec, present, past, &months) else {
        return Ok(None);
    };
    // Before people arrive, nobody's channel is known.
    let has_arrived = gate_steps(&spec)[gate] > scope.model.arrival();
    leak.place = past
        .get(best)
        .filter(|_| has_arrived)
        .and_then(|then| worst_channel(gate, present, then));
    Ok(Some(leak))
}

/// Counts the attempts of a model's funnel that began in each range. None if the model has no gates:
/// then no step could lose anyone.
async fn attempts<S: JourneyStore, C: Clock>(
    parts: &InsightsParts<S, C>,
    scope: &Scope,
    (spec, conditions): (&FunnelSpec, Vec<Condition>),
    ranges: &[TimeRange],
) -> Result<Vec<RangeCounts>, InsightsError> {
    let Ok(mut matcher) = FunnelMatcher::try_new(spec) else {
        return Ok(Vec::new());
    };
    let gates = gate_steps(spec).len();
    let arrival = scope.model.arrival();
    let counts = ranges
        .iter()
        .map(|range| RangeCounts::new(*range, gates, arrival));
    let mut counts: Vec<RangeCounts> = counts.collect();
    let first = ranges.iter().map(|range| range.from).min();
    let ends = ranges
        .iter()
        .filter_map(|range| completion_end(*range, spec.window));
    let query = CandidateQuery {
        site: scope.site.clone(),
        unit: Unit::Actor,
        bots: scope.bots,
        from: first.unwrap_or(Timestamp::EPOCH),
        until: ends.max(),
        conditions,
        include_others: false,
        dimensions: vec![Dimension::Channel],
    };
    let (mut units, mut rows) = (0, 0);
    let visit = |_: u64, hits: &[Hit]| {
        units += 1;
        rows += u64::try_from(hits.len()).unwrap_or(u64::MAX);
        for counts in &mut counts {
            // Most people were there in few of the months.
            if !has_hit_in(counts.range, hits) {
                continue;
            }
            // A model's funnel is never too large to search.
            if let Ok(Some(attempt)) = matcher.best(hits, counts.range) {
                counts.record(attempt, hits);
            }
        }
        ControlFlow::<()>::Continue(())
    };
    let counted = parts.store.candidates(&query, visit).await;
    // It never breaks.
    _ = counted.map_err(store_error)?;
    parts.metrics.record_matching(units, rows);
    Ok(counts)
}

/// Returns whether one of the hits, which are in order of time, can be in the range.
fn has_hit_in(range: TimeRange, hits: &[Hit]) -> bool {
    let ends = hits.first().zip(hits.last());
    ends.is_some_and(|(first, last)| first.at < range.to && range.from <= last.at)
}

/// Returns the window for a range.
fn window(range: TimeRange) -> Duration {
    let millis = u64::try_from(range.to.millis_since(range.from)).unwrap_or_default();
    let days = Duration::from_millis(millis).as_secs() / DAY.as_secs();
    DAY * u32::try_from((days / WINDOWS_IN_RANGE).clamp(1, LONGEST_WINDOW)).unwrap_or(1)
}

/// Returns the part of a range in which attempts began whose window was over at the watermark, in whole
/// days of the site unless the range itself ends within a day.
///
/// A window that ends at the watermark itself is not over, see [`Attempt::is_open`].
///
/// [`Attempt::is_open`]: etappe_core::funnel::Attempt::is_open
fn over(scope: &Scope, range: TimeRange, window: Duration) -> TimeRange {
    let window = i64::try_from(window.as_millis()).unwrap_or(i64::MAX);
    let end = Timestamp::from_millis(scope.as_of.as_millis().saturating_sub(window));
    let zone = scope.span.zone;
    let end = day_start(zone, local_date(zone, end));
    TimeRange {
        from: range.from,
        to: range.to.min(end).max(range.from),
    }
}

/// Returns the last full months before the end of the range or the watermark, whichever is earlier.
fn months(scope: &Scope) -> Vec<(NaiveDate, TimeRange)> {
    let zone = scope.span.zone;
    let starts = months_before(zone, scope.span.range.to.min(scope.as_of), MONTHS);
    let months = starts.windows(2).map(|pair| {
        let range = TimeRange {
            from: day_start(zone, pair[0]),
            to: day_start(zone, pair[1]),
        };
        (pair[0], range)
    });
    months
        .filter(|(_, range)| range.from >= Timestamp::EPOCH)
        .collect()
}

fn gate_steps(spec: &FunnelSpec) -> Vec<usize> {
    let steps = spec.steps.iter().enumerate();
    steps
        .filter(|(_, step)| step.gate)
        .map(|(index, _)| index)
        .collect()
}

/// Returns the biggest leak without its channel, its gate and the place of the best month.
fn biggest(
    scope: &Scope,
    spec: &FunnelSpec,
    present: &RangeCounts,
    past: &[RangeCounts],
    months: &[(NaiveDate, TimeRange)],
) -> Option<(Leak, usize, usize)> {
    let gates = gate_steps(spec);
    let total = &present.total;
    let mut leaks = Vec::new();
    for gate in 1..gates.len() {
        let Some(now) = total.rate(gate) else {
            continue;
        };
        let rates = past.iter().enumerate().filter_map(|(month, counts)| {
            let rate = counts.total.rate(gate)?;
            Some((rate, month))
        });
        let Some((best, month)) = rates.max_by(|one, other| one.0.total_cmp(&other.0)) else {
            continue;
        };
        let lost = (best - now) * as_f64(total.actors(gate));
        if lost > 0.0 {
            leaks.push((lost, gate, best, month));
        }
    }
    let (lost, gate, best_rate, best) = leaks
        .into_iter()
        .max_by(|one, other| one.0.total_cmp(&other.0))?;
    let (month, _) = months.get(best)?;
    let stage = scope.model.stages.get(gates[gate])?;
    let before = scope.model.stages.get(gates[gate - 1])?;
    let now = total.rate(gate)?;
    let best_month = month.format("%Y-%m").to_string();
    let leak = Leak {
        advice: advice(
            scope.language,
            (before, stage),
            total.actors(gate),
            &Fall {
                now,
                best_rate,
                best_month: &best_month,
                lost,
            },
        ),
        stage: stage.id.clone(),
        label: stage.labels.told(scope.language).to_owned(),
        from_stage: before.id.clone(),
        window_s: spec.window.unwrap_or_default().as_secs_f64(),
        from: present.range.from,
        to: present.range.to,
        actors: total.actors(gate),
        reached: total.reached(gate),
        worth: Worth::of(scope, &gates, (gate, lost), present),
        place: None,
        rate: now,
        best_rate,
        best_month,
        lost,
    };
    Some((leak, gate, best))
}

/// How a step got worse.
struct Fall<'a> {
    now: f64,
    best_rate: f64,
    best_month: &'a str,
    lost: f64,
}

/// Returns a sentence about the step between two stages.
fn advice(
    language: Language,
    (before, stage): (&ModelStage, &ModelStage),
    actors: u64,
    fall: &Fall<'_>,
) -> String {
    let (before, stage) = (before.labels.told(language), stage.labels.told(language));
    let (now, best) = (fall.now * 100.0, fall.best_rate * 100.0);
    let Fall {
        best_month, lost, ..
    } = fall;
    match language {
        Language::En => format!(
            "Of {actors} people in {before}, {now:.0} % went on to {stage}; in {best_month} it was {best:.0} %. That is about {lost:.0} people: look at this step first."
        ),
        Language::Nl => format!(
            "Van de {actors} mensen in {before} ging {now:.0}% door naar {stage}; in {best_month} was dat {best:.0}%. Dat scheelt ongeveer {lost:.0} mensen: kijk eerst naar deze stap."
        ),
    }
}

/// Returns the channel that lost the most people, if people came through several.
fn worst_channel(gate: usize, present: &RangeCounts, best: &RangeCounts) -> Option<Place> {
    if present.by_channel.len() < 2 {
        return None;
    }
    let changes = present.by_channel.iter().filter_map(|(channel, now)| {
        let (rate, then) = (now.rate(gate)?, best.by_channel.get(channel)?);
        let best_rate = then.rate(gate)?;
        let lost = (best_rate - rate) * as_f64(now.actors(gate));
        Some((lost, channel, now, rate, best_rate))
    });
    let worst = changes.max_by(|one, other| one.0.total_cmp(&other.0));
    let (_, channel, now, rate, best_rate) = worst.filter(|(lost, ..)| *lost > 0.0)?;
    Some(Place {
        by: "channel",
        value: channel.clone(),
        actors: now.actors(gate),
        reached: now.reached(gate),
        rate,
        best_rate,
    })
}
