//! The callbacks of the group's client. They only record events; the polling thread handles them.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use etappe_core::id::PartitionId;
use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;

use super::watchdog::Watchdog;
use crate::kafka::client::SharedContext;

/// The client that is a member of the group.
pub(super) type GroupConsumer = BaseConsumer<SourceContext>;

/// A decision of the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// These partitions are assigned to us.
    Assign(Vec<PartitionId>),
    /// These partitions are revoked.
    Revoke(Vec<PartitionId>),
}

/// Records the group's decisions.
pub(super) struct SourceContext {
    shared: SharedContext,
    watchdog: Arc<Watchdog>,
    changes: Mutex<VecDeque<Change>>,
    is_closing: AtomicBool,
}

impl fmt::Debug for SourceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}

impl SourceContext {
    pub(super) fn new(shared: SharedContext, watchdog: Arc<Watchdog>) -> Self {
        Self {
            shared,
            watchdog,
            changes: Mutex::default(),
            is_closing: AtomicBool::new(false),
        }
    }

    /// Lets the client be given its brokers again if it forgot them.
    pub(super) fn bind(&self, consumer: &GroupConsumer) {
        self.shared.brokers().bind(consumer.client());
    }

    /// Takes the next decision that was not handled.
    pub(super) fn next_change(&self) -> Option<Change> {
        let mut changes = self.changes.lock();
        changes.pop_front()
    }

    /// Accepts every further decision at once, because nobody handles them any more.
    pub(super) fn close(&self) {
        self.is_closing.store(true, Ordering::Release);
    }

    /// Returns the client's last error.
    pub(super) fn last_error(&self) -> Option<String> {
        self.shared.reachability().last_error()
    }

    /// Records that the brokers answered.
    pub(super) fn note_success(&self) {
        self.shared.reachability().note_success();
    }
}

impl ClientContext for SourceContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.shared.log(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        if !self.is_closing.load(Ordering::Acquire) {
            self.watchdog.observe(&statistics);
        }
        self.shared.stats(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.shared.error(error, reason);
    }
}

impl ConsumerContext for SourceContext {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        code: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let is_assignment = code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.is_closing.load(Ordering::Acquire) {
            let accepted = if is_assignment {
                consumer.incremental_assign(partitions)
            } else {
                consumer.incremental_unassign(partitions)
            };
            if let Err(error) = accepted {
                tracing::debug!(%error, "a rebalance came while leaving the group");
            }
            return;
        }
        let list = partitions.elements();
        let ids = list
            .iter()
            .filter_map(|it| u32::try_from(it.partition()).ok());
        let ids = ids.map(PartitionId).collect();
        let change = if is_assignment {
            Change::Assign(ids)
        } else {
            Change::Revoke(ids)
        };
        let mut changes = self.changes.lock();
        changes.push_back(change);
    }
}
