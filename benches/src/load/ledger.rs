//! Which requests were accepted, by their numbers, so that what is counted can be compared one by one.
//!
//! A request that got no answer may have been taken or not: it is kept apart, as unknown.

use serde::{Deserialize, Serialize};

/// What became of a request that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Answered with 200.
    Accepted,
    /// Answered otherwise.
    Refused,
    /// Not answered.
    Unknown,
}

/// Collects what became of requests.
#[derive(Debug, Default)]
pub(super) struct RequestLedger {
    accepted: Vec<u64>,
    unknown: Vec<u64>,
}

/// What became of the requests of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerReport {
    /// What makes the message ids of this run differ from those of others: their first digits.
    pub nonce: u32,
    /// First and last number of each run of accepted requests.
    pub accepted: Vec<(u64, u64)>,
    /// First and last number of each run of requests that got no answer.
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

/// Returns the runs of neighbours among `numbers`.
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
    fn neighbours_are_told_as_runs_and_refused_requests_not_at_all() {
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
