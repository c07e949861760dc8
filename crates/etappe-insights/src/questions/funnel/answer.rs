//! The answer to a funnel question.

use etappe_core::funnel::{DurationSummary, FunnelCounts, StepCounts};
use serde::Serialize;
use utoipa::ToSchema;

use crate::csv::CsvTable;
use crate::interval::wilson;
use crate::question::Answer;
use crate::questions::funnel::hint::Hint;
use crate::questions::funnel::question::Funnel;
use crate::questions::funnel::steps::StepName;
use crate::questions::funnel::tally::TallyResult;
use crate::rate::rate;

/// Up to this many periods, those without entrants are listed too.
const LISTED_PERIODS: usize = 1_100;

/// How many units reached each step.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FunnelAnswer {
    /// The journey model, if the question named one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "aaarrr")]
    model: Option<String>,
    /// The window in seconds; null if unlimited.
    #[schema(example = 2_592_000.0)]
    window_s: Option<f64>,
    /// Units that made an attempt.
    entered: u64,
    /// Units with an event in the range but no attempt, or no attempt that counts.
    never_entered: u64,
    /// Of `entered`, units whose attempts were all void; they count as entrants only.
    void: u64,
    /// The steps in order.
    steps: Vec<StepAnswer>,
    /// The steps per value, most entrants first; all other values together come last. Present only
    /// when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    breakdown: Option<Vec<BreakdownAnswer>>,
    /// The steps per period of entry, in order. Present only when asked for. With more than 1,100
    /// periods, those without entrants are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    trend: Option<Vec<TrendAnswer>>,
    /// Names in the question that no event has, with the closest known names; absent if there are
    /// none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    hints: Vec<Hint>,
}

/// One step.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StepAnswer {
    /// The step's name.
    #[schema(example = "purchase")]
    label: String,
    /// The stage's id; only in a model's funnel.
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<String>,
    /// Whether everyone passes this step on the way to later ones. A step that is not a gate only
    /// shows its own reach.
    gate: bool,
    /// Units that reached the step.
    count: u64,
    /// Of `count`, units that passed it without an event of the step itself.
    skipped: u64,
    /// Units at the previous step whose window has not ended; they may still convert.
    open: u64,
    /// Share of the units at the previous step (gate) that reached this one; null if there are
    /// none.
    step_rate: Option<f64>,
    /// The same, without units that may still convert.
    step_rate_closed: Option<f64>,
    /// Share of the units at the first step that reached this one; null if there are none.
    overall_rate: Option<f64>,
    /// The same, without units that may still convert.
    overall_rate_closed: Option<f64>,
    /// Where the true `step_rate` lies with 95 % confidence (Wilson); null where the rate is.
    #[schema(value_type = Option<Vec<f64>>, example = json!([0.15, 0.85]))]
    step_rate_interval: Option<[f64; 2]>,
    /// The same of `step_rate_closed`.
    #[schema(value_type = Option<Vec<f64>>)]
    step_rate_closed_interval: Option<[f64; 2]>,
    /// The same of `overall_rate`; null at the first step, where the rate is 1 by definition.
    #[schema(value_type = Option<Vec<f64>>)]
    overall_rate_interval: Option<[f64; 2]>,
    /// The same of `overall_rate_closed`.
    #[schema(value_type = Option<Vec<f64>>)]
    overall_rate_closed_interval: Option<[f64; 2]>,
    /// Units at the previous step that did not reach this one; null if the step is not a gate.
    drop_off: Option<u64>,
    /// How long units took from the previous step.
    time_from_previous: TimeAnswer,
}

/// Durations in seconds; null when there are none.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct TimeAnswer {
    /// Mean.
    mean_s: Option<f64>,
    /// Median, interpolated.
    p50_s: Option<f64>,
    /// 75th percentile, interpolated.
    p75_s: Option<f64>,
    /// 90th percentile, interpolated.
    p90_s: Option<f64>,
    /// 95th percentile, interpolated.
    p95_s: Option<f64>,
    /// False if there were so many durations that percentiles come from a histogram; they are then
    /// accurate to within 1/64.
    exact: bool,
}

/// The steps of the units with one combination of values, or with any unlisted combination.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BreakdownAnswer {
    /// The values in the order asked for. A value is null if the event has none or the unit did not
    /// reach the step. The whole list is null for the unlisted combinations.
    value: Option<Vec<Option<String>>>,
    /// Whether this entry sums all unlisted combinations.
    other: bool,
    /// The steps.
    steps: Vec<StepAnswer>,
}

/// The steps of the attempts that began in a period.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrendAnswer {
    /// The first day of the period.
    #[schema(example = "2024-03-04")]
    period: String,
    /// The steps.
    steps: Vec<StepAnswer>,
}

