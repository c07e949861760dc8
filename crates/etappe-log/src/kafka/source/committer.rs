//! Commits progress of one partition, one commit at a time.
//!
//! The client's call blocks until the brokers have answered, which a frozen broker never does. So it
//! runs on a thread of its own, which nothing waits for without end. While a commit is not answered
//! no other is sent: tried again by the client it could arrive behind it, and take the progress back.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use etappe_core::id::PartitionId;
use etappe_core::ports::Progress;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::{Offset as KafkaOffset, TopicPartitionList};
use tokio::sync::oneshot;

use super::context::GroupConsumer;
use super::{as_i32, as_i64, metadata};
use crate::error::LogError;

/// How long the application waits for an answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// Commits progress of one partition while it is ours.
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
    /// The partition is not ours any more.
    NotOurs,
    /// No answer has come, to this commit or the one before.
    Unanswered,
    /// The brokers' answer.
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

    /// Commits progress and waits for the answer. What is not waited for may be committed or not.
    pub(super) async fn commit(&self, progress: Progress) -> Result<(), CommitFailure> {
        let (answer, answered) = oneshot::channel();
        {
            let mut state = lock(&self.state);
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

    /// Has no further commit made; one under way goes on.
    pub(super) fn close(&self) {
        lock(&self.state).may_commit = false;
    }

    /// Returns whether a commit is under way.
    pub(super) fn is_committing(&self) -> bool {
        lock(&self.state).is_committing
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread's own.
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
            lock(&self.state).is_committing = false;
            // Whoever asked may have gone.
            answer.send(outcome).ok();
        }
    }

    fn commit(&self, progress: Progress) -> Result<(), CommitFailure> {
        let consumer = self.consumer.upgrade().ok_or(CommitFailure::NotOurs)?;
        // What the group has taken away for good it may have given to somebody else.
        if !lock(&self.state).may_commit || consumer.assignment_lost() {
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
