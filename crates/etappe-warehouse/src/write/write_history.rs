//! Tracks which batches cannot have been stored before.
//!
//! Invariant: a batch counts as fresh only if it cannot have been stored before. A fresh batch is
//! inserted without checking the tables.
//!
//! Most batches are fresh: they directly follow the previous batch and hold messages received since
//! this process started, so no earlier process can have stored them. All others may have a past:
//! - a batch that is known to be a retry;
//! - the first batch of a partition after each assignment, because the previous owner may have died
//!   while storing just this range;
//! - a batch after a failure or a gap;
//! - a batch with messages received before this process started.
//!
//! A batch that was refused for its content tells more: if no table has any of its rows, its parts
//! have no past either. A later refusal with the same text happened at the same point, where
//! nothing had been written. So if that batch has no past of its own, no table needs to be checked.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use etappe_core::id::{Offset, OffsetRange, PartitionId};
use etappe_core::ports::RowBatch;
use etappe_core::time::Timestamp;

/// The largest clock difference between the server and the receiver of a message.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(30);

/// How many refusals are remembered. More means that all of them differ; then the tables are
/// checked for each.
const MAX_REFUSALS: usize = 1_000;

/// A partition of a log.
type Place = (Arc<str>, PartitionId);

/// What this process knows about its partitions.
#[derive(Debug, Default)]
pub(crate) struct WriteHistory {
    known: Mutex<HashMap<Place, Known>>,
    /// Hashes of refusals that left no rows, see [`WarehouseError::refusal`].
    ///
    /// [`WarehouseError::refusal`]: crate::error::WarehouseError::refusal
    clean_refusals: Mutex<HashSet<u64>>,
}

/// The write history of one partition.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Known {
    /// The last settled offset: stored, or refused for good.
    settled: Option<Offset>,
    /// Offsets that no table had when checked, and that no other process stores.
    clear: Option<OffsetRange>,
    /// The last offset of a refused batch of which some table has rows.
    partial_until: Option<Offset>,
}

impl WriteHistory {
    /// Returns whether the batch cannot have been stored before. `started` is when this process
    /// started, by the server's clock.
    pub(crate) fn is_fresh(&self, batch: &RowBatch, started: Timestamp) -> bool {
        let known = self.lock().get(&place(batch)).copied().unwrap_or_default();
        let covers =
            |clear: OffsetRange| clear.first <= batch.range.first && batch.range.last <= clear.last;
        if known.clear.is_some_and(covers) {
            return true;
        }
        let is_littered = known
            .partial_until
            .is_some_and(|last| batch.range.first <= last);
        let follows = known
            .settled
            .is_some_and(|last| last.next() == batch.range.first);
        let settled = started.saturating_add(CLOCK_TOLERANCE);
        !batch.may_be_stored
            && !is_littered
            && follows
            && (batch.rows.first()).is_some_and(|row| row.received_at > settled)
    }

    /// Records that an insert of the batch begins, so that it may be stored or not; returns what
    /// was known before.
    pub(crate) fn begin(&self, batch: &RowBatch) -> Known {
        let mut all = self.lock();
        let known = all.entry(place(batch)).or_default();
        let before = *known;
        *known = Known {
            partial_until: before.partial_until,
            ..Known::default()
        };
        before
    }

    /// Records that the batch is stored. `before` is what was known before the insert.
    pub(crate) fn stored(&self, batch: &RowBatch, before: Known) {
        let last = batch.range.last;
        let rest = before.clear.filter(|clear| clear.last > last);
        let known = Known {
            settled: Some(last),
            clear: rest.map(|clear| OffsetRange {
                first: clear.first.max(last.next()),
                ..clear
            }),
            partial_until: before
                .partial_until
                .filter(|partial_until| *partial_until > last),
        };
        self.lock().insert(place(batch), known);
    }

    /// Records that the batch was refused for its content and no table has any of its rows.
    pub(crate) fn refused(&self, batch: &RowBatch, before: Known) {
        let OffsetRange { first, last } = batch.range;
        let known = Known {
            // A single record is not tried again.
            settled: if first == last {
                Some(last)
            } else {
                before.settled
            },
            clear: Some(batch.range),
            partial_until: before.partial_until,
        };
        self.lock().insert(place(batch), known);
    }

    /// Forgets what was stored of a partition: another process may have owned it since.
    pub(crate) fn forget(&self, topic: &str, partition: PartitionId) {
        self.lock().remove(&(Arc::from(topic), partition));
    }

    /// Records that the batch was refused for its content and some table has rows of it, so each of
    /// its parts has a past.
    pub(crate) fn note_partial(&self, batch: &RowBatch) {
        let mut all = self.lock();
        let known = all.entry(place(batch)).or_default();
        known.partial_until = known.partial_until.max(Some(batch.range.last));
    }

