//! A unit's events in groups of equal time, and the assignment of a group's events to steps.
//!
//! Within a group the order is free, so a group can fill a run of consecutive gates when its events
//! can be matched to them one to one. Most groups hold one event, or events that fit one gate each;
//! bit operations answer those. Other groups need augmenting paths (Kuhn).

use std::collections::HashMap;

use crate::query::Hit;

use super::plan::{Plan, Search};

/// An event that fits at least one gate; for strict order, any event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    pub(super) at: i64,
    /// The gates that the event fits.
    pub(super) mask: u64,
    /// Its index among the unit's hits.
    pub(super) hit: usize,
}

/// Events of equal time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    pub(super) at: i64,
    pub(super) start: usize,
    pub(super) end: usize,
    /// The gates that at least one of its events fits.
    pub(super) union: u64,
    /// Whether no event fits more than one gate.
    simple: bool,
}

impl Group {
    pub(super) const fn len(&self) -> usize {
        self.end - self.start
    }

    pub(super) const fn fits(&self, gate: usize) -> bool {
        self.union >> gate & 1 == 1
    }
}

/// Consecutive gates filled by one group: gates `first..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) group: usize,
    pub(super) first: usize,
    pub(super) end: usize,
}

/// A unit's events; the memory is reused for the next unit.
#[derive(Debug, Default)]
pub(super) struct Journey {
    pub(super) events: Vec<Event>,
    pub(super) groups: Vec<Group>,
    /// Per exclusion the times of its events, ascending.
    pub(super) excluded: Vec<Vec<i64>>,
    /// Per gate the groups that fit it, ascending; only filled when asked for.
    positions: Vec<Vec<usize>>,
    is_indexed: bool,
    assigner: Assigner,
}

impl Journey {
    /// Loads the hits that attempts entered within `range` (from, to) can use.
    pub(super) fn load(&mut self, plan: &Plan, hits: &[Hit], range: (i64, i64)) {
        self.clear(plan);
        let (start, end) = plan.reachable(hits, range);
        let keeps_others = plan.search == Search::Strict;
        for (index, hit) in hits.iter().enumerate().take(end).skip(start) {
            let at = hit.at.as_millis();
            self.note_excluded(plan, hit.conditions, at);
            let mask = plan.gate_mask(hit.conditions);
            if mask != 0 || keeps_others {
                self.push(Event {
                    at,
                    mask,
                    hit: index,
                });
            }
        }
    }

    /// Removes the previous unit's events.
    pub(super) fn clear(&mut self, plan: &Plan) {
        self.events.clear();
        self.groups.clear();
        self.is_indexed = false;
        self.excluded.resize_with(plan.exclusions.len(), Vec::new);
        self.excluded.iter_mut().for_each(Vec::clear);
    }

    /// Records an event's time for the exclusions that it matches.
    pub(super) fn note_excluded(&mut self, plan: &Plan, conditions: u64, at: i64) {
        for (exclusion, times) in plan.exclusions.iter().zip(&mut self.excluded) {
            if conditions >> exclusion.condition & 1 == 1 {
                times.push(at);
            }
        }
    }

    /// Appends an event, which must not be earlier than the last one.
    pub(super) fn push(&mut self, event: Event) {
        let index = self.events.len();
        self.events.push(event);
        let simple = event.mask.count_ones() <= 1;
        match self.groups.last_mut() {
            Some(group) if group.at == event.at => {
                group.end = index + 1;
                group.union |= event.mask;
                group.simple &= simple;
            }
            Some(_) | None => self.groups.push(Group {
                at: event.at,
                start: index,
                end: index + 1,
                union: event.mask,
                simple,
            }),
        }
    }

    /// Makes every event a group of its own, in order of arrival.
    pub(super) fn split_groups(&mut self) {
        self.groups.clear();
        let groups = self.events.iter().enumerate().map(|(index, event)| Group {
            at: event.at,
            start: index,
            end: index + 1,
            union: event.mask,
            simple: false,
        });
        self.groups.extend(groups);
    }

    /// Records the groups that fit each gate, so that [`Self::next_fitting`] can jump.
    pub(super) fn index_positions(&mut self, gates: usize) {
        self.positions.resize_with(gates, Vec::new);
        self.positions.iter_mut().for_each(Vec::clear);
        self.is_indexed = true;
        for (index, group) in self.groups.iter().enumerate() {
            for (gate, positions) in self.positions.iter_mut().enumerate() {
                if group.fits(gate) {
                    positions.push(index);
                }
            }
        }
    }

    /// Returns the first group from number `from` on that fits `gate`.
    pub(super) fn next_fitting(&self, gate: usize, from: usize) -> Option<usize> {
        if self.is_indexed {
            let positions = self.positions.get(gate)?;
            let next = positions.partition_point(|index| *index < from);
            return positions.get(next).copied();
        }
        let rest = self.groups.get(from..).unwrap_or_default();
        let ahead = rest.iter().position(|group| group.fits(gate))?;
        Some(from + ahead)
    }

