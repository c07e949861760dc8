//! Records that cannot be stored.

use bytes::Bytes;

use crate::id::{Offset, PartitionId};
use crate::time::Timestamp;

/// A record that cannot be stored, with what is needed to look at it and to send it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The partition that the record stands in.
    pub partition: PartitionId,
    /// Its position there.
    pub offset: Offset,
    /// Its bytes.
    pub payload: Bytes,
    /// Why it could not be stored.
    pub reason: String,
}

/// A dead letter as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuriedLetter {
    /// The log that the record stood in.
    pub topic: String,
    /// The record and why it could not be stored.
    pub letter: DeadLetter,
    /// When it was given up.
    pub buried_at: Timestamp,
    /// When it was last sent again, if it was.
    pub replayed_at: Option<Timestamp>,
}
