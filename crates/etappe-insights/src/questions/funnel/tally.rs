//! Counts a funnel over all units: in total, per value of the breakdown and per period of entry.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use etappe_core::funnel::{Attempt, FunnelCounts, FunnelMatcher};
use etappe_core::query::{CandidateQuery, Hit, TimeRange};
use etappe_core::time::Timestamp;

use crate::calendar::{Period, day_start, local_date};
use crate::error::InsightsError;
use crate::questions::funnel::breakdown::{BreakdownTally, Values};
use crate::questions::funnel::question::Funnel;
use crate::span::Span;

/// How much memory the durations of one step may keep once the memory limit is reached.
const SHORT_STEP_BYTES: usize = 16 * 1024;
/// How many times the limit the counts may take before the question fails.
const HARD_LIMIT_FACTOR: usize = 4;
/// Limits on the cost of a question.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TallyLimits {
    /// How many values of a breakdown are counted in one pass.
    pub(crate) breakdown_values: usize,
    pub(crate) duration_bytes: usize,
}

/// A period in which attempts begin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EntryPeriod {
    pub(crate) start: NaiveDate,
    range: TimeRange,
}

/// The counts of a funnel.
#[derive(Debug)]
pub(crate) struct TallyResult {
    pub(crate) total: FunnelCounts,
    /// The largest combinations of values, most entrants first.
    pub(crate) groups: Vec<(Values, FunnelCounts)>,
    /// The sum of all other combinations, if there are any.
    pub(crate) other: Option<FunnelCounts>,
    /// All periods of the question; those without entrants have no counts.
    pub(crate) periods: Vec<(NaiveDate, Option<FunnelCounts>)>,
}

/// The counts, while counting.
#[derive(Debug)]
pub(crate) struct Tally<'a> {
    question: &'a Funnel,
    as_of: Timestamp,
    limits: TallyLimits,
    matcher: FunnelMatcher,
    total: FunnelCounts,
    groups: Option<BreakdownTally>,
    /// The conditions that at least one event met.
    met: u64,
    periods: Vec<EntryPeriod>,
    trend: BTreeMap<usize, FunnelCounts>,
    duration_bytes: usize,
    /// The memory use at which durations are next replaced by histograms.
    next_check: usize,
    units: u64,
    rows: u64,
}

impl<'a> Tally<'a> {
    /// Starts counting.
    pub(crate) fn try_new(
        question: &'a Funnel,
        as_of: Timestamp,
        limits: TallyLimits,
    ) -> Result<Self, InsightsError> {
        let breakdown = question.breakdown.as_ref();
        let groups = breakdown.map(|breakdown| {
            let size = breakdown.dimensions.len();
            BreakdownTally::of_all(size, breakdown.limit, limits.breakdown_values)
        });
        Self::with_groups(question, as_of, limits, groups)
    }

    /// Starts the second pass if the first one had more values than it could count; by then the
    /// largest are known. Returns `None` if one pass was enough.
    pub(crate) fn again(&mut self) -> Result<Option<Self>, InsightsError> {
        let Some(groups) = self.groups.as_mut().and_then(BreakdownTally::of_largest) else {
            return Ok(None);
        };
        Self::with_groups(self.question, self.as_of, self.limits, Some(groups)).map(Some)
    }

    fn with_groups(
        question: &'a Funnel,
        as_of: Timestamp,
        limits: TallyLimits,
        groups: Option<BreakdownTally>,
    ) -> Result<Self, InsightsError> {
        let matcher = FunnelMatcher::try_new(&question.spec)
            .map_err(|problems| InsightsError::of_spec(&problems))?;
        Ok(Self {
            question,
            as_of,
            limits,
            matcher,
            total: FunnelCounts::new(&question.spec),
            groups,
            met: 0,
            periods: question
                .trend
                .map_or_else(Vec::new, |period| entry_periods(period, &question.span)),
            trend: BTreeMap::new(),
            duration_bytes: 0,
            next_check: limits.duration_bytes,
            units: 0,
            rows: 0,
        })
    }

    /// Returns the query for the units to count.
    pub(crate) fn candidates(&self) -> CandidateQuery {
        self.question.candidates()
    }

    /// Counts one unit. After an error the counts are incomplete.
    pub(crate) fn visit(&mut self, hits: &[Hit]) -> Result<(), InsightsError> {
        self.units += 1;
        self.rows += u64::try_from(hits.len()).unwrap_or(u64::MAX);
        self.met |= hits.iter().fold(0, |met, hit| met | hit.conditions);
        self.count(hits)
    }

    /// Returns the number of units visited.
    pub(crate) const fn units(&self) -> u64 {
        self.units
    }

    /// Returns the conditions that at least one event met, as in [`Hit::conditions`].
    pub(crate) const fn met(&self) -> u64 {
        self.met
    }

