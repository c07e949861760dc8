//! How the classifier is configured, with defaults that suit one machine.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The most rows that a batch may have: ClickHouse takes no more as one block.
pub const MAX_BATCH_ROWS: usize = 500_000;

/// Configuration of the classifier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClassifierConfig {
    /// How long records are gathered before they are inserted. Default: `"300ms"`. Lower
    /// makes figures fresher and inserts smaller and more numerous; higher the other way round.
    #[serde(with = "etappe_core::duration_text")]
    pub flush_interval: Duration,
    /// The most rows in a batch, at most 500,000, which is also the default.
    pub max_batch_rows: usize,
    /// The size in bytes at which a batch is full. Default: 32 MiB. Smaller batches cost the
    /// database more for each row.
    pub max_batch_bytes: usize,
    /// How many bytes the batches of all partitions take together, those being filled and those
    /// being stored. Default: 128 MiB. Too low makes batches small while there is much to catch up
    /// with; a batch that gets no more goes off as it is. Half of it at most is kept as a minimum
    /// for each partition.
    pub batch_bytes: usize,
    /// How many bytes of records are read and worked on at a time. Default: 2 MiB. Too low costs
    /// time in hand-overs; too high delays everything else on the machine's cores.
    pub read_bytes: usize,
    /// The waiting time after a first failure; it doubles with each. Default: `"200ms"`.
    #[serde(with = "etappe_core::duration_text")]
    pub retry_first: Duration,
    /// The longest waiting time between tries. Default: `"5s"`. Too high delays recovery
    /// after an outage of the database.
    #[serde(with = "etappe_core::duration_text")]
    pub retry_longest: Duration,
    /// How long an insert may still take after a stop or a revocation. Default: `"10s"`.
    /// What is not done by then is done again by the next owner of the partition.
    #[serde(with = "etappe_core::duration_text")]
    pub drain: Duration,
    /// How many bytes the duplicate filters of all partitions take at most. Default: 96 MiB. Too
    /// low makes the filters hit without cause, which costs look-ups in the database.
    pub filter_bytes: usize,
    /// How many of the latest messages, all partitions together, are searched for duplicates.
    /// Default: 50,000,000.
    pub filter_messages: u64,
    /// How far back messages are looked at after a restart. Default: `"24h"`. A copy
    /// that comes later than this and after a restart counts as a new event.
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

/// Durations as a number of seconds, with a fraction.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_all_problems_are_told_at_once() {
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
    fn durations_are_text() {
        let config: ClassifierConfig =
            serde_json::from_str(r#"{"flush_interval":"500ms"}"#).expect("a valid configuration");
        assert_eq!(config.flush_interval, Duration::from_millis(500));
        let unknown = serde_json::from_str::<ClassifierConfig>(r#"{"flush":1}"#);
        assert!(unknown.is_err());
        let negative = serde_json::from_str::<ClassifierConfig>(r#"{"drain":"-1s"}"#);
        assert!(negative.is_err());
    }
}
