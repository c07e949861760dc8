//! The collector's metrics.

use etappe_core::warning::WarningReason;
use etappe_runtime::metric_set::MetricSet;
use etappe_wire::native::Reason;
use prometheus::{
    Gauge, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry,
};
use tokio::time::Instant;

/// Upper bounds of the buckets for durations, in seconds.
const DURATION_BUCKETS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

etappe_runtime::metric_set! {
    /// The collector's metrics; clones share their values.
    #[derive(Debug, Clone)]
    pub struct CollectorMetrics {
        /// Number of requests answered, by endpoint and result.
        ///
        /// Endpoints: `message`, `batch`, `pixel`. The result is `ok` or the error's code. Alert on
        /// a rising share of `unavailable`, `overloaded` and `publish_timeout`: events are waiting
        /// on the clients.
        pub(crate) requests: IntCounterVec =
            "etappe_collector_requests_total" by ["endpoint", "result"],
        /// Time from the head of a request to its answer, by endpoint.
        ///
        /// Alert when the 99th percentile exceeds a second.
        pub(crate) request_duration: HistogramVec =
            "etappe_collector_request_duration_seconds" by ["endpoint"] in DURATION_BUCKETS,
        /// Number of messages that are durable in the log, by endpoint.
        ///
        /// Alert when it stops while requests come in.
        pub(crate) accepted: IntCounterVec =
            "etappe_collector_events_accepted_total" by ["endpoint"],
        /// Number of messages rejected, by reason.
        ///
        /// A jump means that a tracker broke; the site's rejections show which.
        pub(crate) rejected: IntCounterVec = "etappe_collector_events_rejected_total" by ["reason"],
        /// Number of values of accepted messages that do not count, by reason.
        ///
        /// A jump means that a shop sends unreadable amounts or ids; the site's warnings show
        /// which.
        pub(crate) warnings: IntCounterVec = "etappe_collector_warnings_total" by ["reason"],
        /// Number of bytes of bodies as received.
        pub(crate) received_bytes: IntCounter = "etappe_collector_received_bytes_total",
        /// Number of bytes of bodies after decompression.
        pub(crate) decoded_bytes: IntCounter = "etappe_collector_decoded_bytes_total",
        /// Number of bytes of records handed to the log.
        pub(crate) published_bytes: IntCounter = "etappe_collector_published_bytes_total",
        /// Time until the log has made records durable.
        ///
        /// Alert when the 99th percentile exceeds 100 ms: the disk is slow.
        pub(crate) publish_duration: Histogram =
            "etappe_collector_publish_duration_seconds" in DURATION_BUCKETS,
        /// Metrics of load shedding.
        pub(crate) admission: AdmissionMetrics,
        /// Number of bytes of memory that requests in progress use.
        ///
        /// Alert near `in_flight_bytes`.
        pub(crate) in_flight_bytes: IntGauge = "etappe_collector_in_flight_bytes",
    }
}

etappe_runtime::metric_set! {
    /// Metrics of load shedding.
    #[derive(Debug, Clone)]
    pub(crate) struct AdmissionMetrics {
        /// Number of requests refused because their site sends more than its share, by reason.
        ///
        /// `work`: processor time is short; `publish`: the disk or Kafka is the bottleneck; `log`:
        /// the event log is nearly full. Alert when it rises for minutes.
        shed: IntCounterVec = "etappe_collector_shed_requests_total" by ["reason"],
        /// Time that requests waited for their turn, by stage (work, publish).
        ///
        /// Alert when the 99th percentile exceeds 100 ms.
        turn_wait: HistogramVec =
            "etappe_collector_turn_wait_seconds" by ["stage"] in DURATION_BUCKETS,
        /// Number of requests waiting for their turn, by stage (work, publish).
        ///
        /// Alert when it stays in the hundreds: more arrives than can be processed.
        waiting: IntGaugeVec = "etappe_collector_waiting_requests" by ["stage"],
        /// Used part of the event log's room, from 0 to 1; 0 where it has no bound.
        ///
        /// Alert at 0.8: the classifier does not keep up.
        pub(crate) log_fullness: Gauge = "etappe_collector_log_fullness_ratio",
    }
}

/// A request that is waiting for its turn, until this is dropped.
#[derive(Debug)]
pub(crate) struct TurnWait {
    waiting: IntGauge,
    waited: Histogram,
    since: Instant,
}

impl Drop for TurnWait {
    fn drop(&mut self) {
        self.waiting.dec();
        self.waited.observe(self.since.elapsed().as_secs_f64());
    }
}

impl CollectorMetrics {
    /// Makes the metrics and registers them.
    ///
    /// # Errors
    /// The registry's error if it already holds metrics with these names.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self::registered(registry)?;
        // A counter that exists from the start shows its first increase, and also that there is
        // none.
        for endpoint in ["message", "batch", "pixel"] {
            metrics.accepted.with_label_values(&[endpoint]);
        }
        for reason in Reason::ALL {
            metrics.rejected.with_label_values(&[reason.as_str()]);
        }
        for reason in WarningReason::ALL {
            metrics.warnings.with_label_values(&[reason.as_str()]);
        }
        for reason in ["work", "publish", "log"] {
            metrics.admission.shed.with_label_values(&[reason]);
        }
        Ok(metrics)
    }

    /// Counts an answered request whose head came in at `started`.
    pub(crate) fn count_request(&self, endpoint: &str, result: &str, started: Instant) {
        self.requests.with_label_values(&[endpoint, result]).inc();
        let duration = self.request_duration.with_label_values(&[endpoint]);
        duration.observe(started.elapsed().as_secs_f64());
    }
}

impl AdmissionMetrics {
    /// Counts a request that was shed because of its site's traffic.
    pub(crate) fn shed(&self, reason: &str) {
        self.shed.with_label_values(&[reason]).inc();
    }

    /// Counts a request as waiting for its turn, and records how long it waited when the result is
    /// dropped.
    pub(crate) fn wait_for_turn(&self, stage: &'static str) -> TurnWait {
        let gauge = self.waiting.with_label_values(&[stage]);
        gauge.inc();
        TurnWait {
            waiting: gauge,
            waited: self.turn_wait.with_label_values(&[stage]),
            since: Instant::now(),
        }
    }
}
