//! The warehouse's metrics; no other module creates any.

use etappe_core::ports::RetryClass;
use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry};

/// The metrics.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    /// Histogram, label `result`; alert when `error` increases for minutes.
    pub(crate) insert_duration: HistogramVec,
    /// Counter of rows in stored batches, including repeated batches.
    pub(crate) inserted_rows: IntCounter,
    /// Counter of encoded bytes in stored batches.
    pub(crate) inserted_bytes: IntCounter,
    /// Counter of rows that a crash had lost from a table and that were stored again.
    pub(crate) restored_rows: IntCounter,
    /// Counter of rows in a table beyond those of their batch; alert on any increase.
    pub(crate) surplus_rows: IntCounter,
    /// Histogram, label `question`; alert when the 95th percentile exceeds a second.
    pub(crate) query_duration: HistogramVec,
    /// Counter, labels `action` and `class`; alert on `permanent` and `fatal`.
    pub(crate) errors: IntCounterVec,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            insert_duration: HistogramVec::new(
                HistogramOpts::new(
                    "etappe_warehouse_insert_duration_seconds",
                    "Time to store a batch, by result (ok, error).",
                )
                .buckets(buckets()),
                &["result"],
            )?,
            inserted_rows: IntCounter::new(
                "etappe_warehouse_inserted_rows_total",
                "Rows of stored batches.",
            )?,
            inserted_bytes: IntCounter::new(
                "etappe_warehouse_inserted_bytes_total",
                "Encoded bytes of stored batches.",
            )?,
            restored_rows: IntCounter::new(
                "etappe_warehouse_restored_rows_total",
                "Rows that a crash had lost from a table and that were stored again.",
            )?,
            surplus_rows: IntCounter::new(
                "etappe_warehouse_surplus_rows_total",
                "Rows found in a table beyond those of their batch.",
            )?,
            query_duration: HistogramVec::new(
                HistogramOpts::new(
                    "etappe_warehouse_query_duration_seconds",
                    "Time to answer a question, by question.",
                )
                .buckets(buckets()),
                &["question"],
            )?,
            errors: IntCounterVec::new(
                Opts::new(
                    "etappe_warehouse_errors_total",
                    "Failed calls, by action (insert, query) and class (transient, permanent, fatal).",
                ),
                &["action", "class"],
            )?,
        };
        registry.register(Box::new(metrics.insert_duration.clone()))?;
        registry.register(Box::new(metrics.inserted_rows.clone()))?;
        registry.register(Box::new(metrics.inserted_bytes.clone()))?;
        registry.register(Box::new(metrics.restored_rows.clone()))?;
        registry.register(Box::new(metrics.surplus_rows.clone()))?;
        registry.register(Box::new(metrics.query_duration.clone()))?;
        registry.register(Box::new(metrics.errors.clone()))?;
        Ok(metrics)
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

fn buckets() -> Vec<f64> {
    vec![
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0,
    ]
}
