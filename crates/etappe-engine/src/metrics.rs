//! The metrics of the engine's interface.

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

use crate::exception::Exception;

/// Upper bounds of the buckets for durations, in seconds.
const DURATION_BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// The engine's metrics, registered in the given registry.
#[derive(Clone)]
pub(crate) struct EngineMetrics {
    registry: Registry,
    /// `etappe_engine_queries_total`, counter, by `kind` (select, insert, other) and `result` (ok,
    /// error).
    queries: IntCounterVec,
    /// `etappe_engine_errors_total`, counter, by `class`. Alert on `class="engine"` and
    /// `class="memory"`.
    errors: IntCounterVec,
    /// `etappe_engine_queries_in_flight`, gauge.
    pub(crate) in_flight: IntGauge,
    /// `etappe_engine_received_bytes_total`, counter: bytes of request bodies as received, before
    /// decoding.
    pub(crate) received_bytes: IntCounter,
    /// `etappe_engine_sent_bytes_total`, counter: bytes of response bodies as sent, after encoding.
    pub(crate) sent_bytes: IntCounter,
    /// `etappe_engine_query_duration_seconds`, histogram: from getting the turn to the last byte.
    pub(crate) duration: Histogram,
    /// `etappe_engine_queue_duration_seconds`, histogram: waiting time for the turn. Alert when the
    /// 95th percentile stays above a second.
    pub(crate) queue_duration: Histogram,
}

impl EngineMetrics {
    /// Creates the metrics and registers them.
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let histogram = |name: &str, help: &str| {
            Histogram::with_opts(HistogramOpts::new(name, help).buckets(DURATION_BUCKETS.to_vec()))
        };
        let metrics = Self {
            registry: registry.clone(),
            queries: IntCounterVec::new(
                Opts::new("etappe_engine_queries_total", "Queries that ended."),
                &["kind", "result"],
            )?,
            errors: IntCounterVec::new(
                Opts::new(
                    "etappe_engine_errors_total",
                    "Failed requests by class of error.",
                ),
                &["class"],
            )?,
            in_flight: IntGauge::new(
                "etappe_engine_queries_in_flight",
                "Queries that are running.",
            )?,
            received_bytes: IntCounter::new(
                "etappe_engine_received_bytes_total",
                "Bytes of request bodies as received.",
            )?,
            sent_bytes: IntCounter::new(
                "etappe_engine_sent_bytes_total",
                "Bytes of response bodies as sent.",
            )?,
            duration: histogram(
                "etappe_engine_query_duration_seconds",
                "Time of a query from its turn to its last byte.",
            )?,
            queue_duration: histogram(
                "etappe_engine_queue_duration_seconds",
                "Time that a query waited for its turn.",
            )?,
        };
        registry.register(Box::new(metrics.queries.clone()))?;
        registry.register(Box::new(metrics.errors.clone()))?;
        registry.register(Box::new(metrics.in_flight.clone()))?;
        registry.register(Box::new(metrics.received_bytes.clone()))?;
        registry.register(Box::new(metrics.sent_bytes.clone()))?;
        registry.register(Box::new(metrics.duration.clone()))?;
        registry.register(Box::new(metrics.queue_duration.clone()))?;
        Ok(metrics)
    }

    /// Records that a query of this kind ended.
    pub(crate) fn record_query(&self, kind: &str, is_ok: bool) {
        let result = if is_ok { "ok" } else { "error" };
        self.queries.with_label_values(&[kind, result]).inc();
    }

    /// Records a failure by its class.
    pub(crate) fn record_error(&self, exception: &Exception) {
        self.errors.with_label_values(&[exception.class()]).inc();
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
