//! Funnels of journey models: the first event of a gate's stage or of a later stage passes the
//! gate. A gate with `own_hit` is passed only by an event of its own stage; the gates behind it are
//! then passed from there on.
//!
//! The search goes backwards over the groups. It knows, for each group, the first event at or after
//! it that passes each gate. So judging an entry takes as many steps as the model has gates. An
//! event of a gate with `own_hit` fixes how the gates from it on are passed by every attempt that
//! entered before it.

use crate::query::Hit;
use crate::time::Timestamp;

use super::attempt::Reach;
use super::exclusion::{Rank, Validity};
use super::group::{Event, Journey};
use super::plan::Plan;

/// Where a gate is passed by an attempt.
#[derive(Debug, Clone, Copy)]
struct Pass {
    at: i64,
    hit: usize,
    skipped: bool,
}

/// The buffers of the search.
#[derive(Debug, Default)]
pub(super) struct StageSearch {
    journey: Journey,
    /// Per gate without `own_hit`: what passes it at or after the group visited last.
    passes: Vec<Option<Pass>>,
    /// Per gate with `own_hit`: what passes it, and what passes the gates behind it from there on.
    tails: Vec<Vec<Option<Pass>>>,
    times: Vec<i64>,
}

impl StageSearch {
    /// Returns the rank of the attempt that counts, entered within `range` (from, to), and writes
    /// where it passed each gate to `reaches`.
    pub(super) fn best(
        &mut self,
        plan: &Plan,
        hits: &[Hit],
        range: (i64, i64),
        reaches: &mut Vec<Reach>,
    ) -> Option<Rank> {
        self.journey.load_stages(plan, hits, range);
        self.passes.clear();
        self.passes.resize(plan.gates.len(), None);
        self.tails.iter_mut().for_each(Vec::clear);
        self.tails.resize(plan.own_gates.len(), Vec::new());
        let mut best: Option<Rank> = None;
        for index in (0..self.journey.groups.len()).rev() {
            let group = self.journey.groups[index];
            self.pass(plan, index);
            self.pass_by_own_hits(plan, index);
            let is_entry = group.at < range.1;
            if !is_entry || (plan.first_entry_only && index > 0) {
                continue;
            }
            let rank = self.judge(plan, group.at);
            if best.is_none_or(|best| rank.is_better_than(&best)) {
                best = Some(rank);
                // Of a void attempt the entry is left.
                let kept = match rank.validity {
                    Validity::Clear => usize::MAX,
                    _ => 1,
                };
                reaches.clear();
                let passed = self.passed(plan, group.at).take(kept);
                reaches.extend(passed.map(|pass| Reach {
                    at: Timestamp::from_millis(pass.at),
                    hit: pass.hit,
                    skipped: pass.skipped,
                }));
            }
        }
        best
    }

    /// Records the gates that group number `index` passes.
    fn pass(&mut self, plan: &Plan, index: usize) {
        let group = self.journey.groups[index];
        let events = &self.journey.events[group.start..group.end];
        if let [event] = events {
            for (gate, pass) in plan.gates.iter().zip(&mut self.passes) {
                let from_gate_on = event.mask >> gate.step;
                if from_gate_on != 0 {
                    *pass = Some(Pass {
                        at: event.at,
                        hit: event.hit,
                        skipped: from_gate_on & 1 == 0,
                    });
                }
            }
            return;
        }
        for (gate, pass) in plan.gates.iter().zip(&mut self.passes) {
            if group.union >> gate.step == 0 {
                continue;
            }
            let own = events.iter().find(|event| event.mask >> gate.step & 1 == 1);
            let any = || events.iter().find(|event| event.mask >> gate.step != 0);
            if let Some(event) = own.or_else(any) {
                *pass = Some(Pass {
                    at: event.at,
                    hit: event.hit,
                    skipped: own.is_none(),
                });
            }
        }
    }

    /// Records the gates with `own_hit` that have a hit in group number `index`, last gate first.
    /// What passes the gates behind each is copied as it is known at this point.
    fn pass_by_own_hits(&mut self, plan: &Plan, index: usize) {
        let group = self.journey.groups[index];
        let events = &self.journey.events[group.start..group.end];
        for (number, gate) in plan.own_gates.iter().copied().enumerate().rev() {
            let step = plan.gates[gate].step;
            let Some(event) = events.iter().find(|event| event.mask >> step & 1 == 1) else {
                continue;
            };
            let (tails, behind) = self.tails.split_at_mut(number + 1);
            let tail = &mut tails[number];
            tail.clear();
            tail.push(Some(Pass {
                at: event.at,
                hit: event.hit,
                skipped: false,
            }));
            let next = plan.own_gates.get(number + 1);
            let end = next.copied().unwrap_or(plan.gates.len());
            tail.extend_from_slice(&self.passes[gate + 1..end]);
            tail.extend(behind.first().into_iter().flatten());
        }
    }

    /// Returns what the attempt passes that begins at `entry`, the time of the group visited last.
    fn passed(&self, plan: &Plan, entry: i64) -> impl Iterator<Item = &Pass> {
        let first_own = plan.own_gates.first().copied();
        let before = self.passes.get(..first_own.unwrap_or(plan.gates.len()));
        let tail = self.tails.first().map(Vec::as_slice);
        let gates = before.unwrap_or_default().iter();
        let gates = gates.chain(tail.unwrap_or_default()).flatten();
        let end = plan.window_end(entry);
        gates.take_while(move |pass| pass.at <= end)
    }

    /// Judges the attempt that begins at `entry`, the time of the group visited last.
    fn judge(&mut self, plan: &Plan, entry: i64) -> Rank {
        let (mut depth, mut skipped, mut completion) = (0, 0, entry);
        // One pass over few gates, which writes nothing: it is done for every event.
        self.passed(plan, entry).for_each(|pass| {
            depth += 1;
            skipped += usize::from(pass.skipped);
            completion = pass.at;
        });
        let validity = if plan.exclusions.is_empty() {
            Validity::Clear
        } else {
            let mut times = std::mem::take(&mut self.times);
            times.clear();
            times.extend(self.passed(plan, entry).map(|pass| pass.at));
            self.times = times;
            self.journey.validity(plan, entry, &self.times)
        };
        let rank = Rank {
            validity,
            depth,
            skipped,
            completion,
            entry,
        };
        rank.judged()
    }
}

impl Journey {
    /// Loads the hits that attempts entered within `range` (from, to) can use, with masks of all
    /// the funnel's steps, gates or not.
    fn load_stages(&mut self, plan: &Plan, hits: &[Hit], range: (i64, i64)) {
        self.clear(plan);
        let (start, end) = plan.reachable(hits, range);
        for (index, hit) in hits.iter().enumerate().take(end).skip(start) {
            let at = hit.at.as_millis();
            self.note_excluded(plan, hit.conditions, at);
            let mask = plan.step_mask(hit.conditions);
            if mask != 0 {
                self.push(Event {
                    at,
                    mask,
                    hit: index,
                });
            }
        }
    }
}
