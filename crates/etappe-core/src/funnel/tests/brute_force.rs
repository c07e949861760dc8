//! A brute-force version of the funnel definitions. It is slow and shares no code with the
//! searches, so that the two can be compared.

use std::collections::BTreeSet;

use crate::query::{Hit, TimeRange};

use crate::funnel::{AttemptChoice, FunnelSpec, Order, Passing, Step, Ties};

/// The expected best attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) entry: i64,
    pub(super) depth: usize,
    pub(super) void: bool,
    /// Per step of the funnel: when it was reached, and whether it was skipped.
    pub(super) steps: Vec<Option<(i64, bool)>>,
}

/// One way through the funnel: a time per gate reached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    times: Vec<i64>,
    entry: i64,
    skipped: Vec<bool>,
}

struct Case<'a> {
    spec: &'a FunnelSpec,
    gates: Vec<&'a Step>,
    events: Vec<(i64, u64)>,
    from: i64,
    to: i64,
    window: i64,
}

pub(super) fn best(spec: &FunnelSpec, hits: &[Hit], range: TimeRange) -> Option<Expected> {
    let case = Case {
        spec,
        gates: spec.steps.iter().filter(|step| step.gate).collect(),
        events: hits
            .iter()
            .map(|hit| (hit.at.as_millis(), hit.conditions))
            .collect(),
        from: range.from.as_millis(),
        to: range.to.as_millis(),
        window: spec.window.map_or(i64::MAX, |window| {
            i64::try_from(window.as_millis()).unwrap()
        }),
    };
    let mut attempts = case.attempts();
    if spec.attempt == AttemptChoice::FirstEntry {
        let first = attempts.iter().map(|way| way.entry).min()?;
        attempts.retain(|way| way.entry == first);
    }
    let (way, validity) = attempts
        .into_iter()
        .map(|way| {
            let validity = case.validity(&way);
            (way, validity)
        })
        .min_by_key(|(way, validity)| {
            if *validity == 0 {
                let skipped = way.skipped.iter().filter(|skipped| **skipped).count();
                let completion = way.times.last().copied().unwrap_or(way.entry);
                let depth = way.times.len();
                (
                    0,
                    -i64::try_from(depth).unwrap(),
                    skipped,
                    completion,
                    -way.entry,
                    way.times.clone(),
                )
            } else {
                (*validity, -1, 0, way.entry, -way.entry, vec![])
            }
        })?;
    (validity < 2).then(|| case.expected(way, validity == 1))
}

