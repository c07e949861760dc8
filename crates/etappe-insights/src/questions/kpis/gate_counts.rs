//! Counts attempts per gate of a model's funnel, for all people and for those of each channel.

use std::collections::BTreeMap;

use etappe_core::funnel::Attempt;
use etappe_core::query::{Hit, TimeRange};

use crate::rate::rate;

/// The fewest actors that a step needs to be considered.
const FEWEST: u64 = 30;
/// The most channels that are told apart; there are about twenty.
const MOST_CHANNELS: usize = 64;

/// Counts per gate.
#[derive(Debug, Clone)]
pub(crate) struct GateCounts {
    reached: Vec<u64>,
}

impl GateCounts {
    fn new(gates: usize) -> Self {
        Self {
            reached: vec![0; gates],
        }
    }

    fn record(&mut self, attempt: &Attempt) {
        for reached in self.reached.iter_mut().take(attempt.depth) {
            *reached += 1;
        }
    }

    /// Returns the actors that reached `gate`.
    pub(crate) fn reached(&self, gate: usize) -> u64 {
        self.reached[gate]
    }

    /// Returns the actors at the gate before `gate`.
    pub(crate) fn actors(&self, gate: usize) -> u64 {
        self.reached[gate - 1]
    }

    /// Returns the rate of `gate`, if it has enough actors.
    pub(crate) fn rate(&self, gate: usize) -> Option<f64> {
        let actors = self.actors(gate);
        rate(
            self.reached[gate],
            Some(actors).filter(|actors| *actors >= FEWEST),
        )
    }

    /// Returns the share of those at `gate` who reach the gate `last`, through all gates between.
    pub(crate) fn rate_through(&self, gate: usize, last: usize) -> Option<f64> {
        let rates = (gate + 1..=last).map(|it| rate(self.reached[it], Some(self.actors(it))));
        rates.product()
    }
}

/// The counts of the attempts that began in a range.
#[derive(Debug, Clone)]
pub(crate) struct RangeCounts {
    pub(crate) range: TimeRange,
    pub(crate) total: GateCounts,
    /// The step at which people arrive.
    arrival: usize,
    /// By the channel of the event with which people arrived.
    pub(crate) by_channel: BTreeMap<Option<String>, GateCounts>,
}

impl RangeCounts {
    pub(crate) fn new(range: TimeRange, gates: usize, arrival: usize) -> Self {
        Self {
            range,
            total: GateCounts::new(gates),
            arrival,
            by_channel: BTreeMap::new(),
        }
    }

    /// Counts an attempt of a unit with these hits, whose only dimension is the channel.
    pub(crate) fn record(&mut self, attempt: &Attempt, hits: &[Hit]) {
        self.total.record(attempt);
        let reach = attempt.steps.get(self.arrival).copied().flatten();
        let hit = reach.and_then(|reach| hits.get(reach.hit));
        let channel = hit.and_then(|hit| hit.dimensions.first()).unwrap_or(&None);
        if let Some(counts) = self.by_channel.get_mut(channel) {
            counts.record(attempt);
        } else if self.by_channel.len() < MOST_CHANNELS {
            let mut counts = GateCounts::new(self.total.reached.len());
            counts.record(attempt);
            self.by_channel.insert(channel.clone(), counts);
        }
    }
}

/// Converts a count for a rate.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub(crate) const fn as_f64(count: u64) -> f64 {
    count as f64
}
