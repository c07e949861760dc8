//! Why the classifier had to stop.

use std::error::Error;
use std::fmt;

use etappe_core::id::{Offset, OffsetRange, PartitionId};
use etappe_core::ports::{Classified, RetryClass};

/// Why the classifier cannot go on. Whatever it was doing is done again at the next start.
#[derive(Debug, thiserror::Error)]
pub enum ClassifierError {
    /// Nothing more is heard about which partitions to work on.
    #[error("assignments of topic `{topic}` cannot be followed")]
    Assignment {
        /// The topic.
        topic: String,
        /// What the log says.
        #[source]
        source: PortError,
    },
    /// The log gave a partition that it had given before and not taken back.
    #[error("partition {partition} of topic `{topic}` was assigned twice")]
    AssignedTwice {
        /// The topic.
        topic: String,
        /// The partition.
        partition: PartitionId,
    },
    /// A partition cannot be read.
    #[error("partition {partition} cannot be read from offset {offset} on")]
    Read {
        /// The partition.
        partition: PartitionId,
        /// Where reading should have begun.
        offset: Offset,
        /// What the log says.
        #[source]
        source: PortError,
    },
    /// Progress cannot be remembered.
    #[error("progress of partition {partition} cannot be remembered at offset {next}")]
    Commit {
        /// The partition.
        partition: PartitionId,
        /// How far it was.
        next: Offset,
        /// What the log says.
        #[source]
        source: PortError,
    },
    /// Rows cannot be stored, and trying again cannot help.
    #[error("rows of partition {partition}, offsets {} to {}, cannot be stored", range.first, range.last)]
    Insert {
        /// The partition.
        partition: PartitionId,
        /// The range.
        range: OffsetRange,
        /// What the database says.
        #[source]
        source: PortError,
    },
    /// A dead letter cannot be kept.
    #[error("dead letters of partition {partition} cannot be kept")]
    Bury {
        /// The partition.
        partition: PartitionId,
        /// What its keeper says.
        #[source]
        source: PortError,
    },
    /// Nobody can tell which messages were stored before.
    #[error("earlier messages of partition {partition} cannot be looked up")]
    LookUp {
        /// The partition.
        partition: PartitionId,
        /// What the database says.
        #[source]
        source: PortError,
    },
}

/// The error of an adapter, whichever it is.
#[derive(Debug)]
pub struct PortError(Box<dyn Classified>);

impl PortError {
    /// Wraps the error of an adapter.
    pub fn new(error: impl Classified) -> Self {
        Self(Box::new(error))
    }

    /// Returns what to do about it.
    #[must_use]
    pub fn retry_class(&self) -> RetryClass {
        self.0.retry_class()
    }

    /// Returns the record that is to blame, if the error names one.
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
