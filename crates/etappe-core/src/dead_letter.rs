//! Records that cannot be stored.

use bytes::Bytes;

use crate::id::{Offset, PartitionId};
use crate::time::Timestamp;

/// A record that cannot be stored, with everything needed to inspect it and to send it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The partition that the record is in.
    pub partition: PartitionId,
    /// The record's offset in its partition.
    pub offset: Offset,
    /// The record's bytes.
    pub payload: Bytes,
    /// Why the record could not be stored.
    pub reason: String,
}

/// A dead letter as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDeadLetter {
    /// The topic that the record was in.
    pub topic: String,
    /// The record and why it could not be stored.
    pub letter: DeadLetter,
    /// When the record was buried.
    pub buried_at: Timestamp,
    /// When the record was last sent again, if ever.
    pub replayed_at: Option<Timestamp>,
}

impl StoredDeadLetter {
    /// Returns the letter's name, `TOPIC:PARTITION:OFFSET`: the record's position in the log.
    #[must_use]
    pub fn name(&self) -> String {
        format!(
            "{}:{}:{}",
            self.topic, self.letter.partition, self.letter.offset
        )
    }
}