    /// Records that a refusal with this text left no rows in any table.
    pub(crate) fn left_nothing(&self, refusal: u64) {
        let mut clean = self.lock_refusals();
        if clean.len() >= MAX_REFUSALS {
            clean.clear();
        }
        clean.insert(refusal);
    }

    /// Returns whether a refusal with this text is known to leave no rows of a batch without a
    /// past.
    pub(crate) fn leaves_nothing(&self, refusal: u64) -> bool {
        self.lock_refusals().contains(&refusal)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_refusals(&self) -> MutexGuard<'_, HashSet<u64>> {
        let clean = self.clean_refusals.lock();
        clean.unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(batch: &RowBatch) -> Place {
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
    fn only_what_follows_and_was_received_since_the_start_has_no_past() {
        let progress = WriteHistory::default();
        let later = STARTED.saturating_add(CLOCK_TOLERANCE * 2);
        assert!(
            !progress.is_fresh(&batch(0, 4, later), STARTED),
            "the first"
        );
        progress.stored(&batch(0, 4, later), Known::default());
        assert!(progress.is_fresh(&batch(5, 9, later), STARTED));
        assert!(!progress.is_fresh(&batch(6, 9, later), STARTED), "a gap");
        let again = RowBatch {
            may_be_stored: true,
            ..batch(5, 9, later)
        };
        assert!(
            !progress.is_fresh(&again, STARTED),
            "whatever the clocks say"
        );
        let doubtful = STARTED.saturating_add(CLOCK_TOLERANCE / 2);
        assert!(!progress.is_fresh(&batch(5, 9, doubtful), STARTED));
        progress.begin(&batch(5, 9, later));
        assert!(!progress.is_fresh(&batch(5, 9, later), STARTED), "again");
    }

    #[test]
    fn parts_of_a_refused_batch_have_no_past_until_they_are_stored() {
        let progress = WriteHistory::default();
        let early = STARTED;
        let (low, high) = (batch(0, 4, early), batch(5, 9, early));
        let whole = batch(0, 9, early);
        let before = progress.begin(&whole);
        progress.refused(&whole, before);
        for part in [&low, &high] {
            assert!(progress.is_fresh(part, STARTED));
        }
        assert!(!progress.is_fresh(&batch(5, 10, early), STARTED), "beyond");
        let before = progress.begin(&low);
        assert!(!progress.is_fresh(&low, STARTED), "under way");
        progress.stored(&low, before);
        assert!(!progress.is_fresh(&low, STARTED), "stored");
        assert!(progress.is_fresh(&high, STARTED));
        progress.begin(&high);
        assert!(!progress.is_fresh(&high, STARTED), "failed on the way");
    }

    #[test]
    fn parts_of_a_batch_that_left_rows_have_a_past_to_the_last() {
        let progress = WriteHistory::default();
        let later = STARTED.saturating_add(CLOCK_TOLERANCE * 2);
        progress.stored(&batch(0, 4, later), Known::default());
        let whole = batch(5, 9, later);
        progress.begin(&whole);
        progress.note_partial(&whole);
        for part in [batch(5, 7, later), batch(8, 9, later)] {
            assert!(!progress.is_fresh(&part, STARTED));
            // The first attempt fails in transit.
            progress.begin(&part);
            let before = progress.begin(&part);
            progress.stored(&part, before);
        }
        assert!(progress.is_fresh(&batch(10, 12, later), STARTED));
    }

    #[test]
    fn refusals_are_known_by_their_words_and_not_without_end() {
        let progress = WriteHistory::default();
        assert!(!progress.leaves_nothing(1), "the first");
        progress.left_nothing(1);
        assert!(progress.leaves_nothing(1));
        assert!(!progress.leaves_nothing(2), "other words");
        for refusal in 0..5_000 {
            progress.left_nothing(refusal);
            assert!(progress.lock_refusals().len() <= MAX_REFUSALS);
            assert!(progress.leaves_nothing(refusal));
        }
    }

    #[test]
    fn what_follows_a_record_that_was_refused_alone_has_no_past() {
        let progress = WriteHistory::default();
        let later = STARTED.saturating_add(CLOCK_TOLERANCE * 2);
        let poison = batch(4, 4, later);
        let before = progress.begin(&poison);
        progress.refused(&poison, before);
        assert!(progress.is_fresh(&batch(5, 9, later), STARTED));
    }

    #[test]
    fn a_partition_that_comes_back_begins_with_a_past() {
        let progress = WriteHistory::default();
        let later = STARTED.saturating_add(CLOCK_TOLERANCE * 2);
        progress.stored(&batch(0, 4, later), Known::default());
        progress.forget("other", PARTITION);
        assert!(progress.is_fresh(&batch(5, 9, later), STARTED));
        progress.forget("t", PARTITION);
        assert!(!progress.is_fresh(&batch(5, 9, later), STARTED));
    }
}
