//! Knows which batches cannot have been stored before.
//!
//! Most batches follow the one before and hold messages received since this process started: no
//! earlier process can have stored them, and they are inserted without a question. All others may
//! have a past: the first of a partition, the one after a failure or a gap, and everything that was
//! received before this process was there.

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

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Place, Offset>> {
        self.last_stored
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(batch: &RowBatch) -> Place {
    (Arc::clone(&batch.topic), batch.partition)
}
