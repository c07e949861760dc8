//! The start and end of the events topic's partitions, and the group's progress. For audits,
//! without joining the group.

use std::time::Duration;

use etappe_core::audit::PartitionPositions;
use etappe_core::id::{Offset, PartitionId};
use etappe_runtime::blocking::run_blocking;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset as KafkaOffset, TopicPartitionList};

use super::cluster::KafkaCluster;
use super::plain::PlainContext;
use super::source::probe::Probe;
use crate::error::LogError;

/// How long one request may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

impl KafkaCluster {
    /// Returns the positions of all partitions of the events topic.
    ///
    /// # Errors
    /// [`LogError::KafkaUnavailable`] if the brokers cannot be asked now.
    pub async fn positions(&self) -> Result<Vec<PartitionPositions>, LogError> {
        let cluster = self.clone();
        run_blocking(move || cluster.ask_positions()).await
    }

    fn ask_positions(&self) -> Result<Vec<PartitionPositions>, LogError> {
        let config = &self.config;
        let failed = |error| LogError::kafka("ask for the group's offsets", None, error);
        let committed = ask_committed(self).map_err(failed)?;
        let probe = Probe::new(self, &config.topic)?;
        let mut positions = Vec::new();
        for (number, committed) in (0..config.partitions).zip(committed) {
            let partition = PartitionId(number);
            let ends = probe.ends(partition)?;
            positions.push(PartitionPositions {
                partition,
                start: ends.start,
                // If nothing was ever committed, the group is at the start.
                committed: committed.unwrap_or(ends.start),
                end: ends.end,
            });
        }
        Ok(positions)
    }
}

/// Returns the group's committed offset of each partition.
fn ask_committed(cluster: &KafkaCluster) -> KafkaResult<Vec<Option<Offset>>> {
    let config = &cluster.config;
    let mut client = config.client("audit");
    // The client asks once and never joins.
    client
        .set("group.id", &config.group)
        .set("statistics.interval.ms", "0");
    let consumer: BaseConsumer<PlainContext> =
        client.create_with_context(PlainContext::new(cluster, "audit"))?;
    let number = |partition: u32| i32::try_from(partition).unwrap_or(i32::MAX);
    let mut list = TopicPartitionList::new();
    for partition in 0..config.partitions {
        list.add_partition(&config.topic, number(partition));
    }
    let found = consumer.committed_offsets(list, ANSWERED_WITHIN)?;
    let offset = |partition: u32| {
        let element = found.find_partition(&config.topic, number(partition))?;
        match element.offset() {
            KafkaOffset::Offset(next) => u64::try_from(next).ok().map(Offset),
            _ => None,
        }
    };
    Ok((0..config.partitions).map(offset).collect())
}
