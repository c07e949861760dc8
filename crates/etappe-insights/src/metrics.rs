//! What the API counts.

use std::time::Duration;

use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};

/// Upper bounds of the buckets for durations, in seconds.
const DURATION_BUCKETS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// The API's metrics; clones share their values.
#[derive(Debug, Clone)]
pub struct InsightsMetrics {
    /// `etappe_insights_requests_total`, counter, by `route` (the path's pattern) and `status`.
    /// Alert on 5xx: 503 is too many questions or no store, 504 a question that took too long.
    requests: IntCounterVec,
    /// `etappe_insights_request_duration_seconds`, histogram, by `route`. Alert when the 95th
    /// percentile exceeds a second.
    request_duration: HistogramVec,
    /// `etappe_insights_rows_visited_total`, counter: events that came from the store to be
    /// matched. Its rate against requests tells how wide the questions are.
    rows_visited: IntCounter,
    /// `etappe_insights_units_matched_total`, counter: actors or accounts that were matched.
    units_matched: IntCounter,
    /// `etappe_insights_queries_running`, gauge: questions being answered. Alert when it stays at
    /// `concurrent_queries`.
    queries_running: IntGauge,
}

/// A question being answered; counted until it is dropped.
pub(crate) struct Running(IntGauge);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl InsightsMetrics {
    /// Makes the metrics and registers them.
    ///
    /// # Errors
    /// The registry's error if it holds metrics of these names already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            requests: IntCounterVec::new(
                Opts::new(
                    "etappe_insights_requests_total",
                    "Questions answered, by route and status.",
                ),
                &["route", "status"],
            )?,
            request_duration: HistogramVec::new(
                HistogramOpts::new(
                    "etappe_insights_request_duration_seconds",
                    "From a question's head to its answer, by route.",
                )
                .buckets(DURATION_BUCKETS.to_vec()),
                &["route"],
            )?,
            rows_visited: IntCounter::new(
                "etappe_insights_rows_visited_total",
                "Events that came from the store to be matched.",
            )?,
            units_matched: IntCounter::new(
                "etappe_insights_units_matched_total",
                "Actors or accounts that were matched.",
            )?,
            queries_running: IntGauge::new(
                "etappe_insights_queries_running",
                "Questions being answered.",
            )?,
        };
        registry.register(Box::new(metrics.requests.clone()))?;
        registry.register(Box::new(metrics.request_duration.clone()))?;
        registry.register(Box::new(metrics.rows_visited.clone()))?;
        registry.register(Box::new(metrics.units_matched.clone()))?;
        registry.register(Box::new(metrics.queries_running.clone()))?;
        Ok(metrics)
    }

    pub(crate) fn record_request(&self, route: &str, status: u16, took: Duration) {
        self.requests
            .with_label_values(&[route, &status.to_string()])
            .inc();
        self.request_duration
            .with_label_values(&[route])
            .observe(took.as_secs_f64());
    }

    pub(crate) fn record_matching(&self, units: u64, rows: u64) {
        self.units_matched.inc_by(units);
        self.rows_visited.inc_by(rows);
    }

    pub(crate) fn running(&self) -> Running {
        self.queries_running.inc();
        Running(self.queries_running.clone())
    }
}