    /// Returns whether any unit that entered has a value of dimension `index`.
    pub(crate) fn has_value(&self, index: usize) -> bool {
        let groups = self.groups.as_ref();
        self.total.entered() == 0 || groups.is_none_or(|groups| groups.has_value(index))
    }

    /// Returns the number of events visited.
    pub(crate) const fn rows(&self) -> u64 {
        self.rows
    }

    /// Returns the counts.
    pub(crate) fn finish(self) -> TallyResult {
        let (groups, other) = self
            .groups
            .map_or_else(Default::default, BreakdownTally::finish);
        let mut trend = self.trend;
        let periods = self.periods.iter().enumerate();
        TallyResult {
            total: self.total,
            groups,
            other,
            periods: periods
                .map(|(index, period)| (period.start, trend.remove(&index)))
                .collect(),
        }
    }

    fn count(&mut self, hits: &[Hit]) -> Result<(), InsightsError> {
        let range = self.question.span.range;
        let best = self
            .matcher
            .best(hits, range)
            .map_err(InsightsError::SearchTooLarge)?;
        let Some(attempt) = best else {
            return Ok(());
        };
        let mut added = record(&mut self.total, attempt, self.as_of);
        if let Some(breakdown) = &self.question.breakdown {
            let values = values_at(attempt, breakdown.step, hits, breakdown.dimensions.len());
            if let Some(groups) = &mut self.groups {
                let new = || FunnelCounts::new(&self.question.spec);
                if let Some(counts) = groups.counts_of(values, new) {
                    added += record(counts, attempt, self.as_of);
                }
            }
        }
        added += self.count_trend(hits)?;
        self.duration_bytes += added;
        if self.duration_bytes > self.next_check {
            self.save_memory()?;
        }
        Ok(())
    }

    /// Counts a unit in every period in which it entered; returns the memory used for that.
    fn count_trend(&mut self, hits: &[Hit]) -> Result<usize, InsightsError> {
        let mut added = 0;
        let mut at = self.question.span.range.from;
        while let Some(hit) = hits.get(hits.partition_point(|hit| hit.at < at)) {
            let after = self
                .periods
                .partition_point(|period| period.range.from <= hit.at);
            let Some(index) = after.checked_sub(1) else {
                break;
            };
            let range = self.periods[index].range;
            if hit.at >= range.to {
                break;
            }
            let best = self
                .matcher
                .best(hits, range)
                .map_err(InsightsError::SearchTooLarge)?;
            if let Some(attempt) = best {
                let counts = self.trend.entry(index);
                let counts = counts.or_insert_with(|| FunnelCounts::new(&self.question.spec));
                added += record(counts, attempt, self.as_of);
            }
            at = range.to;
        }
        Ok(added)
    }

    /// Replaces long lists of durations by histograms.
    fn save_memory(&mut self) -> Result<(), InsightsError> {
        let all = std::iter::once(&mut self.total)
            .chain(self.groups.iter_mut().flat_map(BreakdownTally::all_counts))
            .chain(self.trend.values_mut());
        let mut bytes = 0;
        for counts in all {
            counts.summarise_over(SHORT_STEP_BYTES);
            bytes += counts.bytes();
        }
        let hard_limit = HARD_LIMIT_FACTOR * self.limits.duration_bytes;
        if bytes > hard_limit
            && let Some(groups) = &mut self.groups
        {
            bytes -= groups.give_up_counts();
        }
        self.duration_bytes = bytes;
        self.next_check = self
            .limits
            .duration_bytes
            .max(bytes + self.limits.duration_bytes / 8);
        if bytes > hard_limit {
            return Err(InsightsError::AnswerTooLarge);
        }
        Ok(())
    }
}

/// Adds an attempt; returns the memory used for it.
fn record(counts: &mut FunnelCounts, attempt: &Attempt, as_of: Timestamp) -> usize {
    let before = counts.bytes();
    counts.record(attempt, as_of);
    counts.bytes().saturating_sub(before)
}

/// Returns the values of the event at `step`; empty values if the step was not reached.
pub(crate) fn values_at(attempt: &Attempt, step: usize, hits: &[Hit], dimensions: usize) -> Values {
    let reach = attempt.steps.get(step).copied().flatten();
    let values = reach
        .and_then(|reach| hits.get(reach.hit))
        .map(|hit| hit.dimensions.to_vec());
    let mut values = values.unwrap_or_default();
    values.resize(dimensions, None);
    values
}

/// Splits a range into periods; the first and the last may be shorter.
pub(crate) fn entry_periods(period: Period, span: &Span) -> Vec<EntryPeriod> {
    let mut periods = Vec::new();
    let mut start = period.start(local_date(span.zone, span.range.from));
    loop {
        let next = period.next(start);
        let range = TimeRange {
            from: day_start(span.zone, start).max(span.range.from),
            to: day_start(span.zone, next).min(span.range.to),
        };
        if range.from >= span.range.to {
            return periods;
        }
        periods.push(EntryPeriod { start, range });
        start = next;
    }
}
