//! Moves a local log to Kafka: publishes there, in order, everything its consumer has not passed.
//!
//! Invariant: progress is committed only after delivery, so an interrupted move resumes where it
//! stopped.
//!
//! A pending range, which was about to be inserted, is published too. Those of its rows that are
//! already stored precede anything in the new topic, so their copies there are marked as
//! duplicates.

use std::time::Duration;

use etappe_core::audit::PartitionPositions;
use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::{
    EventPublisher as _, OutgoingRecord, Progress, PublishError, ReadRequest, RecordSource as _,
};
use etappe_core::time::Timestamp;
use etappe_runtime::backoff::Backoff;

use super::{LocalLog, LocalReader, LocalSource};
use crate::error::LogError;
use crate::kafka::KafkaPublisher;

/// How many bytes are published at a time.
const PART_BYTES: usize = 2 << 20;
/// The pauses while Kafka is unavailable.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));

/// The progress of a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MoveProgress {
    /// Records published so far.
    pub moved: u64,
    /// Records that are left.
    pub left: u64,
}

impl LocalLog {
    /// Publishes everything that the consumer has not passed, and commits it. Nothing else may
    /// publish to the log or consume it meanwhile. Returns how many records were published.
    ///
    /// `key_of` returns a record's key and receive time. A record that it cannot read goes to the
    /// partition of key 0, where the topic's consumer treats it as a dead letter. `report` is
    /// called after every part. While Kafka is unavailable this waits; dropping the future stops
    /// the move.
    ///
    /// # Errors
    /// [`LogError`] if a record cannot be read or progress cannot be stored, or
    /// [`LogError::TooLargeToMove`] for a record that the topic does not accept. Records already
    /// moved stay moved.
    pub async fn drain_into(
        &self,
        kafka: &KafkaPublisher,
        key_of: impl Fn(&[u8]) -> Option<(u64, Timestamp)>,
        mut report: impl FnMut(MoveProgress),
    ) -> Result<u64, LogError> {
        let (reader, source) = (self.reader(), self.source());
        let mut moved = 0;
        for positions in reader.positions() {
            let mut next = positions.committed;
            while next < positions.end {
                let part = read_part(&reader, positions, next, &key_of).await?;
                publish(kafka, positions.partition, part.records).await?;
                commit(&source, positions.partition, part.until).await?;
                moved += part.count;
                next = part.until;
                let left = reader.positions().iter().map(left).sum();
                report(MoveProgress { moved, left });
            }
        }
        Ok(moved)
    }
}

fn left(positions: &PartitionPositions) -> u64 {
    positions.end.0.saturating_sub(positions.committed.0)
}

/// A part of the log being moved, in order.
struct Part {
    records: Vec<(Offset, OutgoingRecord)>,
    count: u64,
    /// The offset after the last one.
    until: Offset,
}

async fn read_part(
    reader: &LocalReader,
    positions: PartitionPositions,
    from: Offset,
    key_of: impl Fn(&[u8]) -> Option<(u64, Timestamp)>,
) -> Result<Part, LogError> {
    let request = ReadRequest {
        from,
        until: None,
        max_bytes: PART_BYTES,
        wait: Duration::ZERO,
    };
    let read = reader.read(positions.partition, request).await?;
    // If the read returned nothing, there was only a gap up to the end.
    let until = read
        .last()
        .map_or(positions.end, |record| record.offset.next());
    let records: Vec<_> = read
        .into_iter()
        .map(|record| {
            let (key, received_at) = key_of(&record.payload).unwrap_or((0, Timestamp::EPOCH));
            let outgoing = OutgoingRecord {
                key,
                received_at,
                payload: record.payload,
            };
            (record.offset, outgoing)
        })
        .collect();
    Ok(Part {
        count: records.len() as u64,
        records,
        until,
    })
}

/// Publishes `records`. Retries from the first undelivered record until all are delivered.
async fn publish(
    kafka: &KafkaPublisher,
    partition: PartitionId,
    mut records: Vec<(Offset, OutgoingRecord)>,
) -> Result<(), LogError> {
    let mut backoff = BACKOFF;
    while !records.is_empty() {
        let outgoing = records.iter().map(|(_, record)| record.clone()).collect();
        let outcomes = kafka.publish(outgoing).await;
        let delivered = outcomes.iter().take_while(|it| it.is_ok()).count();
        records.drain(..delivered);
        let (Some(Err(error)), Some((offset, record))) = (outcomes.get(delivered), records.first())
        else {
            return Ok(());
        };
        if let PublishError::TooLarge { limit, .. } = error {
            return Err(LogError::TooLargeToMove {
                partition,
                offset: *offset,
                size: record.payload.len(),
                limit: *limit,
            });
        }
        tracing::warn!(%error, "Kafka does not take records now, trying again");
        if delivered > 0 {
            backoff.reset();
        }
        backoff.pause().await;
    }
    Ok(())
}

async fn commit(
    source: &LocalSource,
    partition: PartitionId,
    next: Offset,
) -> Result<(), LogError> {
    let progress = Progress {
        next,
        pending: None,
    };
    source.commit(partition, progress).await
}
