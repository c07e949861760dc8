//! The metrics of the engine's interface.

use etappe_runtime::metric_set::MetricSet;
use prometheus::{Histogram, IntCounter, IntCounterVec, IntGauge, Registry, TextEncoder};

use crate::exception::Exception;

/// Upper bounds of the buckets for durations, in seconds.
const DURATION_BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

etappe_runtime::metric_set! {
    /// The metrics of queries.
    #[derive(Clone)]
    pub(crate) struct QueryMetrics {
        /// Number of queries that ended, by kind and result.
        ///
        /// Kinds: `select`, `insert`, `other`. Results: `ok`, `error`.
        queries: IntCounterVec = "etappe_engine_queries_total" by ["kind", "result"],
        /// Number of failed requests, by class of error.
        ///
        /// Alert on `class="engine"` and `class="memory"`.
        errors: IntCounterVec = "etappe_engine_errors_total" by ["class"],
        /// Number of queries that are running.
        pub(crate) in_flight: IntGauge = "etappe_engine_queries_in_flight",
        /// Number of bytes of request bodies as received, before decoding.
        pub(crate) received_bytes: IntCounter = "etappe_engine_received_bytes_total",
        /// Number of bytes of response bodies as sent, after encoding.
        pub(crate) sent_bytes: IntCounter = "etappe_engine_sent_bytes_total",
        /// Time of a query from its turn to its last byte.
        pub(crate) duration: Histogram =
            "etappe_engine_query_duration_seconds" in DURATION_BUCKETS,
        /// Time that a query waited for its turn.
        ///
        /// Alert when the 95th percentile stays above a second.
        pub(crate) queue_duration: Histogram =
            "etappe_engine_queue_duration_seconds" in DURATION_BUCKETS,
    }
}

/// The engine's metrics, registered in the given registry.
#[derive(Clone)]
pub(crate) struct EngineMetrics {
    registry: Registry,
    /// The metrics of queries.
    pub(crate) query: QueryMetrics,
}

impl EngineMetrics {
    /// Creates the metrics and registers them.
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            registry: registry.clone(),
            query: QueryMetrics::registered(registry)?,
        })
    }

    /// Records that a query of this kind ended.
    pub(crate) fn record_query(&self, kind: &str, is_ok: bool) {
        let result = if is_ok { "ok" } else { "error" };
        self.query.queries.with_label_values(&[kind, result]).inc();
    }

    /// Records a failure by its class.
    pub(crate) fn record_error(&self, exception: &Exception) {
        self.query
            .errors
            .with_label_values(&[exception.class()])
            .inc();
    }

    /// Returns everything in the registry in the Prometheus text format.
    pub(crate) fn render(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap_or_else(|error| {
                tracing::error!(%error, "metrics could not be encoded");
                String::new()
            })
    }
}
