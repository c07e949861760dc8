//! Ordered funnels with limited gaps between steps: one pass covers all assignments.
//!
//! With gaps, taking a step early can make the next one impossible, so a greedy walk is not enough.
//! For every gate, the pass keeps the groups in which it was the last gate filled, each with the
//! latest entry that leads there. A sliding maximum over the gap's range gives the next gate's
//! predecessor. The steps in between are then found backwards from the completion. Of the assignments
//! with equal rank, the one with the earliest second step counts, then the one with the earliest
//! third step, and so on.

use std::collections::VecDeque;

use super::attempt::RankedAttempt;
use super::exclusion::{Rank, Validity};
use super::group::{Group, Journey, Run};
use super::plan::{Gate, Plan};

/// Where a gate was reached, and the latest entry of the attempts that got there.
#[derive(Debug, Clone, Copy)]
struct Predecessor {
    at: i64,
    entry: i64,
}

/// The predecessors of one gate, with the latest entry among those that satisfy the minimum gap.
#[derive(Debug, Default)]
struct PredecessorQueue {
    /// Predecessors nearer than the minimum gap, in order of time.
    near: VecDeque<Predecessor>,
    /// Predecessors that satisfy the minimum gap, in order of time and with falling entries.
    ready: VecDeque<Predecessor>,
}

impl PredecessorQueue {
    fn clear(&mut self) {
        self.near.clear();
        self.ready.clear();
    }

    /// Returns the latest entry among the predecessors whose gap to `at` is allowed for `gate`.
    fn latest_entry(&mut self, gate: &Gate, at: i64) -> Option<i64> {
        while let Some(predecessor) = self.near.front().copied() {
            if at - predecessor.at < gate.min_gap {
                break;
            }
            self.near.pop_front();
            while self
                .ready
                .back()
                .is_some_and(|back| back.entry <= predecessor.entry)
            {
                self.ready.pop_back();
            }
            self.ready.push_back(predecessor);
        }
        while self
            .ready
            .front()
            .is_some_and(|front| at - front.at > gate.max_gap)
        {
            self.ready.pop_front();
        }
        self.ready.front().map(|front| front.entry)
    }
}

/// The buffers of the search.
#[derive(Debug, Default)]
pub(super) struct GapSearch {
    queues: Vec<PredecessorQueue>,
    /// Per gate, the groups after the current one from which it can be reached and completed.
    starts: Vec<Vec<usize>>,
    /// Per group of the backward pass, the depths from which the attempt can be completed.
    completable: Vec<u64>,
}

impl GapSearch {
    /// Returns the attempt that counts, entered within `range` (from, to).
    pub(super) fn best(
        &mut self,
        plan: &Plan,
        journey: &mut Journey,
        range: (i64, i64),
    ) -> Option<RankedAttempt> {
        let range = if plan.first_entry_only {
            let at = journey.groups[journey.first_entry(range)?].at;
            (at, at + 1)
        } else {
            range
        };
        let rank = self.sweep(plan, journey, range)?;
        let runs = self.trace(plan, journey, &rank)?;
        Some(RankedAttempt { rank, runs })
    }

