//! One assignment of a partition to us, from the moment it is made until it is revoked.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use etappe_core::id::PartitionId;
use etappe_core::ports::Progress;
use tokio::sync::Notify;

use super::committer::Committer;
use super::reader::PartitionReader;

/// A partition while it is assigned to us.
pub(super) struct Assignment {
    pub(super) partition: PartitionId,
    /// Where its last consumer stopped.
    pub(super) progress: Option<Progress>,
    /// One read at a time.
    pub(super) reader: Arc<tokio::sync::Mutex<PartitionReader>>,
    /// Notified when something was fetched.
    pub(super) arrived: Arc<Notify>,
    pub(super) committer: Committer,
    is_over: AtomicBool,
}

impl fmt::Debug for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assignment")
            .field("partition", &self.partition)
            .finish_non_exhaustive()
    }
}

impl Assignment {
    pub(super) fn new(
        (partition, progress): (PartitionId, Option<Progress>),
        (reader, arrived): (PartitionReader, Arc<Notify>),
        committer: Committer,
    ) -> Self {
        Self {
            partition,
            progress,
            reader: Arc::new(tokio::sync::Mutex::new(reader)),
            arrived,
            committer,
            is_over: AtomicBool::new(false),
        }
    }

    /// Returns whether the partition was revoked.
    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// Ends the assignment: nothing more is read or committed.
    pub(super) fn end(&self) {
        self.committer.close();
        self.is_over.store(true, Ordering::Release);
        self.arrived.notify_one();
    }
}
