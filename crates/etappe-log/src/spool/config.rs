//! Configuration of the spool.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::local::{Codec, LocalLogConfig};
use crate::spool::entry;

/// Configuration of the spool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpoolConfig {
    /// The spool's folder; created if missing. Default: `spool`. It must be on a disk that survives
    /// a restart of the collector, and belongs to one collector only.
    pub directory: PathBuf,
    /// The most disk space in bytes that the spool may take. Default: 8 GiB. When it is full,
    /// events are refused until Kafka is back. An hour of 10,000 events a second takes about 8 GiB.
    pub max_bytes: u64,
    /// Size in bytes at which a file is closed and the next one started. Default: 32 MiB. Disk
    /// space is freed in whole files.
    pub segment_bytes: u64,
    /// Events are refused while Kafka is unavailable and the disk has less free space than this, in
    /// bytes. Default: 256 MiB.
    pub min_free_bytes: u64,
    /// How many bytes of records may wait to be written to disk. Default: 64 MiB. Bounds memory.
    pub queue_bytes: usize,
    /// The compression of stored records. Default: `lz4`.
    pub codec: Codec,
}

impl Default for SpoolConfig {
    fn default() -> Self {
        Self {
            directory: PathBuf::from("spool"),
            max_bytes: 8 << 30,
            segment_bytes: 32 << 20,
            min_free_bytes: 256 << 20,
            queue_bytes: 64 << 20,
            codec: Codec::Lz4,
        }
    }
}

impl SpoolConfig {
    /// Checks the configuration.
    ///
    /// # Errors
    /// Every problem found, one sentence each.
    pub fn validate(&self) -> Result<(), Vec<String>> {
        self.log(LocalLogConfig::default().max_record_bytes)
            .validate()
    }

    /// Returns the configuration of the underlying log.
    pub(super) fn log(&self, max_record_bytes: usize) -> LocalLogConfig {
        LocalLogConfig {
            directory: self.directory.clone(),
            partitions: 1,
            codec: self.codec,
            segment_bytes: self.segment_bytes,
            max_record_bytes: max_record_bytes + entry::HEADER_BYTES,
            queue_bytes: self.queue_bytes,
            max_bytes: Some(self.max_bytes),
            min_free_bytes: self.min_free_bytes,
            // Records that Kafka has acknowledged are not needed again.
            retention: Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_survive_a_round_trip() {
        let config = SpoolConfig::default();
        assert_eq!(config.validate(), Ok(()));
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<SpoolConfig>(&text).unwrap(), config);
    }

    #[test]
    fn a_spool_has_room_for_two_files_at_least() {
        let config = SpoolConfig {
            max_bytes: 1 << 20,
            ..SpoolConfig::default()
        };
        assert_eq!(config.validate().unwrap_err().len(), 1);
    }
}
