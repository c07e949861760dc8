//! The classifier's configuration, with defaults for a single machine.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The maximum number of rows in a batch: ClickHouse takes no more in one block.
pub const MAX_BATCH_ROWS: usize = 500_000;

/// The classifier's configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClassifierConfig {
    /// How long records are collected before they are inserted. Default: `"300ms"`. Lower values
    /// give fresher figures but smaller and more frequent inserts; higher values do the opposite.
    #[serde(with = "etappe_core::duration_text")]
    pub flush_interval: Duration,
    /// The maximum number of rows in a batch, at most 500,000, which is also the default.
    pub max_batch_rows: usize,
    /// The size in bytes at which a batch is full, counting its encoded rows and about 130 bytes of
    /// metadata per row. Default: 32 MiB. Smaller batches cost the database more per row.
    pub max_batch_bytes: usize,
    /// The maximum memory in bytes for the batches of all partitions, both being filled and being
    /// stored. Default: 128 MiB. Too low makes batches small during catch-up, because a batch that
    /// gets no more memory is sent as it is. At most half of it is reserved as a minimum for each
    /// partition.
    pub batch_bytes: usize,
    /// How many bytes of records are read and processed at a time. Default: 2 MiB. Too low wastes
    /// time on hand-overs between threads; too high delays everything else on the machine's cores.
    pub read_bytes: usize,
    /// The delay after the first failure; it doubles with each further failure. Default: `"200ms"`.
    #[serde(with = "etappe_core::duration_text")]
    pub retry_first: Duration,
    /// The longest delay between attempts. Default: `"5s"`. Too high delays recovery after a
    /// database outage.
    #[serde(with = "etappe_core::duration_text")]
    pub retry_longest: Duration,
    /// How long a running insert may take after a stop or a revocation. Default: `"10s"`. The
    /// partition's next owner repeats whatever is unfinished by then.
    #[serde(with = "etappe_core::duration_text")]
    pub drain: Duration,
    /// The maximum memory in bytes for the duplicate filters of all partitions. Default: 96 MiB.
    /// Too low causes false positives, which cost look-ups in the database.
    pub filter_bytes: usize,
    /// How many of the latest messages, over all partitions, are checked for duplicates. Default:
    /// 50,000,000.
    pub filter_messages: u64,
    /// How far back messages are loaded after a restart. Default: `"24h"`. A duplicate that arrives
    /// later than this and after a restart counts as a new event.
    #[serde(with = "etappe_core::duration_text")]
    pub filter_window: Duration,
}

impl Default for ClassifierConfig {
    fn default() -> Self {
        Self {
            flush_interval: Duration::from_millis(300),
            max_batch_rows: MAX_BATCH_ROWS,
            max_batch_bytes: 32 << 20,
            batch_bytes: 128 << 20,
            read_bytes: 2 << 20,
            retry_first: Duration::from_millis(200),
            retry_longest: Duration::from_secs(5),
            drain: Duration::from_secs(10),
            filter_bytes: 96 << 20,
            filter_messages: 50_000_000,
            filter_window: Duration::from_secs(86_400),
        }
    }
}

impl ClassifierConfig {
    /// Checks the configuration.
    ///
    /// # Errors
    /// Every problem found, one sentence each.
    pub fn validate(&self) -> Result<(), Vec<String>> {
        let mut problems = Vec::new();
        let mut check = |good: bool, problem: &str| {
            if !good {
                problems.push(problem.to_owned());
            }
        };
        check(
            (Duration::from_millis(10)..=Duration::from_secs(60)).contains(&self.flush_interval),
            "flush_interval must be from 0.01 to 60 seconds",
        );
        check(
            (1..=MAX_BATCH_ROWS).contains(&self.max_batch_rows),
            "max_batch_rows must be from 1 to 500000",
        );
        check(
            ((1 << 20)..=(1 << 30)).contains(&self.max_batch_bytes),
            "max_batch_bytes must be from 1 MiB to 1 GiB",
        );
        check(
            ((8 << 20)..=(64 << 30)).contains(&self.batch_bytes),
            "batch_bytes must be from 8 MiB to 64 GiB",
        );
        check(
            ((64 << 10)..=(64 << 20)).contains(&self.read_bytes),
            "read_bytes must be from 64 KiB to 64 MiB",
        );
        check(
            !self.retry_first.is_zero() && self.retry_first <= self.retry_longest,
            "retry_first must be above 0 and at most retry_longest",
        );
        check(
            ((1 << 20)..=(16 << 30)).contains(&self.filter_bytes),
            "filter_bytes must be from 1 MiB to 16 GiB",
        );
        check(
            (1_000..=10_000_000_000).contains(&self.filter_messages),
            "filter_messages must be from 1000 to 10 billion",
        );
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }
}

/// Durations as fractional seconds.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_all_problems_are_reported_at_once() {
        assert_eq!(ClassifierConfig::default().validate(), Ok(()));
        let broken = ClassifierConfig {
            flush_interval: Duration::ZERO,
            max_batch_rows: 0,
            retry_first: Duration::from_secs(60),
            ..ClassifierConfig::default()
        };
        assert_eq!(broken.validate().map_err(|problems| problems.len()), Err(3));
    }

    #[test]
    fn durations_are_read_from_text() {
        let config: ClassifierConfig =
            serde_json::from_str(r#"{"flush_interval":"500ms"}"#).expect("a valid configuration");
        assert_eq!(config.flush_interval, Duration::from_millis(500));
        let unknown = serde_json::from_str::<ClassifierConfig>(r#"{"flush":1}"#);
        assert!(unknown.is_err());
        let negative = serde_json::from_str::<ClassifierConfig>(r#"{"drain":"-1s"}"#);
        assert!(negative.is_err());
    }
}