impl Case<'_> {
    fn fits(&self, event: usize, gate: usize) -> bool {
        self.events[event].1 >> self.gates[gate].condition & 1 == 1
    }

    fn attempts(&self) -> Vec<Way> {
        match (self.spec.passing, self.spec.order) {
            (Passing::LaterHit, _) => self.stage_attempts(),
            (Passing::OwnHit, Order::Ordered) => self.ordered_attempts(),
            (Passing::OwnHit, Order::Strict) => self.strict_attempts(),
            (Passing::OwnHit, Order::Unordered) => self.unordered_attempts(),
        }
    }

    fn ordered_attempts(&self) -> Vec<Way> {
        let mut found = BTreeSet::new();
        self.assign(&mut Vec::new(), &mut found);
        let has_gaps = self
            .gates
            .iter()
            .any(|gate| gate.min_gap.is_some() || gate.max_gap.is_some());
        if has_gaps {
            // Keeps the assignments to which nothing can be added.
            let is_whole = |times: &Vec<i64>| {
                !found
                    .iter()
                    .any(|other| other.len() > times.len() && other.starts_with(times))
            };
            return found
                .iter()
                .filter(|times| is_whole(times))
                .map(|times| way(times))
                .collect();
        }
        per_entry(&found, |times| (usize::MAX - times.len(), times.clone()))
    }

    /// Collects the times of every assignment of different events to the gates from the first on.
    fn assign(&self, chosen: &mut Vec<usize>, found: &mut BTreeSet<Vec<i64>>) {
        if !chosen.is_empty() {
            found.insert(chosen.iter().map(|event| self.events[*event].0).collect());
        }
        let gate = chosen.len();
        if gate == self.gates.len() {
            return;
        }
        for event in 0..self.events.len() {
            let at = self.events[event].0;
            let follows = match chosen.last() {
                None => self.from <= at && at < self.to,
                Some(last) => {
                    self.may_follow(gate, self.events[*last].0, self.events[chosen[0]].0, at)
                }
            };
            if follows && !chosen.contains(&event) && self.fits(event, gate) {
                chosen.push(event);
                self.assign(chosen, found);
                chosen.pop();
            }
        }
    }

    fn may_follow(&self, gate: usize, before: i64, entry: i64, at: i64) -> bool {
        let gap = at - before;
        let millis = |gap: std::time::Duration| i64::try_from(gap.as_millis()).unwrap();
        gap >= 0
            && (self.spec.ties == Ties::StepOrder || gap > 0)
            && at - entry <= self.window
            && self.gates[gate]
                .min_gap
                .is_none_or(|min| gap >= millis(min))
            && self.gates[gate]
                .max_gap
                .is_none_or(|max| gap <= millis(max))
    }

    fn strict_attempts(&self) -> Vec<Way> {
        let mut found = BTreeSet::new();
        let arrival: Vec<usize> = (0..self.events.len()).collect();
        let orders = match self.spec.ties {
            Ties::StepOrder => self.orders(arrival),
            Ties::StrictlyLater => vec![arrival],
        };
        for order in orders {
            for start in 0..order.len() {
                let mut times: Vec<i64> = Vec::new();
                for event in &order[start..] {
                    let (gate, at) = (times.len(), self.events[*event].0);
                    let follows = match times.last() {
                        None => self.from <= at && at < self.to,
                        Some(last) => {
                            gate < self.gates.len() && self.may_follow(gate, *last, times[0], at)
                        }
                    };
                    if !follows || !self.fits(*event, gate) {
                        break;
                    }
                    times.push(at);
                }
                if !times.is_empty() {
                    found.insert(times);
                }
            }
        }
        if self.spec.ties == Ties::StrictlyLater {
            // No other order is possible, so each event begins an attempt of its own.
            return found.iter().map(|times| way(times)).collect();
        }
        per_entry(&found, |times| {
            (
                usize::MAX - times.len(),
                times.last().copied(),
                times.clone(),
            )
        })
    }

    /// Returns every order of the events that is sorted by time.
    fn orders(&self, left: Vec<usize>) -> Vec<Vec<usize>> {
        let Some(earliest) = left.iter().map(|event| self.events[*event].0).min() else {
            return vec![Vec::new()];
        };
        let mut orders = Vec::new();
        for first in left
            .iter()
            .filter(|event| self.events[**event].0 == earliest)
        {
            let rest = left
                .iter()
                .copied()
                .filter(|event| event != first)
                .collect();
            for mut order in self.orders(rest) {
                order.insert(0, *first);
                orders.push(order);
            }
        }
        orders
    }

    fn unordered_attempts(&self) -> Vec<Way> {
        let mut found = BTreeSet::new();
        self.give(0, &mut vec![None; self.events.len()], &mut found);
        found.retain(|times| {
            let first = times[0];
            self.from <= first
                && first < self.to
                && times.iter().all(|at| at - first <= self.window)
        });
        if self.spec.ties == Ties::StrictlyLater {
            found.retain(|times| times.windows(2).all(|pair| pair[0] < pair[1]));
        }
        per_entry(&found, |times| (usize::MAX - times.len(), times.clone()))
    }

    /// Collects the sorted times of every way to assign events to different gates.
    fn give(&self, event: usize, given: &mut Vec<Option<usize>>, found: &mut BTreeSet<Vec<i64>>) {
        if event == self.events.len() {
            let chosen = given
                .iter()
                .zip(&self.events)
                .filter(|(gate, _)| gate.is_some());
            let mut times: Vec<i64> = chosen.map(|(_, event)| event.0).collect();
            times.sort_unstable();
            if !times.is_empty() {
                found.insert(times);
            }
            return;
        }
        self.give(event + 1, given, found);
        for gate in 0..self.gates.len() {
            if self.fits(event, gate) && !given.contains(&Some(gate)) {
                given[event] = Some(gate);
                self.give(event + 1, given, found);
                given[event] = None;
            }
        }
    }

    fn stage_attempts(&self) -> Vec<Way> {
        let is_stage_hit = |event: &&(i64, u64)| {
            self.spec
                .steps
                .iter()
                .any(|step| event.1 >> step.condition & 1 == 1)
        };
        let hits: Vec<&(i64, u64)> = self.events.iter().filter(is_stage_hit).collect();
        let entries = hits
            .iter()
            .map(|hit| hit.0)
            .filter(|at| self.from <= *at && *at < self.to);
        let entries: BTreeSet<i64> = entries.collect();
        entries
            .into_iter()
            .map(|entry| {
                let mut attempt = Way {
                    times: Vec::new(),
                    entry,
                    skipped: Vec::new(),
                };
                let mut not_before = entry;
                for (index, gate) in self
                    .spec
                    .steps
                    .iter()
                    .enumerate()
                    .filter(|(_, step)| step.gate)
                {
                    let is_own = |conditions: u64| conditions >> gate.condition & 1 == 1;
                    let passes = |conditions: u64| {
                        let later = &self.spec.steps[index..];
                        is_own(conditions)
                            || !gate.own_hit
                                && later
                                    .iter()
                                    .any(|step| conditions >> step.condition & 1 == 1)
                    };
                    let first = hits.iter().find(|hit| {
                        hit.0 >= not_before && hit.0 - entry <= self.window && passes(hit.1)
                    });
                    let Some(first) = first else {
                        break;
                    };
                    let has_own = hits.iter().any(|hit| hit.0 == first.0 && is_own(hit.1));
                    attempt.times.push(first.0);
                    attempt.skipped.push(!has_own);
                    if gate.own_hit {
                        not_before = first.0;
                    }
                }
                attempt
            })
            .collect()
    }

    /// Returns 0 for an attempt that counts, 1 for a void one, 2 for one whose entry is void too.
    fn validity(&self, way: &Way) -> i32 {
        let mut validity = 0;
        let gate_of = |step: usize| {
            self.spec.steps[..step]
                .iter()
                .filter(|step| step.gate)
                .count()
        };
        for exclusion in &self.spec.exclusions {
            let Some(after) = way.times.get(gate_of(exclusion.after_step)) else {
                continue;
            };
            let before = way.times.get(gate_of(exclusion.before_step));
            let is_void = self.events.iter().any(|(at, conditions)| {
                let lies_between = match before {
                    Some(before) => after < at && at < before,
                    None => after < at && at - way.entry <= self.window,
                };
                lies_between && conditions >> exclusion.condition & 1 == 1
            });
            if is_void {
                validity = validity.max(if exclusion.keep_entrant { 1 } else { 2 });
            }
        }
        validity
    }

    fn expected(&self, way: Way, void: bool) -> Expected {
        let depth = if void {
            way.times.len().min(1)
        } else {
            way.times.len()
        };
        let mut reached = way.times.iter().zip(&way.skipped).take(depth);
        let mut before = Some(way.entry);
        let mut steps = Vec::new();
        for step in &self.spec.steps {
            if step.gate {
                let reach = reached.next().map(|(at, skipped)| (*at, *skipped));
                if self.spec.passing == Passing::OwnHit || reach.is_some() {
                    before = reach.map(|reach| reach.0);
                }
                steps.push(reach);
                continue;
            }
            let own = self.events.iter().find(|(at, conditions)| {
                before.is_some_and(|before| *at >= before)
                    && at - way.entry <= self.window
                    && conditions >> step.condition & 1 == 1
            });
            steps.push(own.filter(|_| !void).map(|(at, _)| (*at, false)));
        }
        Expected {
            entry: way.entry,
            depth,
            void,
            steps,
        }
    }
}

fn way(times: &[i64]) -> Way {
    Way {
        times: times.to_vec(),
        entry: times[0],
        skipped: vec![false; times.len()],
    }
}

/// Returns for every entry the way with the least key.
fn per_entry<K: Ord>(found: &BTreeSet<Vec<i64>>, key: impl Fn(&Vec<i64>) -> K) -> Vec<Way> {
    let entries: BTreeSet<i64> = found.iter().map(|times| times[0]).collect();
    let best = entries.into_iter().filter_map(|entry| {
        found
            .iter()
            .filter(|times| times[0] == entry)
            .min_by_key(|times| key(times))
    });
    best.map(|times| way(times)).collect()
}
