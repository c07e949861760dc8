//! How far people get through the stages.

use chrono::Duration;
use serde_json::{Value, json};

use super::{Range, Span, Truth, as_f64, percentile, share};
use crate::act::Stage;
use crate::persona::Channel;
use crate::world::Happening;

/// How a gate was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pass {
    at: i64,
    is_skipped: bool,
}

/// A person's attempt at the stages.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    entry: i64,
    end: Option<i64>,
    /// How the person came to the shop when they arrived there.
    pub(super) channel: Option<Channel>,
    /// The gates that were passed, in order.
    gates: Vec<Pass>,
}

impl Attempt {
    /// Returns how many gates were passed.
    pub(super) const fn depth(&self) -> usize {
        self.gates.len()
    }

    /// Returns whether it may still get further.
    pub(super) fn is_open(&self, as_of: i64) -> bool {
        self.end.is_some_and(|end| end >= as_of)
    }

    /// Returns whether it counts before another one: it got deeper, skipped fewer gates, was
    /// complete earlier, or began later.
    fn is_better_than(&self, other: &Self) -> bool {
        let rank = |it: &Self| {
            let skipped = it.gates.iter().filter(|pass| pass.is_skipped).count();
            let complete = it.gates.last().map_or(it.entry, |pass| pass.at);
            (std::cmp::Reverse(it.depth()), skipped, complete, -it.entry)
        };
        rank(self) < rank(other)
    }
}

impl Truth {
    /// Returns the answer to `POST …/funnel` for the model `aaarrr`.
    #[must_use]
    pub fn funnel(&self, range: Range, window: Option<Duration>) -> Value {
        let (span, as_of) = (range.span(), range.as_of_millis());
        let window = window.map(|window| window.num_milliseconds());
        let attempts: Vec<(usize, Attempt)> = (0..self.journeys.len())
            .filter_map(|person| Some((person, self.best_attempt(person, span, window)?)))
            .collect();
        let mut steps = Vec::new();
        let mut gate = 0;
        let mut open_so_far = 0;
        for stage in Stage::ALL {
            let mut step = Step::default();
            for (person, attempt) in &attempts {
                let reached = self.reach(*person, attempt, stage, gate);
                step.add(attempt, gate, reached, as_of);
            }
            let before = gate.checked_sub(1).map(|before| count(&attempts, before));
            let first = count(&attempts, 0);
            steps.push(step.answer(stage, before, (first, open_so_far)));
            if stage.is_gate() {
                open_so_far += step.open;
                gate += 1;
            }
        }
        let active = self.active(span).len();
        #[expect(clippy::cast_precision_loss, reason = "some days")]
        let window_s = window.map(|window| window as f64 / 1_000.0);
        json!({
            "model": "aaarrr", "window_s": window_s, "entered": attempts.len(),
            "never_entered": active - attempts.len(), "void": 0, "steps": steps,
        })
    }

    /// Returns the attempt that counts of those that a person began in the range.
    pub(super) fn best_attempt(
        &self,
        person: usize,
        span: Span,
        window: Option<i64>,
    ) -> Option<Attempt> {
        let journey = &self.journeys[person];
        let mut best: Option<Attempt> = None;
        for (start, entry) in journey.iter().enumerate() {
            if !span.contains(entry.at) || entry.act.stage().is_none() {
                continue;
            }
            let attempt = attempt(&journey[start..], window);
            if best
                .as_ref()
                .is_none_or(|best| attempt.is_better_than(best))
            {
                best = Some(attempt);
            }
        }
        best
    }

    /// Returns when an attempt reached a stage. Not everybody passes stages that are no gates: they
    /// are reached at their first event, from the last gate before them on.
    fn reach(&self, person: usize, attempt: &Attempt, stage: Stage, gate: usize) -> Option<Pass> {
        if stage.is_gate() {
            return attempt.gates.get(gate).copied();
        }
        let last = attempt.gates[..gate.min(attempt.depth())].last();
        let since = last.map_or(attempt.entry, |pass| pass.at);
        let mut journey = self.journeys[person].iter();
        let found = journey.find(|it| {
            let in_time = attempt.end.is_none_or(|end| it.at <= end);
            it.act.stage() == Some(stage) && it.at >= since && in_time
        })?;
        Some(Pass {
            at: found.at,
            is_skipped: false,
        })
    }
}

