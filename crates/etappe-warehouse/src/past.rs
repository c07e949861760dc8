//! Knows which batches cannot have been stored before.
//!
//! Most batches follow the one before and hold messages received since this process started: no
//! earlier process can have stored them, and they are inserted without a question. All others may
//! have a past: the first of a partition each time that it is assigned, because the owner between may
//! have died in the middle of just this range; the one after a failure or a gap; and everything that
//! was received before this process was there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::RowBatch;
use etappe_core::time::Timestamp;
use etappe_wire::row;

/// How far the clocks of the server and of whoever received a message may be apart.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(120);

/// A partition of a log.
type Place = (Arc<str>, PartitionId);

/// What this process has stored, by partition.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    last_stored: Mutex<HashMap<Place, Offset>>,
}

impl Progress {
    /// Returns whether nobody can have stored the batch before, given when this process started by
    /// the server's clock.
    pub(crate) fn is_fresh(&self, batch: &RowBatch, started: Timestamp) -> bool {
        let follows = self
            .lock()
            .get(&place(batch))
            .is_some_and(|last| last.next() == batch.range.first);
        let settled = started.saturating_add(CLOCK_TOLERANCE);
        follows && row::first_received_at(&batch.bytes).is_some_and(|at| at > settled)
    }

    /// Records that a batch is stored.
    pub(crate) fn stored(&self, batch: &RowBatch) {
        self.lock().insert(place(batch), batch.range.last);
    }

    /// Records that a batch may be stored or not.
    pub(crate) fn failed(&self, batch: &RowBatch) {
        self.lock().remove(&place(batch));
    }

    /// Forgets what was stored of a partition: somebody else may have had it since.
    pub(crate) fn forget(&self, topic: &str, partition: PartitionId) {
        self.lock().remove(&(Arc::from(topic), partition));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Place, Offset>> {
        self.last_stored
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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
        progress.stored(&batch(0, 4, later));
        assert!(progress.is_fresh(&batch(5, 9, later), STARTED));
        assert!(!progress.is_fresh(&batch(6, 9, later), STARTED), "a gap");
        let doubtful = STARTED.saturating_add(CLOCK_TOLERANCE / 2);
        assert!(!progress.is_fresh(&batch(5, 9, doubtful), STARTED));
        progress.failed(&batch(5, 9, later));
        assert!(!progress.is_fresh(&batch(5, 9, later), STARTED), "again");
    }

    #[test]
    fn a_partition_that_comes_back_begins_with_a_past() {
        let progress = Progress::default();
        let later = STARTED.saturating_add(CLOCK_TOLERANCE * 2);
        progress.stored(&batch(0, 4, later));
        progress.forget("other", PARTITION);
        assert!(progress.is_fresh(&batch(5, 9, later), STARTED));
        progress.forget("t", PARTITION);
        assert!(!progress.is_fresh(&batch(5, 9, later), STARTED));
    }
}
