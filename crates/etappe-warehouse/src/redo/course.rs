//! Decides, step by step, how a batch with a past is completed. Pure: no server, no clock.
//!
//! Rows that are missing are stored under a sequence of tokens: the batch's own, then one for each
//! further attempt. An attempt is made only for rows that were still missing after the one before
//! it was answered. As long as the server keeps its notes, at most one of these tokens ever puts a
//! row in its place: a note without rows never will, and where rows are in their place under one
//! token, all earlier ones are noted. So whatever else arrives late, the whole batch by its first
//! writer or a repair by another, finds its token noted and changes nothing.

use etappe_core::id::Offset;

/// How often rows are stored that are found missing again and again: each time a kill has taken
/// the rows and left the note.
const ATTEMPTS: u32 = 8;

/// What a table lacks of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    /// The table.
    pub(crate) table: &'static str,
    /// The positions of the rows, in order; at least one.
    pub(crate) offsets: Vec<Offset>,
    /// Whether the table has other rows of the batch.
    pub(crate) is_partial: bool,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing: every table has all rows.
    Done,
    /// Insert the whole batch under its token, then look again.
    InsertWhole,
    /// Ask whether inserts of the batch are under way, tell [`Course::is_quiet`], then look again.
    AskRunning,
    /// Store what is missing, each table's rows under the token of this attempt, then look again.
    Store { attempt: u32 },
    /// Nothing helps for now.
    GiveUp,
}

/// The course of one redo.
#[derive(Debug, Default)]
pub(crate) struct Course {
    /// The attempt that was answered last.
    answered: Option<u32>,
    is_quiet: bool,
}

impl Course {
    /// Returns the next step, given what the tables lack now and how many rows they all must have.
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
        if attempt > ATTEMPTS {
            return Step::GiveUp;
        }
        // What was seen before the question may have been stored while it was asked.
        if !std::mem::take(&mut self.is_quiet) {
            return Step::AskRunning;
        }
        self.answered = Some(attempt);
        Step::Store { attempt }
    }

    /// Takes that no insert of the batch is under way.
    pub(crate) const fn is_quiet(&mut self) {
        self.is_quiet = true;
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
