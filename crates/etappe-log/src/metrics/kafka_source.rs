//! Metrics of the membership in the consumer group.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use etappe_core::id::{Offset, PartitionId};
use parking_lot::Mutex;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Registry};

use super::{as_gauge, labelled_counter, register};

/// Metrics of all sources of a process.
#[derive(Debug, Clone)]
pub(crate) struct SourceMetrics {
    /// Counter with the label `kind` (assigned, revoked, lost): partitions that were assigned or
    /// taken away. Alert: `lost` increases while brokers are healthy.
    moved_partitions: IntCounterVec,
    /// Gauge: partitions that this process holds now. Alert: 0 in all processes.
    held_partitions: IntGauge,
    /// Histogram: how long a commit of progress took. Alert: p99 over 1 s.
    commit_seconds: Histogram,
    /// Counter with the label `reason` (brokers, not_ours, stood_still, unanswered): commits that
    /// failed. Alert: `brokers` increases for long.
    refused_commits: IntCounterVec,
    /// Counter with the label `partition`: records deleted before they were read. Alert: any
    /// increase.
    expired_records: IntCounterVec,
    /// Counter: seeks to another offset. Alert: rising for long.
    placings: IntCounter,
    /// The offset up to which deleted records of each partition were counted.
    expired_until: Arc<Mutex<BTreeMap<PartitionId, Offset>>>,
}

impl SourceMetrics {
    pub(crate) fn new(registry: &Registry) -> Self {
        let gauge = IntGauge::new(
            "etappe_log_kafka_held_partitions",
            "Partitions that this process has now.",
        );
        let commit = HistogramOpts::new(
            "etappe_log_kafka_commit_seconds",
            "How long a commit of progress took.",
        )
        .buckets(vec![
            0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
        ]);
        let placings = IntCounter::new(
            "etappe_log_kafka_placings_total",
            "Seeks to another offset.",
        );
        Self {
            moved_partitions: labelled_counter(
                registry,
                "etappe_log_kafka_moved_partitions_total",
                "Partitions that came and went, by kind.",
                &["kind"],
            ),
            held_partitions: register(registry, gauge.expect("the name is valid")),
            commit_seconds: register(
                registry,
                Histogram::with_opts(commit).expect("the name and the buckets are valid"),
            ),
            refused_commits: labelled_counter(
                registry,
                "etappe_log_kafka_refused_commits_total",
                "Commits that did not count, by reason.",
                &["reason"],
            ),
            expired_records: labelled_counter(
                registry,
                "etappe_log_kafka_expired_records_total",
                "Records deleted before they were read.",
                &["partition"],
            ),
            placings: register(registry, placings.expect("the name is valid")),
            expired_until: Arc::default(),
        }
    }

    pub(crate) fn record_assigned(&self, partitions: usize) {
        let counter = self.moved_partitions.with_label_values(&["assigned"]);
        counter.inc_by(partitions as u64);
    }

    pub(crate) fn record_revoked(&self, partitions: usize, is_lost: bool) {
        let kind = if is_lost { "lost" } else { "revoked" };
        let counter = self.moved_partitions.with_label_values(&[kind]);
        counter.inc_by(partitions as u64);
    }

    pub(crate) fn set_held(&self, partitions: usize) {
        self.held_partitions.set(as_gauge(partitions as u64));
    }

    pub(crate) fn record_commit(&self, took: Duration) {
        self.commit_seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn record_refused_commit(&self, reason: &str) {
        self.refused_commits.with_label_values(&[reason]).inc();
    }

    pub(crate) fn record_placing(&self) {
        self.placings.inc();
    }

    /// Records that `lost` records before `next` were deleted unread. Returns false if that was
    /// recorded before.
    pub(crate) fn record_expired(&self, partition: PartitionId, next: Offset, lost: u64) -> bool {
        let mut until = self.expired_until.lock();
        if until.get(&partition).is_some_and(|known| *known >= next) {
            return false;
        }
        until.insert(partition, next);
        self.expired_records
            .with_label_values(&[&partition.to_string()])
            .inc_by(lost);
        true
    }
}
