//! Unordered funnels: how many distinct steps the events within the window can fill.
//!
//! Sets of events that can be assigned to distinct steps form a matroid. So taking events in order
//! of time, and keeping each one that raises the number of filled steps, gets deepest and reaches
//! every depth earliest. If an event raises nothing, no later event that fits the same steps will,
//! so each kind of event is tried until it first fails.

use crate::time::Timestamp;

use super::attempt::Reach;
use super::exclusion::Rank;
use super::group::{Event, Journey};
use super::plan::Plan;
use super::spec::MAX_STEPS;

/// The buffers of the search.
#[derive(Debug, Default)]
pub(super) struct UnorderedSearch {
    /// The events; where steps must be strictly later, one merged event per instant.
    items: Vec<Event>,
    /// The first `kinds_in_use` belong to this unit; the rest are kept for their memory.
    kinds: Vec<FitClass>,
    kinds_in_use: usize,
    chosen: Vec<usize>,
}

/// Events that fit the same steps.
#[derive(Debug, Default)]
struct FitClass {
    mask: u64,
    /// Indices of its items, ascending.
    items: Vec<usize>,
    /// The next item to try; `None` once it has failed or run out.
    next: Option<usize>,
}

impl UnorderedSearch {
    /// Returns the rank of the attempt that counts, entered within `range` (from, to), and writes
    /// where it reached each further step to `reaches`.
    pub(super) fn best(
        &mut self,
        plan: &Plan,
        journey: &Journey,
        range: (i64, i64),
        reaches: &mut Vec<Reach>,
    ) -> Option<Rank> {
        self.load(plan, journey);
        let mut best: Option<Rank> = None;
        let mut entry = self.items.partition_point(|item| item.at < range.0);
        while entry < self.items.len() && self.items[entry].at < range.1 {
            let rank = self.collect(plan, journey, entry);
            if best.is_none_or(|best| rank.is_better_than(&best)) {
                best = Some(rank);
                reaches.clear();
                reaches.extend(self.chosen.iter().map(|item| reach(&self.items[*item])));
            }
            if plan.first_entry_only {
                break;
            }
            let at = self.items[entry].at;
            entry += self.items[entry..].partition_point(|item| item.at == at);
        }
        best
    }

    fn load(&mut self, plan: &Plan, journey: &Journey) {
        self.items.clear();
        if plan.strictly_later {
            // Events of one instant can fill at most one step; any of them may do so.
            let merged = journey.groups.iter().map(|group| Event {
                mask: group.union,
                ..journey.events[group.start]
            });
            self.items.extend(merged);
        } else {
            self.items.extend_from_slice(&journey.events);
        }
        self.kinds_in_use = 0;
        for index in 0..self.items.len() {
            let mask = self.items[index].mask;
            let kind = self.kind_of(mask);
            kind.items.push(index);
        }
    }

    /// Returns the kind of events that fit `mask`. A linear search is enough: there are few kinds.
    fn kind_of(&mut self, mask: u64) -> &mut FitClass {
        let in_use = &self.kinds[..self.kinds_in_use];
        let index = in_use
            .iter()
            .position(|kind| kind.mask == mask)
            .unwrap_or_else(|| {
                if self.kinds_in_use == self.kinds.len() {
                    self.kinds.push(FitClass::default());
                }
                self.kinds_in_use += 1;
                let kind = &mut self.kinds[self.kinds_in_use - 1];
                kind.mask = mask;
                kind.items.clear();
                self.kinds_in_use - 1
            });
        &mut self.kinds[index]
    }

    /// Collects steps, starting with item `entry`.
    fn collect(&mut self, plan: &Plan, journey: &Journey, entry: usize) -> Rank {
        for kind in &mut self.kinds[..self.kinds_in_use] {
            let next = kind.items.partition_point(|item| *item < entry);
            kind.next = (next < kind.items.len()).then_some(next);
        }
        let entered_at = self.items[entry].at;
        let mut filled = Filled::default();
        self.chosen.clear();
        while self.chosen.len() < plan.gates.len() {
            let waiting = self.kinds[..self.kinds_in_use]
                .iter_mut()
                .filter_map(|kind| {
                    let item = kind.items[kind.next?];
                    Some((item, kind))
                });
            let Some((item, kind)) = waiting.min_by_key(|(item, _)| *item) else {
                break;
            };
            if self.items[item].at > plan.window_end(entered_at) {
                break;
            }
            if filled.add(kind.mask) {
                self.chosen.push(item);
                kind.next = kind
                    .next
                    .map(|next| next + 1)
                    .filter(|next| *next < kind.items.len());
            } else {
                kind.next = None;
            }
        }
        let times: Vec<i64> = self
            .chosen
            .iter()
            .map(|item| self.items[*item].at)
            .collect();
        Rank {
            validity: journey.validity(plan, entered_at, &times),
            depth: times.len(),
            skipped: 0,
            completion: times.last().copied().unwrap_or(entered_at),
            entry: entered_at,
        }
        .judged()
    }
}

fn reach(item: &Event) -> Reach {
    Reach {
        at: Timestamp::from_millis(item.at),
        hit: item.hit,
        skipped: false,
    }
}

/// Steps and the events that fill them.
#[derive(Debug)]
struct Filled {
    /// Per step, the mask of the event that fills it; zero while it is free.
    by: [u64; MAX_STEPS],
}

impl Default for Filled {
    fn default() -> Self {
        Self { by: [0; MAX_STEPS] }
    }
}

impl Filled {
    /// Fills one more step with an event that fits `mask`, moving other events if needed.
    fn add(&mut self, mask: u64) -> bool {
        let mut seen = 0;
        self.augment(mask, &mut seen)
    }

    fn augment(&mut self, mask: u64, seen: &mut u64) -> bool {
        for step in 0..MAX_STEPS {
            let bit = 1_u64 << step;
            if mask & bit == 0 || *seen & bit != 0 {
                continue;
            }
            *seen |= bit;
            let holder = self.by[step];
            if holder == 0 || self.augment(holder, seen) {
                self.by[step] = mask;
                return true;
            }
        }
        false
    }
}
