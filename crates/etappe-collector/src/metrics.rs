//! The collector's metrics.

use etappe_core::warning::WarningReason;
use etappe_wire::native::Reason;
use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};
use tokio::time::Instant;

/// Upper bounds of the buckets for durations, in seconds.
const DURATION_BUCKETS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// The collector's metrics; clones share their values.
#[derive(Debug, Clone)]
pub struct CollectorMetrics {
    /// `etappe_collector_requests_total`, counter, by `endpoint` (message, batch, pixel) and
    /// `result` (`ok` or the error's code). Alert on a rising share of `unavailable`, `overloaded`
    /// and `publish_timeout`: events are waiting on the clients.
    pub(crate) requests: IntCounterVec,
    /// `etappe_collector_request_duration_seconds`, histogram, by `endpoint`: from the head of a
    /// request to its answer. Alert when the 99th percentile exceeds a second.
    pub(crate) request_duration: HistogramVec,
    /// `etappe_collector_events_accepted_total`, counter, by `endpoint`: durable in the log. Alert
    /// when it stops while requests come in.
    pub(crate) accepted: IntCounterVec,
    /// `etappe_collector_events_rejected_total`, counter, by `reason`. A jump means that a tracker
    /// broke; the site's rejections show which.
    pub(crate) rejected: IntCounterVec,
    /// `etappe_collector_warnings_total`, counter, by `reason`: values of accepted messages that do
    /// not count. A jump means that a shop sends unreadable amounts or ids; the site's warnings
    /// show which.
    pub(crate) warnings: IntCounterVec,
    /// `etappe_collector_received_bytes_total`, counter: bodies as received.
    pub(crate) received_bytes: IntCounter,
    /// `etappe_collector_decoded_bytes_total`, counter: bodies after decompression.
    pub(crate) decoded_bytes: IntCounter,
    /// `etappe_collector_published_bytes_total`, counter: records handed to the log.
    pub(crate) published_bytes: IntCounter,
    /// `etappe_collector_publish_duration_seconds`, histogram: time until the log has made records
    /// durable. Alert when the 99th percentile exceeds 100 ms: the disk is slow.
    pub(crate) publish_duration: Histogram,
    /// Metrics of load shedding.
    pub(crate) admission: AdmissionMetrics,
    /// `etappe_collector_in_flight_bytes`, gauge: memory of requests in progress. Alert near
    /// `in_flight_bytes`.
    pub(crate) in_flight_bytes: IntGauge,
}

