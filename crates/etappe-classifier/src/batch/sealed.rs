//! An immutable batch, so that every attempt to insert it sends the same bytes.

use std::sync::Arc;

use bytes::Bytes;
use etappe_core::id::{OffsetRange, PartitionId};
use etappe_core::ports::{DeadLetter, RowBatch};
use etappe_core::rules::Outcome;
use etappe_core::time::Timestamp;

use super::{Messages, PlacedMark, Row, UncountedAmounts, UsedOutcomes, previous_end};
use crate::budget::BatchShare;

/// A batch ready to be inserted.
#[derive(Debug)]
pub struct SealedBatch {
    pub(super) topic: Arc<str>,
    pub(crate) partition: PartitionId,
    pub(crate) range: OffsetRange,
    /// Whether the range may have been inserted before.
    pub(crate) may_be_stored: bool,
    pub(super) bytes: Bytes,
    pub(super) share: Option<BatchShare>,
    pub(crate) rows: Vec<Row>,
    pub(crate) messages: Arc<Messages>,
    pub(crate) duplicates: u64,
    pub(crate) uncounted: UncountedAmounts,
    pub(crate) letters: Vec<DeadLetter>,
    pub(crate) marks: Vec<PlacedMark>,
    pub(crate) outcomes: UsedOutcomes,
    pub(crate) oldest: Option<Timestamp>,
}

impl SealedBatch {
    /// Returns the range.
    #[must_use]
    pub const fn range(&self) -> OffsetRange {
        self.range
    }

    /// Returns the encoded rows.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Returns the number of rows that are marked as duplicates.
    #[must_use]
    pub const fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Frees the memory of the rows, which are stored or will be read again. Their metadata stays
    /// available.
    pub(crate) fn free(&mut self) {
        self.bytes = Bytes::new();
        self.share = None;
    }

    /// Returns the number of marks in a part of the range.
    pub(crate) fn marks_within(&self, range: OffsetRange) -> usize {
        let is_within = |placed: &&PlacedMark| (range.first..=range.last).contains(&placed.offset);
        self.marks.iter().filter(is_within).count()
    }

    /// Returns the rows of a part of the range for insertion; the bytes are shared.
    #[must_use]
    pub fn part(&self, range: OffsetRange, outcomes: Vec<Arc<Outcome>>) -> RowBatch {
        let from = self.rows.partition_point(|row| row.offset < range.first);
        let until = self.rows.partition_point(|row| row.offset <= range.last);
        let start = previous_end(&self.rows, from);
        let end = previous_end(&self.rows, until);
        RowBatch {
            topic: Arc::clone(&self.topic),
            partition: self.partition,
            range,
            token: token(&self.topic, self.partition, range),
            rows: until - from,
            bytes: self.bytes.slice(start..end),
            may_be_stored: self.may_be_stored,
            outcomes,
        }
    }
}

/// Returns the deduplication token of a range.
fn token(topic: &str, partition: PartitionId, range: OffsetRange) -> String {
    format!("{topic}:{partition}:{}-{}", range.first, range.last)
}
