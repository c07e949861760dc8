//! Metrics of the event log.
//!
//! Metrics of a log on disk have the label `partition`. Their handles are kept per partition, so
//! that counting costs one atomic addition.

pub(crate) mod kafka;
pub(crate) mod kafka_source;
pub(crate) mod spool;

use std::time::Duration;

use etappe_core::id::PartitionId;
use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

use crate::local::Appended;

/// All metrics of a log.
#[derive(Debug, Clone)]
pub(crate) struct LogMetrics {
    appended_records: IntCounterVec,
    appended_bytes: IntCounterVec,
    frames: IntCounterVec,
    written_bytes: IntCounterVec,
    refused_records: IntCounterVec,
    sync_seconds: HistogramVec,
    commit_seconds: HistogramVec,
    truncated_bytes: IntCounterVec,
    lost_offsets: IntCounterVec,
    queue_bytes: IntGaugeVec,
    disk_bytes: IntGaugeVec,
    segments: IntGaugeVec,
    lag_records: IntGaugeVec,
    oldest_unconsumed_seconds: IntGaugeVec,
    writable: IntGaugeVec,
}

/// The metrics of one partition.
#[derive(Debug, Clone)]
pub(crate) struct PartitionMetrics {
    /// Counter: records made durable. Alert: none by itself.
    pub(crate) appended_records: IntCounter,
    /// Counter: bytes of records made durable, before compression.
    pub(crate) appended_bytes: IntCounter,
    /// Counter: frames written.
    pub(crate) frames: IntCounter,
    /// Counter: bytes written to segments, after compression.
    pub(crate) written_bytes: IntCounter,
    /// Counter with the label `reason`: records refused. Alert: when it increases for a reason
    /// other than `too_large` or `closed`, because senders are told to come back later.
    refused_records: IntCounterVec,
    label: String,
    /// Histogram: how long making a group of records durable took. Alert: p99 over 1 s.
    pub(crate) sync_seconds: Histogram,
    /// Histogram: how long making progress durable took. Alert: p99 over 1 s.
    pub(crate) commit_seconds: Histogram,
    /// Counter: bytes of a torn tail cut off at start. Increases only after a crash.
    pub(crate) truncated_bytes: IntCounter,
    /// Counter: offsets skipped because the log ended before its consumer's progress. Alert: any
    /// increase.
    pub(crate) lost_offsets: IntCounter,
    /// Gauge: bytes of records waiting to be written to disk. Alert: near the bound for long.
    pub(crate) queue_bytes: IntGauge,
    /// Gauge: bytes of segments on disk.
    pub(crate) disk_bytes: IntGauge,
    /// Gauge: number of segment files.
    pub(crate) segments: IntGauge,
    /// Gauge: offsets between the consumer's progress and the end of the log. Alert: growing for
    /// long.
    pub(crate) lag_records: IntGauge,
    /// Gauge: age of the oldest record that the consumer has not passed. Alert: over 60 s.
    pub(crate) oldest_unconsumed_seconds: IntGauge,
    /// Gauge: 1 if the last write succeeded, else 0. Alert: 0.
    pub(crate) writable: IntGauge,
}

const PARTITION: [&str; 1] = ["partition"];

/// Why records were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusalReason {
    /// More records arrive than the disk can write.
    QueueFull,
    /// The record is too large.
    TooLarge,
    /// The log is closed.
    Closed,
    /// The log has reached its size limit.
    AtBound,
    /// The disk is nearly full.
    DiskLow,
    /// Writing or syncing failed.
    Failed,
}

impl RefusalReason {
    const ALL: [Self; 6] = [
        Self::QueueFull,
        Self::TooLarge,
        Self::Closed,
        Self::AtBound,
        Self::DiskLow,
        Self::Failed,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::TooLarge => "too_large",
            Self::Closed => "closed",
            Self::AtBound => "at_bound",
            Self::DiskLow => "disk_low",
            Self::Failed => "failed",
        }
    }
}

/// Registers `collector` and returns it. A second log in the same registry shows no metrics, but it
/// is not refused for that.
pub(crate) fn register<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> C {
    if let Err(error) = registry.register(Box::new(collector.clone())) {
        tracing::warn!(%error, "a metric of the event log is not shown");
    }
    collector
}

fn counter(registry: &Registry, name: &str, help: &str) -> IntCounterVec {
    labelled_counter(registry, name, help, &PARTITION)
}

