//! One time that a partition is ours: from its assignment until it is taken away.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use etappe_core::id::PartitionId;
use etappe_core::ports::Progress;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset as KafkaOffset, TopicPartitionList};
use tokio::sync::Notify;

use super::context::GroupConsumer;
use super::reader::PartitionReader;
use super::{as_i32, as_i64, metadata};

/// A partition while it is ours.
pub(super) struct Life {
    pub(super) partition: PartitionId,
    /// Where its last consumer stopped.
    pub(super) progress: Option<Progress>,
    /// One read at a time.
    pub(super) reader: Arc<tokio::sync::Mutex<PartitionReader>>,
    /// Rings when something was fetched.
    pub(super) arrived: Arc<Notify>,
    /// Whether progress may still be committed; held while it is.
    may_commit: Mutex<bool>,
    is_over: AtomicBool,
}

/// Why progress was not committed.
#[derive(Debug)]
pub(super) enum CommitFailure {
    /// The partition is not ours any more.
    NotOurs,
    /// The brokers' answer.
    Kafka(KafkaError),
}

impl From<KafkaError> for CommitFailure {
    fn from(error: KafkaError) -> Self {
        Self::Kafka(error)
    }
}

impl fmt::Debug for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Life")
            .field("partition", &self.partition)
            .finish_non_exhaustive()
    }
}

impl Life {
    pub(super) fn new(
        partition: PartitionId,
        progress: Option<Progress>,
        reader: PartitionReader,
        arrived: Arc<Notify>,
    ) -> Self {
        Self {
            partition,
            progress,
            reader: Arc::new(tokio::sync::Mutex::new(reader)),
            arrived,
            may_commit: Mutex::new(true),
            is_over: AtomicBool::new(false),
        }
    }

    /// Returns whether the partition was taken away.
    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// Commits progress and waits for the answer. Blocks.
    pub(super) fn commit(
        &self,
        consumer: &GroupConsumer,
        topic: &str,
        progress: Progress,
    ) -> Result<(), CommitFailure> {
        let may_commit = self.lock();
        // What a group has taken away for good it may have given to somebody else.
        if !*may_commit || consumer.assignment_lost() {
            return Err(CommitFailure::NotOurs);
        }
        let mut list = TopicPartitionList::with_capacity(1);
        let mut element = list.add_partition(topic, as_i32(self.partition));
        element.set_offset(KafkaOffset::Offset(as_i64(progress.next)))?;
        element.set_metadata(metadata::to_text(progress));
        Ok(consumer.commit(&list, CommitMode::Sync)?)
    }

    /// Has no more progress committed. A commit under way is waited for, because it would count for
    /// whoever is a member when it is sent.
    pub(super) fn end_commits(&self) {
        *self.lock() = false;
    }

    /// Ends it.
    pub(super) fn end(&self) {
        self.end_commits();
        self.is_over.store(true, Ordering::Release);
        self.arrived.notify_one();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, bool> {
        self.may_commit
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
