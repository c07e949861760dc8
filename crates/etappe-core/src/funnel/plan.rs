//! A funnel prepared for matching: only gates, with gaps and window in milliseconds.

use std::time::Duration;

use crate::query::Hit;

use super::spec::{AttemptChoice, FunnelSpec, Order, Passing, SpecProblem, Ties};

/// A window or gap without a limit.
pub(super) const UNLIMITED: i64 = i64::MAX;

/// A gate: a step that is passed in order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gate {
    /// The step's index in the funnel.
    pub(super) step: usize,
    /// The bit of a hit's conditions.
    pub(super) condition: u8,
    /// The least time after the gate before.
    pub(super) min_gap: i64,
    /// The most time after the gate before.
    pub(super) max_gap: i64,
}

/// A step that is not a gate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side {
    /// The step's index in the funnel.
    pub(super) step: usize,
    /// The bit of a hit's conditions.
    pub(super) condition: u8,
    /// How many gates come before it.
    pub(super) gates_before: usize,
}

/// An exclusion between two gates, which are counted from 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Excluded {
    pub(super) condition: u8,
    pub(super) after: usize,
    pub(super) before: usize,
    pub(super) keep_entrant: bool,
}

/// The search that a funnel needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Search {
    Ordered,
    Gaps,
    Assignments,
    Strict,
    Unordered,
    Stages,
}

/// A validated funnel.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) search: Search,
    pub(super) gates: Vec<Gate>,
    /// The gates that need a hit of their own, in a funnel whose other gates may be passed by a
    /// later hit.
    pub(super) own_gates: Vec<usize>,
    pub(super) sides: Vec<Side>,
    pub(super) exclusions: Vec<Excluded>,
    pub(super) window: i64,
    pub(super) first_entry_only: bool,
    pub(super) strictly_later: bool,
    pub(super) step_count: usize,
    /// Bit k is set when gate k may be reached at the same instant as the gate before.
    pub(super) joinable: u64,
    /// Whether gate k has condition k, so that masks need no translation.
    same_bits: bool,
    /// Whether step k has condition k, so that masks of steps need no translation.
    same_step_bits: bool,
}

impl Plan {
    pub(super) fn try_new(spec: &FunnelSpec) -> Result<Self, Vec<SpecProblem>> {
        let problems = spec.problems();
        if !problems.is_empty() {
            return Err(problems);
        }
        let gates = gates_of(spec);
        let gate_of = |step: usize| gates.iter().position(|gate| gate.step == step);
        let exclusions = spec
            .exclusions
            .iter()
            .filter_map(|exclusion| {
                Some(Excluded {
                    condition: exclusion.condition,
                    after: gate_of(exclusion.after_step)?,
                    before: gate_of(exclusion.before_step)?,
                    keep_entrant: exclusion.keep_entrant,
                })
            })
            .collect();
        let mut steps = spec.steps.iter().enumerate();
        let same_step_bits = steps.all(|(index, step)| usize::from(step.condition) == index);
        let strictly_later = spec.ties == Ties::StrictlyLater;
        Ok(Self {
            search: search_of(spec, &gates),
            own_gates: own_gates_of(spec),
            sides: sides_of(spec),
            exclusions,
            window: spec.window.map_or(UNLIMITED, as_millis),
            first_entry_only: spec.attempt == AttemptChoice::FirstEntry,
            strictly_later,
            step_count: spec.steps.len(),
            joinable: joinable_of(&gates, strictly_later),
            same_bits: gates
                .iter()
                .enumerate()
                .all(|(index, gate)| usize::from(gate.condition) == index),
            same_step_bits,
            gates,
        })
    }

    /// Returns which steps, gates or not, an event with these conditions can fill, as a mask.
    pub(super) fn step_mask(&self, conditions: u64) -> u64 {
        if self.same_step_bits {
            return conditions & !u64::MAX.checked_shl(as_bits(self.step_count)).unwrap_or(0);
        }
        let gates = self.gates.iter().map(|gate| (gate.step, gate.condition));
        let sides = self.sides.iter().map(|side| (side.step, side.condition));
        gates.chain(sides).fold(0, |mask, (step, condition)| {
            mask | (conditions >> condition & 1) << step
        })
    }

    /// Returns which gates an event with these conditions can fill, as a mask.
    pub(super) fn gate_mask(&self, conditions: u64) -> u64 {
        if self.same_bits {
            return conditions & !(u64::MAX << self.gates.len());
        }
        self.gates
            .iter()
            .enumerate()
            .fold(0, |mask, (index, gate)| {
                mask | ((conditions >> gate.condition) & 1) << index
            })
    }

    /// Returns the range of `hits` that attempts entered within `range` (from, to) can use.
    pub(super) fn reachable(&self, hits: &[Hit], range: (i64, i64)) -> (usize, usize) {
        let last = self.window_end(range.1);
        let start = hits.partition_point(|hit| hit.at.as_millis() < range.0);
        let end = hits.partition_point(|hit| hit.at.as_millis() <= last);
        (start, end)
    }

    /// Returns the last instant of the window of an attempt that began at `entry`.
    pub(super) const fn window_end(&self, entry: i64) -> i64 {
        entry.saturating_add(self.window)
    }
}

fn as_bits(steps: usize) -> u32 {
    u32::try_from(steps).unwrap_or(u32::MAX)
}

fn gates_of(spec: &FunnelSpec) -> Vec<Gate> {
    let gates = spec.steps.iter().enumerate().filter(|(_, step)| step.gate);
    gates
        .map(|(index, step)| Gate {
            step: index,
            condition: step.condition,
            min_gap: step.min_gap.map_or(0, as_millis),
            max_gap: step.max_gap.map_or(UNLIMITED, as_millis),
        })
        .collect()
}

fn own_gates_of(spec: &FunnelSpec) -> Vec<usize> {
    let gates = spec.steps.iter().filter(|step| step.gate).enumerate();
    let own = gates.filter(|(_, step)| step.own_hit);
    own.map(|(gate, _)| gate).collect()
}

fn sides_of(spec: &FunnelSpec) -> Vec<Side> {
    let mut gates_before = 0;
    let mut sides = Vec::new();
    for (index, step) in spec.steps.iter().enumerate() {
        if step.gate {
            gates_before += 1;
        } else {
            sides.push(Side {
                step: index,
                condition: step.condition,
                gates_before,
            });
        }
    }
    sides
}

fn search_of(spec: &FunnelSpec, gates: &[Gate]) -> Search {
    let has_gap = gates
        .iter()
        .any(|gate| gate.min_gap > 0 || gate.max_gap < UNLIMITED);
    match (spec.passing, spec.order) {
        (Passing::LaterHit, _) => Search::Stages,
        (Passing::OwnHit, Order::Strict) => Search::Strict,
        (Passing::OwnHit, Order::Unordered) => Search::Unordered,
        (Passing::OwnHit, Order::Ordered) if !has_gap => Search::Ordered,
        (Passing::OwnHit, Order::Ordered) if spec.exclusions.is_empty() => Search::Gaps,
        (Passing::OwnHit, Order::Ordered) => Search::Assignments,
    }
}

fn joinable_of(gates: &[Gate], strictly_later: bool) -> u64 {
    if strictly_later {
        return 0;
    }
    let joinable = gates
        .iter()
        .enumerate()
        .filter(|(_, gate)| gate.min_gap == 0);
    joinable.fold(0, |mask, (index, _)| mask | 1 << index)
}

fn as_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(UNLIMITED)
}