impl FunnelAnswer {
    pub(crate) fn new(
        question: &Funnel,
        result: TallyResult,
        units: u64,
        hints: Vec<Hint>,
    ) -> Self {
        let names = &question.steps;
        let breakdown = question.breakdown.as_ref().map(|_| {
            let groups = result.groups.into_iter();
            let groups = groups.map(|(values, counts)| (Some(values), counts));
            let other = result.other.into_iter().map(|counts| (None, counts));
            let answers = groups.chain(other).map(|(value, counts)| BreakdownAnswer {
                other: value.is_none(),
                value,
                steps: steps_of(&counts, names),
            });
            answers.collect()
        });
        let lists_all = result.periods.len() <= LISTED_PERIODS;
        let trend = question.trend.map(|_| {
            let nobody = FunnelCounts::new(&question.spec);
            let periods = result
                .periods
                .into_iter()
                .filter(|(_, counts)| lists_all || counts.is_some());
            let periods = periods.map(|(start, counts)| TrendAnswer {
                period: start.to_string(),
                steps: steps_of(counts.as_ref().unwrap_or(&nobody), names),
            });
            periods.collect()
        });
        Self {
            model: question.model.clone(),
            window_s: question.spec.window.map(|window| window.as_secs_f64()),
            entered: result.total.entered(),
            never_entered: units.saturating_sub(result.total.entered()),
            void: result.total.void(),
            steps: steps_of(&result.total, names),
            breakdown,
            trend,
            hints,
        }
    }
}

/// Computes the rates from the counts.
fn steps_of(counts: &FunnelCounts, names: &[StepName]) -> Vec<StepAnswer> {
    let mut first: Option<u64> = None;
    let mut before: Option<u64> = None;
    // Units that stopped at an earlier gate but may still convert.
    let mut open_before = 0;
    let mut steps = Vec::with_capacity(names.len());
    for (step, name) in counts.steps().iter().zip(names) {
        let open = open_before + step.open;
        let closed_before = before.map(|n| n.saturating_sub(step.open));
        let closed_first = first.map(|n| n.saturating_sub(open));
        let itself = step.gate.then_some(step.count);
        let interval = |among: Option<u64>| wilson(step.count, among?);
        steps.push(StepAnswer {
            label: name.label.clone(),
            stage: name.stage.clone(),
            gate: step.gate,
            count: step.count,
            skipped: step.skipped,
            open: step.open,
            step_rate: rate(step.count, before),
            step_rate_closed: rate(step.count, closed_before),
            overall_rate: rate(step.count, first.or(itself)),
            overall_rate_closed: rate(step.count, closed_first.or(itself)),
            step_rate_interval: interval(before),
            step_rate_closed_interval: interval(closed_before),
            overall_rate_interval: interval(first),
            overall_rate_closed_interval: interval(closed_first),
            drop_off: step
                .gate
                .then(|| before.map_or(0, |n| n.saturating_sub(step.count))),
            time_from_previous: time_of(step),
        });
        if step.gate {
            first = first.or(Some(step.count));
            before = Some(step.count);
            open_before = open;
        }
    }
    steps
}

fn time_of(step: &StepCounts) -> TimeAnswer {
    let Some(summary) = step.times.summary() else {
        return TimeAnswer {
            exact: true,
            ..TimeAnswer::default()
        };
    };
    let DurationSummary {
        mean_s,
        p50_s,
        p75_s,
        p90_s,
        p95_s,
        is_exact,
    } = summary;
    TimeAnswer {
        mean_s: Some(mean_s),
        p50_s: Some(p50_s),
        p75_s: Some(p75_s),
        p90_s: Some(p90_s),
        p95_s: Some(p95_s),
        exact: is_exact,
    }
}

const COLUMNS: [&str; 20] = [
    "part",
    "period",
    "value",
    "step",
    "label",
    "count",
    "skipped",
    "open",
    "step_rate",
    "step_rate_closed",
    "overall_rate",
    "overall_rate_closed",
    "drop_off",
    "mean_s",
    "p50_s",
    "p75_s",
    "p90_s",
    "p95_s",
    "step_rate_low",
    "step_rate_high",
];

impl Answer for FunnelAnswer {
    const HAS_TABLE: bool = true;

    /// One row per step: for all units, then per value of the breakdown and for the other values,
    /// then per period.
    fn table(&self) -> Option<CsvTable> {
        let mut table = CsvTable::new(COLUMNS);
        write_steps(&mut table, ("total", "", ""), &self.steps);
        for group in self.breakdown.iter().flatten() {
            let values: Vec<&str> = group
                .value
                .iter()
                .flatten()
                .map(|value| value.as_deref().unwrap_or_default())
                .collect();
            let part = if group.other { "other" } else { "breakdown" };
            write_steps(&mut table, (part, "", &values.join(" / ")), &group.steps);
        }
        for period in self.trend.iter().flatten() {
            write_steps(&mut table, ("trend", &period.period, ""), &period.steps);
        }
        Some(table)
    }
}

fn write_steps(table: &mut CsvTable, head: (&str, &str, &str), steps: &[StepAnswer]) {
    for (number, step) in steps.iter().enumerate() {
        for text in [head.0, head.1, head.2] {
            table.push_text(text);
        }
        table.push_number(Some(number + 1));
        table.push_text(&step.label);
        for count in [step.count, step.skipped, step.open] {
            table.push_number(Some(count));
        }
        for rate in [
            step.step_rate,
            step.step_rate_closed,
            step.overall_rate,
            step.overall_rate_closed,
        ] {
            table.push_number(rate);
        }
        table.push_number(step.drop_off);
        let time = &step.time_from_previous;
        for seconds in [time.mean_s, time.p50_s, time.p75_s, time.p90_s, time.p95_s] {
            table.push_number(seconds);
        }
        table.push_number(step.step_rate_interval.map(|[low, _]| low));
        table.push_number(step.step_rate_interval.map(|[_, high]| high));
        table.end_row();
    }
}
