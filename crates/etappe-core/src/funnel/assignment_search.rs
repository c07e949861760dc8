//! Ordered funnels with gaps and exclusions: assignments are tried one by one.
//!
//! Whether an assignment is void depends on several of its steps together, so no single way to
//! reach a step is best. The search goes depth first, earliest steps first. It never enters the
//! same situation twice: same group and depth, same validity, same next excluded events. An attempt
//! is an assignment to which no further step can be added.

use std::collections::HashSet;

use super::attempt::RankedAttempt;
use super::exclusion::{Rank, Validity};
use super::group::{Journey, Run};
use super::plan::Plan;

/// A unit has too many ways through the funnel to try all of them.
///
/// Only funnels with both gaps and exclusions can need that many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the funnel has too many possible paths: gaps combined with exclusions need fewer events")]
pub struct SearchTooLarge;

/// The most situations and moves that are tried for one unit.
const WORK_LIMIT: usize = 2_000_000;

/// Everything that determines how an assignment can continue.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Situation {
    group: usize,
    depth: usize,
    validity: Validity,
    /// Per exclusion whose first step is reached and whose second is not: its next excluding event.
    pending: Vec<Option<i64>>,
    /// Whether the group could have filled another gate.
    is_extendable: bool,
}

/// The buffers of the search.
#[derive(Debug, Default)]
pub(super) struct AssignmentSearch {
    seen: HashSet<Situation>,
    runs: Vec<Run>,
    entry: i64,
    best: Option<RankedAttempt>,
    work: usize,
}

impl AssignmentSearch {
    /// Returns the attempt that counts, entered within `range` (from, to).
    pub(super) fn best(
        &mut self,
        plan: &Plan,
        journey: &mut Journey,
        range: (i64, i64),
    ) -> Result<Option<RankedAttempt>, SearchTooLarge> {
        journey.index_positions(plan.gates.len());
        self.best = None;
        self.work = 0;
        let mut next = journey.first_entry(range);
        while let Some(group) = next {
            self.seen.clear();
            self.runs.clear();
            self.entry = journey.groups[group].at;
            let start = Situation {
                group,
                depth: 0,
                validity: Validity::Clear,
                pending: vec![None; plan.exclusions.len()],
                is_extendable: false,
            };
            self.fill(plan, journey, group, &start)?;
            if plan.first_entry_only {
                break;
            }
            next = journey.entry_from(range, group + 1);
        }
        Ok(self.best.take())
    }

    /// Fills gates after `before` with events of group number `group`, the longest run first.
    fn fill(
        &mut self,
        plan: &Plan,
        journey: &mut Journey,
        group: usize,
        before: &Situation,
    ) -> Result<(), SearchTooLarge> {
        let first = before.depth;
        let longest = journey.run_end(plan, group, first);
        for end in (first + 1..=longest).rev() {
            let situation = advance(plan, journey, before, Run { group, first, end }, longest);
            self.runs.push(Run { group, first, end });
            self.go_on(plan, journey, situation)?;
            self.runs.pop();
        }
        Ok(())
    }

    /// Tries every group that can fill the next gate.
    fn go_on(
        &mut self,
        plan: &Plan,
        journey: &mut Journey,
        situation: Situation,
    ) -> Result<(), SearchTooLarge> {
        self.count_work()?;
        if !self.seen.insert(situation.clone()) {
            return Ok(());
        }
        let mut can_go_on = situation.is_extendable;
        if let Some(gate) = plan.gates.get(situation.depth) {
            let at = journey.groups[situation.group].at;
            let earliest = at.saturating_add(gate.min_gap);
            let latest = at
                .saturating_add(gate.max_gap)
                .min(plan.window_end(self.entry));
            let mut next = journey.next_fitting(situation.depth, situation.group + 1);
            while let Some(group) = next {
                self.count_work()?;
                let at = journey.groups[group].at;
                if at > latest {
                    break;
                }
                if at >= earliest {
                    can_go_on = true;
                    self.fill(plan, journey, group, &situation)?;
                }
                next = journey.next_fitting(situation.depth, group + 1);
            }
        }
        if !can_go_on {
            self.finish(plan, journey, &situation);
        }
        Ok(())
    }

    const fn count_work(&mut self) -> Result<(), SearchTooLarge> {
        self.work += 1;
        if self.work > WORK_LIMIT {
            return Err(SearchTooLarge);
        }
        Ok(())
    }

    /// Judges an assignment to which nothing can be added.
    fn finish(&mut self, plan: &Plan, journey: &Journey, situation: &Situation) {
        let mut validity = situation.validity;
        for (exclusion, pending) in plan.exclusions.iter().zip(&situation.pending) {
            if pending.is_some_and(|excluded| excluded <= plan.window_end(self.entry)) {
                validity = validity.max(Validity::void(exclusion.keep_entrant));
            }
        }
        let rank = Rank {
            validity,
            depth: situation.depth,
            skipped: 0,
            completion: journey.groups[situation.group].at,
            entry: self.entry,
        }
        .judged();
        if self
            .best
            .as_ref()
            .is_none_or(|best| rank.is_better_than(&best.rank))
        {
            self.best = Some(RankedAttempt {
                rank,
                runs: self.runs.clone(),
            });
        }
    }
}

/// Returns the situation after `run`; the group could have filled the gates up to `longest`.
fn advance(
    plan: &Plan,
    journey: &Journey,
    before: &Situation,
    run: Run,
    longest: usize,
) -> Situation {
    let at = journey.groups[run.group].at;
    let mut validity = before.validity;
    let mut pending = before.pending.clone();
    for (index, exclusion) in plan.exclusions.iter().enumerate() {
        let filled = run.first..run.end;
        if filled.contains(&exclusion.before) {
            if pending[index].is_some_and(|excluded| excluded < at) {
                validity = validity.max(Validity::void(exclusion.keep_entrant));
            }
            pending[index] = None;
        } else if filled.contains(&exclusion.after) {
            pending[index] = journey.next_excluded(index, at);
        }
    }
    Situation {
        group: run.group,
        depth: run.end,
        validity,
        pending,
        is_extendable: run.end < longest,
    }
}
