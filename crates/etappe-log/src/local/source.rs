//! The consuming side of the local log, and a reader that does not consume.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use etappe_core::audit::PartitionPositions;
use etappe_core::id::{OffsetRange, PartitionId};
use etappe_core::ports::{LogRecord, Progress, ReadRequest, RecordSource, SourceEvent};
use tokio::time::Instant;

use super::Inner;
use super::partition::Span;
use super::writer::Shared;
use crate::error::LogError;

/// Reads the local log without consuming it. Clones read the same log.
#[derive(Debug, Clone)]
pub struct LocalReader {
    inner: Arc<Inner>,
}

impl LocalReader {
    pub(crate) const fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    pub(super) const fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// Returns the positions of all partitions.
    #[must_use]
    pub fn positions(&self) -> Vec<PartitionPositions> {
        let partitions = self.inner.partitions.iter();
        partitions
            .map(|shared| PartitionPositions {
                partition: shared.log.id,
                start: shared.log.start(),
                committed: shared.committed(),
                end: shared.log.end(),
            })
            .collect()
    }

    /// Reads as [`RecordSource::read`] does.
    ///
    /// # Errors
    /// [`LogError`] if the records are deleted, damaged, or cannot be read now.
    pub async fn read(
        &self,
        partition: PartitionId,
        request: ReadRequest,
    ) -> Result<Vec<LogRecord>, LogError> {
        let shared = self.inner.partition(partition)?;
        let span = Span {
            from: request.from,
            until: request.until,
            max_bytes: request.max_bytes,
        };
        if request.until.is_some_and(|until| until < request.from) {
            return Ok(Vec::new());
        }
        // A wait that overflows the clock is a wait without end.
        let deadline = Instant::now().checked_add(request.wait);
        let mut ends = shared.log.watch_end();
        let mut looked_to = request.from;
        loop {
            let moved = ends.wait_for(|end| *end > looked_to);
            let moved = match deadline {
                Some(deadline) => tokio::time::timeout_at(deadline, moved)
                    .await
                    .is_ok_and(|moved| moved.is_ok()),
                None => moved.await.is_ok(),
            };
            if !moved {
                return Ok(Vec::new());
            }
            let end = shared.log.end();
            let log = Arc::clone(&shared.log);
            let records = self.inner.run_blocking(move || log.read(span)).await??;
            if !records.is_empty() || request.until.is_some_and(|until| until < end) {
                return Ok(records);
            }
            // There was only a gap.
            looked_to = end;
        }
    }
}

/// Consumes the local log. Every partition is assigned once, at the start, to whichever clone asks.
///
/// The first commit after an assignment records that its replay is done, so it must not come
/// earlier. Until then, every opening of the log requests the replay again.
#[derive(Debug, Clone)]
pub struct LocalSource {
    reader: LocalReader,
}

impl LocalSource {
    pub(crate) const fn new(inner: Arc<Inner>) -> Self {
        Self {
            reader: LocalReader::new(inner),
        }
    }
}

impl RecordSource for LocalSource {
    type Error = LogError;

    fn topic(&self) -> &str {
        &self.reader.inner.topic
    }

    async fn changed(&self) -> Result<SourceEvent, LogError> {
        let inner = &self.reader.inner;
        let index = inner.assigned.fetch_add(1, Ordering::AcqRel);
        match inner.partitions.get(index) {
            Some(shared) => Ok(assignment(shared, inner.config.retention)),
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
        let inner = &self.reader.inner;
        let shared = Arc::clone(inner.partition(partition)?);
        let number = shared.commits_begun.fetch_add(1, Ordering::AcqRel);
        let (clock, retention) = (Arc::clone(&inner.clock), inner.config.retention);
        let commit = move || shared.commit(number, progress, retention, clock.as_ref());
        inner.run_blocking(commit).await?
    }

    async fn release(&self, _partition: PartitionId) {
        // Nothing is ever revoked: the folder's lock makes this process the only consumer.
    }
}

fn assignment(shared: &Shared, retention: Duration) -> SourceEvent {
    let journal = shared.journal.lock();
    let state = journal.state();
    let replay: Vec<OffsetRange> = state.replay(retention, shared.log.start());
    SourceEvent::Assigned {
        partition: shared.log.id,
        progress: Some(state.progress()),
        replay,
    }
}