/// Returns how far somebody gets who begins with the first of these events.
fn attempt(events: &[Happening], window: Option<i64>) -> Attempt {
    let entry = events[0];
    let end = window.map(|window| entry.at + window);
    let mut gates: Vec<Pass> = Vec::new();
    let mut since = entry.at;
    let mut channel = None;
    for gate in Stage::GATES {
        let passed = events.iter().find(|it| {
            let passes = match it.act.stage() {
                Some(stage) if gate.needs_own_event() => stage == gate,
                Some(stage) => stage >= gate,
                None => false,
            };
            passes && it.at >= since && end.is_none_or(|end| it.at <= end)
        });
        let Some(passed) = passed else {
            break;
        };
        if gate.needs_own_event() {
            // What comes behind a payment is passed from there on.
            since = passed.at;
        }
        if gate == Stage::Acquisition {
            channel = passed.channel;
        }
        gates.push(Pass {
            at: passed.at,
            is_skipped: passed.act.stage() != Some(gate),
        });
    }
    Attempt {
        entry: entry.at,
        end,
        channel,
        gates,
    }
}

/// Returns how many attempts passed a gate.
fn count(attempts: &[(usize, Attempt)], gate: usize) -> u64 {
    attempts.iter().filter(|it| it.1.depth() > gate).count() as u64
}

/// The counts at a stage.
#[derive(Debug, Default)]
struct Step {
    count: u64,
    skipped: u64,
    open: u64,
    times: Vec<i64>,
}

impl Step {
    /// Counts an attempt, which did or did not reach this stage behind `gate` gates.
    fn add(&mut self, attempt: &Attempt, gate: usize, reached: Option<Pass>, as_of: i64) {
        let Some(reached) = reached else {
            let is_at_gate_before = gate > 0 && attempt.depth() >= gate;
            self.open += u64::from(is_at_gate_before && attempt.is_open(as_of));
            return;
        };
        self.count += 1;
        self.skipped += u64::from(reached.is_skipped);
        let before = attempt.gates[..gate.min(attempt.depth())].last();
        self.times
            .extend(before.map(|before| reached.at - before.at));
    }

    /// Returns the step, given the numbers of those at the gate before it, at the first one, and of
    /// those who stopped at earlier gates and may still go on.
    fn answer(&mut self, stage: Stage, before: Option<u64>, (first, open): (u64, u64)) -> Value {
        self.times.sort_unstable();
        let is_first = before.is_none();
        let rate_of = |whole: Option<u64>| whole.map_or(Value::Null, |it| share(self.count, it));
        let closed = if is_first {
            first
        } else {
            first - open - self.open
        };
        let mean = match self.times.len() {
            0 => Value::Null,
            #[expect(clippy::cast_precision_loss, reason = "months in milliseconds")]
            number => {
                let sum = self.times.iter().sum::<i64>() as f64;
                json!(sum / as_f64(number as u64) / 1_000.0)
            }
        };
        json!({
            "stage": stage.id(), "gate": stage.is_gate(), "count": self.count,
            "skipped": self.skipped, "open": self.open,
            "step_rate": rate_of(before),
            "step_rate_closed": rate_of(before.map(|before| before - self.open)),
            "overall_rate": rate_of(Some(first)),
            "overall_rate_closed": rate_of(Some(closed)),
            "drop_off": stage.is_gate().then(|| before.map_or(0, |before| before - self.count)),
            "time_from_previous": {
                "mean_s": mean, "p50_s": percentile(&self.times, 0.5),
                "p75_s": percentile(&self.times, 0.75), "p90_s": percentile(&self.times, 0.9),
                "p95_s": percentile(&self.times, 0.95), "exact": true,
            },
        })
    }
}
