//! The API's settings.

use std::time::Duration;

use serde::{Deserialize, Serialize};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const LEAST_GAUGE_INTERVAL: Duration = Duration::from_secs(1);

/// The most events on a page of a person's events.
pub(crate) const MAX_PAGE_EVENTS: usize = 1_000;

/// Limits on concurrent questions and on the cost of one answer.
///
/// Sizes are in bytes; times are texts such as `"30s"`, `"500ms"` or `"5m"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InsightsConfig {
    /// How many questions run at a time. Default 8. Too high: they slow down each other and the
    /// inserts; too low: dashboards wait.
    pub concurrent_queries: usize,
    /// How many of these may be about one site. Default 4. Too high: one site's questions slow down
    /// all others; too low: the panels of one dashboard wait for each other.
    pub site_queries: usize,
    /// How many questions about one site may wait for their turn; any more get 503 at once. Default
    /// 64.
    pub queued_queries: usize,
    /// How long a question may wait for its turn before it gets 503. Default 5 s.
    #[serde(with = "etappe_core::duration_text")]
    pub queue_timeout: Duration,
    /// How long a question may run before it gets 504. Default 60 s.
    #[serde(with = "etappe_core::duration_text")]
    pub query_timeout: Duration,
    /// The largest request body. Default 64 KiB; a larger one gets 413.
    pub body_bytes: usize,
    /// How many values of a breakdown are counted in one pass. Default 10,000. A breakdown with
    /// more values reads all events twice: first to find the largest values, then to count them.
    /// Too high: memory; too low: time.
    pub breakdown_values: usize,
    /// The memory for the durations between a funnel's steps, per question. Default 32 MiB. Above
    /// it, percentiles come from histograms; a question that needs four times as much gets 422.
    pub duration_bytes: usize,
    /// Events on a page of an actor's events if the question sets no limit. Default 100.
    pub page_events: usize,
    /// The most sites whose KPIs are exported as gauges. Default 20; with more sites there are no
    /// gauges, and 0 turns them off. At every interval each site costs the database the queries of
    /// its KPI cards.
    pub kpi_gauge_sites: usize,
    /// How often these gauges are refreshed. Default 1 minute. The interval grows if a refresh
    /// takes more than a twentieth of the time. Too short: the database does little else; too long:
    /// graphs of KPIs have steps, and the alert on stale values, which waits three intervals, fires
    /// late.
    #[serde(with = "etappe_core::duration_text")]
    pub kpi_gauge_interval: Duration,
}

impl Default for InsightsConfig {
    fn default() -> Self {
        Self {
            concurrent_queries: 8,
            site_queries: 4,
            queued_queries: 64,
            queue_timeout: Duration::from_secs(5),
            query_timeout: Duration::from_mins(1),
            body_bytes: 64 * KIB,
            breakdown_values: 10_000,
            duration_bytes: 32 * MIB,
            page_events: 100,
            kpi_gauge_sites: 20,
            kpi_gauge_interval: Duration::from_mins(1),
        }
    }
}

impl InsightsConfig {
    /// Returns one sentence per invalid setting, which names the setting; empty if all are valid.
    #[must_use]
    pub fn validate(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let numbers = [
            ("concurrent_queries", self.concurrent_queries, 1, 1_000),
            ("site_queries", self.site_queries, 1, 1_000),
            ("queued_queries", self.queued_queries, 1, 10_000),
            ("body_bytes", self.body_bytes, KIB, 16 * MIB),
            ("breakdown_values", self.breakdown_values, 1, 1_000_000),
            ("duration_bytes", self.duration_bytes, MIB, 16 * 1024 * MIB),
            ("page_events", self.page_events, 1, MAX_PAGE_EVENTS),
            ("kpi_gauge_sites", self.kpi_gauge_sites, 0, 1_000),
        ];
        for (name, value, least, most) in numbers {
            if !(least..=most).contains(&value) {
                problems.push(format!("`{name}` is {value}, expected {least} to {most}"));
            }
        }
        let times = [
            ("queue_timeout", self.queue_timeout),
            ("query_timeout", self.query_timeout),
        ];
        for (name, value) in times {
            if value.is_zero() {
                problems.push(format!("`{name}` is zero"));
            }
        }
        if self.kpi_gauge_interval < LEAST_GAUGE_INTERVAL {
            problems.push("`kpi_gauge_interval` is below 1 s".to_owned());
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert!(InsightsConfig::default().validate().is_empty());
    }

    #[test]
    fn every_problem_is_reported() {
        let config = InsightsConfig {
            concurrent_queries: 0,
            query_timeout: Duration::ZERO,
            page_events: 1_000_000,
            kpi_gauge_interval: Duration::from_millis(999),
            ..InsightsConfig::default()
        };
        assert_eq!(
            config.validate(),
            [
                "`concurrent_queries` is 0, expected 1 to 1000",
                "`page_events` is 1000000, expected 1 to 1000",
                "`query_timeout` is zero",
                "`kpi_gauge_interval` is below 1 s",
            ]
        );
    }

    #[test]
    fn settings_round_trip_through_text() {
        let config = InsightsConfig::default();
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(
            serde_json::from_str::<InsightsConfig>(&text).unwrap(),
            config
        );
    }
}