pub(crate) fn labelled_counter(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> IntCounterVec {
    let counter = IntCounterVec::new(Opts::new(name, help), labels)
        .expect("the name and the labels are valid");
    register(registry, counter)
}

fn gauge(registry: &Registry, name: &str, help: &str) -> IntGaugeVec {
    let gauge = IntGaugeVec::new(Opts::new(name, help), &PARTITION)
        .expect("the name and the label are valid");
    register(registry, gauge)
}

fn histogram(registry: &Registry, name: &str, help: &str) -> HistogramVec {
    let buckets = vec![
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
    ];
    let options = HistogramOpts::new(name, help).buckets(buckets);
    let histogram =
        HistogramVec::new(options, &PARTITION).expect("the name, label and buckets are valid");
    register(registry, histogram)
}

impl LogMetrics {
    /// Creates the metrics and registers them.
    pub(crate) fn new(registry: &Registry) -> Self {
        let counter = |name, help| counter(registry, name, help);
        let gauge = |name, help| gauge(registry, name, help);
        let histogram = |name, help| histogram(registry, name, help);
        Self {
            appended_records: counter("etappe_log_appended_records_total", "Records made durable."),
            appended_bytes: counter(
                "etappe_log_appended_bytes_total",
                "Bytes of records made durable, before packing.",
            ),
            frames: counter("etappe_log_frames_total", "Frames written."),
            written_bytes: counter(
                "etappe_log_written_bytes_total",
                "Bytes written to segments, after packing.",
            ),
            refused_records: labelled_counter(
                registry,
                "etappe_log_refused_records_total",
                "Records that could not be made durable.",
                &["partition", "reason"],
            ),
            sync_seconds: histogram(
                "etappe_log_sync_seconds",
                "Time to write and sync a group of records.",
            ),
            commit_seconds: histogram(
                "etappe_log_commit_seconds",
                "Time to make the consumer's progress durable.",
            ),
            truncated_bytes: counter(
                "etappe_log_truncated_bytes_total",
                "Bytes of a torn tail cut off at start.",
            ),
            lost_offsets: counter(
                "etappe_log_lost_offsets_total",
                "Offsets skipped because the log ended before its consumer's progress.",
            ),
            queue_bytes: gauge(
                "etappe_log_queue_bytes",
                "Bytes of records waiting to be made durable.",
            ),
            disk_bytes: gauge("etappe_log_disk_bytes", "Bytes of segments on disk."),
            segments: gauge("etappe_log_segments", "Segment files on disk."),
            lag_records: gauge(
                "etappe_log_lag_records",
                "Offsets between the consumer's progress and the end of the log.",
            ),
            oldest_unconsumed_seconds: gauge(
                "etappe_log_oldest_unconsumed_seconds",
                "Age of the oldest record that the consumer has not passed.",
            ),
            writable: gauge(
                "etappe_log_writable",
                "Whether the last write succeeded: 1 or 0.",
            ),
        }
    }

    /// Returns the metrics of `partition`.
    pub(crate) fn partition(&self, partition: PartitionId) -> PartitionMetrics {
        let label = partition.to_string();
        let labels = &[label.as_str()];
        for reason in RefusalReason::ALL {
            // Create the counter at the start, so that its first increase shows.
            self.refused_records
                .with_label_values(&[label.as_str(), reason.as_str()]);
        }
        PartitionMetrics {
            appended_records: self.appended_records.with_label_values(labels),
            appended_bytes: self.appended_bytes.with_label_values(labels),
            frames: self.frames.with_label_values(labels),
            written_bytes: self.written_bytes.with_label_values(labels),
            refused_records: self.refused_records.clone(),
            sync_seconds: self.sync_seconds.with_label_values(labels),
            commit_seconds: self.commit_seconds.with_label_values(labels),
            truncated_bytes: self.truncated_bytes.with_label_values(labels),
            lost_offsets: self.lost_offsets.with_label_values(labels),
            queue_bytes: self.queue_bytes.with_label_values(labels),
            disk_bytes: self.disk_bytes.with_label_values(labels),
            segments: self.segments.with_label_values(labels),
            lag_records: self.lag_records.with_label_values(labels),
            oldest_unconsumed_seconds: self.oldest_unconsumed_seconds.with_label_values(labels),
            writable: self.writable.with_label_values(labels),
            label,
        }
    }
}

impl PartitionMetrics {
    /// Records that a group was made durable in `took`.
    pub(crate) fn record_append(&self, appended: Appended, took: Duration) {
        self.appended_records.inc_by(appended.records);
        self.appended_bytes.inc_by(appended.payload_bytes);
        self.frames.inc_by(appended.frames);
        self.written_bytes.inc_by(appended.stored_bytes);
        self.sync_seconds.observe(took.as_secs_f64());
    }

    /// Records that `records` records were refused.
    pub(crate) fn record_refused(&self, reason: RefusalReason, records: usize) {
        self.refused_records
            .with_label_values(&[self.label.as_str(), reason.as_str()])
            .inc_by(records as u64);
    }

    /// Records the partition's size on disk.
    pub(crate) fn record_size(&self, segments: usize, bytes: u64) {
        self.segments
            .set(i64::try_from(segments).unwrap_or(i64::MAX));
        self.disk_bytes.set(as_gauge(bytes));
    }

    /// Records how many offsets the consumer is behind.
    pub(crate) fn record_lag(&self, records: u64) {
        self.lag_records.set(as_gauge(records));
    }
}

/// Converts a value for a gauge.
pub(crate) fn as_gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