    fn sweep(&mut self, plan: &Plan, journey: &mut Journey, range: (i64, i64)) -> Option<Rank> {
        let gates = plan.gates.len();
        self.queues.resize_with(gates, PredecessorQueue::default);
        self.queues.iter_mut().for_each(PredecessorQueue::clear);
        let mut best: Option<Rank> = None;
        for index in 0..journey.groups.len() {
            let group = journey.groups[index];
            // Index k: the latest entry of attempts that reach gate k - 1 here.
            let mut reached = [None::<i64>; super::spec::MAX_STEPS + 1];
            for gate in (0..gates).filter(|gate| group.fits(*gate)) {
                let Some(entry) = self.predecessor(plan, gate, group, range) else {
                    continue;
                };
                let end = journey.run_end(plan, index, gate);
                for slot in &mut reached[gate + 1..=end] {
                    *slot = (*slot).max(Some(entry));
                }
            }
            let deepest = best.map_or(0, |best| best.depth);
            let top = (1..=gates).rev().find(|depth| reached[*depth].is_some());
            if let Some(top) = top.filter(|top| *top > deepest) {
                best = reached[top].map(|entry| Rank {
                    validity: Validity::Clear,
                    depth: top,
                    skipped: 0,
                    completion: group.at,
                    entry,
                });
            }
            if top == Some(gates) {
                break;
            }
            for (queue, entry) in self.queues.iter_mut().zip(reached).skip(1) {
                if let Some(entry) = entry {
                    queue.near.push_back(Predecessor {
                        at: group.at,
                        entry,
                    });
                }
            }
        }
        best
    }

    /// Returns the latest entry from which `gate` can be reached as the first one of this group.
    fn predecessor(
        &mut self,
        plan: &Plan,
        gate: usize,
        group: Group,
        range: (i64, i64),
    ) -> Option<i64> {
        if gate == 0 {
            return (range.0 <= group.at && group.at < range.1).then_some(group.at);
        }
        let entry = self.queues[gate].latest_entry(&plan.gates[gate], group.at)?;
        (group.at <= plan.window_end(entry)).then_some(entry)
    }

    /// Finds the runs of the attempt with this rank.
    fn trace(&mut self, plan: &Plan, journey: &mut Journey, rank: &Rank) -> Option<Vec<Run>> {
        let first = journey.group_at(rank.entry)?;
        let last = journey.group_at(rank.completion)?;
        self.trace_back(plan, journey, rank.depth, (first, last));
        let mut runs = Vec::new();
        let (mut group, mut depth) = (first, 0);
        loop {
            let end = journey.run_end(plan, group, depth);
            let completable = self.completable[last - group];
            // The longest run that still completes takes every step as early as possible.
            let end = (depth + 1..=end)
                .rev()
                .find(|end| completable >> end & 1 == 1)?;
            runs.push(Run {
                group,
                first: depth,
                end,
            });
            depth = end;
            if depth == rank.depth {
                return Some(runs);
            }
            group = self.next_start(journey, &plan.gates[depth], depth, group)?;
        }
    }

    /// Records for the groups from `ends.1` back to `ends.0` from which depths the attempt
    /// completes.
    fn trace_back(
        &mut self,
        plan: &Plan,
        journey: &mut Journey,
        depth: usize,
        ends: (usize, usize),
    ) {
        self.starts.resize_with(plan.gates.len(), Vec::new);
        self.starts.iter_mut().for_each(Vec::clear);
        self.completable.clear();
        for group in (ends.0..=ends.1).rev() {
            let completable = if group == ends.1 {
                1_u64 << depth
            } else {
                (1..depth)
                    .filter(|k| {
                        self.next_start(journey, &plan.gates[*k], *k, group)
                            .is_some()
                    })
                    .fold(0, |mask, k| mask | 1 << k)
            };
            self.completable.push(completable);
            for gate in 1..depth {
                let end = journey.run_end(plan, group, gate);
                if (gate + 1..=end).any(|end| completable >> end & 1 == 1) {
                    self.starts[gate].push(group);
                }
            }
        }
    }

    /// Returns the first group after `group`, within the gap, at which `gate` begins a run that
    /// completes.
    fn next_start(
        &self,
        journey: &Journey,
        gate: &Gate,
        index: usize,
        group: usize,
    ) -> Option<usize> {
        let at = journey.groups[group].at;
        // The list runs backwards: later groups come first.
        let starts = &self.starts[index];
        let far_enough = starts.partition_point(|start| {
            *start > group && journey.groups[*start].at - at >= gate.min_gap
        });
        let next = *starts.get(far_enough.checked_sub(1)?)?;
        (journey.groups[next].at - at <= gate.max_gap).then_some(next)
    }
}
