//! The progress that the group has stored for partitions.

use std::time::Duration;

use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::Progress;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::Offset as KafkaOffset;

use super::context::GroupConsumer;
use super::{list_of, metadata};

/// How long one request may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);

/// Asks where the last owners of partitions stopped. `None` for a partition without stored
/// progress.
pub(super) fn ask(
    consumer: &GroupConsumer,
    topic: &str,
    partitions: &[PartitionId],
) -> KafkaResult<Vec<(PartitionId, Option<Progress>)>> {
    let list = list_of(topic, partitions);
    let found = consumer.committed_offsets(list, ANSWERED_WITHIN)?;
    let mut committed = Vec::with_capacity(partitions.len());
    for element in found.elements() {
        element.error()?;
        let Ok(number) = u32::try_from(element.partition()) else {
            continue;
        };
        let partition = PartitionId(number);
        let progress = match element.offset() {
            KafkaOffset::Offset(offset) => {
                let next = Offset(offset.unsigned_abs());
                Some(read_progress(partition, next, element.metadata()))
            }
            _ => None,
        };
        committed.push((partition, progress));
    }
    if committed.len() < partitions.len() {
        return Err(KafkaError::MetadataFetch(RDKafkaErrorCode::NoOffset));
    }
    Ok(committed)
}

fn read_progress(partition: PartitionId, next: Offset, text: &str) -> Progress {
    metadata::parse(next, text).unwrap_or_else(|problem| {
        tracing::error!(
            partition = partition.0,
            offset = next.0,
            metadata = text,
            %problem,
            "the range that was being stored is not known: somebody else moved the group's offset; \
             `etappe audit` tells whether anything is missing"
        );
        Progress {
            next,
            pending: None,
        }
    })
}
