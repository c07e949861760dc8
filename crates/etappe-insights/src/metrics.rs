//! The API's metrics.

use std::time::Duration;

use etappe_core::time::Timestamp;
use etappe_runtime::metric_set::MetricSet;
use prometheus::{Gauge, GaugeVec, HistogramVec, IntCounter, IntCounterVec, IntGauge, Registry};

/// Upper bounds of the buckets for durations, in seconds.
const DURATION_BUCKETS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

etappe_runtime::metric_set! {
    /// The API's metrics; clones share their values.
    #[derive(Debug, Clone)]
    pub struct InsightsMetrics {
        /// Number of questions answered, by route (the path's pattern) and status.
        ///
        /// Alert on 5xx: 503 means too many questions or no store, 504 a question that took too
        /// long.
        requests: IntCounterVec = "etappe_insights_requests_total" by ["route", "status"],
        /// Time from the head of a question to its answer, by route.
        ///
        /// Alert when the 95th percentile exceeds a second.
        request_duration: HistogramVec =
            "etappe_insights_request_duration_seconds" by ["route"] in DURATION_BUCKETS,
        /// Number of events read from the store for matching.
        ///
        /// Its rate relative to requests shows how broad the questions are.
        rows_visited: IntCounter = "etappe_insights_rows_visited_total",
        /// Number of actors or accounts that were matched.
        units_matched: IntCounter = "etappe_insights_units_matched_total",
        /// Number of questions being answered.
        ///
        /// Alert when it stays at `concurrent_queries`.
        queries_running: IntGauge = "etappe_insights_queries_running",
        /// Number of questions waiting for their turn.
        ///
        /// Alert when it stays above zero: questions arrive faster than they are answered.
        queries_waiting: IntGauge = "etappe_insights_queries_waiting",
        /// The metrics of the KPI gauges.
        kpis: KpiMetrics,
    }
}

etappe_runtime::metric_set! {
    /// The metrics of the KPI gauges; clones share their values.
    #[derive(Debug, Clone)]
    pub(crate) struct KpiMetrics {
        /// Value of a site's KPI over the last 30 days, including today.
        ///
        /// `kpi` is an id of the KPI API; `currency` is empty if it is not money. Alert on the
        /// values that matter to the business.
        value: GaugeVec = "etappe_insights_kpi_value" by ["site", "kpi", "currency"],
        /// 1 while the KPIs are exported, 0 if there are too many sites.
        ///
        /// The limit is `kpi_gauge_sites`.
        shown: IntGauge = "etappe_insights_kpi_shown",
        /// Number of refreshes of the KPI gauges, by result (ok, error).
        ///
        /// Alert when `error` increases and `ok` does not: the values are stale.
        refreshes: IntCounterVec = "etappe_insights_kpi_refreshes_total" by ["result"],
        /// Time of the last refresh of the KPI gauges of all sites.
        refreshed: Gauge = "etappe_insights_kpi_refreshed_timestamp_seconds",
        /// Shortest interval between refreshes of the KPI gauges.
        ///
        /// The alert on stale values compares their age with it.
        interval: Gauge = "etappe_insights_kpi_interval_seconds",
        /// Time by which the figures lag behind the clock.
        ///
        /// Alert over 60.
        watermark_age: Gauge = "etappe_insights_watermark_age_seconds",
    }
}

/// A question that is running or waiting; counted until it is dropped.
pub(crate) struct Counted(IntGauge);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl InsightsMetrics {
    /// Creates the metrics and registers them.
    ///
    /// # Errors
    /// The registry's error if it already holds metrics of these names.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Self::registered(registry)
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

    pub(crate) const fn kpis(&self) -> &KpiMetrics {
        &self.kpis
    }

    pub(crate) fn running(&self) -> Counted {
        self.queries_running.inc();
        Counted(self.queries_running.clone())
    }

    pub(crate) fn waiting(&self) -> Counted {
        self.queries_waiting.inc();
        Counted(self.queries_waiting.clone())
    }
}

impl KpiMetrics {
    pub(crate) fn show(&self, site: &str, kpi: &str, currency: &str, value: f64) {
        self.value
            .with_label_values(&[site, kpi, currency])
            .set(value);
    }

    /// Removes a gauge, if it exists.
    pub(crate) fn forget(&self, site: &str, kpi: &str, currency: &str) {
        if let Err(error) = self.value.remove_label_values(&[site, kpi, currency]) {
            tracing::debug!(%error, site, kpi, "gauge is not shown");
        }
    }

    pub(crate) fn record_shown(&self, is_shown: bool) {
        self.shown.set(i64::from(is_shown));
    }

    pub(crate) fn record_interval(&self, interval: Duration) {
        self.interval.set(interval.as_secs_f64());
    }

    pub(crate) fn record_refresh(&self, all_answered: bool, now: Timestamp) {
        let result = if all_answered { "ok" } else { "error" };
        self.refreshes.with_label_values(&[result]).inc();
        if all_answered {
            self.refreshed.set(seconds(now.as_millis()));
        }
    }

    pub(crate) fn record_watermark_age(&self, millis: i64) {
        self.watermark_age.set(seconds(millis));
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 are far below 2^53"
)]
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}
