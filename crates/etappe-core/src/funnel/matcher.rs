//! Finds the attempt that counts for each unit.

use crate::query::{Hit, TimeRange};
use crate::time::Timestamp;

use super::assignment_search::{AssignmentSearch, SearchTooLarge};
use super::attempt::{Attempt, RankedAttempt, Reach};
use super::exclusion::{Rank, Validity};
use super::gap_search::GapSearch;
use super::group::{Journey, Run};
use super::plan::{Plan, Search};
use super::spec::{FunnelSpec, SpecProblem};
use super::stages::StageSearch;
use super::unordered::UnorderedSearch;

/// Finds the attempt that counts for each unit.
///
/// Memory is reused from unit to unit and is proportional to the hits of the largest unit.
#[derive(Debug)]
pub struct FunnelMatcher {
    plan: Plan,
    journey: Journey,
    searches: Searches,
    reaches: Vec<Reach>,
    attempt: Attempt,
}

/// The buffers of the searches that need them.
#[derive(Debug, Default)]
struct Searches {
    gap_search: GapSearch,
    assignment_search: AssignmentSearch,
    unordered: UnorderedSearch,
    stages: StageSearch,
}

impl FunnelMatcher {
    /// Creates a matcher.
    ///
    /// # Errors
    /// Every problem of `spec`.
    pub fn try_new(spec: &FunnelSpec) -> Result<Self, Vec<SpecProblem>> {
        Ok(Self {
            plan: Plan::try_new(spec)?,
            journey: Journey::default(),
            searches: Searches::default(),
            reaches: Vec::new(),
            attempt: Attempt {
                entry: Timestamp::EPOCH,
                window_end: None,
                depth: 0,
                steps: Vec::new(),
                void: false,
            },
        })
    }

    /// Returns the attempt that counts among those that began in `entries`, or `None` if there is
    /// none.
    ///
    /// `hits` all belong to one unit and are in order of time, then arrival. A plain ordered funnel
    /// takes time proportional to hits × steps.
    ///
    /// # Errors
    /// [`SearchTooLarge`] when gaps and exclusions together leave too many ways to try.
    pub fn best(
        &mut self,
        hits: &[Hit],
        entries: TimeRange,
    ) -> Result<Option<&Attempt>, SearchTooLarge> {
        let range = (entries.from.as_millis(), entries.to.as_millis());
        self.reaches.clear();
        let rank = match self.plan.search {
            Search::Stages => self
                .searches
                .stages
                .best(&self.plan, hits, range, &mut self.reaches),
            Search::Unordered => {
                self.journey.load(&self.plan, hits, range);
                self.searches
                    .unordered
                    .best(&self.plan, &self.journey, range, &mut self.reaches)
            }
            Search::Ordered | Search::Gaps | Search::Assignments | Search::Strict => {
                self.journey.load(&self.plan, hits, range);
                let found = self.find_runs(range)?;
                found.map(|found| {
                    self.reach_runs(&found.runs);
                    found.rank
                })
            }
        };
        Ok(match rank {
            Some(rank) if rank.validity != Validity::VoidDropped => {
                self.write_attempt(rank, hits);
                Some(&self.attempt)
            }
            Some(_) | None => None,
        })
    }

    fn find_runs(&mut self, range: (i64, i64)) -> Result<Option<RankedAttempt>, SearchTooLarge> {
        let Self {
            plan,
            journey,
            searches,
            ..
        } = self;
        Ok(match plan.search {
            Search::Gaps => searches.gap_search.best(plan, journey, range),
            Search::Assignments => searches.assignment_search.best(plan, journey, range)?,
            Search::Strict => journey.best_strict(plan, range),
            Search::Ordered | Search::Unordered | Search::Stages => {
                journey.best_ordered(plan, range)
            }
        })
    }

    fn reach_runs(&mut self, runs: &[Run]) {
        for run in runs {
            let reaches = &mut self.reaches;
            self.journey.assign(&self.plan, *run, |_, event| {
                reaches.push(Reach {
                    at: Timestamp::from_millis(event.at),
                    hit: event.hit,
                    skipped: false,
                });
            });
        }
    }

    fn write_attempt(&mut self, rank: Rank, hits: &[Hit]) {
        let Self {
            plan,
            reaches,
            attempt,
            ..
        } = self;
        let rank = rank.judged();
        attempt.entry = Timestamp::from_millis(rank.entry);
        attempt.window_end = (plan.window < super::plan::UNLIMITED)
            .then(|| Timestamp::from_millis(plan.window_end(rank.entry)));
        attempt.depth = rank.depth;
        attempt.void = rank.validity != Validity::Clear;
        attempt.steps.clear();
        attempt.steps.resize(plan.step_count, None);
        for (gate, reach) in plan.gates.iter().zip(&*reaches).take(rank.depth) {
            attempt.steps[gate.step] = Some(*reach);
        }
        if !attempt.void {
            write_sides(plan, attempt, reaches, hits);
        }
    }
}

/// Records where the steps that are not gates were reached: at their first event within the window
/// that is not before the last gate above them. An attempt that skips a gate with `own_hit` can
/// still reach the steps behind that gate; the reference is then the last gate that was reached.
fn write_sides(plan: &Plan, attempt: &mut Attempt, reaches: &[Reach], hits: &[Hit]) {
    for side in &plan.sides {
        let gates = if plan.search == Search::Stages {
            side.gates_before.min(attempt.depth)
        } else {
            side.gates_before
        };
        let from = match gates.checked_sub(1) {
            None => attempt.entry,
            Some(gate) if gate < attempt.depth => reaches[gate].at,
            Some(_) => continue,
        };
        let start = hits.partition_point(|hit| hit.at < from);
        let reach = hits
            .iter()
            .enumerate()
            .skip(start)
            .take_while(|(_, hit)| attempt.window_end.is_none_or(|end| hit.at <= end))
            .find(|(_, hit)| hit.conditions >> side.condition & 1 == 1);
        attempt.steps[side.step] = reach.map(|(index, hit)| Reach {
            at: hit.at,
            hit: index,
            skipped: false,
        });
    }
}
