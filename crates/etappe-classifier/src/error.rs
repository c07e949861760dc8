//! Why the classifier had to stop.

use std::error::Error;
use std::fmt;

use etappe_core::id::{Offset, OffsetRange, PartitionId};
use etappe_core::ports::{RetryClass, Retryable};

/// Why the classifier cannot continue. The next start repeats any unfinished work.
#[derive(Debug, thiserror::Error)]
pub enum ClassifierError {
    /// Assignments can no longer be received.
    #[error("assignments of topic `{topic}` cannot be read")]
    Assignment {
        /// The topic.
        topic: String,
        /// The log's error.
        #[source]
        source: PortError,
    },
    /// The log assigned a partition twice without revoking it.
    #[error("partition {partition} of topic `{topic}` was assigned twice")]
    AssignedTwice {
        /// The topic.
        topic: String,
        /// The partition.
        partition: PartitionId,
    },
    /// A partition cannot be read.
    #[error("partition {partition} cannot be read from offset {offset}")]
    Read {
        /// The partition.
        partition: PartitionId,
        /// Where reading should have started.
        offset: Offset,
        /// The log's error.
        #[source]
        source: PortError,
    },
    /// Progress cannot be committed.
    #[error("progress of partition {partition} cannot be saved at offset {next}")]
    Commit {
        /// The partition.
        partition: PartitionId,
        /// The progress that was to be committed.
        next: Offset,
        /// The log's error.
        #[source]
        source: PortError,
    },
    /// Rows cannot be stored, and retrying cannot help.
    #[error("rows of partition {partition}, offsets {} to {}, cannot be stored", range.first, range.last)]
    Insert {
        /// The partition.
        partition: PartitionId,
        /// The range.
        range: OffsetRange,
        /// The database's error.
        #[source]
        source: PortError,
    },
    /// A dead letter cannot be stored.
    #[error("dead letters of partition {partition} cannot be stored")]
    StoreDeadLetters {
        /// The partition.
        partition: PartitionId,
        /// The dead-letter store's error.
        #[source]
        source: PortError,
    },
    /// Stored messages cannot be looked up.
    #[error("earlier messages of partition {partition} cannot be looked up")]
    LookUp {
        /// The partition.
        partition: PartitionId,
        /// The database's error.
        #[source]
        source: PortError,
    },
}

/// The error of any adapter.
#[derive(Debug)]
pub struct PortError(Box<dyn Retryable>);

impl PortError {
    /// Wraps the error of an adapter.
    pub fn new(error: impl Retryable) -> Self {
        Self(Box::new(error))
    }

    /// Returns how to handle the error.
    #[must_use]
    pub fn retry_class(&self) -> RetryClass {
        self.0.retry_class()
    }

    /// Returns the bad record, if the error names one.
    #[must_use]
    pub fn record_to_blame(&self) -> Option<Offset> {
        self.0.record_to_blame()
    }
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for PortError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
