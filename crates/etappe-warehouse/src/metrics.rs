//! The warehouse's metrics; no other module creates any.

use etappe_core::ports::RetryClass;
use etappe_runtime::metric_set::MetricSet;
use prometheus::{HistogramVec, IntCounter, IntCounterVec, Registry};

/// Upper bounds of the buckets for durations, in seconds.
const DURATION_BUCKETS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0,
];

etappe_runtime::metric_set! {
    /// The metrics.
    #[derive(Debug, Clone)]
    pub(crate) struct Metrics {
        /// Time to store a batch, by result (ok, error).
        ///
        /// Alert when `error` increases for minutes.
        pub(crate) insert_duration: HistogramVec =
            "etappe_warehouse_insert_duration_seconds" by ["result"] in DURATION_BUCKETS,
        /// Number of rows in stored batches, including repeated batches.
        pub(crate) inserted_rows: IntCounter = "etappe_warehouse_inserted_rows_total",
        /// Number of encoded bytes in stored batches.
        pub(crate) inserted_bytes: IntCounter = "etappe_warehouse_inserted_bytes_total",
        /// Number of rows that a crash had lost from a table and that were stored again.
        pub(crate) restored_rows: IntCounter = "etappe_warehouse_restored_rows_total",
        /// Number of rows found in a table beyond those of their batch.
        ///
        /// Alert on any increase.
        pub(crate) surplus_rows: IntCounter = "etappe_warehouse_surplus_rows_total",
        /// Time to answer a query, by question.
        ///
        /// Alert when the 95th percentile exceeds a second.
        pub(crate) query_duration: HistogramVec =
            "etappe_warehouse_query_duration_seconds" by ["question"] in DURATION_BUCKETS,
        /// Number of failed calls, by action and class of error.
        ///
        /// Alert on the classes `permanent` and `fatal`.
        pub(crate) errors: IntCounterVec = "etappe_warehouse_errors_total" by ["action", "class"],
    }
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Self::registered(registry)
    }

    pub(crate) fn record_error(&self, action: &str, class: RetryClass) {
        let class = match class {
            RetryClass::Transient => "transient",
            RetryClass::Permanent => "permanent",
            RetryClass::Fatal => "fatal",
        };
        self.errors.with_label_values(&[action, class]).inc();
    }
}

/// Converts a count for a counter or a figure.
pub(crate) fn to_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
