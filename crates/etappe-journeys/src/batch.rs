//! Rows of the ledger on their way into runs.

use std::collections::BTreeSet;

use etappe_core::ledger::{LedgerPositions, LedgerRow};

use crate::index::NewRuns;
use crate::outcomes::Outcomes;
use crate::run::{Run, RunRows};

/// The rows of one site.
#[derive(Debug, Default)]
struct SiteRows {
    site: String,
    settled: RunRows,
    unsettled: RunRows,
}

/// Collects the rows of a part of the log; they come in order of site, and those of
/// a person in order of time and arrival.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    /// Rows before these positions are settled.
    settled: &'a LedgerPositions,
    rows: SiteRows,
    done: Vec<NewRuns>,
    unsettled: usize,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(settled: &'a LedgerPositions) -> Self {
        Self {
            settled,
            rows: SiteRows::default(),
            done: Vec::new(),
            unsettled: 0,
        }
    }

    pub(crate) fn push(&mut self, row: &LedgerRow<'_>) {
        if self.rows.site != row.site {
            self.end_site();
            row.site.clone_into(&mut self.rows.site);
        }
        if row.offset < self.settled.next_of(row.partition) {
            self.rows.settled.push(row);
        } else {
            self.unsettled += 1;
            self.rows.unsettled.push(row);
        }
    }

    /// Returns how many rows are not settled.
    pub(crate) const fn unsettled(&self) -> usize {
        self.unsettled
    }

    /// Returns the runs of all sites.
    pub(crate) fn finish(mut self) -> Vec<NewRuns> {
        self.end_site();
        self.done
    }

    fn end_site(&mut self) {
        let mut rows = std::mem::take(&mut self.rows);
        let (settled, unsettled) = (rows.settled.take_run(), rows.unsettled.take_run());
        if settled.is_some() || unsettled.is_some() {
            self.done.push(NewRuns {
                site: rows.site,
                settled,
                unsettled,
            });
        }
    }
}

/// Returns the outcomes of a run that were not looked up yet.
pub(crate) fn new_outcomes<'r>(
    runs: impl Iterator<Item = &'r Run>,
    known: &Outcomes,
) -> BTreeSet<u64> {
    let kinds = runs.flat_map(|run| &run.plan.kinds);
    let outcomes = kinds.map(|kind| kind.outcome);
    outcomes.filter(|outcome| !known.know(*outcome)).collect()
}
