//! A message index over what a [`MemorySink`] has stored of a [`MemoryLog`].

use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::{MessageHash, MessageIndex};
use etappe_core::time::Timestamp;
use etappe_core::watermark::CollectorMark;

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
                    hash: MessageHash::of(&event.site, &event.message_id),
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
        _topic: &str,
        partition: PartitionId,
    ) -> Result<Option<Offset>, PlannedError> {
        let stored: std::collections::BTreeSet<Offset> = self
            .stored(partition)
            .into_iter()
            .map(|stored| stored.offset)
            .collect();
        let mut until = stored.first().copied();
        while let Some(next) = until.filter(|offset| stored.contains(offset)) {
            until = Some(next.next());
        }
        Ok(until)
    }

    async fn marks(
        &self,
        _topic: &str,
        _partition: PartitionId,
        _below: Offset,
    ) -> Result<Vec<CollectorMark>, PlannedError> {
        Ok(Vec::new())
    }

    async fn seen_before(
        &self,
        _topic: &str,
        partition: PartitionId,
        below: Offset,
        hashes: &[MessageHash],
    ) -> Result<Vec<MessageHash>, PlannedError> {
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
        _topic: &str,
        partition: PartitionId,
        since: Timestamp,
        limit: u64,
        mut visit: impl FnMut(MessageHash) + Send,
    ) -> Result<(), PlannedError> {
        self.faults.before(Operation::Recent).await?;
        let latest = self.stored(partition).into_iter().rev();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        for stored in latest
            .filter(|stored| stored.received_at >= since)
            .take(limit)
        {
            visit(stored.hash);
        }
        self.faults.after(Operation::Recent).await
    }
}
