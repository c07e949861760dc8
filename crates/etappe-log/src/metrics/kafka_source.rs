//! Metrics of the membership in the consumer group.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use etappe_core::id::{Offset, PartitionId};
use parking_lot::Mutex;
use prometheus::{Histogram, IntCounter, IntCounterVec, IntGauge, Registry};

use super::{as_gauge, registered};

etappe_runtime::metric_set! {
    /// Metrics of the membership.
    #[derive(Debug, Clone)]
    struct MembershipMetrics {
        /// Number of partitions assigned or taken away, by kind (assigned, revoked, lost).
        ///
        /// Alert when `lost` increases while brokers are healthy.
        moved_partitions: IntCounterVec = "etappe_log_kafka_moved_partitions_total" by ["kind"],
        /// Number of partitions that this process holds now.
        ///
        /// Alert on 0 in all processes.
        held_partitions: IntGauge = "etappe_log_kafka_held_partitions",
        /// Time that a commit of progress took.
        ///
        /// Alert when the 99th percentile exceeds a second.
        commit_seconds: Histogram = "etappe_log_kafka_commit_seconds"
            in &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0],
        /// Number of failed commits, by reason.
        ///
        /// Reasons: `brokers`, `not_ours`, `stood_still`, `unanswered`. Alert when `brokers`
        /// increases for long.
        refused_commits: IntCounterVec = "etappe_log_kafka_refused_commits_total" by ["reason"],
        /// Number of records deleted before they were read, by partition.
        ///
        /// Alert on any increase.
        expired_records: IntCounterVec = "etappe_log_kafka_expired_records_total" by ["partition"],
        /// Number of seeks to another offset.
        ///
        /// Alert when it rises for long.
        placings: IntCounter = "etappe_log_kafka_placings_total",
    }
}

/// Metrics of all sources of a process.
#[derive(Debug, Clone)]
pub(crate) struct SourceMetrics {
    membership: MembershipMetrics,
    /// The offset up to which deleted records of each partition were counted.
    expired_until: Arc<Mutex<BTreeMap<PartitionId, Offset>>>,
}

impl SourceMetrics {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self {
            membership: registered(registry),
            expired_until: Arc::default(),
        }
    }

    pub(crate) fn record_assigned(&self, partitions: usize) {
        let counter = self
            .membership
            .moved_partitions
            .with_label_values(&["assigned"]);
        counter.inc_by(partitions as u64);
    }

    pub(crate) fn record_revoked(&self, partitions: usize, is_lost: bool) {
        let kind = if is_lost { "lost" } else { "revoked" };
        let counter = self.membership.moved_partitions.with_label_values(&[kind]);
        counter.inc_by(partitions as u64);
    }

    pub(crate) fn set_held(&self, partitions: usize) {
        self.membership
            .held_partitions
            .set(as_gauge(partitions as u64));
    }

    pub(crate) fn record_commit(&self, took: Duration) {
        self.membership.commit_seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn record_refused_commit(&self, reason: &str) {
        self.membership
            .refused_commits
            .with_label_values(&[reason])
            .inc();
    }

    pub(crate) fn record_placing(&self) {
        self.membership.placings.inc();
    }

    /// Records that `lost` records before `next` were deleted unread. Returns false if that was
    /// recorded before.
    pub(crate) fn record_expired(&self, partition: PartitionId, next: Offset, lost: u64) -> bool {
        let mut until = self.expired_until.lock();
        if until.get(&partition).is_some_and(|known| *known >= next) {
            return false;
        }
        until.insert(partition, next);
        self.membership
            .expired_records
            .with_label_values(&[&partition.to_string()])
            .inc_by(lost);
        true
    }
}
