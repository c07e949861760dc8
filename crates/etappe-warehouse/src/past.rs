//! Knows which batches cannot have been stored before.
//!
//! Most batches follow the one before and hold messages received since this process started: no
//! earlier process can have stored them, and they are inserted without a question. All others may
//! have a past: one that is known to be tried again; the first of a partition each time that it is assigned, because the owner between may
//! have died in the middle of just this range; the one after a failure or a gap; and everything that
//! was received before this process was there. A batch that was refused for its content leaves one
//! more thing known: when no table has any of it, its parts have no past either. A part that is then
//! refused in the same words met the same record at the same point, where nothing was written.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use etappe_core::id::{Offset, OffsetRange, PartitionId};
use etappe_core::ports::RowBatch;
use etappe_core::time::Timestamp;
use etappe_wire::row;

/// How far the clocks of the server and of whoever received a message may be apart.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(120);

/// A partition of a log.
type Place = (Arc<str>, PartitionId);

/// What this process knows of its partitions.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    known: Mutex<HashMap<Place, Known>>,
}

/// What is known of a partition.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Known {
    /// The last offset that is settled: stored, or refused for good.
    settled: Option<Offset>,
    clear: Option<Clear>,
}

/// Offsets of which no table had anything when it was looked, and that nobody else stores.
#[derive(Debug, Clone, Copy)]
struct Clear {
    range: OffsetRange,
    /// The words in which they were refused, see [`WarehouseError::refusal`].
    ///
    /// [`WarehouseError::refusal`]: crate::error::WarehouseError::refusal
    refusal: Option<u64>,
}

impl Clear {
    fn covers(&self, range: OffsetRange) -> bool {
        self.range.first <= range.first && range.last <= self.range.last
    }
}

impl Known {
    /// Returns whether it is known, without a look at the tables, that a batch left nothing in them
    /// that was refused in the words of `refusal`.
    pub(crate) fn knows(&self, batch: &RowBatch, refusal: Option<u64>) -> bool {
        self.clear.is_some_and(|clear| {
            clear.covers(batch.range) && refusal.is_some() && clear.refusal == refusal
        })
    }
}

impl Progress {
    /// Returns whether nobody can have stored the batch before, given when this process started by
    /// the server's clock.
    pub(crate) fn is_fresh(&self, batch: &RowBatch, started: Timestamp) -> bool {
        let known = self.lock().get(&place(batch)).copied().unwrap_or_default();
        if known.clear.is_some_and(|clear| clear.covers(batch.range)) {
            return true;
        }
        let follows = known
            .settled
            .is_some_and(|last| last.next() == batch.range.first);
        let settled = started.saturating_add(CLOCK_TOLERANCE);
        !batch.is_again
            && follows
            && row::first_received_at(&batch.bytes).is_some_and(|at| at > settled)
    }

    /// Notes that an insert of the batch begins, and so that it may be stored or not; returns what
    /// was known before.
    pub(crate) fn begin(&self, batch: &RowBatch) -> Known {
        self.lock().remove(&place(batch)).unwrap_or_default()
    }

    /// Notes that the batch is stored, given what was known `before` that.
    pub(crate) fn stored(&self, batch: &RowBatch, before: Known) {
        let last = batch.range.last;
        let rest = before.clear.filter(|clear| clear.range.last > last);
        let known = Known {
            settled: Some(last),
            clear: rest.map(|mut clear| {
                clear.range.first = clear.range.first.max(last.next());
                clear
            }),
        };
        self.lock().insert(place(batch), known);
    }

    /// Notes that the batch was refused for its content, in the words of `refusal`, and no table has
    /// any of it.
    pub(crate) fn refused(&self, batch: &RowBatch, before: Known, refusal: Option<u64>) {
        let OffsetRange { first, last } = batch.range;
        let known = Known {
            // One record alone is not tried again.
            settled: if first == last {
                Some(last)
            } else {
                before.settled
            },
            clear: Some(Clear {
                range: batch.range,
                refusal,
            }),
        };
        self.lock().insert(place(batch), known);
    }

    /// Forgets what was stored of a partition: somebody else may have had it since.
    pub(crate) fn forget(&self, topic: &str, partition: PartitionId) {
        self.lock().remove(&(Arc::from(topic), partition));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Place, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(batch: &RowBatch) -> Place {
    (Arc::clone(&batch.topic), batch.partition)
}

#[cfg(test)]
mod tests {
    use etappe_core::id::OffsetRange;
    use etappe_core::watermark::{CollectorMark, CollectorState};

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
        for offset in first..=last {
            row::encode_mark(&mark, "t", PARTITION, Offset(offset), &mut bytes);
        }
        RowBatch {
            topic: "t".into(),
            partition: PARTITION,
            range: OffsetRange {
                first: Offset(first),
                last: Offset(last),
            },
            token: String::new(),
            rows: usize::try_from(last - first + 1).expect("a small number"),
            bytes: bytes.into(),
            is_again: false,
            outcomes: Vec::new(),
        }
    }

    #[test]
    fn only_what_follows_and_was_received_since_the_start_has_no_past() {
        let progress = Progress::default();
        let later = STARTED.saturating_add(CLOCK_TOLERANCE * 2);
        assert!(
            !progress.is_fresh(&batch(0, 4, later), STARTED),
            "the first"
        );
        progress.stored(&batch(0, 4, later), Known::default());
        assert!(progress.is_fresh(&batch(5, 9, later), STARTED));
        assert!(!progress.is_fresh(&batch(6, 9, later), STARTED), "a gap");
        let again = RowBatch {
            is_again: true,
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
        let progress = Progress::default();
        let early = STARTED;
        let (low, high) = (batch(0, 4, early), batch(5, 9, early));
        let whole = batch(0, 9, early);
        let before = progress.begin(&whole);
        progress.refused(&whole, before, None);
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
    fn only_the_same_words_say_that_a_part_left_nothing_either() {
        let progress = Progress::default();
        let whole = batch(0, 9, STARTED);
        let before = progress.begin(&whole);
        assert!(!before.knows(&whole, Some(1)), "the first refusal");
        progress.refused(&whole, before, Some(1));
        let part = batch(0, 4, STARTED);
        let before = progress.begin(&part);
        assert!(before.knows(&part, Some(1)));
        assert!(!before.knows(&part, Some(2)), "other words");
        assert!(!before.knows(&part, None), "a view's words");
        assert!(!before.knows(&batch(0, 10, STARTED), Some(1)), "beyond");
    }

    #[test]
    fn what_follows_a_record_that_was_refused_alone_has_no_past() {
        let progress = Progress::default();
        let later = STARTED.saturating_add(CLOCK_TOLERANCE * 2);
        let poison = batch(4, 4, later);
        let before = progress.begin(&poison);
        progress.refused(&poison, before, None);
        assert!(progress.is_fresh(&batch(5, 9, later), STARTED));
    }

    #[test]
    fn a_partition_that_comes_back_begins_with_a_past() {
        let progress = Progress::default();
        let later = STARTED.saturating_add(CLOCK_TOLERANCE * 2);
        progress.stored(&batch(0, 4, later), Known::default());
        progress.forget("other", PARTITION);
        assert!(progress.is_fresh(&batch(5, 9, later), STARTED));
        progress.forget("t", PARTITION);
        assert!(!progress.is_fresh(&batch(5, 9, later), STARTED));
    }
}
