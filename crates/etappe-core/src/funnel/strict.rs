//! Strict funnels: consecutive steps are neighbours in the unit's events.
//!
//! Events of equal time may be put in any order, so a group can be left early only from its end.
//! The group of the entry puts the events that fill gates last; every further group except the last
//! must be used up. Hence the only choice is how many gates the first group fills. If steps must be
//! strictly later, there is no such choice, and neighbours are neighbours by arrival.

use super::attempt::RankedAttempt;
use super::exclusion::{Rank, Validity};
use super::group::{Journey, Run};
use super::plan::Plan;

impl Journey {
    /// Returns the attempt that counts, entered within `range` (from, to).
    pub(super) fn best_strict(&mut self, plan: &Plan, range: (i64, i64)) -> Option<RankedAttempt> {
        if plan.strictly_later {
            // Each event is its own group, so that neighbours are neighbours by arrival.
            self.split_groups();
        }
        let mut best: Option<RankedAttempt> = None;
        let mut next = self.first_entry(range);
        while let Some(entry) = next {
            let found = self.longest_chain(plan, entry);
            self.judge(plan, found).replace_worse(&mut best);
            next = self.entry_from(range, entry + 1);
            if plan.first_entry_only {
                // Attempts that begin at the same instant are equally early.
                next = next.filter(|next| self.groups[*next].at == self.groups[entry].at);
            }
        }
        best
    }

    /// Returns the deepest attempt that begins in group `entry`.
    fn longest_chain(&mut self, plan: &Plan, entry: usize) -> RankedAttempt {
        let mut best: Option<RankedAttempt> = None;
        for end in (1..=self.run_end(plan, entry, 0)).rev() {
            self.chain(plan, entry, end).replace_worse(&mut best);
        }
        best.unwrap_or_else(|| self.chain(plan, entry, 1))
    }

    /// Follows neighbours from group `entry`, which fills the first `filled` gates.
    fn chain(&mut self, plan: &Plan, entry: usize, filled: usize) -> RankedAttempt {
        let entered_at = self.groups[entry].at;
        let mut runs = vec![Run {
            group: entry,
            first: 0,
            end: filled,
        }];
        let (mut group, mut depth) = (entry, filled);
        while depth < plan.gates.len() && group + 1 < self.groups.len() {
            let gate = plan.gates[depth];
            let at = self.groups[group + 1].at;
            let gap = at - self.groups[group].at;
            let allowed = (gate.min_gap..=gate.max_gap).contains(&gap)
                && (gap > 0 || !plan.strictly_later)
                && at <= plan.window_end(entered_at);
            if !allowed {
                break;
            }
            let end = self.run_end(plan, group + 1, depth);
            if end == depth {
                break;
            }
            group += 1;
            runs.push(Run {
                group,
                first: depth,
                end,
            });
            let is_used_up = end - depth == self.groups[group].len();
            depth = end;
            if !is_used_up {
                break;
            }
        }
        RankedAttempt {
            rank: Rank {
                validity: Validity::Clear,
                depth,
                skipped: 0,
                completion: self.groups[group].at,
                entry: entered_at,
            },
            runs,
        }
    }
}
