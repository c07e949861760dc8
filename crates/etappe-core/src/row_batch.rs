//! A batch of encoded rows, and a summary of each row.
//!
//! Storing a batch needs more than its bytes: which landing table takes it, which of its rows a
//! table lacks after a crash, which record a refused row came from. The encoder knows all of that
//! while it writes a row, so it returns a [`RowSummary`], and the batch keeps the summaries. Rows
//! are never parsed again.
//!
//! Summaries are as long-lived as the encoded rows and count in the batch's bytes: a batch reserves
//! [`RowSummary::BYTES`] for each row. The parts of a batch share its bytes and its summaries.

use std::ops::{Deref, Range};
use std::sync::Arc;

use bytes::Bytes;

use crate::event::MessageHash;
use crate::id::{Offset, OffsetRange, PartitionId};
use crate::rules::Outcome;
use crate::time::Timestamp;

/// A row's position in its batch and in the log, and the tables that take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowSummary {
    /// The row's size in bytes.
    pub size: usize,
    /// The record's position in its partition.
    pub offset: Offset,
    /// When the record was received.
    pub received_at: Timestamp,
    /// The message's identity; `None` for a collector's mark.
    pub message: Option<MessageHash>,
    /// The tables that take the row, one bit per table. The encoder and the sink define them.
    pub tables: u16,
}

impl RowSummary {
    /// The memory of a summary in a list that grows by doubling, in bytes.
    pub const BYTES: usize = 2 * size_of::<Self>();

    /// Returns whether the row is a collector's mark rather than a message.
    #[must_use]
    pub const fn is_mark(&self) -> bool {
        self.message.is_none()
    }
}

/// The summaries of a batch's rows, in the order of the rows, which is that of their offsets.
/// Clones and parts share one list.
#[derive(Debug, Clone, Default)]
pub struct RowSummaries {
    all: Arc<Vec<RowSummary>>,
    part: Range<usize>,
}

impl RowSummaries {
    /// Returns the summaries of the rows in `range`, and where these rows are in the bytes.
    #[must_use]
    pub fn within(&self, range: OffsetRange) -> (Self, Range<usize>) {
        let from = self.partition_point(|row| row.offset < range.first);
        let until = self.partition_point(|row| row.offset <= range.last);
        let start = self.iter().take(from).map(|row| row.size).sum();
        let part = Self {
            all: Arc::clone(&self.all),
            part: self.part.start + from..self.part.start + until,
        };
        let end = start + part.iter().map(|row| row.size).sum::<usize>();
        (part, start..end)
    }
}

impl From<Vec<RowSummary>> for RowSummaries {
    fn from(all: Vec<RowSummary>) -> Self {
        Self {
            part: 0..all.len(),
            all: Arc::new(all),
        }
    }
}

impl Deref for RowSummaries {
    type Target = [RowSummary];

    fn deref(&self) -> &[RowSummary] {
        self.all.get(self.part.clone()).unwrap_or_default()
    }
}

/// Rows of one offset range, encoded, to be inserted as one block.
#[derive(Debug, Clone)]
pub struct RowBatch {
    /// The topic that the range belongs to; the first part of the token.
    pub topic: Arc<str>,
    /// The partition that the range belongs to.
    pub partition: PartitionId,
    /// The range.
    pub range: OffsetRange,
    /// Identifies the range for deduplication: `topic:partition:first-last`.
    pub token: String,
    /// The summaries of the rows; at most one for each offset in the range.
    pub rows: RowSummaries,
    /// The rows in the sink's format.
    pub bytes: Bytes,
    /// Whether some of its rows may have been stored before, perhaps as parts of other ranges.
    pub may_be_stored: bool,
    /// Outcomes that rows of this batch refer to and that this process has not stored yet.
    pub outcomes: Vec<Arc<Outcome>>,
}

impl RowBatch {
    /// Iterates over the rows: the summary and the bytes of each.
    pub fn encoded_rows(&self) -> impl Iterator<Item = (&RowSummary, &[u8])> {
        let mut start = 0;
        self.rows.iter().map(move |row| {
            let bytes = self.bytes.get(start..start + row.size);
            start += row.size;
            (row, bytes.unwrap_or_default())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_the_bytes_of_its_own_rows() {
        let row = |offset, size| RowSummary {
            size,
            offset: Offset(offset),
            received_at: Timestamp::EPOCH,
            message: None,
            tables: 0,
        };
        let rows = RowSummaries::from(vec![row(3, 1), row(4, 2), row(7, 3), row(8, 4)]);
        let within = |rows: &RowSummaries, first, last| {
            let range = OffsetRange {
                first: Offset(first),
                last: Offset(last),
            };
            rows.within(range)
        };
        let offsets = |rows: &RowSummaries| rows.iter().map(|row| row.offset.0).collect::<Vec<_>>();
        let (part, bytes) = within(&rows, 4, 7);
        assert_eq!((offsets(&part), bytes), (vec![4, 7], 1..6));
        let (part, bytes) = within(&part, 5, 9);
        assert_eq!((offsets(&part), bytes), (vec![7], 2..5));
        let (part, bytes) = within(&rows, 5, 6);
        assert_eq!((offsets(&part), bytes), (vec![], 3..3));
    }
}