/// Metrics of load shedding.
#[derive(Debug, Clone)]
pub(crate) struct AdmissionMetrics {
    /// `etappe_collector_shed_requests_total`, counter, by `reason` (work, publish, log): requests
    /// refused because their site sends more than its share. `work`: processor time is short;
    /// `publish`: the disk or Kafka is the bottleneck; `log`: the event log is nearly full. Alert
    /// when it rises for minutes.
    shed: IntCounterVec,
    /// `etappe_collector_turn_wait_seconds`, histogram, by `stage` (work, publish): how long requests
    /// waited for their turn. Alert when the 99th percentile exceeds 100 ms.
    turn_wait: HistogramVec,
    /// `etappe_collector_waiting_requests`, gauge, by `stage` (work, publish): requests that are
    /// waiting for their turn. Alert when it stays in the hundreds: more arrives than can be
    /// processed.
    waiting: IntGaugeVec,
    /// `etappe_collector_log_fullness_ratio`, gauge: the used part of the event log's room, 0 to 1;
    /// 0 where it has no bound. Alert at 0.8: the classifier does not keep up.
    pub(crate) log_fullness: Gauge,
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
        let vec = |name: &str, help: &str, labels: &[&str]| {
            IntCounterVec::new(Opts::new(name, help), labels)
        };
        let buckets = |name: &str, help: &str| {
            HistogramOpts::new(name, help).buckets(DURATION_BUCKETS.to_vec())
        };
        let metrics = Self {
            requests: vec(
                "etappe_collector_requests_total",
                "Requests answered, by endpoint and result.",
                &["endpoint", "result"],
            )?,
            request_duration: HistogramVec::new(
                buckets(
                    "etappe_collector_request_duration_seconds",
                    "Time from a request's head to its answer.",
                ),
                &["endpoint"],
            )?,
            accepted: vec(
                "etappe_collector_events_accepted_total",
                "Messages durable in the log.",
                &["endpoint"],
            )?,
            rejected: vec(
                "etappe_collector_events_rejected_total",
                "Messages rejected, by reason.",
                &["reason"],
            )?,
            warnings: vec(
                "etappe_collector_warnings_total",
                "Ignored values of accepted messages, by reason.",
                &["reason"],
            )?,
            received_bytes: IntCounter::new(
                "etappe_collector_received_bytes_total",
                "Bytes of bodies as received.",
            )?,
            decoded_bytes: IntCounter::new(
                "etappe_collector_decoded_bytes_total",
                "Bytes of bodies after decompression.",
            )?,
            published_bytes: IntCounter::new(
                "etappe_collector_published_bytes_total",
                "Bytes of records handed to the log.",
            )?,
            publish_duration: Histogram::with_opts(buckets(
                "etappe_collector_publish_duration_seconds",
                "Time until the log made records durable.",
            ))?,
            admission: AdmissionMetrics::new()?,
            in_flight_bytes: IntGauge::new(
                "etappe_collector_in_flight_bytes",
                "Memory of requests in progress.",
            )?,
        };
        metrics.register_all(registry)?;
        Ok(metrics)
    }

    fn register_all(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        // A counter that exists from the start shows its first increase, and also that there is
        // none.
        for endpoint in ["message", "batch", "pixel"] {
            self.accepted.with_label_values(&[endpoint]);
        }
        for reason in Reason::ALL {
            self.rejected.with_label_values(&[reason.as_str()]);
        }
        for reason in WarningReason::ALL {
            self.warnings.with_label_values(&[reason.as_str()]);
        }
        registry.register(Box::new(self.requests.clone()))?;
        registry.register(Box::new(self.request_duration.clone()))?;
        registry.register(Box::new(self.accepted.clone()))?;
        registry.register(Box::new(self.rejected.clone()))?;
        registry.register(Box::new(self.warnings.clone()))?;
        registry.register(Box::new(self.received_bytes.clone()))?;
        registry.register(Box::new(self.decoded_bytes.clone()))?;
        registry.register(Box::new(self.published_bytes.clone()))?;
        registry.register(Box::new(self.publish_duration.clone()))?;
        self.admission.register_all(registry)?;
        registry.register(Box::new(self.in_flight_bytes.clone()))
    }
}

impl AdmissionMetrics {
    fn new() -> Result<Self, prometheus::Error> {
        let turn_wait = HistogramOpts::new(
            "etappe_collector_turn_wait_seconds",
            "Time that requests waited for their turn, by stage.",
        );
        Ok(Self {
            shed: IntCounterVec::new(
                Opts::new(
                    "etappe_collector_shed_requests_total",
                    "Requests refused because their site exceeds its share, by the scarce resource.",
                ),
                &["reason"],
            )?,
            turn_wait: HistogramVec::new(turn_wait.buckets(DURATION_BUCKETS.to_vec()), &["stage"])?,
            waiting: IntGaugeVec::new(
                Opts::new(
                    "etappe_collector_waiting_requests",
                    "Requests that wait for their turn, by stage.",
                ),
                &["stage"],
            )?,
            log_fullness: Gauge::new(
                "etappe_collector_log_fullness_ratio",
                "Used fraction of the event log's capacity.",
            )?,
        })
    }

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

    fn register_all(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        for reason in ["work", "publish", "log"] {
            self.shed.with_label_values(&[reason]);
        }
        registry.register(Box::new(self.shed.clone()))?;
        registry.register(Box::new(self.turn_wait.clone()))?;
        registry.register(Box::new(self.waiting.clone()))?;
        registry.register(Box::new(self.log_fullness.clone()))
    }
}
