//! Which requests were accepted, by their numbers, so that the stored messages can be compared one
//! by one.
//!
//! A request without an answer may or may not have been accepted: it is listed separately, as
//! unknown.

use serde::{Deserialize, Serialize};

/// The fate of a sent request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Answered with 200.
    Accepted,
    /// Answered with another status.
    Refused,
    /// Not answered.
    Unknown,
}

/// Collects the fates of requests.
#[derive(Debug, Default)]
pub(super) struct RequestLedger {
    accepted: Vec<u64>,
    unknown: Vec<u64>,
}

/// The fates of a run's requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerReport {
    /// The first digits of this run's message ids, which make them unique to the run.
    pub nonce: u32,
    /// The first and last number of each run of consecutive accepted requests.
    pub accepted: Vec<(u64, u64)>,
    /// The first and last number of each run of consecutive requests without an answer.
    pub unknown: Vec<(u64, u64)>,
}

impl RequestLedger {
    pub(super) fn record(&mut self, number: u64, fate: Fate) {
        match fate {
            Fate::Accepted => self.accepted.push(number),
            Fate::Unknown => self.unknown.push(number),
            Fate::Refused => {}
        }
    }

    pub(super) fn report(&self, nonce: u32) -> LedgerReport {
        LedgerReport {
            nonce,
            accepted: runs(&self.accepted),
            unknown: runs(&self.unknown),
        }
    }
}

/// Returns the runs of consecutive `numbers`.
fn runs(numbers: &[u64]) -> Vec<(u64, u64)> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for number in sorted {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjacent_requests_are_reported_as_runs_and_refused_ones_are_omitted() {
        let mut ledger = RequestLedger::default();
        for number in [5, 1, 2, 7, 3] {
            ledger.record(number, Fate::Accepted);
        }
        ledger.record(4, Fate::Refused);
        ledger.record(6, Fate::Unknown);
        let report = ledger.report(9);
        assert_eq!(report.accepted, [(1, 3), (5, 5), (7, 7)]);
        assert_eq!(report.unknown, [(6, 6)]);
    }
}
