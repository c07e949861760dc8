//! The metrics of the journey index.

use etappe_runtime::metric_set;
use etappe_runtime::metric_set::MetricSet;
use prometheus::{Histogram, IntCounterVec, IntGauge, Registry};

metric_set! {
    /// Metrics of the journey index; clones share them.
    #[derive(Debug, Clone)]
    pub struct JourneysMetrics {
        /// Number of events in the index.
        pub(crate) events: IntGauge = "etappe_journeys_events",
        /// Bytes of the index's files.
        pub(crate) disk: IntGauge = "etappe_journeys_disk_bytes",
        /// Bytes of memory for events that are in no file yet.
        pub(crate) memory: IntGauge = "etappe_journeys_memory_bytes",
        /// Number of the index's files.
        pub(crate) segments: IntGauge = "etappe_journeys_segments",
        /// Whether questions are answered from the index: 1 or 0.
        pub(crate) usable: IntGauge = "etappe_journeys_usable",
        /// Number of questions about people, by who answered: `index` or `database`.
        pub(crate) questions: IntCounterVec = "etappe_journeys_questions_total" by ["answered_by"],
        /// Number of builds from the database, by reason: `none`, `damaged`, `other_log`, `behind` or `ahead`.
        pub(crate) builds: IntCounterVec = "etappe_journeys_builds_total" by ["reason"],
        /// Number of failed attempts to follow the database, by what failed: `read` or `write`.
        pub(crate) failures: IntCounterVec = "etappe_journeys_failures_total" by ["action"],
        /// Time to read what arrived since the last time.
        pub(crate) refresh: Histogram = "etappe_journeys_refresh_seconds" in &[0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0],
    }
}

impl JourneysMetrics {
    /// Creates the metrics and registers them.
    ///
    /// # Errors
    /// The registry's error if a name is taken.
    pub fn register(registry: &Registry) -> Result<Self, metric_set::Error> {
        Self::registered(registry)
    }

    pub(crate) fn answered_by(&self, who: &str) {
        self.questions.with_label_values(&[who]).inc();
    }
}
