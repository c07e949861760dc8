//! Ordered funnels without gaps: one pass over the groups, then a greedy walk from an entry.
//!
//! Being deeper never hurts. Whatever a group adds to a shallow attempt it also adds to a deeper
//! one with the same entry, because it fills a run of gates and every part of a run can be filled.
//! So taking each step at its earliest event gets deepest and reaches every depth earliest. Of two
//! attempts of equal depth, the one entered later has more window left. So the pass keeps only the
//! latest entry per depth.

use super::attempt::RankedAttempt;
use super::exclusion::{Rank, Validity};
use super::group::{Journey, Run};
use super::plan::Plan;
use super::spec::MAX_STEPS;

/// Marks a depth that no attempt has reached yet.
const NO_ENTRY: i64 = i64::MIN;

impl Journey {
    /// Returns the attempt that counts, entered within `range` (from, to).
    pub(super) fn best_ordered(&mut self, plan: &Plan, range: (i64, i64)) -> Option<RankedAttempt> {
        if plan.exclusions.is_empty() {
            let rank = if plan.first_entry_only {
                let first = self.first_entry(range)?;
                self.walk(plan, first).rank
            } else {
                self.sweep(plan, range)?
            };
            let entry = self.group_at(rank.entry)?;
            return Some(self.walk(plan, entry));
        }
        self.index_positions(plan.gates.len());
        let mut best: Option<RankedAttempt> = None;
        let mut next = self.first_entry(range);
        while let Some(entry) = next {
            let found = self.walk(plan, entry);
            self.judge(plan, found).replace_worse(&mut best);
            if plan.first_entry_only {
                break;
            }
            next = self.entry_from(range, entry + 1);
        }
        best
    }

    /// Applies the exclusions to an attempt.
    pub(super) fn judge(&self, plan: &Plan, mut attempt: RankedAttempt) -> RankedAttempt {
        let times = self.times_of(&attempt.runs);
        attempt.rank.validity = self.validity(plan, attempt.rank.entry, &times);
        attempt.rank = attempt.rank.judged();
        attempt
    }

    /// Returns the number of the first group in `range` at which an attempt can begin.
    pub(super) fn first_entry(&self, range: (i64, i64)) -> Option<usize> {
        let from = self.groups.partition_point(|group| group.at < range.0);
        self.entry_from(range, from)
    }

    /// Returns the number of the first group from `from` on at which an attempt can begin.
    pub(super) fn entry_from(&self, range: (i64, i64), from: usize) -> Option<usize> {
        let entry = self.next_fitting(0, from)?;
        (self.groups[entry].at < range.1).then_some(entry)
    }

    /// Returns when each gate filled by `runs` was reached.
    pub(super) fn times_of(&self, runs: &[Run]) -> Vec<i64> {
        let times = runs
            .iter()
            .flat_map(|run| std::iter::repeat_n(self.groups[run.group].at, run.end - run.first));
        times.collect()
    }

    /// Finds depth, completion and entry of the best attempt in one pass.
    fn sweep(&mut self, plan: &Plan, range: (i64, i64)) -> Option<Rank> {
        let gates = plan.gates.len();
        // Index k holds the latest entry of the attempts that have reached k gates.
        let mut entry_at = [NO_ENTRY; MAX_STEPS + 1];
        let mut best: Option<Rank> = None;
        let mut deepest = 0;
        for index in 0..self.groups.len() {
            let group = self.groups[index];
            let mut top = 0;
            let reachable = (u64::MAX >> (63 - deepest)) & group.union;
            let mut sources = reachable;
            // From the deepest source down, so that no attempt uses this group twice.
            while sources != 0 {
                let source = highest_bit(sources);
                sources &= !(1 << source);
                let entry = match source {
                    0 if group.at >= range.1 => NO_ENTRY,
                    0 => group.at,
                    _ => entry_at[source],
                };
                if entry == NO_ENTRY || group.at > plan.window_end(entry) {
                    continue;
                }
                let end = self.run_end(plan, index, source);
                for slot in &mut entry_at[source + 1..=end] {
                    *slot = (*slot).max(entry);
                }
                top = top.max(end);
            }
            if top > deepest {
                deepest = top;
                best = Some(Rank {
                    validity: Validity::Clear,
                    depth: top,
                    skipped: 0,
                    completion: group.at,
                    entry: entry_at[top],
                });
            }
            if deepest == gates {
                break;
            }
        }
        best
    }

    /// Walks on from the entry in group `entry`, taking every further step at its earliest event.
    fn walk(&mut self, plan: &Plan, entry: usize) -> RankedAttempt {
        let entered_at = self.groups[entry].at;
        let end = plan.window_end(entered_at);
        let mut runs: Vec<Run> = Vec::new();
        let mut depth = 0;
        let mut next = Some(entry);
        while let Some(group) = next {
            if self.groups[group].at > end {
                break;
            }
            let run = Run {
                group,
                first: depth,
                end: self.run_end(plan, group, depth),
            };
            depth = run.end;
            runs.push(run);
            if depth == plan.gates.len() {
                break;
            }
            next = self.next_fitting(depth, group + 1);
        }
        let completion = runs
            .last()
            .map_or(entered_at, |run| self.groups[run.group].at);
        RankedAttempt {
            rank: Rank {
                validity: Validity::Clear,
                depth,
                skipped: 0,
                completion,
                entry: entered_at,
            },
            runs,
        }
    }
}

/// Returns the number of the highest bit that is set; `mask` is not zero.
fn highest_bit(mask: u64) -> usize {
    usize::try_from(mask.ilog2()).unwrap_or_default()
}
