//! Configuration of the local log, with defaults that suit one machine.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::frame::{Codec, MAX_BODY_BYTES};

/// Configuration of the local log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LocalLogConfig {
    /// The log's folder; created if missing. Default: `log`. It must be on a file system that
    /// honours fsync, and should be the one that the engine stores its rows on.
    pub directory: PathBuf,
    /// How many partitions the log has, each with its own writer and consumer. Default: 2. Fixed
    /// when the log is created. More partitions mean more and smaller inserts.
    pub partitions: u32,
    /// The compression of stored records. Default: `lz4`. May change at any time.
    pub codec: Codec,
    /// Size in bytes at which a segment file is closed and the next one started. Default: 64 MiB.
    /// Disk space is freed in whole segments: too large keeps consumed data longer, too small makes
    /// many files.
    pub segment_bytes: u64,
    /// The largest record in bytes. Default: 1 MiB. A larger record is refused; others in the same
    /// request are not affected.
    pub max_record_bytes: usize,
    /// How many bytes of records may wait to be written to disk, all partitions together. Default:
    /// 64 MiB. Bounds memory. Too low refuses bursts that the disk would have caught up with.
    pub queue_bytes: usize,
    /// The most disk space in bytes that the log may take. Default: no limit. At the limit events
    /// are refused until consumed segments are old enough to be deleted.
    pub max_bytes: Option<u64>,
    /// Events are refused when the disk has less free space than this, in bytes. Default: 128 MiB.
    /// It keeps room for the engine to store what the log holds; 0 lets the log fill the disk.
    pub min_free_bytes: u64,
    /// How long consumed records are kept. Default: `"1h"`. After a crash of the machine this much
    /// is stored again, because the engine does not sync each insert. Too low loses what the
    /// machine had not written yet, too high takes disk space.
    #[serde(with = "etappe_core::duration_text")]
    pub retention: Duration,
}

impl Default for LocalLogConfig {
    fn default() -> Self {
        Self {
            directory: PathBuf::from("log"),
            partitions: 2,
            codec: Codec::Lz4,
            segment_bytes: 64 << 20,
            max_record_bytes: 1 << 20,
            queue_bytes: 64 << 20,
            max_bytes: None,
            min_free_bytes: 128 << 20,
            retention: Duration::from_secs(3600),
        }
    }
}

impl LocalLogConfig {
    /// Checks the configuration.
    ///
    /// # Errors
    /// Every problem found, one sentence each.
    pub fn validate(&self) -> Result<(), Vec<String>> {
        let mut problems = Vec::new();
        let mut check = |good: bool, problem: String| {
            if !good {
                problems.push(problem);
            }
        };
        check(
            !self.directory.as_os_str().is_empty(),
            "`directory` is empty".to_owned(),
        );
        check(
            (1..=64).contains(&self.partitions),
            format!("`partitions` is {}, expected 1 to 64", self.partitions),
        );
        check(
            (1 << 16..=1 << 30).contains(&self.segment_bytes),
            format!(
                "`segment_bytes` is {}, expected 65536 to 1073741824",
                self.segment_bytes
            ),
        );
        check(
            (1..=MAX_BODY_BYTES / 2).contains(&self.max_record_bytes),
            format!(
                "`max_record_bytes` is {}, expected 1 to {}",
                self.max_record_bytes,
                MAX_BODY_BYTES / 2
            ),
        );
        check(
            self.queue_bytes >= 1 << 16,
            format!(
                "`queue_bytes` is {}, expected at least 65536",
                self.queue_bytes
            ),
        );
        let least = self
            .segment_bytes
            .saturating_mul(2 * u64::from(self.partitions));
        check(
            self.max_bytes.is_none_or(|bound| bound >= least),
            format!(
                "`max_bytes` is {}, expected at least two segments per partition, {least}",
                self.max_bytes.unwrap_or_default()
            ),
        );
        check(
            self.retention <= Duration::from_secs(30 * 86_400),
            "`retention` is over 30 days".to_owned(),
        );
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_survive_a_round_trip() {
        let config = LocalLogConfig::default();
        assert_eq!(config.validate(), Ok(()));
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(
            serde_json::from_str::<LocalLogConfig>(&text).unwrap(),
            config
        );
        assert_eq!(
            serde_json::from_str::<LocalLogConfig>(r#"{"retention":"1m"}"#)
                .unwrap()
                .retention,
            Duration::from_secs(60)
        );
        assert!(serde_json::from_str::<LocalLogConfig>(r#"{"segments":1}"#).is_err());
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let config = LocalLogConfig {
            directory: PathBuf::new(),
            partitions: 0,
            segment_bytes: 1,
            max_record_bytes: 0,
            queue_bytes: 0,
            retention: Duration::from_secs(u64::MAX),
            ..LocalLogConfig::default()
        };
        assert_eq!(config.validate().unwrap_err().len(), 6);
        let tight = LocalLogConfig {
            max_bytes: Some(100 << 20),
            ..LocalLogConfig::default()
        };
        assert_eq!(tight.validate().unwrap_err().len(), 1);
    }
}
