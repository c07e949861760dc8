//! Commits the progress of one partition, one commit at a time.
//!
//! Invariant: at most one commit of a partition is in flight. The client retries a commit that was
//! not answered. If a later commit were sent meanwhile, the retried earlier one could arrive after
//! it and set the progress back.
//!
//! Traps:
//!
//! - The client's call blocks until the brokers answer, which a frozen broker never does. It
//!   therefore runs on a thread of its own, and callers wait for at most [`ANSWERED_WITHIN`].
//! - After that wait the outcome is unknown: the progress may have been committed or not.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::time::Duration;

use etappe_core::id::PartitionId;
use etappe_core::ports::Progress;
use parking_lot::Mutex;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::{Offset as KafkaOffset, TopicPartitionList};
use tokio::sync::oneshot;

use super::context::GroupConsumer;
use super::{as_i32, as_i64, metadata};
use crate::error::LogError;

/// How long a caller waits for an answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// Commits the progress of one partition while it is assigned to us.
#[derive(Debug)]
pub(super) struct Committer {
    orders: SyncSender<Order>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    may_commit: bool,
    is_committing: bool,
}

#[derive(Debug)]
struct Order {
    progress: Progress,
    answer: oneshot::Sender<Result<(), CommitFailure>>,
}

/// Why progress was not committed, as far as is known.
#[derive(Debug)]
pub(super) enum CommitFailure {
    /// The partition is no longer assigned to us.
    NotOurs,
    /// Neither this commit nor the one before it was answered.
    Unanswered,
    /// The brokers' error.
    Kafka(KafkaError),
}

impl Committer {
    /// Starts the thread.
    pub(super) fn start(
        consumer: &Arc<GroupConsumer>,
        topic: &Arc<str>,
        partition: PartitionId,
    ) -> Result<Self, LogError> {
        let (orders, received) = sync_channel(1);
        let state = Arc::new(Mutex::new(State {
            may_commit: true,
            is_committing: false,
        }));
        let work = Work {
            consumer: Arc::downgrade(consumer),
            topic: Arc::clone(topic),
            partition,
            state: Arc::clone(&state),
        };
        std::thread::Builder::new()
            .name("etappe-kafka-commit".to_owned())
            .spawn(move || work.run(&received))
            .map_err(LogError::unusable("start a thread for", &**topic))?;
        Ok(Self { orders, state })
    }

    /// Commits progress and waits for the answer. If the wait ends early, the progress may have
    /// been committed or not.
    pub(super) async fn commit(&self, progress: Progress) -> Result<(), CommitFailure> {
        let (answer, answered) = oneshot::channel();
        {
            let mut state = self.state.lock();
            if !state.may_commit {
                return Err(CommitFailure::NotOurs);
            }
            if state.is_committing {
                return Err(CommitFailure::Unanswered);
            }
            let order = Order { progress, answer };
            if self.orders.try_send(order).is_err() {
                return Err(CommitFailure::NotOurs);
            }
            state.is_committing = true;
        }
        match tokio::time::timeout(ANSWERED_WITHIN, answered).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(CommitFailure::NotOurs),
            Err(_) => Err(CommitFailure::Unanswered),
        }
    }

    /// Prevents further commits. One in flight continues.
    pub(super) fn close(&self) {
        self.state.lock().may_commit = false;
    }

    /// Returns whether a commit is in flight.
    pub(super) fn is_committing(&self) -> bool {
        self.state.lock().is_committing
    }
}

/// The state of the thread.
struct Work {
    consumer: Weak<GroupConsumer>,
    topic: Arc<str>,
    partition: PartitionId,
    state: Arc<Mutex<State>>,
}

impl Work {
    fn run(&self, orders: &Receiver<Order>) {
        while let Ok(Order { progress, answer }) = orders.recv() {
            let outcome = self.commit(progress);
            self.state.lock().is_committing = false;
            // The caller may have gone away.
            answer.send(outcome).ok();
        }
    }

    fn commit(&self, progress: Progress) -> Result<(), CommitFailure> {
        let consumer = self.consumer.upgrade().ok_or(CommitFailure::NotOurs)?;
        // A lost assignment may already belong to another member.
        if !self.state.lock().may_commit || consumer.assignment_lost() {
            return Err(CommitFailure::NotOurs);
        }
        let list = self.list(progress).map_err(CommitFailure::Kafka)?;
        consumer
            .commit(&list, CommitMode::Sync)
            .map_err(CommitFailure::Kafka)
    }

    fn list(&self, progress: Progress) -> KafkaResult<TopicPartitionList> {
        let mut list = TopicPartitionList::with_capacity(1);
        let mut element = list.add_partition(&self.topic, as_i32(self.partition));
        element.set_offset(KafkaOffset::Offset(as_i64(progress.next)))?;
        element.set_metadata(metadata::to_text(progress));
        Ok(list)
    }
}
