//! Asks the brokers where a partition begins and ends.
//!
//! It uses a client of its own. On the group's connections the request would wait behind a fetch
//! until the brokers have something to deliver.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use etappe_core::id::{Offset, PartitionId};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

use super::as_i32;
use crate::error::LogError;
use crate::kafka::cluster::KafkaCluster;
use crate::kafka::plain::PlainContext;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The start and the end of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kafka) struct Ends {
    /// The first offset that is kept.
    pub(in crate::kafka) start: Offset,
    /// The offset after the last one.
    pub(in crate::kafka) end: Offset,
}

/// Asks about one topic.
pub(in crate::kafka) struct Probe {
    topic: Arc<str>,
    client: BaseConsumer<PlainContext>,
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

impl Probe {
    /// Creates a probe. It connects on the first request.
    pub(in crate::kafka) fn new(cluster: &KafkaCluster, topic: &str) -> Result<Self, LogError> {
        Ok(Self {
            topic: topic.into(),
            client: cluster.asking_client("probe", PATIENCE)?,
        })
    }

    /// Serves the client's events. To be called from time to time.
    pub(in crate::kafka) fn serve(&self) {
        // Only events that concern the client as a whole arrive here.
        while self.client.poll(Duration::ZERO).is_some() {}
    }

    /// Asks where a partition begins and ends. Blocks for a few seconds at most.
    pub(in crate::kafka) fn ends(&self, partition: PartitionId) -> Result<Ends, LogError> {
        let asked = self
            .client
            .fetch_watermarks(&self.topic, as_i32(partition), PATIENCE);
        let (start, end) = asked.map_err(|error| {
            let action = format!(
                "ask for the end of partition {partition} of `{}`",
                self.topic
            );
            self.failed(action, error)
        })?;
        self.client.context().note_success();
        Ok(Ends {
            start: Offset(start.unsigned_abs()),
            end: Offset(end.unsigned_abs()),
        })
    }

    /// Asks how many partitions the topic has. Blocks for a few seconds at most.
    pub(in crate::kafka) fn partitions(&self) -> Result<u32, LogError> {
        let failed = |error| {
            let action = format!("ask how many partitions `{}` has", self.topic);
            self.failed(action, error)
        };
        let metadata = self
            .client
            .fetch_metadata(Some(&self.topic), PATIENCE)
            .map_err(failed)?;
        let count = metadata
            .topics()
            .iter()
            .find(|it| it.name() == &*self.topic);
        match count.map_or(0, |topic| topic.partitions().len()) {
            0 => Err(failed(KafkaError::MetadataFetch(
                RDKafkaErrorCode::UnknownTopicOrPartition,
            ))),
            count => Ok(u32::try_from(count).unwrap_or(u32::MAX)),
        }
    }

    fn failed(&self, action: String, error: KafkaError) -> LogError {
        let context = self.client.context();
        context.note_silence(self.client.client());
        let reason = context.last_error();
        LogError::kafka(action, reason, error)
    }
}
