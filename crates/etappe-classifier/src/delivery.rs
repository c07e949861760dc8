//! Stores a sealed batch: record the range, insert, commit the progress.
//!
//! Invariants: no insert before its range is recorded; every attempt at a range sends the same
//! bytes under the same token; progress moves past a range only when each of its records is a row
//! or a dead letter.

use std::sync::Arc;
use std::time::Duration;

use etappe_core::id::{Offset, OffsetRange, PartitionId};
use etappe_core::ports::{
    Clock, DeadLetter, DeadLetters, LogRecord, Progress, ReadRequest, RecordSource, RetryClass,
    Retryable, RowSink,
};
use etappe_core::rules::Outcome;
use etappe_runtime::backoff::Backoff;
use hashbrown::HashSet;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::batch::SealedBatch;
use crate::error::{ClassifierError, PortError};
use crate::metrics::{BatchResult, ClassifierMetrics, LetterReason};
use crate::search::{Search, SearchStep};

/// The maximum number of outcomes remembered as stored; there are few unless rules are replaced
/// often.
const MAX_KNOWN_OUTCOMES: usize = 100_000;
/// The read size in bytes for a single record: a read always returns at least one record.
const ONE_RECORD: usize = 1;
/// The timeout for reading a record again.
const READ_AGAIN_WAIT: Duration = Duration::from_secs(1);

/// Stores the batches of one partition.
#[derive(Debug)]
pub(crate) struct Delivery<S, K, D, C> {
    pub(crate) partition: PartitionId,
    pub(crate) source: Arc<S>,
    pub(crate) sink: Arc<K>,
    pub(crate) letters: Arc<D>,
    pub(crate) clock: Arc<C>,
    pub(crate) metrics: ClassifierMetrics,
    pub(crate) backoff: Backoff,
    pub(crate) known: Arc<KnownOutcomes>,
}

/// Whether progress is committed on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Progress moves with the work.
    Live,
    /// The ranges lie before the committed progress, which does not change.
    Replay,
}

/// The result of delivering a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivered {
    /// Every record is stored or a dead letter.
    Complete,
    /// The range could not be recorded. Nothing was inserted, and the records must be read again.
    NotAnnounced,
    /// Everything before `next` is stored or a dead letter. The rest must be read again, because
    /// its rows were checked for duplicates as if a dead letter before them had been stored.
    Partial {
        /// The first offset that is not done.
        next: Offset,
    },
}

/// The result of an insert.
enum Inserted {
    Stored,
    Refused(PortError),
}

impl<S: RecordSource, K: RowSink, D: DeadLetters, C: Clock> Delivery<S, K, D, C> {
    /// Stores a batch, retrying without limit. The range stays recorded if the future is dropped.
    pub(crate) async fn deliver(
        &self,
        batch: &SealedBatch,
        mode: Mode,
    ) -> Result<Delivered, ClassifierError> {
        if !batch.letters.is_empty() {
            self.store(&batch.letters, LetterReason::Unreadable).await?;
        }
        if mode == Mode::Live && !self.announce(batch.range).await? {
            self.metrics.record_batch(BatchResult::Dropped);
            return Ok(Delivered::NotAnnounced);
        }
        match self.insert(batch, batch.range).await? {
            Inserted::Stored => {
                self.pass(batch.range.last.next(), mode).await?;
                self.metrics.record_batch(BatchResult::Stored);
                batch.record_stored(&self.metrics);
                self.record_visible(batch);
                Ok(Delivered::Complete)
            }
            Inserted::Refused(error) => {
                self.metrics.record_batch(BatchResult::Refused);
                self.narrow_down(batch, error, mode).await
            }
        }
    }

    /// Narrows a refused batch down to the bad records.
    async fn narrow_down(
        &self,
        batch: &SealedBatch,
        error: PortError,
        mode: Mode,
    ) -> Result<Delivered, ClassifierError> {
        tracing::warn!(
            partition = self.partition.0,
            first = batch.range.first.0,
            last = batch.range.last.0,
            %error,
            "batch refused, looking for the record to blame"
        );
        let named = error.record_to_blame();
        let mut search = Search::within(batch.range, error, named);
        loop {
            match search.step() {
                SearchStep::Try(part) => {
                    // This also commits everything before the part.
                    if mode == Mode::Live && !self.announce(part).await? {
                        return Ok(Delivered::Partial { next: part.first });
                    }
                    match self.insert(batch, part).await? {
                        Inserted::Stored => search.stored(),
                        Inserted::Refused(error) => {
                            let named = error.record_to_blame();
                            search.refused(error, named);
                        }
                    }
                }
                SearchStep::Blame(offset, error) => {
                    self.store_refused(offset, &error).await?;
                    if mode == Mode::Live {
                        let next = offset.next();
                        self.pass(next, mode).await?;
                        return Ok(Delivered::Partial { next });
                    }
                }
                SearchStep::Done => {
                    self.pass(batch.range.last.next(), mode).await?;
                    return Ok(Delivered::Complete);
                }
            }
        }
    }

    /// Records that `range` is about to be inserted; false after a transient failure.
    async fn announce(&self, range: OffsetRange) -> Result<bool, ClassifierError> {
        let progress = Progress {
            next: range.first,
            pending: Some(range),
        };
        match self.source.commit(self.partition, progress).await {
            Ok(()) => Ok(true),
            Err(error) if error.retry_class() == RetryClass::Transient => {
                self.metrics
                    .record_failure("announce", RetryClass::Transient);
                tracing::warn!(
                    partition = self.partition.0,
                    first = range.first.0,
                    last = range.last.0,
                    %error,
                    "range not saved, reading it again"
                );
                Ok(false)
            }
            Err(error) => Err(self.commit_failed(range.first, PortError::new(error))),
        }
    }

