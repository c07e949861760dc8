//! Latencies in an HDR histogram, and their summary.
//!
//! The resolution is a microsecond with three significant digits; anything longer than ten minutes
//! counts as ten minutes.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

const LONGEST_MICROS: u64 = 600_000_000;

/// A histogram of latencies.
#[derive(Debug, Clone)]
pub struct LatencyHistogram(Histogram<u64>);

/// The summary of a histogram; times in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct LatencySummary {
    /// The number of recorded latencies.
    pub count: u64,
    /// The mean.
    pub mean_ms: f64,
    /// Half of them are at most this.
    pub p50_ms: f64,
    /// 90 % are at most this.
    pub p90_ms: f64,
    /// 95 % are at most this.
    pub p95_ms: f64,
    /// 99 % are at most this.
    pub p99_ms: f64,
    /// 99.9 % are at most this.
    pub p99_9_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl Default for LatencyHistogram {
    fn default() -> Self {
        let bounds = Histogram::new_with_bounds(1, LONGEST_MICROS, 3);
        Self(bounds.expect("the bounds are constants that the histogram takes"))
    }
}

impl LatencyHistogram {
    /// Records one latency.
    pub fn record(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(micros.max(1));
    }

    /// Adds everything that `other` recorded.
    pub fn merge(&mut self, other: &Self) {
        self.0
            .add(&other.0)
            .expect("both histograms have the same bounds");
    }

    /// Returns the summary.
    #[must_use]
    pub fn summary(&self) -> LatencySummary {
        let at = |quantile: f64| millis(self.0.value_at_quantile(quantile));
        LatencySummary {
            count: self.0.len(),
            mean_ms: self.0.mean().round() / 1e3,
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            p99_9_ms: at(0.999),
            max_ms: millis(self.0.max()),
        }
    }
}

impl FromIterator<Duration> for LatencyHistogram {
    fn from_iter<I: IntoIterator<Item = Duration>>(latencies: I) -> Self {
        let mut histogram = Self::default();
        latencies
            .into_iter()
            .for_each(|latency| histogram.record(latency));
        histogram
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds stay far below 2^53"
)]
fn millis(micros: u64) -> f64 {
    micros as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_a_thousand_different_latencies_are_exact_to_three_digits() {
        let summary = (1..=1_000)
            .map(Duration::from_millis)
            .collect::<LatencyHistogram>()
            .summary();
        assert_eq!(summary.count, 1_000);
        for (value, expected) in [
            (summary.p50_ms, 500.0),
            (summary.p99_ms, 990.0),
            (summary.p99_9_ms, 999.0),
        ] {
            assert!(
                (value - expected).abs() <= expected * 0.001 + 0.001,
                "{value} ~ {expected}"
            );
        }
        assert!((summary.max_ms - 1_000.0).abs() <= 1.0);
        assert!(
            (summary.mean_ms - 500.5).abs() <= 0.6,
            "{}",
            summary.mean_ms
        );
    }

    #[test]
    fn a_merged_histogram_equals_recording_both() {
        let mut left: LatencyHistogram = [Duration::from_millis(1)].into_iter().collect();
        let right: LatencyHistogram = [Duration::from_millis(100)].into_iter().collect();
        left.merge(&right);
        assert_eq!(left.summary().count, 2);
        assert!(left.summary().max_ms > 99.0 && left.summary().p50_ms < 2.0);
    }

    #[test]
    fn extremes_are_clamped_and_counted() {
        let histogram: LatencyHistogram = [Duration::ZERO, Duration::from_secs(100_000)]
            .into_iter()
            .collect();
        assert_eq!(histogram.summary().count, 2);
        assert!(histogram.summary().max_ms >= 599_000.0);
    }

    #[test]
    fn an_empty_histogram_has_a_summary_of_zeros() {
        assert_eq!(
            LatencyHistogram::default().summary(),
            LatencySummary::default()
        );
    }
}
