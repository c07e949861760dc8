//! Metrics of the event log.
//!
//! Metrics of a log on disk have the label `partition`. Their handles are kept per partition, so
//! that counting costs one atomic addition.

pub(crate) mod kafka;
pub(crate) mod kafka_source;
pub(crate) mod spool;

use etappe_core::id::PartitionId;
use etappe_runtime::metric_set::MetricSet;
use prometheus::{
    Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry,
};

/// Upper bounds of the buckets for durations, in seconds.
const DURATION_BUCKETS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

etappe_runtime::metric_set! {
    /// All metrics of a log.
    #[derive(Debug, Clone)]
    pub(crate) struct LogMetrics {
        /// Number of records made durable, by partition.
        appended_records: IntCounterVec = "etappe_log_appended_records_total" by ["partition"],
        /// Number of bytes of records made durable, before compression, by partition.
        appended_bytes: IntCounterVec = "etappe_log_appended_bytes_total" by ["partition"],
        /// Number of frames written, by partition.
        frames: IntCounterVec = "etappe_log_frames_total" by ["partition"],
        /// Number of bytes written to segments, after compression, by partition.
        written_bytes: IntCounterVec = "etappe_log_written_bytes_total" by ["partition"],
        /// Number of records refused, by partition and reason.
        ///
        /// Alert when it increases for a reason other than `too_large` or `closed`, because senders
        /// are told to come back later.
        refused_records: IntCounterVec =
            "etappe_log_refused_records_total" by ["partition", "reason"],
        /// Time to write and sync a group of records, by partition.
        ///
        /// Alert when the 99th percentile exceeds a second.
        sync_seconds: HistogramVec =
            "etappe_log_sync_seconds" by ["partition"] in DURATION_BUCKETS,
        /// Time to make the consumer's progress durable, by partition.
        ///
        /// Alert when the 99th percentile exceeds a second.
        commit_seconds: HistogramVec =
            "etappe_log_commit_seconds" by ["partition"] in DURATION_BUCKETS,
        /// Number of bytes of a torn tail cut off at start, by partition.
        ///
        /// Increases only after a crash.
        truncated_bytes: IntCounterVec = "etappe_log_truncated_bytes_total" by ["partition"],
        /// Number of offsets skipped because the log ended before its consumer's progress.
        ///
        /// Alert on any increase.
        lost_offsets: IntCounterVec = "etappe_log_lost_offsets_total" by ["partition"],
        /// Number of bytes of records waiting to be written to disk, by partition.
        ///
        /// Alert near the bound for long.
        queue_bytes: IntGaugeVec = "etappe_log_queue_bytes" by ["partition"],
        /// Number of bytes of segments on disk, by partition.
        disk_bytes: IntGaugeVec = "etappe_log_disk_bytes" by ["partition"],
        /// Number of segment files, by partition.
        segments: IntGaugeVec = "etappe_log_segments" by ["partition"],
        /// Number of offsets between the consumer's progress and the end of the log, by partition.
        ///
        /// Alert when it grows for long.
        lag_records: IntGaugeVec = "etappe_log_lag_records" by ["partition"],
        /// Age of the oldest record that the consumer has not passed, by partition.
        ///
        /// Alert over 60 s.
        oldest_unconsumed_seconds: IntGaugeVec =
            "etappe_log_oldest_unconsumed_seconds" by ["partition"],
        /// 1 if the last write succeeded, else 0, by partition.
        ///
        /// Alert on 0.
        writable: IntGaugeVec = "etappe_log_writable" by ["partition"],
    }
}

/// The metrics of one partition, with their labels resolved; see [`LogMetrics`].
#[derive(Debug, Clone)]
pub(crate) struct PartitionMetrics {
    pub(crate) appended_records: IntCounter,
    pub(crate) appended_bytes: IntCounter,
    pub(crate) frames: IntCounter,
    pub(crate) written_bytes: IntCounter,
    refused_records: IntCounterVec,
    label: String,
    pub(crate) sync_seconds: Histogram,
    pub(crate) commit_seconds: Histogram,
    pub(crate) truncated_bytes: IntCounter,
    pub(crate) lost_offsets: IntCounter,
    pub(crate) queue_bytes: IntGauge,
    pub(crate) disk_bytes: IntGauge,
    pub(crate) segments: IntGauge,
    pub(crate) lag_records: IntGauge,
    pub(crate) oldest_unconsumed_seconds: IntGauge,
    pub(crate) writable: IntGauge,
}

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

/// Creates metrics and registers them. A second log in the same registry shows no metrics, but it is
/// not refused for that.
fn registered<M: MetricSet>(registry: &Registry) -> M {
    M::registered_where_free(registry).expect("the names and labels are valid")
}

impl LogMetrics {
    /// Creates the metrics and registers them.
    pub(crate) fn new(registry: &Registry) -> Self {
        registered(registry)
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
