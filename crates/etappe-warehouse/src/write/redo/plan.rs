//! Decides, step by step, how to complete a batch that may have been stored before. Pure: no server,
//! no clock.
//!
//! Invariant: as long as the server keeps its tokens, at most one token ever publishes a given row.
//! Each attempt uses the next token of a fixed sequence: the batch's own, then one per repair. It
//! starts only after the previous attempt was answered, and covers only rows that were missing
//! then. A token that was recorded without its rows never publishes them later. If rows were
//! published under one token, all earlier ones are recorded. So a late insert, whether of the whole
//! batch by its first writer or a repair by another one, finds its token recorded and changes
//! nothing.

use etappe_core::id::Offset;
use etappe_wire::row::Table;

/// How many repairs are made. Each further one means that a kill has lost the rows of the previous
/// one and kept its token.
const MAX_ATTEMPTS: u32 = 8;

/// The rows of a batch that a table lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    /// The table.
    pub(crate) table: Table,
    /// The offsets of the rows, in order; at least one.
    pub(crate) offsets: Vec<Offset>,
    /// Whether the table has other rows of the batch.
    pub(crate) is_partial: bool,
}

/// The next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing is left to do: every table has all rows.
    Done,
    /// Insert the whole batch under its token, then check again.
    InsertWhole,
    /// Query whether inserts of the batch are running; if none are, call
    /// [`RepairPlan::confirm_nothing_running`]. Then check again.
    CheckRunning,
    /// Store the missing rows, each table's under the token of this attempt, then check again.
    Store { attempt: u32 },
    /// No step helps for now.
    GiveUp,
}

/// The state of one repair.
#[derive(Debug, Default)]
pub(crate) struct RepairPlan {
    /// The last attempt that was answered.
    answered: Option<u32>,
    nothing_runs: bool,
}

impl RepairPlan {
    /// Returns the next step, given what the tables lack now and how many rows they must have in
    /// total.
    pub(crate) fn next(&mut self, missing: &[Missing], expected: usize) -> Step {
        if missing.is_empty() {
            return Step::Done;
        }
        let attempt = self.answered.map_or(0, |answered| answered + 1);
        let lacking: usize = missing.iter().map(|missing| missing.offsets.len()).sum();
        let is_untouched = lacking == expected && missing.iter().all(|missing| !missing.is_partial);
        if attempt == 0 && is_untouched {
            self.answered = Some(attempt);
            return Step::InsertWhole;
        }
        if attempt > MAX_ATTEMPTS {
            return Step::GiveUp;
        }
        // Rows that were missing before the query for running inserts may have been stored during
        // it.
        if !std::mem::take(&mut self.nothing_runs) {
            return Step::CheckRunning;
        }
        self.answered = Some(attempt);
        Step::Store { attempt }
    }

    /// Records that no insert of the batch is running.
    pub(crate) const fn confirm_nothing_running(&mut self) {
        self.nothing_runs = true;
    }
}

/// Returns the token under which an attempt stores rows in a table.
pub(crate) fn token(batch: &str, table: &str, attempt: u32) -> String {
    match attempt {
        0 => batch.to_owned(),
        _ => format!("{batch}:{table}:{attempt}"),
    }
}

#[cfg(test)]
mod tests;