    /// Commits that everything before `next` is done.
    async fn pass(&self, next: Offset, mode: Mode) -> Result<(), ClassifierError> {
        if mode == Mode::Replay {
            return Ok(());
        }
        let pending = None;
        self.commit(Progress { next, pending }).await
    }

    /// Commits `progress`, retrying without limit.
    pub(crate) async fn commit(&self, progress: Progress) -> Result<(), ClassifierError> {
        self.backoff
            .until_done(
                || self.source.commit(self.partition, progress),
                |error, delay| self.note("commit", error, delay),
            )
            .await
            .map_err(|source| self.commit_failed(progress.next, PortError::new(source)))
    }

    fn commit_failed(&self, next: Offset, source: PortError) -> ClassifierError {
        ClassifierError::Commit {
            partition: self.partition,
            next,
            source,
        }
    }

    /// Inserts a part of the batch, retrying until it succeeds or is refused for its content.
    async fn insert(
        &self,
        batch: &SealedBatch,
        range: OffsetRange,
    ) -> Result<Inserted, ClassifierError> {
        let unknown = self.known.lacking(batch);
        let part = batch.part(range, unknown);
        if part.rows.is_empty() {
            return Ok(Inserted::Stored);
        }
        let started = Instant::now();
        let stored = self
            .backoff
            .until_done(
                || self.sink.insert(&part),
                |error, delay| {
                    self.note("insert", error, delay);
                    self.show_lag(batch);
                },
            )
            .await;
        match stored {
            Ok(()) => {
                self.known.add(&part.outcomes);
                let marks = part.rows.iter().filter(|row| row.is_mark()).count();
                self.metrics.record_marks(marks);
                let messages = part.rows.len() - marks;
                self.metrics
                    .record_insert(messages, part.bytes.len(), started.elapsed());
                Ok(Inserted::Stored)
            }
            Err(error) if error.retry_class() == RetryClass::Permanent => {
                self.metrics.record_failure("insert", RetryClass::Permanent);
                Ok(Inserted::Refused(PortError::new(error)))
            }
            Err(source) => Err(ClassifierError::Insert {
                partition: self.partition,
                range,
                source: PortError::new(source),
            }),
        }
    }

    /// Stores the record whose row was refused as a dead letter.
    async fn store_refused(
        &self,
        offset: Offset,
        error: &PortError,
    ) -> Result<(), ClassifierError> {
        let payload = self
            .read_again(offset)
            .await?
            .map(|record| record.payload)
            .unwrap_or_default();
        let letter = DeadLetter {
            partition: self.partition,
            offset,
            payload,
            reason: error.to_string(),
        };
        self.store(&[letter], LetterReason::Refused).await
    }

    async fn read_again(&self, offset: Offset) -> Result<Option<LogRecord>, ClassifierError> {
        let request = ReadRequest {
            from: offset,
            until: Some(offset),
            max_bytes: ONE_RECORD,
            wait: READ_AGAIN_WAIT,
        };
        let records = self
            .backoff
            .until_done(
                || self.source.read(self.partition, request),
                |error, delay| self.note("read", error, delay),
            )
            .await;
        match records {
            Ok(mut records) => Ok(records.pop()),
            Err(source) => Err(ClassifierError::Read {
                partition: self.partition,
                offset,
                source: PortError::new(source),
            }),
        }
    }

    async fn store(
        &self,
        letters: &[DeadLetter],
        reason: LetterReason,
    ) -> Result<(), ClassifierError> {
        self.backoff
            .until_done(
                || self.letters.store(letters),
                |error, delay| self.note("store", error, delay),
            )
            .await
            .map_err(|source| ClassifierError::StoreDeadLetters {
                partition: self.partition,
                source: PortError::new(source),
            })?;
        self.metrics.record_letters(reason, letters.len());
        for letter in letters {
            tracing::error!(
                partition = letter.partition.0,
                offset = letter.offset.0,
                reason = letter.reason,
                "record became a dead letter"
            );
        }
        Ok(())
    }

    fn note<E: Retryable>(&self, operation: &'static str, error: &E, delay: Duration) {
        self.metrics.record_failure(operation, error.retry_class());
        tracing::warn!(
            partition = self.partition.0,
            operation,
            %error,
            ?delay,
            "failed, trying again"
        );
    }

    fn record_visible(&self, batch: &SealedBatch) {
        if let Some(age) = self.age(batch) {
            self.metrics.record_visible(age);
        }
    }

    /// Shows the age of a batch's oldest record that is not visible yet.
    pub(crate) fn show_lag(&self, batch: &SealedBatch) {
        if let Some(age) = self.age(batch) {
            self.metrics.set_lag(self.partition, age);
        }
    }

    fn age(&self, batch: &SealedBatch) -> Option<Duration> {
        let millis = self.clock.now().millis_since(batch.oldest?);
        Some(Duration::from_millis(u64::try_from(millis).unwrap_or(0)))
    }
}

/// The outcomes that this process has stored; its partitions share them.
#[derive(Debug, Default)]
pub(crate) struct KnownOutcomes(Mutex<HashSet<u64>>);

impl KnownOutcomes {
    fn lacking(&self, batch: &SealedBatch) -> Vec<Arc<Outcome>> {
        let known = self.0.lock();
        let used = batch.outcomes.values();
        used.filter(|used| !known.contains(&used.outcome.id.0))
            .map(|used| Arc::clone(&used.outcome))
            .collect()
    }

    fn add(&self, outcomes: &[Arc<Outcome>]) {
        let mut known = self.0.lock();
        if known.len() + outcomes.len() > MAX_KNOWN_OUTCOMES {
            // Storing an outcome again changes nothing.
            known.clear();
        }
        known.extend(outcomes.iter().map(|outcome| outcome.id.0));
    }
}
