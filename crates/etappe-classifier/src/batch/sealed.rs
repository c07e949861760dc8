//! An immutable batch, so that every attempt to insert it sends the same bytes.

use std::sync::Arc;

use bytes::Bytes;
use etappe_core::id::{OffsetRange, PartitionId};
use etappe_core::ports::{DeadLetter, RowBatch, RowSummaries};
use etappe_core::rules::Outcome;
use etappe_core::time::Timestamp;

use super::{BESIDE_ROW, Messages, PlacedMark, UncountedAmounts, UsedOutcomes};
use crate::budget::BatchShare;
use crate::metrics::ClassifierMetrics;

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
    pub(crate) rows: RowSummaries,
    pub(crate) messages: Arc<Messages>,
    pub(super) duplicates: u64,
    pub(super) uncounted: UncountedAmounts,
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

    /// Counts the rows of the completely stored batch.
    pub(crate) fn record_stored(&self, metrics: &ClassifierMetrics) {
        metrics.record_duplicates(self.duplicates);
        for (reason, amounts) in &self.uncounted {
            metrics.record_uncounted(*reason, *amounts);
        }
        for used in self.outcomes.values().filter(|used| used.events > 0) {
            let stages = used.outcome.stages.iter();
            for stage in stages.filter(|stage| stage.main.is_none()) {
                metrics.record_unmapped(&stage.model, used.events);
            }
        }
    }

    /// Frees the encoded rows, which are stored or will be read again. The summaries and the
    /// messages stay available, and the batch keeps a share for them.
    pub(crate) fn free(&mut self) {
        self.bytes = Bytes::new();
        if let Some(share) = &mut self.share {
            share.shrink_to(self.rows.len() * BESIDE_ROW);
        }
    }

    /// Returns the rows of a part of the range for insertion. Bytes and summaries are shared.
    #[must_use]
    pub fn part(&self, range: OffsetRange, outcomes: Vec<Arc<Outcome>>) -> RowBatch {
        let (rows, place) = self.rows.within(range);
        RowBatch {
            topic: Arc::clone(&self.topic),
            partition: self.partition,
            range,
            token: token(&self.topic, self.partition, range),
            rows,
            bytes: self.bytes.slice(place),
            may_be_stored: self.may_be_stored,
            outcomes,
        }
    }
}

/// Returns the deduplication token of a range.
fn token(topic: &str, partition: PartitionId, range: OffsetRange) -> String {
    format!("{topic}:{partition}:{}-{}", range.first, range.last)
}
