//! A message index over the part of a [`MemoryLog`] that is stored in a [`MemorySink`].

use std::collections::BTreeMap;

use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::{MessageHash, MessageIndex};
use etappe_core::time::Timestamp;
use etappe_core::watermark::CollectorMark;
use etappe_wire::record::decode_mark;

use crate::faults::{Faults, Operation, PlannedError};
use crate::memory_log::MemoryLog;
use crate::memory_sink::MemorySink;

/// Knows the messages whose offsets are stored.
#[derive(Debug, Clone)]
pub struct MemoryIndex {
    log: MemoryLog,
    sink: MemorySink,
    faults: Faults,
}

struct Stored {
    offset: Offset,
    hash: MessageHash,
    received_at: Timestamp,
}

impl MemoryIndex {
    /// Makes an index that fails as planned.
    #[must_use]
    pub fn new(log: &MemoryLog, sink: &MemorySink, faults: Faults) -> Self {
        Self {
            log: log.clone(),
            sink: sink.clone(),
            faults,
        }
    }

    /// Returns the same index with its own failure plan.
    #[must_use]
    pub fn failing(&self, faults: Faults) -> Self {
        Self {
            faults,
            ..self.clone()
        }
    }

    fn check_topic(&self, topic: &str) {
        assert_eq!(topic, self.log.topic(), "questions are about the log");
    }

    fn stored(&self, partition: PartitionId) -> Vec<Stored> {
        let records = self.log.records(partition);
        let stored = records
            .iter()
            .filter(|record| self.sink.is_stored(partition, record.offset));
        stored
            .filter_map(|record| {
                let event = etappe_wire::record::decode(&record.payload).ok()?;
                Some(Stored {
                    offset: record.offset,
                    hash: MessageHash::of(&event.site, event.scope, &event.message_id),
                    received_at: event.received_at,
                })
            })
            .collect()
    }
}

impl MessageIndex for MemoryIndex {
    type Error = PlannedError;

    async fn stored_until(
        &self,
        topic: &str,
        partition: PartitionId,
    ) -> Result<Option<Offset>, PlannedError> {
        self.check_topic(topic);
        self.faults.before(Operation::StoredUntil).await?;
        let records = self.log.records(partition);
        let mut stored = records
            .iter()
            .map(|record| (record.offset, self.sink.is_stored(partition, record.offset)));
        let until = stored.find(|(_, is_stored)| !is_stored);
        let until = until.map_or(self.log.end(partition), |(offset, _)| offset);
        self.faults.after(Operation::StoredUntil).await?;
        let any = records
            .iter()
            .any(|record| self.sink.is_stored(partition, record.offset));
        Ok(any.then_some(until))
    }

    async fn marks(
        &self,
        topic: &str,
        partition: PartitionId,
        below: Offset,
    ) -> Result<Vec<CollectorMark>, PlannedError> {
        self.check_topic(topic);
        self.faults.before(Operation::Marks).await?;
        let mut marks = BTreeMap::new();
        for record in self.log.records(partition) {
            if record.offset < below
                && self.sink.is_stored(partition, record.offset)
                && let Some(mark) = decode_mark(&record.payload)
            {
                marks.insert(mark.collector.clone(), mark);
            }
        }
        self.faults.after(Operation::Marks).await?;
        Ok(marks.into_values().collect())
    }

    async fn seen_before(
        &self,
        topic: &str,
        partition: PartitionId,
        below: Offset,
        hashes: &[MessageHash],
    ) -> Result<Vec<MessageHash>, PlannedError> {
        self.check_topic(topic);
        self.faults.before(Operation::SeenBefore).await?;
        let seen: std::collections::HashSet<MessageHash> = self
            .stored(partition)
            .into_iter()
            .filter(|stored| stored.offset < below)
            .map(|stored| stored.hash)
            .collect();
        self.faults.after(Operation::SeenBefore).await?;
        let is_seen = |hash: &&MessageHash| seen.contains(hash);
        Ok(hashes.iter().filter(is_seen).copied().collect())
    }

    async fn recent(
        &self,
        topic: &str,
        partition: PartitionId,
        since: Timestamp,
        limit: u64,
        mut visit: impl FnMut(MessageHash) + Send,
    ) -> Result<(), PlannedError> {
        self.check_topic(topic);
        self.faults.before(Operation::Recent).await?;
        let latest = self.stored(partition).into_iter().rev();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let list: Vec<MessageHash> = latest
            .filter(|stored| stored.received_at >= since)
            .take(limit)
            .map(|stored| stored.hash)
            .collect();
        // An interrupted answer breaks off in the middle.
        let (before, after) = list.split_at(list.len() / 2);
        before.iter().copied().for_each(&mut visit);
        self.faults.after(Operation::Recent).await?;
        after.iter().copied().for_each(visit);
        Ok(())
    }
}
