//! Metrics of a collector's spool. Its disk usage is in the metrics of the underlying log, under
//! partition 0.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Registry};

use super::{as_gauge, registered};

etappe_runtime::metric_set! {
    /// Metrics of the spool.
    #[derive(Debug, Clone)]
    pub(crate) struct SpoolMetrics {
        /// 1 while records go to the spool, else 0.
        ///
        /// Alert on 1 for minutes.
        pub(crate) spooling: IntGauge = "etappe_log_spool_active",
        /// Number of records in the spool.
        ///
        /// Alert when it grows for long.
        pub(crate) records: IntGauge = "etappe_log_spool_records",
        /// Approximate age of the oldest record in the spool.
        ///
        /// Alert over 60 s: figures lag by as much.
        pub(crate) oldest_seconds: IntGauge = "etappe_log_spool_oldest_seconds",
        /// Size limit of the spool in bytes.
        ///
        /// Alert when `etappe_log_disk_bytes` is near it.
        max_bytes: IntGauge = "etappe_log_spool_max_bytes",
        /// Number of records that went to the spool.
        pub(crate) spooled: IntCounter = "etappe_log_spooled_records_total",
        /// Number of records delivered from the spool to Kafka.
        pub(crate) drained: IntCounter = "etappe_log_drained_records_total",
        /// Number of collector marks handed over.
        ///
        /// Alert when it does not increase while the collector runs.
        pub(crate) marks: IntCounter = "etappe_log_marks_total",
        /// Number of switches to the spool, by reason.
        ///
        /// Alert when they are frequent.
        pub(crate) switches: IntCounterVec = "etappe_log_spool_switches_total" by ["reason"],
    }
}

impl SpoolMetrics {
    /// Creates the metrics of a spool limited to `max_bytes`, and registers them.
    pub(crate) fn new(registry: &Registry, max_bytes: u64) -> Self {
        let metrics: Self = registered(registry);
        metrics.spooling.set(1);
        metrics.max_bytes.set(as_gauge(max_bytes));
        metrics
    }
}
