//! The biggest leak: the step that loses the most people compared with its best recent month.
//!
//! Present and past use the same funnel of the model, with a window of 30 days. Both leave out
//! units that may still convert, so that recent entries do not look like losses.

use std::ops::ControlFlow;
use std::time::Duration;

use chrono::NaiveDate;
use etappe_core::funnel::{Attempt, FunnelMatcher, FunnelSpec};
use etappe_core::ports::{Clock, JourneyStore};
use etappe_core::query::{CandidateQuery, Hit, TimeRange, Unit, completion_end};
use etappe_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::calendar::{day_start, months_before};
use crate::error::InsightsError;
use crate::query_limit::store_error;
use crate::questions::funnel::question::model_question;
use crate::rate::rate;
use crate::scope::Scope;
use crate::state::InsightsParts;

/// The window of the funnels that are compared.
const WINDOW: Duration = Duration::from_hours(30 * 24);
/// How many full months the present is compared with.
const MONTHS: u32 = 6;
/// The fewest actors that a step needs to be considered.
const FEWEST: u64 = 30;

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
    /// Actors at the previous stage, without those that may still convert.
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
    /// A sentence that explains the leak.
    advice: String,
}

/// Counts per gate of the attempts that began in a range.
#[derive(Debug, Clone)]
struct GateCounts {
    range: TimeRange,
    reached: Vec<u64>,
    /// Attempts that stopped before the gate but may still convert.
    open: Vec<u64>,
}

impl GateCounts {
    fn new(range: TimeRange, gates: usize) -> Self {
        Self {
            range,
            reached: vec![0; gates],
            open: vec![0; gates],
        }
    }

    fn record(&mut self, attempt: &Attempt, as_of: Timestamp) {
        for reached in self.reached.iter_mut().take(attempt.depth) {
            *reached += 1;
        }
        if attempt.depth > 0
            && attempt.is_open(as_of)
            && let Some(open) = self.open.get_mut(attempt.depth)
        {
            *open += 1;
        }
    }

    /// Returns the actors at the gate before `gate`, without those that may still convert.
    fn actors(&self, gate: usize) -> u64 {
        self.reached[gate - 1].saturating_sub(self.open[gate])
    }

    /// Returns the rate of `gate`, if it has enough actors.
    fn rate(&self, gate: usize) -> Option<f64> {
        let actors = self.actors(gate);
        rate(
            self.reached[gate],
            Some(actors).filter(|actors| *actors >= FEWEST),
        )
    }
}

/// Finds the biggest leak of the question's range; `None` if no step does worse than before.
pub(crate) async fn find<S: JourneyStore, C: Clock>(
    parts: &InsightsParts<S, C>,
    scope: &Scope,
) -> Result<Option<Leak>, InsightsError> {
    let (spec, conditions) = model_question(&scope.model, WINDOW);
    let Ok(mut matcher) = FunnelMatcher::try_new(&spec) else {
        // A model without gates has no step that could lose anyone.
        return Ok(None);
    };
    let months = months(scope);
    let gates = gate_steps(&spec).len();
    let ranges = std::iter::once(scope.span.range).chain(months.iter().map(|(_, range)| *range));
    let mut counts: Vec<GateCounts> = ranges.map(|range| GateCounts::new(range, gates)).collect();
    let query = CandidateQuery {
        site: scope.site.clone(),
        unit: Unit::Actor,
        bots: scope.bots,
        from: counts
            .iter()
            .map(|c| c.range.from)
            .min()
            .unwrap_or(Timestamp::EPOCH),
        until: counts
            .iter()
            .filter_map(|c| completion_end(c.range, spec.window))
            .max(),
        conditions,
        include_others: false,
        dimensions: Vec::new(),
    };
    let (mut units, mut rows) = (0, 0);
    let visit = |_: u64, hits: &[Hit]| {
        units += 1;
        rows += u64::try_from(hits.len()).unwrap_or(u64::MAX);
        for counts in &mut counts {
            // A model's funnel is never too large to search.
            if let Ok(Some(attempt)) = matcher.best(hits, counts.range) {
                counts.record(attempt, scope.as_of);
            }
        }
        ControlFlow::<()>::Continue(())
    };
    // It never breaks.
    _ = parts
        .store
        .candidates(&query, visit)
        .await
        .map_err(store_error)?;
    parts.metrics.record_matching(units, rows);
    let (present, past) = counts.split_at(1);
    Ok(present
        .first()
        .and_then(|present| biggest(scope, &spec, present, past, &months)))
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

fn biggest(
    scope: &Scope,
    spec: &FunnelSpec,
    present: &GateCounts,
    past: &[GateCounts],
    months: &[(NaiveDate, TimeRange)],
) -> Option<Leak> {
    let gates = gate_steps(spec);
    let mut leaks = Vec::new();
    for gate in 1..gates.len() {
        let Some(now) = present.rate(gate) else {
            continue;
        };
        let rates = past.iter().zip(months).filter_map(|(counts, (month, _))| {
            let rate = counts.rate(gate)?;
            Some((rate, *month))
        });
        let Some((best, month)) = rates.max_by(|one, other| one.0.total_cmp(&other.0)) else {
            continue;
        };
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
        let lost = (best - now) * present.actors(gate) as f64;
        if lost > 0.0 {
            leaks.push((lost, gate, best, month));
        }
    }
    let (lost, gate, best_rate, month) = leaks
        .into_iter()
        .max_by(|one, other| one.0.total_cmp(&other.0))?;
    let stage = scope.model.stages.get(gates[gate])?;
    let before = scope.model.stages.get(gates[gate - 1])?;
    let now = present.rate(gate)?;
    let best_month = month.format("%Y-%m").to_string();
    Some(Leak {
        advice: format!(
            "Of {} people in {}, {:.0} % went on to {}; in {best_month} it was {:.0} %. That is about {lost:.0} people: look at this step first.",
            present.actors(gate),
            before.labels.en,
            now * 100.0,
            stage.labels.en,
            best_rate * 100.0,
        ),
        stage: stage.id.clone(),
        label: stage.labels.en.clone(),
        from_stage: before.id.clone(),
        actors: present.actors(gate),
        reached: present.reached[gate],
        rate: now,
        best_rate,
        best_month,
        lost,
    })
}
