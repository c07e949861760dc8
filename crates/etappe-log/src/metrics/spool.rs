//! Metrics of a collector's spool. Its disk usage is in the metrics of the underlying log, under
//! partition 0.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Registry};

use super::{labelled_counter, register};

/// Metrics of the spool.
#[derive(Debug, Clone)]
pub(crate) struct SpoolMetrics {
    /// Gauge: 1 while records go to the spool, else 0. Alert: 1 for minutes.
    pub(crate) spooling: IntGauge,
    /// Gauge: records in the spool. Alert: growing for long.
    pub(crate) records: IntGauge,
    /// Gauge: approximate age of the oldest of them. Alert: over 60 s; figures lag by as much.
    pub(crate) oldest_seconds: IntGauge,
    /// Gauge: the spool's size limit in bytes. Alert: `etappe_log_disk_bytes` near it.
    max_bytes: IntGauge,
    /// Counter: records that went to the spool.
    pub(crate) spooled: IntCounter,
    /// Counter: records delivered from the spool to Kafka.
    pub(crate) drained: IntCounter,
    /// Counter: marks handed over. Alert: no increase while the collector runs.
    pub(crate) marks: IntCounter,
    /// Counter with the label `reason`: switches to the spool. Alert: often.
    pub(crate) switches: IntCounterVec,
}

impl SpoolMetrics {
    /// Creates the metrics of a spool limited to `max_bytes`, and registers them.
    pub(crate) fn new(registry: &Registry, max_bytes: u64) -> Self {
        let gauge = |name, help| {
            let gauge = IntGauge::new(name, help).expect("the name is valid");
            register(registry, gauge)
        };
        let counter = |name, help| {
            let counter = IntCounter::new(name, help).expect("the name is valid");
            register(registry, counter)
        };
        let metrics = Self {
            spooling: gauge(
                "etappe_log_spool_active",
                "Whether records go to the spool: 1 or 0.",
            ),
            records: gauge("etappe_log_spool_records", "Records in the spool."),
            oldest_seconds: gauge(
                "etappe_log_spool_oldest_seconds",
                "Approximate age of the oldest record in the spool.",
            ),
            max_bytes: gauge("etappe_log_spool_max_bytes", "Size limit of the spool."),
            spooled: counter(
                "etappe_log_spooled_records_total",
                "Records that went to the spool.",
            ),
            drained: counter(
                "etappe_log_drained_records_total",
                "Records brought from the spool to Kafka.",
            ),
            marks: counter("etappe_log_marks_total", "Collector marks handed over."),
            switches: labelled_counter(
                registry,
                "etappe_log_spool_switches_total",
                "Switches to the spool.",
                &["reason"],
            ),
        };
        metrics.spooling.set(1);
        metrics
            .max_bytes
            .set(i64::try_from(max_bytes).unwrap_or(i64::MAX));
        metrics
    }
}
