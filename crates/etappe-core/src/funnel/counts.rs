//! Adds attempts up: how many units reached each step, skipped it, or may still reach it.

use crate::time::Timestamp;

use super::attempt::Attempt;
use super::samples::DurationSamples;
use super::spec::FunnelSpec;

/// The step counts of a funnel's units.
#[derive(Debug, Clone)]
pub struct FunnelCounts {
    entered: u64,
    void: u64,
    steps: Vec<StepCounts>,
}

/// The counts of one step.
#[derive(Debug, Clone)]
pub struct StepCounts {
    /// Whether everyone passes this step.
    pub gate: bool,
    /// Units that reached the step.
    pub count: u64,
    /// Of `count`, those that passed it without an event of its own.
    pub skipped: u64,
    /// Units that reached the gate before and whose window has not ended at the watermark.
    pub open: u64,
    /// Time since the gate before, for the units that reached both.
    pub times: DurationSamples,
}

impl FunnelCounts {
    /// Creates zero counts for the steps of `spec`.
    #[must_use]
    pub fn new(spec: &FunnelSpec) -> Self {
        let steps = spec.steps.iter().map(|step| StepCounts {
            gate: step.gate,
            count: 0,
            skipped: 0,
            open: 0,
            times: DurationSamples::default(),
        });
        Self {
            entered: 0,
            void: 0,
            steps: steps.collect(),
        }
    }

    /// Adds a unit's attempt, given the watermark `as_of`.
    pub fn record(&mut self, attempt: &Attempt, as_of: Timestamp) {
        self.entered += 1;
        self.void += u64::from(attempt.void);
        let is_open = attempt.is_open(as_of);
        let mut gate_before = None;
        let mut is_next = false;
        for (index, (counts, reach)) in self.steps.iter_mut().zip(&attempt.steps).enumerate() {
            match reach {
                Some(reach) => {
                    counts.count += 1;
                    counts.skipped += u64::from(reach.skipped);
                    if let Some(before) = gate_before {
                        counts.times.record(reach.at.millis_since(before));
                    }
                }
                None if index == 0 || is_next || gate_before.is_none() => {}
                None => counts.open += u64::from(is_open),
            }
            if counts.gate {
                is_next |= reach.is_none();
                gate_before = reach.map(|reach| reach.at).or(gate_before);
            }
        }
    }

    /// Adds the counts of other units for the same funnel.
    pub fn absorb(&mut self, other: Self) {
        self.entered += other.entered;
        self.void += other.void;
        for (counts, more) in self.steps.iter_mut().zip(other.steps) {
            counts.count += more.count;
            counts.skipped += more.skipped;
            counts.open += more.open;
            counts.times.absorb(more.times);
        }
    }

    /// Returns the number of units that made an attempt, including void ones that count as
    /// entrants.
    #[must_use]
    pub const fn entered(&self) -> u64 {
        self.entered
    }

    /// Returns the number of units that count as entrants only, because their attempts were void.
    #[must_use]
    pub const fn void(&self) -> u64 {
        self.void
    }

    /// Returns the counts per step.
    #[must_use]
    pub fn steps(&self) -> &[StepCounts] {
        &self.steps
    }

    /// Returns the bytes used by durations.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.steps.iter().map(|step| step.times.bytes()).sum()
    }

    /// Replaces the durations of every step that uses more than `bytes` with a histogram.
    pub fn summarise_over(&mut self, bytes: usize) {
        for step in &mut self.steps {
            if step.times.bytes() > bytes {
                step.times.summarise();
            }
        }
    }
}
