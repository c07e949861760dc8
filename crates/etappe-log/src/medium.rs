//! The event log on whichever medium an installation uses: the local disk, or Kafka.

use etappe_core::id::PartitionId;
use etappe_core::ports::{
    EventPublisher, LogRecord, OutgoingRecord, Progress, PublishError, ReadRequest, RecordSource,
    SourceEvent,
};

use crate::error::LogError;
use crate::kafka::{KafkaPublisher, KafkaSource};
use crate::local::{LocalPublisher, LocalSource};
use crate::spool::SpoolingPublisher;

/// Publishes events; clones publish to the same log.
#[derive(Debug, Clone)]
pub enum Publisher {
    /// To the log on the local disk.
    Local(LocalPublisher),
    /// To Kafka, with a spool in front of it.
    Kafka(SpoolingPublisher),
    /// To Kafka without a spool, for commands that may fail during an outage.
    Direct(KafkaPublisher),
}

impl Publisher {
    /// Returns why events go to the spool, if they do; they are still accepted.
    #[must_use]
    pub fn outage(&self) -> Option<String> {
        match self {
            Self::Kafka(publisher) => publisher.outage(),
            Self::Local(_) | Self::Direct(_) => None,
        }
    }

    /// Returns why events are refused, if they are.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        match self {
            Self::Local(publisher) => publisher.problem(),
            Self::Kafka(publisher) => publisher.problem(),
            Self::Direct(publisher) => publisher.problem(),
        }
    }
}

impl EventPublisher for Publisher {
    async fn publish(&self, records: Vec<OutgoingRecord>) -> Vec<Result<(), PublishError>> {
        match self {
            Self::Local(publisher) => publisher.publish(records).await,
            Self::Kafka(publisher) => publisher.publish(records).await,
            Self::Direct(publisher) => publisher.publish(records).await,
        }
    }

    fn fullness(&self) -> f64 {
        match self {
            Self::Local(publisher) => publisher.fullness(),
            Self::Kafka(publisher) => publisher.fullness(),
            Self::Direct(publisher) => publisher.fullness(),
        }
    }
}

/// Reads the records of the log and commits progress.
#[derive(Debug)]
pub enum Source {
    /// From the log on the local disk.
    Local(LocalSource),
    /// From Kafka, as a member of the group.
    Kafka(KafkaSource),
}

impl RecordSource for Source {
    type Error = LogError;

    fn topic(&self) -> &str {
        match self {
            Self::Local(source) => source.topic(),
            Self::Kafka(source) => source.topic(),
        }
    }

    async fn changed(&self) -> Result<SourceEvent, LogError> {
        match self {
            Self::Local(source) => source.changed().await,
            Self::Kafka(source) => source.changed().await,
        }
    }

    async fn read(
        &self,
        partition: PartitionId,
        request: ReadRequest,
    ) -> Result<Vec<LogRecord>, LogError> {
        match self {
            Self::Local(source) => source.read(partition, request).await,
            Self::Kafka(source) => source.read(partition, request).await,
        }
    }

    async fn commit(&self, partition: PartitionId, progress: Progress) -> Result<(), LogError> {
        match self {
            Self::Local(source) => source.commit(partition, progress).await,
            Self::Kafka(source) => source.commit(partition, progress).await,
        }
    }

    async fn release(&self, partition: PartitionId) {
        match self {
            Self::Local(source) => source.release(partition).await,
            Self::Kafka(source) => source.release(partition).await,
        }
    }
}
