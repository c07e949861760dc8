//! Tracks which batches cannot have been stored before.
//!
//! Invariant: a batch counts as fresh only if no process can have stored any of its rows. A fresh
//! batch is inserted without checking the tables. Calling a fresh batch "not fresh" costs a few
//! queries; the opposite mistake may store rows twice or lose them.
//!
//! A batch is fresh in two cases:
//! - It directly follows the last batch that this process stored, and its messages were received
//!   after this process started. Then no earlier process can have read them.
//! - It is a part of a batch that was refused for its content and left no rows in any table.
//!
//! So the first batch after each assignment, a batch after a gap or a failure, a known retry and a
//! batch of older messages are all checked.
//!
//! Traps:
//! - "After this process started" compares the collectors' clocks with the server's; see
//!   [`CLOCK_TOLERANCE`].
//! - A dropped insert may still be stored. So [`WriteHistory::begin`] forgets the partition before
//!   each insert, and only the outcome of the insert restores it.
//! - Whether a refusal left rows is asked once per text: a later refusal of a fresh batch with the
//!   same text failed at the same point. Refusals by a view have no such text, because other views
//!   may have stored their rows.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use etappe_core::id::{Offset, OffsetRange, PartitionId};
use etappe_core::ports::RowBatch;
use etappe_core::time::Timestamp;
use parking_lot::Mutex;

/// The largest assumed difference between the clocks of the server and of a collector.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(30);

/// How many refusal texts are remembered. If there are more, each refusal probably has its own text,
/// and remembering them saves nothing.
const MAX_REFUSALS: usize = 1_000;

/// A partition of a log.
type PartitionKey = (Arc<str>, PartitionId);

/// What this process knows about its partitions.
#[derive(Debug, Default)]
pub(crate) struct WriteHistory {
    known: Mutex<HashMap<PartitionKey, PartitionHistory>>,
    /// Hashes of the texts of refusals that left no rows, see [`WarehouseError::refusal`].
    ///
    /// [`WarehouseError::refusal`]: crate::error::WarehouseError::refusal
    clean_refusals: Mutex<HashSet<u64>>,
}

/// The write history of one partition.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PartitionHistory {
    /// The last settled offset: stored, or refused for good.
    settled: Option<Offset>,
    /// Offsets of which no table had a row when checked, and which no other process is storing.
    absent: Option<OffsetRange>,
    /// The last offset of a refused batch of which some table has rows.
    partial_until: Option<Offset>,
}

impl WriteHistory {
    /// Returns whether the batch cannot have been stored before. `started` is when this process
    /// started, by the server's clock.
    pub(crate) fn is_fresh(&self, batch: &RowBatch, started: Timestamp) -> bool {
        let known = self
            .known
            .lock()
            .get(&key_of(batch))
            .copied()
            .unwrap_or_default();
        let covers =
            |range: OffsetRange| range.first <= batch.range.first && batch.range.last <= range.last;
        if known.absent.is_some_and(covers) {
            return true;
        }
        let is_partial = known
            .partial_until
            .is_some_and(|last| batch.range.first <= last);
        let follows = known
            .settled
            .is_some_and(|last| last.next() == batch.range.first);
        let settled = started.saturating_add(CLOCK_TOLERANCE);
        !batch.may_be_stored
            && !is_partial
            && follows
            && (batch.rows.first()).is_some_and(|row| row.received_at > settled)
    }

    /// Records that an insert of the batch begins; until its outcome is recorded, the batch may be
    /// stored or not. Returns what was known before.
    pub(crate) fn begin(&self, batch: &RowBatch) -> PartitionHistory {
        let mut all = self.known.lock();
        let known = all.entry(key_of(batch)).or_default();
        let before = *known;
        *known = PartitionHistory {
            partial_until: before.partial_until,
            ..PartitionHistory::default()
        };
        before
    }

    /// Records that the batch is stored. `before` is what was known before the insert.
    pub(crate) fn record_stored(&self, batch: &RowBatch, before: PartitionHistory) {
        let last = batch.range.last;
        let rest = before.absent.filter(|range| range.last > last);
        let known = PartitionHistory {
            settled: Some(last),
            absent: rest.map(|range| OffsetRange {
                first: range.first.max(last.next()),
                ..range
            }),
            partial_until: before
                .partial_until
                .filter(|partial_until| *partial_until > last),
        };
        self.known.lock().insert(key_of(batch), known);
    }

    /// Records that the batch was refused for its content and no table has any of its rows.
    pub(crate) fn record_refused(&self, batch: &RowBatch, before: PartitionHistory) {
        let OffsetRange { first, last } = batch.range;
        let known = PartitionHistory {
            // A single record is not tried again.
            settled: if first == last {
                Some(last)
            } else {
                before.settled
            },
            absent: Some(batch.range),
            partial_until: before.partial_until,
        };
        self.known.lock().insert(key_of(batch), known);
    }

    /// Forgets what was stored of a partition: another process may have owned it since.
    pub(crate) fn forget(&self, topic: &str, partition: PartitionId) {
        self.known.lock().remove(&(Arc::from(topic), partition));
    }

    /// Records that the batch was refused for its content and some table has rows of it, so its parts
    /// may be stored already.
    pub(crate) fn record_partial(&self, batch: &RowBatch) {
        let mut all = self.known.lock();
        let known = all.entry(key_of(batch)).or_default();
        known.partial_until = known.partial_until.max(Some(batch.range.last));
    }

    /// Records that a refusal with this text left no rows in any table.
    pub(crate) fn remember_clean_refusal(&self, refusal: u64) {
        let mut clean = self.clean_refusals.lock();
        if clean.len() >= MAX_REFUSALS {
            clean.clear();
        }
        clean.insert(refusal);
    }