    /// Returns the number of the group at instant `at`.
    pub(super) fn group_at(&self, at: i64) -> Option<usize> {
        let index = self.groups.partition_point(|group| group.at < at);
        (self.groups.get(index)?.at == at).then_some(index)
    }

    /// Returns the end of the longest run of gates starting at `first` that group number `index`
    /// fills.
    pub(super) fn run_end(&mut self, plan: &Plan, index: usize, first: usize) -> usize {
        let group = self.groups[index];
        if !group.fits(first) {
            return first;
        }
        if plan.strictly_later || group.len() == 1 {
            return first + 1;
        }
        let usable = group.union & (plan.joinable | 1 << first);
        let end = first + run_length(usable >> first);
        if group.simple || end == first + 1 {
            return end;
        }
        self.assigner.load(&self.events, group, plan.gates.len());
        (first..end)
            .find(|gate| !self.assigner.add(*gate))
            .unwrap_or(end)
    }

    /// Calls `assign` with each gate of `run` and the event that fills it: for each gate in turn,
    /// the earliest arrival that still allows the whole run.
    pub(super) fn assign(&mut self, plan: &Plan, run: Run, mut assign: impl FnMut(usize, &Event)) {
        let group = self.groups[run.group];
        if group.simple || run.end == run.first + 1 {
            for gate in run.first..run.end {
                let mut fitting = self.events[group.start..group.end].iter();
                if let Some(event) = fitting.find(|event| event.mask >> gate & 1 == 1) {
                    assign(gate, event);
                }
            }
            return;
        }
        self.assigner.load(&self.events, group, plan.gates.len());
        for (gate, event) in self.assigner.earliest(run.first, run.end) {
            assign(gate, &self.events[event]);
        }
    }
}

/// Returns the number of consecutive set bits, counted from bit 0.
fn run_length(mask: u64) -> usize {
    usize::try_from(mask.trailing_ones()).unwrap_or(usize::MAX)
}

/// Matches events of a group to gates.
#[derive(Debug, Default)]
struct Assigner {
    /// Candidate events: index into the journey's events, and mask.
    candidates: Vec<(usize, u64)>,
    /// Per candidate the gate it fills.
    gate_of: Vec<Option<usize>>,
    /// Candidates visited in the current augmentation, or permanently assigned.
    seen: Vec<bool>,
    given: Vec<bool>,
    copies: HashMap<u64, usize>,
}

impl Assigner {
    /// Loads a group. Of events that fit the same gates, at most as many as there are gates are
    /// kept.
    fn load(&mut self, events: &[Event], group: Group, gates: usize) {
        self.candidates.clear();
        let fitting = (group.start..group.end).filter(|index| events[*index].mask != 0);
        if group.len() <= 2 * gates {
            self.candidates
                .extend(fitting.map(|index| (index, events[index].mask)));
        } else {
            self.copies.clear();
            for index in fitting {
                let copies = self.copies.entry(events[index].mask).or_default();
                *copies += 1;
                if *copies <= gates {
                    self.candidates.push((index, events[index].mask));
                }
            }
        }
        self.gate_of.clear();
        self.gate_of.resize(self.candidates.len(), None);
        self.given.clear();
        self.given.resize(self.candidates.len(), false);
    }

    /// Fills one more gate, moving events between gates if needed; returns whether it could.
    fn add(&mut self, gate: usize) -> bool {
        self.seen.clear();
        self.seen.extend_from_slice(&self.given);
        self.augment(gate)
    }

    fn augment(&mut self, gate: usize) -> bool {
        for candidate in 0..self.candidates.len() {
            if self.seen[candidate] || self.candidates[candidate].1 >> gate & 1 == 0 {
                continue;
            }
            self.seen[candidate] = true;
            let free = match self.gate_of[candidate] {
                None => true,
                Some(other) => self.augment(other),
            };
            if free {
                self.gate_of[candidate] = Some(gate);
                return true;
            }
        }
        false
    }

    /// Returns gates `first..end` with the events that fill them: the earliest possible for the
    /// first gate, then for the second, and so on.
    fn earliest(&mut self, first: usize, end: usize) -> Vec<(usize, usize)> {
        let mut chosen = Vec::with_capacity(end - first);
        for gate in first..end {
            for candidate in 0..self.candidates.len() {
                let (event, mask) = self.candidates[candidate];
                if self.given[candidate] || mask >> gate & 1 == 0 {
                    continue;
                }
                self.given[candidate] = true;
                self.gate_of.fill(None);
                if (gate + 1..end).all(|rest| self.add(rest)) {
                    chosen.push((gate, event));
                    break;
                }
                self.given[candidate] = false;
            }
        }
        chosen
    }
}
