//! Part of a local log as a source, and the pieces around it that can be left out.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use etappe_core::id::{Offset, PartitionId, hash64};
use etappe_core::ports::{
    LogRecord, MessageHash, MessageIndex, OutgoingRecord, Progress, ReadRequest, RecordSource,
    SourceEvent,
};
use etappe_core::time::Timestamp;
use etappe_core::watermark::CollectorMark;
use etappe_log::LogError;
use etappe_log::local::{LocalLog, LocalReader, LocalSource};
use etappe_warehouse::{Warehouse, WarehouseError};
use etappe_wire::record;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::rows::with_event;

/// One in this many messages repeats an earlier one.
const REPEATED: u64 = 1_000;
/// How many messages before it the earlier one is.
const REPEATS: u64 = 60_000;

/// Makes the records of a range of messages.
pub(super) fn records(
    numbers: Range<u64>,
    received_at: Timestamp,
    nonce: u32,
) -> anyhow::Result<Vec<OutgoingRecord>> {
    let record = |number: u64| {
        let is_repeated = number % REPEATED == REPEATED - 1 && number >= REPEATS;
        let number = if is_repeated {
            number - REPEATS
        } else {
            number
        };
        with_event(number, received_at, nonce, |event| {
            let mut payload = Vec::new();
            record::encode(event, &mut payload);
            OutgoingRecord {
                key: hash64(event.actor_id().unwrap_or_default()),
                received_at,
                payload: payload.into(),
            }
        })
    };
    numbers.map(record).collect()
}

/// The records of a log between two offsets; ends when all of them were committed.
#[derive(Debug, Clone)]
pub(super) struct Feed {
    reader: LocalReader,
    source: LocalSource,
    parts: Arc<Vec<(PartitionId, Range<Offset>)>>,
    assigned: Arc<AtomicUsize>,
    /// Whether commits are durable; otherwise they are forgotten.
    persists: bool,
    committed: Arc<Mutex<BTreeMap<PartitionId, Offset>>>,
    done: CancellationToken,
}

impl Feed {
    pub(super) fn new(
        log: &LocalLog,
        parts: Vec<(PartitionId, Range<Offset>)>,
        persists: bool,
    ) -> Self {
        Self {
            reader: log.reader(),
            source: log.source(),
            parts: Arc::new(parts),
            assigned: Arc::default(),
            persists,
            committed: Arc::default(),
            done: CancellationToken::new(),
        }
    }

    /// Waits until everything has been committed.
    pub(super) async fn done(&self) {
        self.done.cancelled().await;
    }

    /// Records in the log that everything was consumed, by whichever side.
    pub(super) async fn settle(&self) -> Result<(), LogError> {
        for (partition, part) in self.parts.iter() {
            let progress = Progress {
                next: part.end,
                pending: None,
            };
            self.source.commit(*partition, progress).await?;
        }
        Ok(())
    }

    fn note(&self, partition: PartitionId, next: Offset) {
        let mut committed = self.committed.lock();
        committed.insert(partition, next);
        let is_done = |(partition, part): &(PartitionId, Range<Offset>)| {
            part.is_empty()
                || committed
                    .get(partition)
                    .is_some_and(|next| *next >= part.end)
        };
        if self.parts.iter().all(is_done) {
            self.done.cancel();
        }
    }
}

impl RecordSource for Feed {
    type Error = LogError;

    fn topic(&self) -> &str {
        self.source.topic()
    }

    async fn changed(&self) -> Result<SourceEvent, LogError> {
        let index = self.assigned.fetch_add(1, Ordering::AcqRel);
        match self.parts.get(index) {
            Some((partition, part)) => Ok(SourceEvent::Assigned {
                partition: *partition,
                progress: Some(Progress {
                    next: part.start,
                    pending: None,
                }),
                replay: Vec::new(),
            }),
            None => std::future::pending().await,
        }
    }

    async fn read(
        &self,
        partition: PartitionId,
        request: ReadRequest,
    ) -> Result<Vec<LogRecord>, LogError> {
        self.reader.read(partition, request).await
    }

    async fn commit(&self, partition: PartitionId, progress: Progress) -> Result<(), LogError> {
        if self.persists {
            self.source.commit(partition, progress).await?;
        }
        if progress.pending.is_none() {
            self.note(partition, progress.next);
        }
        Ok(())
    }

    async fn release(&self, _: PartitionId) {}
}

/// An index of the stored messages, or an empty one.
#[derive(Debug, Clone)]
pub(super) enum Index {
    Stored(Warehouse),
    Nothing,
}

impl MessageIndex for Index {
    type Error = WarehouseError;

    async fn stored_until(
        &self,
        topic: &str,
        partition: PartitionId,
    ) -> Result<Option<Offset>, WarehouseError> {
        match self {
            Self::Stored(warehouse) => warehouse.stored_until(topic, partition).await,
            Self::Nothing => Ok(None),
        }
    }

    async fn marks(
        &self,
        topic: &str,
        partition: PartitionId,
        below: Offset,
    ) -> Result<Vec<CollectorMark>, WarehouseError> {
        match self {
            Self::Stored(warehouse) => warehouse.marks(topic, partition, below).await,
            Self::Nothing => Ok(Vec::new()),
        }
    }

    async fn seen_before(
        &self,
        topic: &str,
        partition: PartitionId,
        below: Offset,
        hashes: &[MessageHash],
    ) -> Result<Vec<MessageHash>, WarehouseError> {
        match self {
            Self::Stored(warehouse) => warehouse.seen_before(topic, partition, below, hashes).await,
            Self::Nothing => Ok(Vec::new()),
        }
    }

    async fn recent(
        &self,
        topic: &str,
        partition: PartitionId,
        since: Timestamp,
        limit: u64,
        visit: impl FnMut(MessageHash) + Send,
    ) -> Result<(), WarehouseError> {
        match self {
            Self::Stored(warehouse) => {
                warehouse
                    .recent(topic, partition, since, limit, visit)
                    .await
            }
            Self::Nothing => Ok(()),
        }
    }
}