    /// Returns whether a refusal of a fresh batch with this text is known to leave no rows.
    pub(crate) fn is_clean_refusal(&self, refusal: u64) -> bool {
        self.clean_refusals.lock().contains(&refusal)
    }
}

fn key_of(batch: &RowBatch) -> PartitionKey {
    (Arc::clone(&batch.topic), batch.partition)
}

#[cfg(test)]
mod tests {
    use etappe_core::id::OffsetRange;
    use etappe_core::watermark::{CollectorMark, CollectorState};
    use etappe_wire::row;

    use super::*;

    const STARTED: Timestamp = Timestamp::from_millis(1_750_000_000_000);
    const PARTITION: PartitionId = PartitionId(0);

    fn batch(first: u64, last: u64, received_at: Timestamp) -> RowBatch {
        let mark = CollectorMark {
            collector: "c".to_owned(),
            reached: received_at,
            written_at: received_at,
            state: CollectorState::Direct,
        };
        let mut bytes = Vec::new();
        let rows: Vec<_> = (first..=last)
            .map(|offset| row::encode_mark(&mark, "t", PARTITION, Offset(offset), &mut bytes))
            .collect();
        RowBatch {
            topic: "t".into(),
            partition: PARTITION,
            range: OffsetRange {
                first: Offset(first),
                last: Offset(last),
            },
            token: String::new(),
            rows: rows.into(),
            bytes: bytes.into(),
            may_be_stored: false,
            outcomes: Vec::new(),
        }
    }

    #[test]
    fn a_batch_is_fresh_if_it_follows_the_last_one_and_was_received_since_the_start() {
        let history = WriteHistory::default();
        let later = STARTED.saturating_add(CLOCK_TOLERANCE * 2);
        assert!(!history.is_fresh(&batch(0, 4, later), STARTED), "the first");
        history.record_stored(&batch(0, 4, later), PartitionHistory::default());
        assert!(history.is_fresh(&batch(5, 9, later), STARTED));
        assert!(!history.is_fresh(&batch(6, 9, later), STARTED), "a gap");
        let again = RowBatch {
            may_be_stored: true,
            ..batch(5, 9, later)
        };
        assert!(!history.is_fresh(&again, STARTED), "a known retry");
        let doubtful = STARTED.saturating_add(CLOCK_TOLERANCE / 2);
        assert!(!history.is_fresh(&batch(5, 9, doubtful), STARTED));
        history.begin(&batch(5, 9, later));
        assert!(!history.is_fresh(&batch(5, 9, later), STARTED), "again");
    }

    #[test]
    fn parts_of_a_refused_batch_are_fresh_until_they_are_inserted() {
        let history = WriteHistory::default();
        let early = STARTED;
        let (low, high) = (batch(0, 4, early), batch(5, 9, early));
        let whole = batch(0, 9, early);
        let before = history.begin(&whole);
        history.record_refused(&whole, before);
        for part in [&low, &high] {
            assert!(history.is_fresh(part, STARTED));
        }
        assert!(!history.is_fresh(&batch(5, 10, early), STARTED), "beyond");
        let before = history.begin(&low);
        assert!(!history.is_fresh(&low, STARTED), "under way");
        history.record_stored(&low, before);
        assert!(!history.is_fresh(&low, STARTED), "stored");
        assert!(history.is_fresh(&high, STARTED));
        history.begin(&high);
        assert!(!history.is_fresh(&high, STARTED), "failed on the way");
    }

    #[test]
    fn no_part_of_a_batch_that_left_rows_is_fresh() {
        let history = WriteHistory::default();
        let later = STARTED.saturating_add(CLOCK_TOLERANCE * 2);
        history.record_stored(&batch(0, 4, later), PartitionHistory::default());
        let whole = batch(5, 9, later);
        history.begin(&whole);
        history.record_partial(&whole);
        for part in [batch(5, 7, later), batch(8, 9, later)] {
            assert!(!history.is_fresh(&part, STARTED));
            // The first attempt fails in transit.
            history.begin(&part);
            let before = history.begin(&part);
            history.record_stored(&part, before);
        }
        assert!(history.is_fresh(&batch(10, 12, later), STARTED));
    }

    #[test]
    fn clean_refusals_are_remembered_by_text_up_to_a_limit() {
        let history = WriteHistory::default();
        assert!(!history.is_clean_refusal(1), "the first");
        history.remember_clean_refusal(1);
        assert!(history.is_clean_refusal(1));
        assert!(!history.is_clean_refusal(2), "another text");
        for refusal in 0..5_000 {
            history.remember_clean_refusal(refusal);
            assert!(history.clean_refusals.lock().len() <= MAX_REFUSALS);
            assert!(history.is_clean_refusal(refusal));
        }
    }

    #[test]
    fn a_batch_after_a_single_refused_record_is_fresh() {
        let history = WriteHistory::default();
        let later = STARTED.saturating_add(CLOCK_TOLERANCE * 2);
        let poison = batch(4, 4, later);
        let before = history.begin(&poison);
        history.record_refused(&poison, before);
        assert!(history.is_fresh(&batch(5, 9, later), STARTED));
    }

    #[test]
    fn the_first_batch_after_a_new_assignment_is_not_fresh() {
        let history = WriteHistory::default();
        let later = STARTED.saturating_add(CLOCK_TOLERANCE * 2);
        history.record_stored(&batch(0, 4, later), PartitionHistory::default());
        history.forget("other", PARTITION);
        assert!(history.is_fresh(&batch(5, 9, later), STARTED));
        history.forget("t", PARTITION);
        assert!(!history.is_fresh(&batch(5, 9, later), STARTED));
    }
}
